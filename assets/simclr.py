"""Self-supervised features of small grey images, trained on the images themselves.

SimCLR (Chen et al., 2020): two random views of an image should have similar
embeddings, views of different images should not. No label is used, and the last
epoch is always used.
"""

import math
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hume.features.pretrain_config import fast_precision


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al., 2016)."""

    def __init__(self, width_in: int, width_out: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width_out)
        self.conv2 = nn.Conv2d(width_out, width_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width_out)
        self.shortcut = nn.Conv2d(width_in, width_out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


def encoder(widths: tuple[int, ...]) -> nn.Sequential:
    """A network from grey images (B, 1, H, W) to pooled features (B, widths[-1]); every block halves the resolution."""
    stem = [nn.Conv2d(1, widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    blocks = [ResidualBlock(*pair, stride=2) for pair in pairwise(widths)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def random_view(images: Tensor, generator: torch.Generator, *, min_scale: float, flip: bool) -> Tensor:
    """Randomly crop, flip, change brightness and contrast, and erase a box, independently per image.

    images: (B, 1, H, W) in [0, 1]; the result has the same shape.
    """
    B, _, H, W = images.shape

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(B).uniform_(low, high, generator=generator)

    side = uniform(min_scale, 1.0).sqrt()
    stretch = uniform(math.log(3 / 4), math.log(4 / 3)).mul(0.5).exp()
    width, height = (side * stretch).clamp(max=1), (side / stretch).clamp(max=1)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0) if flip else torch.ones(B)
    theta = torch.zeros(B, 2, 3)
    theta[:, 0, 0], theta[:, 0, 2] = mirror * width, uniform(-1, 1) * (1 - width)
    theta[:, 1, 1], theta[:, 1, 2] = height, uniform(-1, 1) * (1 - height)
    view = F.grid_sample(images, F.affine_grid(theta, [B, 1, H, W], align_corners=False), align_corners=False)

    contrast, brightness = uniform(0.6, 1.4), uniform(-0.2, 0.2)
    mean = view.mean((1, 2, 3), keepdim=True)
    view = (view - mean) * contrast.view(-1, 1, 1, 1) + mean + brightness.view(-1, 1, 1, 1)

    erased = torch.where(uniform(0, 1) < 0.5, uniform(0.1, 0.4), torch.zeros(B)).view(-1, 1, 1)
    rows, columns = torch.linspace(0, 1, H).view(1, H, 1), torch.linspace(0, 1, W).view(1, 1, W)
    top, left = uniform(0, 1).view(-1, 1, 1) - erased / 2, uniform(0, 1).view(-1, 1, 1) - erased / 2
    inside = (rows >= top) & (rows < top + erased) & (columns >= left) & (columns < left + erased)
    return view.masked_fill(inside.unsqueeze(1), 0.0)


def nt_xent(embeddings: Tensor, temperature: float) -> Tensor:
    """The normalized temperature-scaled cross-entropy of 2B embeddings, view pairs B rows apart."""
    z = F.normalize(embeddings.float(), dim=1)
    similarity = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    partner = torch.arange(len(z)).roll(len(z) // 2)
    return F.cross_entropy(similarity, partner)


def train(
    images: np.ndarray,
    *,
    widths: tuple[int, ...] = (32, 64, 128, 256),
    epochs: int,
    batch_size: int = 512,
    temperature: float = 0.2,
    learning_rate: float = 2e-3,
    min_scale: float = 0.25,
    flip: bool = True,
    seed: int = 0,
) -> nn.Sequential:
    """Train an encoder on grey images (N, H, W) with values in [0, 1]; return it ready for use."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = encoder(widths).to(memory_format=torch.channels_last)
        width = widths[-1]
        head = nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 128))
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.from_numpy(images).float().unsqueeze(1)
    in_bfloat16 = fast_precision("cpu") == "bfloat16"
    steps = epochs * (len(pixels) // batch_size)
    parameters = [*network.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=steps, pct_start=0.1, cycle_momentum=False
    )

    for epoch in range(epochs):
        total = 0.0
        batches = torch.randperm(len(pixels), generator=generator).split(batch_size)
        batches = [batch for batch in batches if len(batch) == batch_size]
        for batch in batches:
            views = [random_view(pixels[batch], generator, min_scale=min_scale, flip=flip) for _ in range(2)]
            both = torch.cat(views).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=in_bfloat16):
                embeddings = head(network(both))
            loss = nt_xent(embeddings, temperature)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"  SimCLR epoch {epoch + 1}/{epochs}: loss {total / len(batches):.3f}", flush=True)
    return network.eval()


@torch.no_grad()
def features(network: nn.Sequential, images: np.ndarray) -> np.ndarray:
    """Pooled features (N, width) of grey images (N, H, W) with values in [0, 1]."""
    pixels = torch.from_numpy(images).float().unsqueeze(1)
    return torch.cat([network(batch) for batch in pixels.split(500)]).numpy()
