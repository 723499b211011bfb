"""Statements in one round trip: their answers, their errors, and what is left behind."""

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGresult

from infra.postgres.binary_arrays import integer, to_integer
from infra.postgres.connections import connect_writer
from infra.postgres.pipeline import BEGIN, COMMIT, Pipeline, statement
from tests.infra.proxy import postgres_proxy

DOUBLE = statement("double", "SELECT 2 * $1::bigint")
HALVE = statement("halve", "SELECT 100 / $1::bigint")
ECHO = statement("echo", "SELECT $1::bytea")


@pytest.fixture
def line(ordinal_database: str) -> Iterator[Pipeline]:
    with connect_writer(ordinal_database) as conn:
        yield Pipeline(conn)


def number(answer: PGresult) -> int:
    return to_integer(answer.get_value(0, 0) or b"")


def test_every_statement_has_its_answer_in_order(line: Pipeline) -> None:
    for _ in range(2):
        for value in range(20):
            line.send(DOUBLE if value % 2 else HALVE, integer(value or 50))
        answers = [number(answer) for answer in line.results()]
        assert answers == [2 * n if n % 2 else 100 // (n or 50) for n in range(20)]


def test_a_statement_is_prepared_once(line: Pipeline) -> None:
    for value in range(5):
        line.send(DOUBLE, integer(value))
        line.results()
    row = line.quiet().execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
    assert row == (1,)


def test_nothing_is_a_value_too(line: Pipeline) -> None:
    line.send(DOUBLE, None)
    (answer,) = line.results()
    assert answer.get_value(0, 0) is None


def test_the_first_error_is_raised_and_the_line_can_go_on(line: Pipeline) -> None:
    line.send(BEGIN)
    line.send(HALVE, integer(0))
    line.send(DOUBLE, integer(1))
    line.send(COMMIT)
    with pytest.raises(psycopg.errors.DivisionByZero):
        line.results()
    line.roll_back()
    assert line.conn.info.transaction_status is TransactionStatus.IDLE
    line.send(DOUBLE, integer(21))
    assert [number(answer) for answer in line.results()] == [42]


def test_what_was_handed_over_is_answered_with_the_rest(line: Pipeline) -> None:
    line.send(BEGIN)
    line.send(DOUBLE, integer(1))
    line.hand_over()
    line.send(DOUBLE, integer(2))
    line.send(COMMIT)
    answers = line.results()
    assert [number(answer) for answer in answers[1:3]] == [2, 4]


def test_a_line_that_is_given_up_keeps_no_transaction(line: Pipeline) -> None:
    line.send(BEGIN)
    line.send(DOUBLE, integer(1))
    line.hand_over()
    line.send(HALVE, integer(0))
    line.roll_back()
    assert line.conn.info.transaction_status is TransactionStatus.IDLE


def test_both_sides_may_say_more_than_the_line_holds(line: Pipeline) -> None:
    """Neither waits for the other to listen first."""
    big = bytes(4_000_000)
    for _ in range(4):
        line.send(ECHO, big)
    assert [len(answer.get_value(0, 0) or b"") for answer in line.results()] == [4_000_000] * 4


def test_a_line_that_broke_says_so(line: Pipeline, ordinal_database: str) -> None:
    line.send(DOUBLE, integer(1))
    line.results()
    with psycopg.connect(ordinal_database) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (line.conn.info.backend_pid,))
    line.send(DOUBLE, integer(1))
    with pytest.raises(psycopg.OperationalError):
        line.results()
    assert line.broken


def test_a_lost_answer_ends_the_wait(ordinal_database: str, public_folder: Path) -> None:
    with postgres_proxy(ordinal_database, public_folder) as (proxy, conninfo):
        conn = connect_writer(conninfo)
        conn.silence = 0.3
        line = Pipeline(conn)
        line.send(DOUBLE, integer(1))
        line.results()
        proxy.swallow()
        line.send(DOUBLE, integer(1))
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="silent"):
            line.results()
        assert time.monotonic() - began < 2
        assert line.broken
