"""How even a search keeps its classes: the ways that were tried and the chosen one; `choice_of_evenness` chooses."""

from dataclasses import dataclass, replace

from hume.engine.config import Config


@dataclass(frozen=True, kw_only=True)
class Way:
    """A weight of the entropy term, with or without centring, and what a few seeds reached with it."""

    entropy_weight: float
    centre: bool
    likelihood: float  # mean of the most likely fifth, nats a row


@dataclass(frozen=True)
class Evenness:
    """The ways that were tried, the one that was asked for first, and the position of the chosen one."""

    ways: tuple[Way, ...]
    chosen: int

    def __post_init__(self) -> None:
        if not 0 <= self.chosen < len(self.ways):
            raise ValueError(f"none of {len(self.ways)} ways has the number {self.chosen}")

    @property
    def gain(self) -> float:
        """How much more likely the chosen way is than the one that was asked for, nats a row."""
        return self.ways[self.chosen].likelihood - self.ways[0].likelihood

    def applied(self, config: Config) -> Config:
        """The configuration in the chosen way."""
        way = self.ways[self.chosen]
        return replace(config, entropy_weight=way.entropy_weight, centre=way.centre)
