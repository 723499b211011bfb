"""Chance that falls the same way on every run and every version of Python."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Throws in a row; two dice of one seed throw the same."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._thrown = 0

    def below(self, limit: int) -> int:
        """0 to `limit` - 1."""
        self._thrown += 1
        thrown = blake2b(f"{self._seed}/{self._thrown}".encode(), digest_size=8).digest()
        return int.from_bytes(thrown, "big") % limit

    def between(self, least: int, most: int) -> int:
        return least + self.below(most - least + 1)

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent

    def pick(self, among: Sequence[T]) -> T:
        return among[self.below(len(among))]

    def weighted(self, shares: Sequence[tuple[int, T]]) -> T:
        """One of these by its share."""
        left = self.below(sum(share for share, _ in shares))
        for share, value in shares:
            if left < share:
                return value
            left -= share
        return shares[-1][1]
