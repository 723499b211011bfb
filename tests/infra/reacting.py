"""A runner of reactions in a thread, for as long as a block lasts, and one turn of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import psycopg

from commands.handling import Handlers
from consumers.reaction import FollowUps, Reaction, View, listed
from domain.decider import Recorded
from domain.stock.events import StockReceived
from infra.postgres.connections import connect_writer
from infra.reactions.runner import Runner
from infra.reactions.switches import Switch, switches
from infra.store import codec
from infra.write_path.group_commit import Writer
from tests.infra.running import eventually
from tests.infra.shop import MARKING, STOCK, Mark, log_of

CACHE = 10_000_000
MARKED = "stock-LEEDS-MARKED"


def nothing(stream_id: str, view: View, now: datetime) -> FollowUps:
    return []


def echo(recorded: Recorded, view: View) -> FollowUps:
    """One mark for each delivery; several where the document says how many."""
    received = recorded.event
    assert isinstance(received, StockReceived)
    if received.document == "poison":
        raise ZeroDivisionError("this cannot be")
    count = int(received.document) if received.document.isdigit() else 1
    document = f"echo {recorded.position}"
    return [Mark(streams=(MARKED,), document=f"{document}/{n}") for n in range(count)]


def on_delivery(recorded: Recorded, view: View) -> FollowUps:
    return echo(recorded, view) if recorded.stream_id == STOCK else []


ECHO = Reaction(
    name="echo",
    about="marks deliveries",
    events=(StockReceived,),
    react=on_delivery,
    look=nothing,
    sweeps=(),
    commands=(Mark,),
)


def documents(conninfo: str) -> list[str]:
    """What was marked, in order."""
    rows = [row for row in log_of(conninfo) if row.stream_id == MARKED]
    events = [codec.event_of(row.state) for row in rows]
    return [event.document for event in events if isinstance(event, StockReceived)]


@contextmanager
def reacting(conninfo: str, *reactions: Reaction, handlers: Handlers = MARKING) -> Iterator[Runner]:
    """Whatever ends the runner is raised when the block ends."""
    writer = Writer(lambda: connect_writer(conninfo), handlers, cache_bytes=CACHE)
    runner = Runner(conninfo, listed(*reactions), writer, cache_bytes=CACHE)
    stop, raised = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            runner.run(stop)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield runner
    finally:
        stop.set()
        thread.join(20)
    if raised:
        raise raised[0]


def switch_of(conninfo: str, name: str) -> Switch:
    with psycopg.connect(conninfo) as conn:
        return switches(conn)[name]


def await_reaction(conninfo: str, name: str, *, accepted: int = 0, parked: int = 0) -> None:
    def came() -> bool:
        with psycopg.connect(conninfo) as conn:
            known = switches(conn).get(name)
        return known is not None and known.accepted >= accepted and known.parked >= parked

    eventually(came)
