"""Whether what stands in a topic is what was read of it.

A broker that lost its last messages gives their offsets to those that come next. What was read
before is known by its id and its fingerprint, as far as it became a command.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from uuid import UUID

from kafka import TopicPartition

from domain.values import ORDINAL_NAMESPACE, named_uuid
from infra.intake.sources import Read
from infra.kafka.clients import consumer, read_ranges
from infra.runtime.settings import Settings

# Messages before the last one that was read which are compared.
COMPARED = 20
# Messages that are compared when some are lost, to find out from where on.
SEARCHED = 5_000

Offsets = Mapping[TopicPartition, int]


def lost_from(
    settings: Settings, read: Read, source: str, reached: Offsets, begins: Offsets, ends: Offsets
) -> dict[TopicPartition, int]:
    """For each partition that lost messages: the first offset that now holds another message."""
    last = {part: (max(begins[part], at - COMPARED), at) for part, at in reached.items()}
    begun = {part: span for part, span in last.items() if span[0] < min(span[1], ends[part])}
    equal, other = _compared(settings, read, source, _until(begun, ends))
    short = {part for part, at in reached.items() if ends[part] < at}
    lost = short | other
    if not lost:
        return {}
    wide = {part: (max(begins[part], reached[part] - SEARCHED), reached[part]) for part in lost}
    equal, _ = _compared(settings, read, source, _until(wide, ends))
    return {part: equal.get(part, wide[part][0] - 1) + 1 for part in lost}


def _until(spans: Mapping[TopicPartition, tuple[int, int]], ends: Offsets) -> dict[Any, Any]:
    return {part: (begin, min(end, ends[part])) for part, (begin, end) in spans.items()}


def _compared(
    settings: Settings, read: Read, source: str, spans: Mapping[TopicPartition, tuple[int, int]]
) -> tuple[dict[TopicPartition, int], set[TopicPartition]]:
    """The last offset of each partition with a message that was read, and which hold others."""
    equal: dict[TopicPartition, int] = {}
    other: set[TopicPartition] = set()
    for part, records in _records(settings, spans):
        ids = {_id_of(source, each): each for each in records}
        rows = read(
            "SELECT command_id, fingerprint FROM ordinal.commands WHERE command_id = ANY(%s)",
            (list(ids),),
        )
        for command_id, fingerprint in rows:
            record = ids[command_id]
            if bytes(fingerprint) == hashlib.sha256(record.value or b"").digest():
                equal[part] = max(equal.get(part, 0), record.offset)
            else:
                other.add(part)
    return equal, other


def _records(
    settings: Settings, spans: Mapping[TopicPartition, tuple[int, int]]
) -> Iterator[tuple[TopicPartition, list[Any]]]:
    wanted = {part: span for part, span in spans.items() if span[0] < span[1]}
    if not wanted:
        return
    with closing(consumer(settings)) as reader:
        yield from read_ranges(reader, wanted)


def _id_of(source: str, record: Any) -> UUID:
    return named_uuid(ORDINAL_NAMESPACE, f"intake/{source}/{record.partition}/{record.offset}")
