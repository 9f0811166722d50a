"""Self-supervised methods that compare two views of every picture: SimCLR, MoCo v2 and BYOL.

Losses, heads and momentum come from lightly. A method computes `loss(view1, view2)`, is updated
after every step of the optimizer with `after_step(progress)`, and its `encoder` is saved.
"""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hume.features.encoders import fresh, needed

with needed("lightly", "self-supervised training"):
    from lightly.loss.negative_cosine_similarity import NegativeCosineSimilarity
    from lightly.loss.ntx_ent_loss import NTXentLoss
    from lightly.models.modules.heads import (
        BYOLPredictionHead,
        BYOLProjectionHead,
        MoCoProjectionHead,
        SimCLRProjectionHead,
    )
    from lightly.models.utils import deactivate_requires_grad, get_weight_decay_parameters, update_momentum
    from lightly.utils.scheduler import cosine_schedule

EMBEDDING = 128  # dimensions in which SimCLR and MoCo compare views
KEY_GROUPS = 4  # groups of a batch that MoCo normalizes separately
GROUP_ROWS = 16  # fewest pictures in a group


class Method(nn.Module):
    """Base of all methods: an encoder, a head, and the precision of both."""

    def __init__(self, encoder: nn.Module, head: nn.Module, precision: torch.dtype):
        super().__init__()
        self.encoder, self.head, self.precision = encoder, head, precision

    def loss(self, view1: Tensor, view2: Tensor) -> Tensor:
        """Disagreement of two views (B, C, H, W) of the same pictures, lower is better, in float32."""
        raise NotImplementedError

    def after_step(self, progress: float) -> None:
        """Update after a step of the optimizer; progress: fraction of the training done."""

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """The trained parameters, for an optimizer: norms and biases are not decayed."""
        decayed, free = get_weight_decay_parameters([self])
        return [
            {"params": [p for p in decayed if p.requires_grad], "weight_decay": weight_decay},
            {"params": [p for p in free if p.requires_grad], "weight_decay": 0.0},
        ]

    def embed(self, views: Tensor, *networks: nn.Module) -> Tensor:
        """Pass views through networks in sequence, in the method's precision; the result is float32."""
        x = views.contiguous(memory_format=torch.channels_last)
        with torch.autocast(x.device.type, self.precision, enabled=self.precision != torch.float32):
            for network in networks:
                x = network(x)
        return x.float()


class SimCLR(Method):
    """Two views of a picture are alike, views of all others in the batch are not (Chen et al., 2020)."""

    def __init__(
        self, encoder: nn.Module, width: int, generator: torch.Generator, precision: torch.dtype, *, temperature: float
    ):
        head = fresh(lambda: SimCLRProjectionHead(width, width, EMBEDDING), generator)
        super().__init__(encoder, head, precision)
        self.criterion = NTXentLoss(temperature)

    def loss(self, view1: Tensor, view2: Tensor) -> Tensor:
        first, second = self.embed(torch.cat([view1, view2]), self.encoder, self.head).chunk(2)
        value: Tensor = self.criterion(first, second)
        return value


class MoCo(Method):
    """A view is like the other one seen by a slow copy of the network, unlike those in a queue (Chen et al., 2020).

    Batch norm would leak which key is of the same batch (He et al., 2020, Section 3.3): as several
    GPUs would, queries and keys are normalized in different groups of the batch.
    """

    def __init__(
        self,
        encoder: nn.Module,
        width: int,
        generator: torch.Generator,
        precision: torch.dtype,
        *,
        temperature: float,
        momentum: float,
        queue: int,
    ):
        head = fresh(lambda: MoCoProjectionHead(width, width, EMBEDDING), generator)
        super().__init__(encoder, head, precision)
        self.momentum = momentum
        self.slow_encoder, self.slow_head = slow_copy(encoder), slow_copy(head)
        self.criterion = fresh(lambda: NTXentLoss(temperature, (queue, EMBEDDING)), generator)
        self.bank = self.criterion.memory_bank
        self.bank.bank.copy_(F.normalize(torch.empty(queue, EMBEDDING).normal_(generator=generator), dim=1))
        self.bank.bank_ptr.zero_()

    def loss(self, view1: Tensor, view2: Tensor) -> Tensor:
        groups = min(KEY_GROUPS, max(1, len(view1) // GROUP_ROWS))
        queries = torch.cat([self.embed(group, self.encoder, self.head) for group in view1.chunk(groups)])
        keys = torch.empty_like(queries)
        with torch.no_grad():
            for i in range(groups):
                keys[i::groups] = self.embed(view2[i::groups], self.slow_encoder, self.slow_head)
        value: Tensor = self.criterion(queries, keys)
        return value

    def after_step(self, progress: float) -> None:
        update_momentum(self.encoder, self.slow_encoder, self.momentum)
        update_momentum(self.head, self.slow_head, self.momentum)

    def get_extra_state(self) -> dict[str, Tensor]:
        """The queue, which lightly leaves out of the state."""
        return {"queue": self.bank.bank, "end": self.bank.bank_ptr}

    def set_extra_state(self, state: dict[str, Tensor]) -> None:
        self.bank.bank.copy_(state["queue"])
        self.bank.bank_ptr.copy_(state["end"])


class BYOL(Method):
    """A small network predicts, from one view, a slow copy's output for the other (Grill et al., 2020)."""

    def __init__(
        self, encoder: nn.Module, width: int, generator: torch.Generator, precision: torch.dtype, *, momentum: float
    ):
        hidden, output = min(4096, 4 * width), 256
        head = fresh(lambda: BYOLProjectionHead(width, hidden, output), generator)
        super().__init__(encoder, head, precision)
        self.momentum = momentum
        self.predictor = fresh(lambda: BYOLPredictionHead(output, hidden, output), generator)
        self.slow_encoder, self.slow_head = slow_copy(encoder), slow_copy(head)
        self.criterion = NegativeCosineSimilarity()

    def loss(self, view1: Tensor, view2: Tensor) -> Tensor:
        both = torch.cat([view1, view2])
        first, second = self.embed(both, self.encoder, self.head, self.predictor).chunk(2)
        with torch.no_grad():
            slow_first, slow_second = self.embed(both, self.slow_encoder, self.slow_head).chunk(2)
        value: Tensor = (self.criterion(first, slow_second) + self.criterion(second, slow_first)) / 2
        return value

    def after_step(self, progress: float) -> None:
        momentum = cosine_schedule(round(1000 * progress), 1001, self.momentum, 1.0)
        update_momentum(self.encoder, self.slow_encoder, momentum)
        update_momentum(self.head, self.slow_head, momentum)


def slow_copy(network: nn.Module) -> nn.Module:
    """A copy without gradients, updated by momentum."""
    copied = copy.deepcopy(network)
    deactivate_requires_grad(copied)
    return copied
