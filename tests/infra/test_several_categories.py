"""A read model over several categories: streams with the same bare id never meet."""

from dataclasses import dataclass, replace

import psycopg
import pytest

from domain.decider import Recorded
from domain.order import events as o
from domain.stock import events as s
from infra.audit.verify import Findings, verify_store
from infra.readmodels.parked_streams import replay_parked
from infra.readmodels.rebuild import rebuild
from projections.projection import IncompleteProjection, Projection, StreamRows, Table
from tests.infra.running import project
from tests.infra.sample_projection import append, contents, receive, register


@dataclass(slots=True, kw_only=True)
class HeardRow:
    stream: str
    events: int = 0
    last: str = ""


def evolve(rows: StreamRows, recorded: Recorded) -> None:
    row = rows.get(HeardRow) or HeardRow(stream=recorded.stream_id)
    row.events, row.last = row.events + 1, recorded.type
    rows.put(row)


def poisoned(rows: StreamRows, recorded: Recorded) -> None:
    if isinstance(recorded.event, o.OrderConfirmed):
        raise ArithmeticError("poisoned")
    evolve(rows, recorded)


HEARD = Projection(
    name="heard",
    version=1,
    categories=frozenset({"order", "stock"}),
    folds=(*o.EVENTS, *s.EVENTS),
    tables=(
        Table(
            name="heard",
            row=HeardRow,
            key=("stream",),
            about="One row a stream.",
            columns={"stream": "Its id", "events": "How many", "last": "The last one"},
        ),
    ),
    evolve=evolve,
)
SAME = [
    ("stock-1", register("1")),
    ("order-1", o.OrderRejected(reason="no")),
    ("stock-1", receive(2)),
    ("order-1", o.OrderConfirmed()),
    ("stock-1", receive(3)),
]
WANTED = {"heard": ["(order-1,2,OrderConfirmed)", "(stock-1,3,StockReceived)"]}


def test_streams_with_one_bare_id_keep_their_own_rows(ordinal_database: str) -> None:
    append(ordinal_database, SAME[:2])
    project(ordinal_database, HEARD)
    append(ordinal_database, SAME[2:])
    project(ordinal_database, HEARD)
    assert contents(ordinal_database, HEARD) == WANTED


def test_a_rebuild_and_the_checker_keep_them_apart(ordinal_database: str) -> None:
    append(ordinal_database, SAME)
    rebuild(ordinal_database, [HEARD])
    assert contents(ordinal_database, HEARD) == WANTED
    findings = Findings()
    with psycopg.connect(ordinal_database, autocommit=True) as conn:
        verify_store(conn, [HEARD], findings)
    assert findings.of["I4"].breach is None


def test_replaying_one_of_them_leaves_the_other_alone(ordinal_database: str) -> None:
    append(ordinal_database, SAME)
    project(ordinal_database, replace(HEARD, evolve=poisoned))
    replay_parked(ordinal_database, HEARD, "order-1")
    assert contents(ordinal_database, HEARD) == WANTED


def test_it_says_what_it_makes_of_every_event() -> None:
    with pytest.raises(IncompleteProjection, match=r"heard must .*: OrderPlaced"):
        replace(HEARD, folds=set(HEARD.folds) - {o.OrderPlaced})
    with pytest.raises(IncompleteProjection, match=r"heard must .*: OrderPlaced"):
        replace(HEARD, ignores=(o.OrderPlaced,))
    with pytest.raises(IncompleteProjection, match=r"heard must .*: BackInStock"):
        replace(HEARD, categories=frozenset({"order"}))
