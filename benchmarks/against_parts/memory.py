"""Memory of `ordinal up` with Kafka: of our own processes, and of PostgreSQL beneath them.

PSS of the process tree without broker and PostgreSQL, and PostgreSQL's anonymous memory, each
looked at 30 seconds after the start, and 30 seconds after 5,000 orders over HTTP, 5,000 from the
topic and 300 that were delivered. A figure is the median of five looks; a ratio is the worse one
of the two moments. Each round begins with a new store, and only one build runs at a time.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.against_parts.builds import Build
from benchmarks.against_parts.channel import await_answers, send
from benchmarks.against_parts.processes import (
    anonymous_bytes,
    proportional_bytes,
    tree,
    working_in,
)
from benchmarks.against_parts.result import Result, row
from benchmarks.against_parts.rounds import Pairs, Ratio, Size, in_turn
from benchmarks.against_parts.shop import deliver, messages, opened, orders
from benchmarks.against_parts.store import Serving, Store
from benchmarks.machines import median
from benchmarks.topics import kafka

SIZE = Size(rounds=2, orders=5_000)
DELIVERED = 300
# Seconds: until memory is looked at, and between two looks.
REST = 30.0
PAUSE = 1.0
LOOKS = 5


class Held(NamedTuple):
    """Mebibytes of our own processes, and of PostgreSQL's."""

    own: float
    postgres: float


class Round(NamedTuple):
    """Soon after the start, and after a day's work."""

    idle: Held
    worked: Held


def measure(this: Build, other: Build, place: Path, size: Size) -> Result:
    with kafka() as servers:
        mine, theirs = (
            turns(build, place / word, servers, size.orders)
            for build, word in ((this, "a"), (other, "b"))
        )
        pairs = in_turn(size.rounds, mine, theirs)
    return told(pairs)


def turns(build: Build, place: Path, servers: str, count: int) -> Callable[[int], Round]:
    def turn(number: int) -> Round:
        store = Store(build, place.with_name(f"{place.name}{number}"), servers)
        with opened(store):
            pass
        with store.answering(store.dialect.everything) as serving:
            idle = rested(store, serving)
            work(store, serving, count)
            return Round(idle, rested(store, serving))

    return turn


def work(store: Store, serving: Serving, count: int) -> None:
    serving.caller.drive(store.dialect.orders, orders(count, "http"))
    send(store, messages(count, "topic"))
    await_answers(store, count)
    deliver(serving.caller, DELIVERED, "delivered")


def rested(store: Store, serving: Serving) -> Held:
    """The median of some looks, after a rest."""
    time.sleep(REST)
    looks = []
    for _ in range(LOOKS):
        looks.append(look(store, serving))
        time.sleep(PAUSE)
    return Held(median([held.own for held in looks]), median([held.postgres for held in looks]))


def look(store: Store, serving: Serving) -> Held:
    postgres = working_in(store.place)
    own = [pid for pid in tree(serving.pid) if pid not in postgres]
    return Held(proportional_bytes(own) / 2**20, anonymous_bytes(postgres) / 2**20)


def told(pairs: Pairs[Round]) -> Result:
    moments = ([(this[at], other[at]) for this, other in pairs] for at in (0, 1))
    idle, worked = moments
    own = [[(this.own, other.own) for this, other in each] for each in (idle, worked)]
    postgres = [
        [(this.postgres, other.postgres) for this, other in each] for each in (idle, worked)
    ]
    return Result(
        [
            row("own processes idle, MiB", own[0]),
            row("own processes after work, MiB", own[1]),
            row("PostgreSQL idle, MiB", postgres[0]),
            row("PostgreSQL after work, MiB", postgres[1]),
        ],
        {
            "own_ratio": max(Ratio.of(pairs).value for pairs in own),
            "postgres_ratio": max(Ratio.of(pairs).value for pairs in postgres),
        },
    )
