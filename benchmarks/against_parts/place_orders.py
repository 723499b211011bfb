"""Three-line orders over HTTP: their rate, their processor time, and the longest wait.

One API process a build as shipped (key, idempotency, contacts, metrics, logs, durable commits),
32 callers. `longest_ratio` compares the longest waits among each 100,000 orders.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.against_parts.builds import Build
from benchmarks.against_parts.processes import processor_seconds
from benchmarks.against_parts.result import Result, row
from benchmarks.against_parts.rounds import Pairs, Ratio, Size, in_turn, most_of_each
from benchmarks.against_parts.shop import opened, orders
from benchmarks.against_parts.store import Serving, Store

SIZE = Size(rounds=6, orders=50_000)
WARM = 2_000
AMONG = 100_000


class Round(NamedTuple):
    """Orders a second, and seconds: of the processor for an order, and of the longest wait."""

    rate: float
    cpu: float
    longest: float


def measure(this: Build, other: Build, place: Path, size: Size) -> Result:
    with ExitStack() as stack:
        mine = stack.enter_context(opened(Store(this, place / "a"), WARM))
        theirs = stack.enter_context(opened(Store(other, place / "b"), WARM))
        pairs = in_turn(size.rounds, turns(mine, size.orders), turns(theirs, size.orders))
    return told(pairs, size.orders)


def turns(serving: Serving, count: int) -> Callable[[int], Round]:
    def turn(number: int) -> Round:
        bodies = orders(count, f"round{number}")
        before = processor_seconds(serving.pid)
        seen = serving.caller.drive(serving.caller.dialect.orders, bodies)
        spent = processor_seconds(serving.pid) - before
        return Round(seen.rate, spent / count, max(seen.latencies))

    return turn


def told(pairs: Pairs[Round], orders: int) -> Result:
    rates = [(this.rate, other.rate) for this, other in pairs]
    cpu = [(this.cpu * 1e6, other.cpu * 1e6) for this, other in pairs]
    longest = longest_waits(pairs, orders)
    return Result(
        [
            row("orders/s", rates),
            row("µs of the API process for an order", cpu, ".1f"),
            row("longest wait, ms", longest, ".1f"),
        ],
        {
            "ratio": Ratio.of(rates).value,
            "cpu_ratio": Ratio.of(cpu).value,
            "longest_ratio": Ratio.of(longest).value,
        },
    )


def longest_waits(pairs: Pairs[Round], orders: int) -> Sequence[tuple[float, float]]:
    """Milliseconds of the longest wait among each 100,000 orders, or as many as there are."""
    these, others = (
        most_of_each([pair[side].longest * 1e3 for pair in pairs], -(-AMONG // orders))
        for side in (0, 1)
    )
    return list(zip(these, others, strict=True))
