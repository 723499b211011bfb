"""Events a second of a rebuild of the four read models, from its start as a process to its end.

Both builds import the same invented trade first; each counts its own events, as the end of its log
tells them. What was read before is dropped off the clock.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

from benchmarks.against_parts.builds import Build
from benchmarks.against_parts.importing import import_file
from benchmarks.against_parts.result import Result, row
from benchmarks.against_parts.rounds import Ratio, Size, in_turn
from benchmarks.against_parts.store import Store

SIZE = Size(rounds=7, orders=150_000)


def measure(this: Build, other: Build, place: Path, size: Size) -> Result:
    with ExitStack() as stack:
        mine, theirs = (
            filled(stack, Store(build, place / word), size.orders)
            for build, word in ((this, "a"), (other, "b"))
        )
        pairs = in_turn(size.rounds, mine, theirs)
    return Result([row("events/s rebuilt", pairs)], {"ratio": Ratio.of(pairs).value})


def filled(stack: ExitStack, store: Store, lines: int) -> Callable[[int], float]:
    """A store with so many lines of trade, and what rebuilds it."""
    store.create()
    serving = stack.enter_context(store.answering(store.dialect.serve))
    import_file(store, lines, seed=1)
    events = serving.caller.log_end()
    rebuilt(store)  # the first one finds nothing to build beside
    return lambda number: events / rebuilt(store)


def rebuilt(store: Store) -> float:
    """Seconds of one rebuild."""
    began = perf_counter()
    store.run(*store.dialect.rebuild, *store.dialect.read_models)
    seconds = perf_counter() - began
    store.run(*store.dialect.drop_old)
    return seconds
