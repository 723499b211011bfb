"""Orders as NDJSON bulk of this build, against single posts of the other one by 32 callers."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from uuid import uuid4

from benchmarks.against_parts.builds import Build
from benchmarks.against_parts.caller import Caller
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
        requests = [(b"\n".join(part) + b"\n", len(part)) for part in parts]
        began = perf_counter()
        for body, lines in requests:
            post(caller, body, lines)
        return count / (perf_counter() - began)

    return turn


def post(caller: Caller, body: bytes, lines: int) -> None:
    """Raises Failed unless every line is answered, in order, and accepted."""
    path = caller.dialect.bulk
    if path is None:
        raise Failed("this build is not said to take orders in bulk: see Dialect.bulk")
    status, answer = caller.ask(
        "POST", path, body, Content_Type="application/x-ndjson", Idempotency_Key=str(uuid4())
    )
    if status in (404, 405):
        raise Failed(f"this build has no POST {path} ({status}): {answer.decode()}")
    results = answer.splitlines()
    if not 200 <= status < 300 or len(results) != lines:
        raise Failed(
            f"{path}: {status}, {len(results)} results for {lines} lines: {answer[:500]!r}"
        )
    refused = [result for result in results if not caller.dialect.taken(result)]
    if refused:
        raise Failed(f"{path}: {len(refused)} of {lines} orders were refused: {refused[0]!r}")


def one_by_one(caller: Caller, count: int) -> Callable[[int], float]:
    return lambda number: caller.drive(caller.dialect.orders, orders(count, f"single{number}")).rate
