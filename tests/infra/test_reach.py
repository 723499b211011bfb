"""A reach is looked at before a repeat is known, and before a version is compared."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from commands.handling import Concern
from commands.order import ConfirmOrder
from domain.errors import StaleVersion, UnknownOrder
from infra.write_path.group_commit import Writer
from tests.infra.shop import do, log_of, open_shop, order, refused, writing


@dataclass(frozen=True)
class Channel:
    name: str

    def covers(self, concern: Concern) -> bool:
        return concern.channel == self.name


@pytest.fixture
def writer(ordinal_database: str) -> Iterator[Writer]:
    with writing(ordinal_database) as writer:
        open_shop(writer, units=5)
        yield writer


def test_a_repeat_from_out_of_reach_is_not_told_the_first_answer(writer: Writer) -> None:
    confirm = ConfirmOrder(order_id="o1")
    do(writer, order("o1"), 1)
    answer = do(writer, confirm, 2, reach=Channel("web"))
    for number in (2, 3):
        assert isinstance(refused(writer, confirm, number, reach=Channel("pos")), UnknownOrder)
    assert isinstance(refused(writer, order("o1"), 1, reach=Channel("pos")), UnknownOrder)
    again = do(writer, confirm, 2, reach=Channel("web"))
    assert (again.replayed, again.body) == (True, answer.body)


def test_a_version_is_not_told_to_whom_it_does_not_concern(
    writer: Writer, ordinal_database: str
) -> None:
    do(writer, order("o1"))
    confirm = ConfirmOrder(order_id="o1")
    foreign = refused(writer, confirm, expected_version=9, reach=Channel("pos"))
    missing = refused(
        writer, ConfirmOrder(order_id="none"), expected_version=9, reach=Channel("pos")
    )
    assert (type(foreign), str(foreign), foreign.details) == (  # type: ignore[attr-defined]
        type(missing),
        str(missing),
        missing.details,  # type: ignore[attr-defined]
    )
    stale = refused(writer, confirm, expected_version=9, reach=Channel("web"))
    assert isinstance(stale, StaleVersion)


def test_a_cold_writer_looks_before_it_answers(writer: Writer, ordinal_database: str) -> None:
    do(writer, order("o1"), 1)
    with writing(ordinal_database) as cold:
        assert isinstance(refused(cold, order("o1"), 1, reach=Channel("pos")), UnknownOrder)
        assert do(cold, order("o1"), 1, reach=Channel("web")).replayed
    assert len([row for row in log_of(ordinal_database) if row.stream_id == "order-o1"]) == 2
