"""What a claim has to say: lines for people, and figures for programs."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.against_parts.rounds import Pairs, Ratio

Row = tuple[str, str]


class Result(NamedTuple):
    """Rows of a short table, and the keys of the last line."""

    rows: Sequence[Row]
    figures: Mapping[str, float]


def row(what: str, pairs: Pairs[float], form: str = ",.0f") -> Row:
    """Medians of this build and the other one, and the ratio with its range."""
    these, others = (median(pair[side] for pair in pairs) for side in (0, 1))
    return what, f"{these:{form}} and {others:{form}}, ratio {Ratio.of(pairs)}"
