"""Which topic it is that an intake reads, and where it goes on there.

Kafka calls a topic that was deleted and made anew by the same name, and its offsets begin again. So
offsets and the ids of messages go by a `source`: the topic's name for one that was known before
topics had ids here, else the name with Kafka's id for it. A topic that does not hold what was read
of it has lost messages, and others have their offsets: it is read on only when a person has
accepted that, under another source, so that no id is given twice.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, LiteralString, NamedTuple

import structlog

Read = Callable[[LiteralString, tuple[Any, ...]], Sequence[tuple[Any, ...]]]
"""Carries out one statement and returns its rows."""

log = structlog.get_logger("intake")

_FIND = "SELECT topic_id, source, missing FROM ordinal.intake_topics WHERE topic = %s"
_MEET = (
    "INSERT INTO ordinal.intake_topics (topic, topic_id, source) SELECT name, id,"
    " CASE WHEN EXISTS (SELECT FROM ordinal.intake_offsets o WHERE o.topic = name)"
    " THEN name ELSE name || '@' || id END FROM (SELECT %s::text, %s::text) AS given(name, id)"
    " ON CONFLICT (topic) DO NOTHING RETURNING source"
)
_REPLACE = (
    "UPDATE ordinal.intake_topics SET topic_id = %s, source = topic || '@' || %s, since = now(),"
    " changes = changes + 1, missing = NULL WHERE topic = %s AND topic_id = %s RETURNING source"
)
_MISS = (
    "UPDATE ordinal.intake_topics SET missing = %s::jsonb || coalesce(missing, '{}')"
    " WHERE topic = %s AND source = %s RETURNING source"
)
_OFFSETS = "SELECT partition, next_offset FROM ordinal.intake_offsets WHERE topic = %s"
_ACCEPT = (
    "WITH before AS (SELECT * FROM ordinal.intake_topics WHERE topic = %s AND missing IS NOT NULL"
    " FOR UPDATE), after AS (UPDATE ordinal.intake_topics AS known SET since = now(),"
    " changes = known.changes + 1, missing = NULL,"
    " source = known.topic || '@' || known.topic_id || '+' || (known.changes + 1)"
    " FROM before WHERE known.topic = before.topic RETURNING known.source)"
    " INSERT INTO ordinal.intake_offsets (topic, partition, next_offset) SELECT after.source,"
    " o.partition, coalesce((before.missing ->> o.partition::text)::bigint, o.next_offset)"
    " FROM before, after, ordinal.intake_offsets o WHERE o.topic = before.source"
    " RETURNING partition, next_offset"
)


class TailMissing(Exception):
    """The topic does not hold what was read of it."""

    def __init__(self, topic: str, begins: Mapping[str, int]) -> None:
        places = ", ".join(f"partition {part} at {at}" for part, at in sorted(begins.items()))
        super().__init__(
            f"{topic} lost messages that had been read, and others take their offsets: {places};"
            f" whoever has seen to it goes on there by `ordinal topics --accept-lost {topic}`"
        )


class Source(NamedTuple):
    """How a topic is called in offsets and ids, and from where on it holds other messages."""

    name: str
    missing: Mapping[str, int] | None = None


def source_of(read: Read, topic: str, topic_id: str) -> Source:
    """The source that this very topic is now; says so when it is another topic than before."""
    known = read(_FIND, (topic,))
    if not known:
        read(_MEET, (topic, topic_id))
        known = read(_FIND, (topic,))
    [(before, name, missing)] = known
    if before == topic_id:
        return Source(name, missing)
    log.error("intake_topic_made_anew", topic=topic, reached=offsets_of(read, name))
    read(_REPLACE, (topic_id, topic_id, topic, before))
    return source_of(read, topic, topic_id)


def offsets_of(read: Read, source: str) -> dict[int, int]:
    """Where the reading goes on, by partition."""
    return dict(read(_OFFSETS, (source,)))


def note_missing(read: Read, topic: str, source: str, begins: Mapping[int, int]) -> TailMissing:
    """Write down from where on the topic holds other messages, unless that is known already."""
    told = ", ".join(f'"{part}": {at}' for part, at in begins.items())
    read(_MISS, (f"{{{told}}}", topic, source))
    log.error("intake_topic_lost_its_tail", topic=topic, begins=dict(begins))
    return TailMissing(topic, {str(part): at for part, at in begins.items()})


def accept(read: Read, topic: str) -> dict[int, int]:
    """Go on with the messages that have others' offsets. Raises LookupError if there are none."""
    begun = read(_ACCEPT, (topic,))
    if not begun:
        raise LookupError(f"{topic} is not known to have lost anything")
    return dict(begun)
