"""Orders a second from the intake topic, which is full when the intake process starts.

Where the log ends is asked over HTTP, from an API process that does nothing else; the time goes
from the first sight of new events to the sight of the last. Afterwards the relay publishes the
answers, and each order must have been accepted.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.against_parts.builds import Build
from benchmarks.against_parts.caller import Caller
from benchmarks.against_parts.channel import await_answers, send
from benchmarks.against_parts.result import Result, row
from benchmarks.against_parts.rounds import Failed, Ratio, Size, in_turn
from benchmarks.against_parts.shop import messages, opened
from benchmarks.against_parts.store import Store
from benchmarks.topics import kafka

SIZE = Size(rounds=7, orders=30_000)
# Seconds between two looks, without a new event until the topic is taken for empty, and at most
# until the first.
GLANCE = 0.01
QUIET = 2.0
START_LIMIT = 60.0

Sighting = tuple[float, int]


def measure(this: Build, other: Build, place: Path, size: Size) -> Result:
    with kafka() as servers, ExitStack() as stack:
        stores = [Store(this, place / "a", servers), Store(other, place / "b", servers)]
        callers = [stack.enter_context(opened(store)).caller for store in stores]
        mine, theirs = (
            turns(store, caller, size.orders) for store, caller in zip(stores, callers, strict=True)
        )
        pairs = in_turn(size.rounds, mine, theirs)
        for store in stores:
            with store.running(store.dialect.relay):
                await_answers(store, size.rounds * size.orders)
    return Result([row("orders/s from the topic", pairs)], {"ratio": Ratio.of(pairs).value})


def turns(store: Store, caller: Caller, count: int) -> Callable[[int], float]:
    def turn(number: int) -> float:
        send(store, messages(count, f"intake{number}"))
        began = caller.log_end()
        with store.running(store.dialect.intake):
            return rate(watched(store, caller, began), began, count)

    return turn


def watched(store: Store, caller: Caller, began: int) -> list[Sighting]:
    """When the end of the log was somewhere new, until it stays where it is."""
    seen: list[Sighting] = []
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        end = caller.log_end()
        if end > (seen[-1][1] if seen else began):
            seen.append((time.monotonic(), end))
            deadline = seen[-1][0] + QUIET
        time.sleep(GLANCE)
    if len(seen) < 2:
        raise Failed(f"the intake of {store.name} takes nothing:\n{store.last_words()}")
    return seen


def rate(seen: list[Sighting], began: int, orders: int) -> float:
    """Orders a second; each order has as many events as any other."""
    (first_at, first), (last_at, last) = seen[0], seen[-1]
    return orders * (last - first) / (last - began) / (last_at - first_at)
