"""Batches of pictures and random augmentations of them: crop, flip, colour, blur, erase; one draw per picture.

A whole batch is augmented at once, on its device. All draws come from a generator on
the CPU that the caller passes, so a seed gives the same views on every device.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from hume.common.errors import InputError

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)
REDUCED_AT_ONCE = 64  # large pictures held as floating point at once


@dataclass(frozen=True, eq=False)
class StoredPictures:
    """Stored pictures (N, H, W) or (N, H, W, 3) uint8, often memory-mapped, read by row.

    side: longer edge of the output, in pixels; larger pictures are reduced, none is enlarged.
    """

    images: NDArray[np.uint8]
    side: int
    device: torch.device | str = "cpu"

    def __post_init__(self) -> None:
        shape, dtype = self.images.shape, self.images.dtype
        if dtype != np.uint8 or not (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3)):
            raise InputError(f"images are {dtype} of shape {shape}: store (N, H, W) or (N, H, W, 3) as uint8")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def channels(self) -> int:
        return 1 if self.images.ndim == 3 else 3

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the output."""
        H, W = self.images.shape[1:3]
        scale = min(1.0, self.side / max(H, W))
        return max(1, round(H * scale)), max(1, round(W * scale))

    def batch(self, rows: NDArray[np.int64] | slice) -> Tensor:
        """The pictures of these rows: (B, channels, H, W) in [0, 1]."""
        stored = torch.from_numpy(np.array(self.images[rows])).to(self.device)
        stored = stored.unsqueeze(1) if self.channels == 1 else stored.permute(0, 3, 1, 2)
        if self.size == tuple(stored.shape[2:]):
            return stored.float() / 255
        return torch.cat([self._reduced(chunk) for chunk in torch.split(stored, REDUCED_AT_ONCE)])

    def _reduced(self, stored: Tensor) -> Tensor:
        x = F.interpolate(stored.float(), self.size, mode="bilinear", align_corners=False, antialias=True)
        return (x / 255).clamp(0, 1)


@dataclass(frozen=True)
class Views:
    """Strengths of the random augmentations."""

    min_scale: float = 0.25  # smallest fraction of the area in a crop
    flip: bool = True  # mirror half of the views
    colour: float = 0.4  # strength of changes in brightness, contrast, saturation and hue
    grey: float = 0.2  # fraction of colour pictures turned grey
    blur: float = 0.0  # fraction that is blurred
    erase: float = 0.5  # fraction in which a square is blackened

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augment every picture: (B, C, H, W) in [0, 1], C 1 or 3, to the same shape and range."""
        draw = Draws(len(images), images.device, generator)
        view = self._recoloured(self._cropped(images, draw), draw)
        if self.blur:
            view = self._blurred(view, draw)
        view = view.clamp(0, 1)
        return self._erased(view, draw) if self.erase else view

    def _cropped(self, images: Tensor, draw: "Draws") -> Tensor:
        """A crop of random area and aspect ratio, resized to the whole picture; half of them mirrored."""
        side = draw.uniform(self.min_scale, 1).sqrt()
        stretch = draw.uniform(-0.5 * math.log(4 / 3), 0.5 * math.log(4 / 3)).exp()
        width, height = (side * stretch).clamp(max=1), (side / stretch).clamp(max=1)
        mirror = 1.0 - 2.0 * draw.happens(0.5).float() if self.flip else torch.ones_like(width)
        theta = images.new_zeros(len(images), 2, 3)
        theta[:, 0, 0], theta[:, 0, 2] = mirror * width, draw.uniform(-1, 1) * (1 - width)
        theta[:, 1, 1], theta[:, 1, 2] = height, draw.uniform(-1, 1) * (1 - height)
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def _recoloured(self, view: Tensor, draw: "Draws") -> Tensor:
        """Brightness, contrast, saturation and hue, one linear map of the colours per picture."""
        contrast = draw.uniform(1 - self.colour, 1 + self.colour)
        brightness = draw.uniform(-self.colour / 2, self.colour / 2)
        if view.shape[1] == 1:
            mean = view.mean((1, 2, 3))
            scaled = view * contrast.view(-1, 1, 1, 1)
        else:
            luma = view.new_tensor(LUMA)
            mean = view.mean((2, 3)) @ luma
            saturation = draw.uniform(1 - self.colour, 1 + self.colour).masked_fill(draw.happens(self.grey), 0.0)
            hue = _turn(draw.uniform(-0.5 * math.pi, 0.5 * math.pi) * self.colour)
            saturation = saturation.view(-1, 1, 1)
            colours = saturation * torch.eye(3, device=view.device) + (1 - saturation) * luma.expand(3, 3)
            scaled = (contrast.view(-1, 1, 1) * (hue @ colours) @ view.flatten(2)).view_as(view)
        return scaled + ((1 - contrast) * mean + brightness).view(-1, 1, 1, 1)

    def _blurred(self, view: Tensor, draw: "Draws") -> Tensor:
        """Gaussian blur of some pictures, of random width, at most a fiftieth of the side."""
        largest = max(view.shape[2:]) / 50
        chosen, sigma = draw.happens(self.blur), draw.uniform(0.1, 1.0) * largest
        blurred, radius = view[chosen], math.ceil(2 * largest)
        taps = torch.arange(-radius, radius + 1, device=view.device)
        weights = (-0.5 * (taps / sigma[chosen].unsqueeze(1)) ** 2).exp()
        weights = (weights / weights.sum(1, keepdim=True)).view(-1, len(taps), 1, 1, 1)
        for dim in (2, 3):
            padding = (0, 0, radius, radius) if dim == 2 else (radius, radius, 0, 0)
            padded, length = F.pad(blurred, padding, mode="replicate"), blurred.shape[dim]
            blurred = sum((weights[:, i] * padded.narrow(dim, i, length) for i in range(len(taps))), 0 * blurred)
        view = view.clone()
        view[chosen] = blurred
        return view

    def _erased(self, view: Tensor, draw: "Draws") -> Tensor:
        """A black square of a tenth to four tenths of the side at a random position in some pictures."""
        H, W = view.shape[2:]
        side = (draw.uniform(0.1, 0.4) * draw.happens(self.erase)).view(-1, 1, 1)
        rows = torch.linspace(0, 1, H, device=view.device).view(1, H, 1)
        columns = torch.linspace(0, 1, W, device=view.device).view(1, 1, W)
        top, left = (draw.uniform(0, 1).view(-1, 1, 1) - side / 2 for _ in range(2))
        inside = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
        return view.masked_fill(inside.unsqueeze(1), 0.0)


@dataclass(frozen=True)
class Draws:
    """One random number per picture, drawn on the CPU and moved to the pictures' device."""

    count: int
    device: torch.device
    generator: torch.Generator

    def uniform(self, low: float, high: float) -> Tensor:
        return torch.empty(self.count).uniform_(low, high, generator=self.generator).to(self.device)

    def happens(self, probability: float) -> Tensor:
        return self.uniform(0, 1) < probability


def _turn(angle: Tensor) -> Tensor:
    """Rotations (B, 3, 3) of colours around grey by angles (B,), after Rodrigues."""
    a = 1 / math.sqrt(3)
    cross = angle.new_tensor([[0, -a, a], [a, 0, -a], [-a, a, 0]])
    sine, cosine = angle.sin().view(-1, 1, 1), angle.cos().view(-1, 1, 1)
    return cosine * torch.eye(3, device=angle.device) + sine * cross + (1 - cosine) / 3
