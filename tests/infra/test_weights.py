"""A transaction works on so many streams and no more; whoever asks for more alone is refused."""

import time
from collections.abc import Iterator, Sequence

import pytest

from commands.location import RegisterLocation
from domain.errors import TooManyCandidates
from infra.write_path import needs
from infra.write_path.append_batch import CommandRequest
from infra.write_path.group_commit import Writer
from infra.write_path.side_writes import SideWrite
from tests.infra.shop import Mark, accepted, ask, do, order, refused, writing


@pytest.fixture
def writer(ordinal_database: str) -> Iterator[Writer]:
    with writing(ordinal_database) as writer:
        yield writer


def test_an_order_of_2000_items_at_200_locations_is_refused_and_delays_nobody(
    writer: Writer,
) -> None:
    for number in range(200):
        do(writer, RegisterLocation(location=f"L{number}", country="GB"))
    began = time.monotonic()
    large = order("large", *(f"S{number}" for number in range(2_000)))
    asks = [ask(Mark()), ask(large), ask(Mark())]
    writer.write(asks)
    assert time.monotonic() - began < 1
    assert isinstance(asks[1].outcome, TooManyCandidates)
    assert asks[1].outcome.details == {"most": needs.STREAMS_TOGETHER}
    assert [accepted(asks[n]).receipt.version for n in (0, 2)] == [1, 2]
    assert len(writer._cache) < 10


def test_a_batch_that_needs_more_is_cut(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "STREAMS_TOGETHER", 10)
    asks = [ask(Mark(reads=tuple(f"stock-X-{n}-{each}" for each in range(7)))) for n in range(5)]
    parts: list[int] = []

    def noted(done: Sequence[CommandRequest]) -> list[SideWrite]:
        parts.append(len(done))
        return []

    writer.write(asks, noted)
    assert parts == [1] * 5
    assert [accepted(each).receipt.version for each in asks] == [1, 2, 3, 4, 5]
    assert isinstance(
        refused(writer, Mark(reads=tuple(f"stock-X-{n}" for n in range(11)))), TooManyCandidates
    )
