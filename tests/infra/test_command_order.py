"""Commands are carried out in the order in which they came: as if each were written alone.

Whatever a batch lacks, whatever is refused on the way, and wherever a process is killed.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands.handling import Answer, Context
from commands.order import CancelLines, CancelOrder, ConfirmOrder
from commands.stock import AdjustStock, CountStock, ReceiveStock, ReserveStock
from domain.errors import OrdinalError
from domain.values import LineQuantity
from infra.store.envelope import envelope
from infra.write_path.append_batch import CommandRequest
from infra.write_path.command_bus import CommandBus
from infra.write_path.group_commit import Writer
from infra.write_path.side_writes import ImportProgress, SideWrite
from tests.infra.shop import LOCATION, in_a_moment, log_of, open_shop, order, writing

SKUS = ("A", "B", "C")
FILE = b"sha-256 of the file"
ORDERS = [f"o{number}" for number in range(6)]
COMMANDS = st.lists(
    st.one_of(
        st.builds(
            lambda name, skus, quantity, waits: order(
                name, *skus, quantity=quantity, shortage="backorder" if waits else "reject"
            ),
            st.sampled_from(ORDERS),
            st.lists(st.sampled_from(SKUS), min_size=1, max_size=2),
            st.integers(1, 4),
            st.booleans(),
        ),
        st.builds(CancelOrder, order_id=st.sampled_from(ORDERS), reason=st.just("r")),
        st.builds(ConfirmOrder, order_id=st.sampled_from(ORDERS)),
        st.builds(
            CancelLines,
            order_id=st.sampled_from(ORDERS),
            lines=st.just((LineQuantity(line=1, quantity=1),)),
            reason=st.just("r"),
        ),
        st.builds(
            ReceiveStock,
            location=st.just(LOCATION),
            sku=st.sampled_from(SKUS),
            quantity=st.integers(1, 5),
            document=st.just("d"),
        ),
        st.builds(
            AdjustStock,
            location=st.just(LOCATION),
            sku=st.sampled_from(SKUS),
            delta=st.integers(-3, 3),
            reason=st.just("found"),
        ),
        st.builds(
            CountStock,
            location=st.just(LOCATION),
            sku=st.sampled_from(SKUS),
            counted=st.integers(0, 4),
        ),
        st.builds(
            ReserveStock,
            location=st.just(LOCATION),
            sku=st.sampled_from(SKUS),
            reservation_id=st.just("r1"),
            owner=st.just("cart"),
            quantity=st.integers(1, 2),
            expires_at=st.just(in_a_moment(3600)),
        ),
    ),
    min_size=1,
    max_size=30,
)
ONE_STORE_EACH = [HealthCheck.function_scoped_fixture]
Outcomes = list[object]
FreshStore = Callable[[], AbstractContextManager[str]]


def asks_of(commands: Sequence[object]) -> list[CommandRequest]:
    return [
        CommandRequest(
            command,
            Context(command_id=UUID(int=number), actor="a", correlation_id="c", fingerprint=b"f"),
        )
        for number, command in enumerate(commands, start=10**6)
    ]


def said(ask: CommandRequest) -> object:
    """What the caller was told, without positions: those may be burned."""
    match ask.outcome:
        case Answer(receipt=receipt):
            return (receipt.id, receipt.outcome, receipt.changed, receipt.version)
        case OrdinalError() as error:
            return (type(error).__name__, str(error), dict(error.details))
    return ask.outcome


def one_by_one(conninfo: str, commands: Sequence[object]) -> Outcomes:
    asks = asks_of(commands)
    with writing(conninfo) as writer:
        for each in asks:
            writer.write([each])
    return [said(each) for each in asks]


def in_one_batch(conninfo: str, commands: Sequence[object]) -> Outcomes:
    asks = asks_of(commands)
    with writing(conninfo) as writer:
        writer.write(asks)
    return [said(each) for each in asks]


def with_no_room_in_memory(conninfo: str, commands: Sequence[object]) -> Outcomes:
    asks = asks_of(commands)
    with writing(conninfo, cache_bytes=1) as writer:
        for start in range(0, len(asks), 7):
            writer.write(asks[start : start + 7])
    return [said(each) for each in asks]


def through_the_bus(conninfo: str, commands: Sequence[object]) -> Outcomes:
    async def submit(writer: Writer) -> Outcomes:
        bus = CommandBus(writer, answer_timeout=30, queue_limit=1_000)
        await bus.start()
        asks = asks_of(commands)
        waiting = [asyncio.ensure_future(bus.submit(a.command, a.context)) for a in asks]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        await bus.stop()
        for each, outcome in zip(asks, outcomes, strict=True):
            each.outcome = outcome  # type: ignore[assignment]
        return [said(each) for each in asks]

    with writing(conninfo) as writer:
        return asyncio.run(submit(writer))


class Killed(BaseException):
    """The process ends here."""


def killed_and_resumed(conninfo: str, commands: Sequence[object]) -> Outcomes:
    """An import that is killed again and again, before a commit or between two, and goes on from
    the progress that is kept with its commands.
    """
    dice, told = random.Random(len(commands)), dict[int, object]()
    while (done := done_of(conninfo)) < len(commands):
        asks = asks_of(commands)[done : done + dice.randint(1, 12)]
        with suppress(Killed), writing(conninfo) as writer:
            writer.write(asks, partial(moving, dice, done, asks))
        for number, each in enumerate(asks, start=done):
            if each.outcome is not None:
                told[number] = said(each)
    return [told[number] for number in range(len(commands))]


def moving(
    dice: random.Random, done: int, asks: Sequence[CommandRequest], part: Sequence[CommandRequest]
) -> list[SideWrite]:
    if dice.random() < 0.4:
        raise Killed
    before = done + next(n for n, each in enumerate(asks) if each is part[0])
    return [ImportProgress(FILE, "orders.csv", before, before + len(part))]


def done_of(conninfo: str) -> int:
    with psycopg.connect(conninfo) as conn:
        row = conn.execute("SELECT done FROM ordinal.imports").fetchone()
    return row[0] if row else 0


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "way", [in_one_batch, with_no_room_in_memory, through_the_bus, killed_and_resumed]
)
def test_many_together_are_as_one_by_one(
    way: Callable[[str, Sequence[object]], Outcomes], fresh_store: FreshStore
) -> None:
    @given(COMMANDS)
    @settings(
        max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def law(commands: list[object]) -> None:
        found = []
        for each in (one_by_one, way):
            with fresh_store() as conninfo:
                with writing(conninfo) as writer:
                    open_shop(writer, SKUS, units=3, backorders=None)
                found.append((each(conninfo, commands), facts(conninfo)))
        assert found[1] == found[0]

    law()


def facts(conninfo: str) -> list[tuple[str, int, str]]:
    return [
        (row.stream_id, row.stream_version, envelope(row.state).type) for row in log_of(conninfo)
    ]
