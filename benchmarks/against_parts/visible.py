"""How long after its answer an order can be read, through Kafka, at 500 orders a second.

`ordinal up` of either build, asked by a reader who names positions (`Ordinal-Position`): an order
is visible when the first read that names its position, or a later one, is answered. Only one
build runs at a time, since one that waits takes a share of the processors too. The figures are
the medians of each build's rounds; rounds of the other build that lie too far apart are worth
nothing, and all are repeated.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.against_parts.builds import Build
from benchmarks.against_parts.caller import Caller
from benchmarks.against_parts.result import Result, row
from benchmarks.against_parts.rounds import Failed, Pairs, Size, in_turn, spread
from benchmarks.against_parts.shop import opened, orders
from benchmarks.against_parts.sightings import delays
from benchmarks.against_parts.store import Serving, Store
from benchmarks.machines import ROOT, median, percentile
from benchmarks.topics import kafka

SIZE = Size(rounds=7, orders=5_000)
RATE = 500
WARM_SECONDS = 3
# Of the median: more, and the machine was not quiet.
MOST_SPREAD = 0.4
ATTEMPTS = 2


class Round(NamedTuple):
    """Milliseconds from the answer until it can be read."""

    p50: float
    p99: float


class Stage:
    """One build at a time, with everything that belongs to it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._store: Store | None = None
        self._serving: Serving | None = None

    def on(self, store: Store) -> Serving:
        """The build at work; the other one is ended first."""
        if self._serving is None or self._store is not store:
            self.clear()
            self._serving = self._stack.enter_context(store.answering(store.dialect.everything))
            self._store = store
        return self._serving

    def clear(self) -> None:
        self._stack.close()
        self._serving = None


def measure(this: Build, other: Build, place: Path, size: Size) -> Result:
    with kafka() as servers, staging() as stage:
        mine, theirs = Store(this, place / "a", servers), Store(other, place / "b", servers)
        for store in (mine, theirs):
            with opened(store):
                pass
        for attempt in range(ATTEMPTS):
            turn = [turns(stage, store, size.orders, attempt) for store in (mine, theirs)]
            pairs = in_turn(size.rounds, *turn)
            apart = spread([other.p99 for _, other in pairs])
            if apart <= MOST_SPREAD:
                return told(pairs, apart)
            print(f"too noisy: the other build's p99 {p99s(pairs)} spread by {apart:.0%}")
    raise Failed(f"too noisy, {ATTEMPTS} times in a row")


@contextmanager
def staging() -> Iterator[Stage]:
    stage = Stage()
    try:
        yield stage
    finally:
        stage.clear()


def turns(stage: Stage, store: Store, count: int, attempt: int) -> Callable[[int], Round]:
    def turn(number: int) -> Round:
        bodies = orders(RATE * WARM_SECONDS + count, f"visible{attempt}-{number}")
        seen = under_load(stage.on(store).caller, bodies)
        return Round(percentile(seen, 0.5) * 1e3, percentile(seen, 0.99) * 1e3)

    return turn


def under_load(caller: Caller, bodies: Sequence[bytes]) -> list[float]:
    """Seconds from each answer until it was visible."""
    asked = {
        "port": caller.port,
        "rate": RATE,
        "key": caller.key,
        "path": caller.dialect.orders,
        "requests": caller.requests(caller.dialect.orders, bodies),
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.against_parts.sightings"],
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        raise Failed("the load failed")
    seen = json.loads(done.stdout)
    return delays(seen["answers"], seen["sightings"], WARM_SECONDS)


def told(pairs: Pairs[Round], apart: float) -> Result:
    p50, p99 = ([(this[at], other[at]) for this, other in pairs] for at in (0, 1))
    return Result(
        [
            row("p50, ms", p50, ".1f"),
            row("p99, ms", p99, ".1f"),
            ("p99 of this build's rounds", p99s([(this, this) for this, _ in pairs])),
            ("p99 of the other's rounds", f"{p99s(pairs)}, spread {apart:.0%}"),
        ],
        {"p99_ratio": of_medians(p99), "p50_ratio": of_medians(p50)},
    )


def p99s(pairs: Pairs[Round]) -> str:
    return " ".join(f"{other.p99:.1f}" for _, other in pairs)


def of_medians(pairs: Pairs[float]) -> float:
    return median([this for this, _ in pairs]) / median([other for _, other in pairs])
