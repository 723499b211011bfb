"""The memory of imports in the database: it moves with the commands, whatever becomes of them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from commands.handling import Answer, Contact
from consumers.files.importing import refusal
from consumers.files.memory import Credit, Note, Outcome, Rejected, Rejects, Sale, Sold, Step
from domain.errors import Conflict
from tests.infra.shop import Mark, context, writing
from verbs.import_memory import ImportMemory, Overtaken

AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
SALE = Sale("o-1", "c-1", AT, (("A", 5, 200), ("B", 1, 99)))
CREDIT = UUID(int=7)
UNSTORABLE = Contact(contact_id="c", name="\0")


def nothing(number: int, outcome: Outcome) -> Sequence[Note]:
    return ()


def step(
    command: object, number: int, noted: Callable[[int, Outcome], Sequence[Note]] = nothing
) -> Step:
    return Step((command, context(number)), [], 0, noted)


def memory_of(writer: Any, **given: Any) -> ImportMemory:
    return ImportMemory(writer, **{"channel": "web", "content": b"1", "file": "a.csv", **given})


def left_out(number: int) -> Callable[[int, Outcome], Sequence[Note]]:
    """As an import notes it: the line is left out when its command is refused."""
    command_id = context(number).command_id

    def noted(_: int, outcome: Outcome) -> Sequence[Note]:
        why = refusal(outcome)
        line = Rejected(number, *(why or ("", "")), "r", "A", 2, Decimal("0.5"), "EUR")
        return [Rejects(command_id, (line,))] if why else []

    return noted


def rows(conninfo: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(conninfo) as conn:
        return conn.execute(statement.encode()).fetchall()


def test_what_is_noted_is_known_to_the_next_import(ordinal_database: str) -> None:
    taken = (Sold("o-1", 1, 3, 200),)
    with writing(ordinal_database) as writer:
        first = memory_of(writer)
        assert first.sales("c-1") is None
        first.write([step(Mark(), 1, lambda *_: [SALE])], [Credit(CREDIT, taken)])
        later = memory_of(writer, content=b"2")
        known = later.sales("c-1") or ()
        assert [(line.sku, line.sold.quantity, line.left) for line in known] == [
            *(("A", 5, 2), ("B", 1, 1))
        ]
        assert known[0].at == AT
        assert later.credits([CREDIT, UUID(int=8)]) == {CREDIT: taken}
        assert later.sales("c-2") == []
        assert memory_of(writer, channel="other").sales("c-1") is None


def test_a_refusal_is_kept_until_its_command_is_accepted(ordinal_database: str) -> None:
    refused = step(Mark(fails=Conflict("no")), 1, left_out(1))
    with writing(ordinal_database) as writer:
        memory_of(writer).write([refused], [])
        again = memory_of(writer)
        assert [(w.code, str(w)) for w in again.refused([refused]).values()] == [("conflict", "no")]
        assert rows(ordinal_database, "SELECT line, code, value FROM read.import_rejects") == [
            (1, "conflict", Decimal("0.5"))
        ]
        anew = memory_of(writer, anew=True)
        assert anew.refused([refused]) == {}
        accepted = step(Mark(), 1, left_out(1))
        accepted.lifts = refused.asked[1].command_id in anew.left_out([context(1).command_id])
        anew.write([accepted], [])
        assert memory_of(writer).refused([refused]) == {}
    assert rows(ordinal_database, "SELECT * FROM read.import_rejects") == []


def test_a_command_that_cannot_be_stored_harms_itself_only(ordinal_database: str) -> None:
    steps = [
        step(Mark(), 1),
        step(Mark(keeps=UNSTORABLE), 2, left_out(2)),
        step(Mark(), 3, lambda *_: [SALE]),
    ]
    with writing(ordinal_database) as writer:
        memory = memory_of(writer)
        one, two, three = memory.write(steps, [Credit(CREDIT, (Sold("o-1", 2, 1, 99),))])
        assert isinstance(one, Answer)
        assert isinstance(three, Answer)
        assert refusal(two) is not None
        assert len(memory_of(writer).sales("c-1") or ()) == 2
    stored = "SELECT sum(quantity)::int FROM ordinal.import_credits"
    assert rows(ordinal_database, stored) == [(1,)]
    assert [
        line for line, *_ in rows(ordinal_database, "SELECT line FROM read.import_rejects")
    ] == [2]
    assert rows(ordinal_database, "SELECT done FROM ordinal.imports") == [(3,)]


def test_notes_without_commands_are_kept_too(ordinal_database: str) -> None:
    with writing(ordinal_database) as writer:
        memory_of(writer).write([], [SALE])
        assert memory_of(writer).sales("c-1")


def test_two_imports_of_one_file_do_not_overtake_each_other(ordinal_database: str) -> None:
    def meanwhile() -> None:
        with psycopg.connect(ordinal_database) as conn:
            conn.execute("UPDATE ordinal.imports SET done = done + 1")

    with writing(ordinal_database) as writer:
        memory = memory_of(writer)
        memory.write([step(Mark(), 1)], [])
        with pytest.raises(Overtaken, match="Another import"):
            memory.write([step(Mark(meanwhile=meanwhile), 2)], [])
    assert rows(ordinal_database, "SELECT done FROM ordinal.imports") == [(2,)]
