"""How far a caller's arm is: what a key may see and do anything about."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from commands.handling import Concern

Dimension = Literal["channel", "country", "location", "currency", "customer"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a caller is narrowed by -> to which values; by what does not stand there it is not."""

    allowed: Mapping[str, frozenset[str]]

    def covers(self, concern: Concern) -> bool:
        """Whether this is within it. What does not say where it belongs is not."""
        return all(getattr(concern, name) in values for name, values in self.allowed.items())


def reach_of(narrowed: Mapping[str, Iterable[str]]) -> Reach | None:
    """None for whoever is not narrowed by anything. Raises ValueError for what there is not."""
    unknown = narrowed.keys() - set(DIMENSIONS)
    if unknown:
        raise ValueError(f"a reach knows no {', '.join(sorted(unknown))}")
    allowed = {name: frozenset(values) for name, values in narrowed.items()}
    return Reach(allowed) if allowed else None
