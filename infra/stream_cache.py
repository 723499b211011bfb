"""Folded streams in memory, least recently used first to go, bounded in bytes."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from domain.decider import Decider
from domain.history import decider_of

# Events after which a stream is weighed again.
GROWN = 16


class Cached:
    """One stream's state. `seen` is the sequence value up to which it is known to be current."""

    __slots__ = ("decider", "seen", "snapshot_at", "state", "version", "weighed_at", "weight")

    def __init__(self, decider: Decider[Any], seen: int) -> None:
        self.decider = decider
        self.state: Any = decider.initial()
        self.version = 0
        self.snapshot_at = 0
        self.seen = seen
        self.weight = self.weighed_at = 0

    def evolve(self, event: object) -> None:
        self.state = self.decider.evolve(self.state, event)
        self.version += 1


class StreamCache:
    """Evicts only when told to, so that what a batch loaded stays until the batch is done."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.weight = 0
        self._streams: OrderedDict[str, Cached] = OrderedDict()
        self.get = self._streams.get

    def __len__(self) -> int:
        return len(self._streams)

    def add(self, stream_id: str, seen: int) -> Cached:
        cached = Cached(decider_of(stream_id), seen)
        self._streams[stream_id] = cached
        return cached

    def evict(self, stream_ids: Iterable[str]) -> None:
        for stream_id in stream_ids:
            cached = self._streams.pop(stream_id, None)
            if cached is not None:
                self.weight -= cached.weight

    def clear(self) -> None:
        self._streams.clear()
        self.weight = 0

    def touched(self, stream_ids: Iterable[str]) -> None:
        """Weigh those that grew, put all of these behind all others, and drop what is too much."""
        for stream_id in stream_ids:
            cached = self._streams.get(stream_id)
            if cached is None:
                continue
            if not cached.weight or cached.version - cached.weighed_at >= GROWN:
                self._weigh(cached)
            self._streams.move_to_end(stream_id)
        while self.weight > self.limit and len(self._streams) > 1:
            _, dropped = self._streams.popitem(last=False)
            self.weight -= dropped.weight

    def _weigh(self, cached: Cached) -> None:
        weight = cached.decider.weight(cached.state)
        self.weight += weight - cached.weight
        cached.weight, cached.weighed_at = weight, cached.version
