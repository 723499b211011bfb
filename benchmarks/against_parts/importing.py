"""Lines a second of `ordinal import online-retail`, from its start as a process to its end.

The files are invented, and the same for both builds. Each round imports another one into the same
store, whose API process does nothing but keep the server running.
"""

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

from benchmarks.against_parts import retail
from benchmarks.against_parts.builds import Build
from benchmarks.against_parts.result import Result, row
from benchmarks.against_parts.rounds import Failed, Ratio, Size, in_turn
from benchmarks.against_parts.store import Store

SIZE = Size(rounds=5, orders=40_000)
WARM = 2_000
APPLIED = re.compile(r"^\W*applied\W+(\d+)\W*$", re.MULTILINE)
# Lines that find nothing to cancel are rejected; so may be few others.
LEAST_APPLIED = 0.95


def measure(this: Build, other: Build, place: Path, size: Size) -> Result:
    with ExitStack() as stack:
        mine, theirs = (
            turns(standing(stack, Store(build, place / word)), size.orders)
            for build, word in ((this, "a"), (other, "b"))
        )
        pairs = in_turn(size.rounds, mine, theirs)
    return Result([row("lines/s imported", pairs)], {"ratio": Ratio.of(pairs).value})


def standing(stack: ExitStack, store: Store) -> Store:
    """A store whose server runs, with its first lines imported."""
    store.create()
    stack.enter_context(store.answering(store.dialect.serve))
    import_file(store, WARM, seed=0)
    return store


def turns(store: Store, lines: int) -> Callable[[int], float]:
    return lambda number: lines / import_file(store, lines, seed=number + 1)


def import_file(store: Store, lines: int, seed: int) -> float:
    """Seconds that it took. Raises Failed when lines are left over, or too few can be applied."""
    file = store.place / f"retail-{seed}.csv"
    retail.write(file, lines, seed)
    began = perf_counter()
    said = store.run(*store.dialect.retail, str(file))
    seconds = perf_counter() - began
    found = APPLIED.search(said)
    if not found or int(found[1]) < LEAST_APPLIED * lines:
        raise Failed(f"{store.name} applied too few of {lines} lines:\n{said}")
    return seconds
