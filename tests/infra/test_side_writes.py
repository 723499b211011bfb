"""What moves with commands: all of it or nothing, and never from where somebody else stands."""

from collections.abc import Sequence
from functools import partial
from hashlib import sha256

import psycopg
import pytest

from commands.handling import Answer
from domain.errors import InsufficientStock
from infra.write_path.append_batch import CommandRequest
from infra.write_path.group_commit import BatchRefused
from infra.write_path.side_writes import (
    ImportProgress,
    Refusal,
    SideWrite,
    Step,
    StepTaken,
)
from tests.infra.shop import Mark, ask, log_of, writing

REFUSALS = "SELECT command_id, code, why FROM ordinal.import_refusals"
FILE = sha256(b"a file").digest()


def test_a_step_is_taken_once(ordinal_database: str) -> None:
    def taking(before: Step, after: Step) -> list[SideWrite]:
        return [StepTaken("filler", before, after)]

    with writing(ordinal_database) as writer:
        writer.write([ask(Mark())], lambda _: taking(Step(0, 0), Step(7, 100)))
        writer.write([], lambda _: taking(Step(7, 100), Step(8, 0)))
        for stale in (Step(0, 0), Step(7, 100), Step(9, 0)):
            with pytest.raises(BatchRefused):
                writer.write([ask(Mark())], partial(lambda at, _: taking(at, Step(10, 0)), stale))
    with psycopg.connect(ordinal_database) as conn:
        assert conn.execute("SELECT * FROM ordinal.steps").fetchall() == [("filler", 8, 0)]
    assert len(log_of(ordinal_database)) == 1


def test_nobody_begins_where_nobody_has_been(ordinal_database: str) -> None:
    with writing(ordinal_database) as writer, pytest.raises(BatchRefused):
        writer.write([], lambda _: [StepTaken("filler", Step(5, 0), Step(6, 0))])


def progress(done: Sequence[CommandRequest], before: int) -> list[SideWrite]:
    refusals = [
        Refusal(each.key, type(each.outcome).__name__, str(each.outcome))
        for each in done
        if not isinstance(each.outcome, Answer)
    ]
    mended = [each.key for each in done if isinstance(each.outcome, Answer)]
    return [ImportProgress(FILE, "a.csv", before, before + len(done), refusals, mended)]


def test_an_import_keeps_how_far_it_came_and_what_was_refused(ordinal_database: str) -> None:
    refused, good = ask(Mark(fails=InsufficientStock()), 1), ask(Mark(), 2)
    with writing(ordinal_database) as writer:
        writer.write([refused, good], lambda done: progress(done, 0))
        with pytest.raises(BatchRefused):
            writer.write([ask(Mark(), 3)], lambda done: progress(done, 0))
    with psycopg.connect(ordinal_database) as conn:
        assert conn.execute("SELECT content, done FROM ordinal.imports").fetchall() == [(FILE, 2)]
        told = ("InsufficientStock", str(refused.outcome))
        assert conn.execute(REFUSALS).fetchall() == [(refused.context.command_id, *told)]
    with writing(ordinal_database) as writer:
        writer.write([ask(Mark(), 1)], lambda done: progress(done, 2))
    with psycopg.connect(ordinal_database) as conn:
        assert conn.execute(REFUSALS).fetchall() == []
    assert len(log_of(ordinal_database)) == 2
