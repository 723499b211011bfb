"""Rounds in the order A B B A, and what pairs of them say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self, TypeVar

T = TypeVar("T")
Pairs = Sequence[tuple[T, T]]


class Failed(Exception):
    """There is no figure, and the message says why."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many pairs of rounds, and how many orders (or lines of a file) a round has."""

    rounds: int
    orders: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """This build ÷ the other one: the median of the pairs, and their range."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, pairs: Pairs[float]) -> Self:
        ratios = [this / other for this, other in pairs]
        return cls(median(ratios), min(ratios), max(ratios))

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def in_turn(rounds: int, this: Callable[[int], T], other: Callable[[int], T]) -> list[tuple[T, T]]:
    """Pairs of what both did; every second pair begins with the other one."""
    pairs: list[tuple[T, T]] = []
    for number in range(rounds):
        if number % 2:
            theirs = other(number)
            pairs.append((this(number), theirs))
        else:
            mine = this(number)
            pairs.append((mine, other(number)))
    return pairs


def spread(values: Sequence[float]) -> float:
    """From the least to the most, as a share of the median."""
    return (max(values) - min(values)) / median(values)


def most_of_each(values: Sequence[float], size: int) -> list[float]:
    """The most of each stretch of so many values; a rest joins the last stretch."""
    starts = range(0, max(1, len(values) // size) * size, size)
    ends = [*starts[1:], len(values)]
    return [max(values[start:end]) for start, end in zip(starts, ends, strict=True)]
