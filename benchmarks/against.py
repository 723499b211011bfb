"""This build against another revision of the project: `python -m benchmarks.against CLAIM`.

This build is the working tree as it stands, committed or not. Each build runs from a folder of its
own (`git archive`) with the packages of its own lock, on an embedded server of its own, and is
driven from outside alone: verbs, settings, HTTP and topics; `against_parts/dialect.py` tells how.
Rounds go A B B A. A ratio is the median of paired rounds, its range stands behind it, and the last
line is one JSON object.
"""

import argparse
import signal
import sys
from collections.abc import Mapping
from types import ModuleType

from benchmarks.against_parts import (
    bulk,
    importing,
    intake,
    memory,
    place_orders,
    rebuild,
    visible,
)
from benchmarks.against_parts.builds import of_revision, of_working_tree
from benchmarks.against_parts.dialect import OTHER, THIS
from benchmarks.against_parts.rounds import Failed, Size
from benchmarks.machines import folder, report

REVISION = "a399707"
CLAIMS: Mapping[str, ModuleType] = {
    "place_orders": place_orders,
    "bulk": bulk,
    "intake": intake,
    "visible": visible,
    "memory": memory,
    "import": importing,
    "rebuild": rebuild,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.against", description=__doc__)
    parser.add_argument("claim", choices=CLAIMS)
    parser.add_argument("--rev", default=REVISION, help="the other build (%(default)s)")
    parser.add_argument("--rounds", type=int, help="pairs of rounds")
    parser.add_argument("--orders", type=int, help="orders, or lines of a file, in a round")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    claim = CLAIMS[given.claim]
    size = Size(given.rounds or claim.SIZE.rounds, given.orders or claim.SIZE.orders)
    # Told to end, a benchmark still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with folder() as place:
            other = of_revision(given.rev, OTHER)
            result = claim.measure(of_working_tree(place, THIS), other, place, size)
    except Failed as why:
        sys.exit(str(why))
    report(result.rows, result.figures)


if __name__ == "__main__":
    main()
