"""Orders as NDJSON bulk of this build, against single posts of the other one by 32 callers."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from uuid import uuid4

from benchmarks.against_parts.builds import Build
from benchmarks.against_parts.caller import Caller
from benchmarks.against_parts.dialect import Dialect
from benchmarks.against_parts.result import Result, row
from benchmarks.against_parts.rounds import Failed, Ratio, Size, in_turn
from benchmarks.against_parts.shop import opened, orders
from benchmarks.against_parts.store import Store

SIZE = Size(rounds=5, orders=20_000)
WARM = 2_000
# Lines of one request: as many as the contract allows.
LINES = 10_000


def measure(this: Build, other: Build, place: Path, size: Size) -> Result:
    with ExitStack() as stack:
        mine = stack.enter_context(opened(Store(this, place / "a"), WARM)).caller
        in_bulk(mine, 100)(-1)
        theirs = stack.enter_context(opened(Store(other, place / "b"), WARM)).caller
        pairs = in_turn(size.rounds, in_bulk(mine, size.orders), one_by_one(theirs, size.orders))
    return Result(
        [row("orders/s, in bulk and one by one", pairs)], {"ratio": Ratio.of(pairs).value}
    )


def in_bulk(caller: Caller, count: int) -> Callable[[int], float]:
    """Orders a second by requests of 10,000 lines, one after the other."""

    def turn(number: int) -> float:
        bodies = orders(count, f"bulk{number}")
        parts = [bodies[start : start + LINES] for start in range(0, count, LINES)]
        return count / sum(post(caller, part) for part in parts)

    return turn


def post(caller: Caller, lines: Sequence[bytes]) -> float:
    """Seconds until all lines are answered; raises Failed unless each is accepted."""
    if caller.dialect.bulk is None:
        raise Failed("this build is not said to take orders in bulk: see Dialect.bulk")
    body = b"\n".join(lines) + b"\n"
    once = {"Content_Type": "application/x-ndjson", "Idempotency_Key": str(uuid4())}
    began = perf_counter()
    status, answer = caller.ask("POST", caller.dialect.bulk, body, **once)
    seconds = perf_counter() - began
    check(caller.dialect, len(lines), status, answer)
    return seconds


def check(dialect: Dialect, lines: int, status: int, answer: bytes) -> None:
    """A result for each line, in their order, that accepts it."""
    if status in (404, 405):
        raise Failed(f"this build has no POST {dialect.bulk} ({status}): {answer.decode()}")
    results = answer.splitlines()
    if not 200 <= status < 300 or len(results) != lines:
        raise Failed(f"{status}, {len(results)} results for {lines} lines: {answer[:500]!r}")
    refused = [result for result in results if not dialect.taken(result)]
    if refused:
        raise Failed(f"{len(refused)} of {lines} orders were refused: {refused[0]!r}")


def one_by_one(caller: Caller, count: int) -> Callable[[int], float]:
    return lambda number: caller.drive(caller.dialect.orders, orders(count, f"single{number}")).rate
