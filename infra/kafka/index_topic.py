"""The index topic says, transaction by transaction, which stretch of the log stands in the event
topics and from which offsets to go on behind it.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import msgspec

from infra.kafka.clients import KafkaUnfit, consumer, last_records, offsets_of, read_ranges
from infra.kafka.topics import index_partition
from infra.runtime.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRecord:
    """One transaction of the relay: `count` events behind `from_` (exclusive) up to `to`.

    `event_id` and `hash` (SHA-256 of the stored bytes) are those of the event at `to`.
    `next_offsets` says for every partition of the event topics where all later events stand.
    Earlier records are void behind `void_after`, whose event `event_id` and `hash` are of then.
    """

    from_: int
    to: int
    count: int
    event_id: str
    hash: str
    outbox_to: int
    store_epoch: int
    next_offsets: dict[str, dict[int, int]]
    void_after: int | None = None
    own_offset: int = -1

    @property
    def agreed(self) -> int:
        """The position of the event that `hash` is about, up to which the log must hold."""
        return self.to if self.void_after is None else self.void_after


class IndexJson(msgspec.Struct, rename={"from_": "from"}, omit_defaults=True):
    """One transaction of the relay: `count` events behind `from` (exclusive) up to `to`.

    `event_id` and `hash` (SHA-256 of the stored bytes) are those of the event at `to`.
    `next_offsets` says for every partition of the event topics where all later events stand.
    `void_after` is there after the log was restored from a backup: what earlier records announced
    behind that position, up to `to`, is void; `event_id` and `hash` are those of the event there.
    """

    from_: int
    to: int
    count: int
    event_id: str
    hash: str
    outbox_to: int
    store_epoch: int
    next_offsets: dict[str, dict[int, int]]
    void_after: int | None = None


_INDEX = msgspec.json.Decoder(IndexJson)


def encode_index(record: IndexRecord) -> bytes:
    fields = {name: getattr(record, name) for name in IndexJson.__struct_fields__}
    return msgspec.json.encode(IndexJson(**fields))


def decode_index(value: bytes, *, own_offset: int = -1) -> IndexRecord:
    """An index record from its bytes; raises KafkaUnfit when they are none."""
    try:
        known = _INDEX.decode(value)
    except msgspec.MsgspecError as error:
        raise KafkaUnfit(f"offset {own_offset} of the index is no index record: {error}") from error
    return IndexRecord(own_offset=own_offset, **msgspec.structs.asdict(known))


def last_index_record(settings: Settings) -> IndexRecord | None:
    """Where the relay stands, None before its first transaction."""
    partition = index_partition(settings)
    with closing(consumer(settings)) as reader:
        record = last_records(reader, [partition])[partition]
    return None if record is None else decode_index(record.value, own_offset=record.offset)


def index_records(settings: Settings, *, from_offset: int = 0) -> Iterator[IndexRecord]:
    """The index from an offset of its own up to its present end."""
    partition = index_partition(settings)
    with closing(consumer(settings)) as reader:
        _, ends = offsets_of(reader, [partition])
        for _, records in read_ranges(reader, {partition: (from_offset, ends[partition])}):
            for record in records:
                yield decode_index(record.value, own_offset=record.offset)
