"""Folded streams in memory, bounded in bytes; what was not used for long goes first.

A stream that was used again is only marked. When it would have to go it goes behind all others
instead, once. That spares what is used often nearly as well as moving a stream at every use would,
and lets go of orders that were placed and never heard of again. Where hardly any is, as in
an intake, those that were used but once may have a share that is smaller than the whole.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from domain.categories import decider_of
from domain.decider import Decider

# Events after which a stream is weighed again.
GROWN = 16


class Cached:
    """One stream's state. `seen` is the sequence value up to which it is known to be current."""

    __slots__ = (
        "decider", "seen", "snapshot_at", "state", "used", "version", "weighed_at", "weight",
    )  # fmt: skip

    def __init__(self, decider: Decider[Any], seen: int) -> None:
        self.decider = decider
        self.state: Any = decider.initial()
        self.version = 0
        self.snapshot_at = 0
        self.seen = seen
        self.weight = self.weighed_at = 0
        self.used = False

    def evolve(self, event: object) -> None:
        self.state = self.decider.evolve(self.state, event)
        self.version += 1


class StreamCache:
    """Evicts only when told to, so that what a batch loaded stays until the batch is done."""

    def __init__(self, limit: int, once_limit: int | None = None) -> None:
        """`once_limit` is for all streams that were used but once."""
        self.limit = limit
        self.once_limit = once_limit
        self.weight = self.once_weight = 0
        self._once: dict[str, int] = {}
        self._streams: OrderedDict[str, Cached] = OrderedDict()
        self.get = self._streams.get
        self.names = self._streams.keys()

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
                self._not_once(stream_id)

    def clear(self) -> None:
        self._streams.clear()
        self._once.clear()
        self.weight = self.once_weight = 0

    def touched(self, stream_ids: Iterable[str]) -> None:
        """These were used: weigh those that grew, and drop what is too much."""
        get = self.get
        for stream_id in stream_ids:
            cached = get(stream_id)
            if cached is None:
                continue
            cached.used = cached.weight > 0
            if not cached.used or cached.version - cached.weighed_at >= GROWN:
                self._weigh(cached)
            if self.once_limit is not None:
                self._count_once(stream_id, cached)
        if self.once_limit is not None:
            self._drop_once(self.once_limit)
        while self.weight > self.limit and len(self._streams) > 1:
            self._drop_one()

    def _drop_one(self) -> None:
        """The oldest that was not used again since it stood last."""
        while True:
            stream_id, cached = self._streams.popitem(last=False)
            if not cached.used:
                self.weight -= cached.weight
                self._not_once(stream_id)
                return
            cached.used = False
            self._streams[stream_id] = cached

    def _count_once(self, stream_id: str, cached: Cached) -> None:
        self._not_once(stream_id)
        if not cached.used:
            self._once[stream_id] = cached.weight
            self.once_weight += cached.weight

    def _not_once(self, stream_id: str) -> None:
        self.once_weight -= self._once.pop(stream_id, 0)

    def _drop_once(self, limit: int) -> None:
        while self.once_weight > limit and len(self._once) > 1:
            self.evict([next(iter(self._once))])

    def _weigh(self, cached: Cached) -> None:
        weight = cached.decider.weight(cached.state)
        self.weight += weight - cached.weight
        cached.weight, cached.weighed_at = weight, cached.version
