"""Several writers on one log, as several processes are: nobody loses, nobody sells twice."""

import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from commands.handling import Answer
from domain.errors import InsufficientStock, StaleVersion
from infra.write_path.append_batch import CommandRequest
from infra.write_path.group_commit import Writer
from tests.infra.shop import (
    BIG_CACHE,
    STOCK,
    Mark,
    accepted,
    ask,
    check_log,
    do,
    insert_by_hand,
    open_shop,
    order,
    receive,
    refused,
    stock_of,
    versions,
    writing,
)

ROOT = Path(__file__).parents[2]
WRITERS = 4

ANOTHER_PROCESS = """
import sys
from tests.infra.shop import Mark, do, writing
with writing(sys.argv[1]) as writer:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(20):
        print(do(writer, Mark(), number).body.decode())
"""


@pytest.fixture
def writers(ordinal_database: str) -> Iterator[list[Writer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(writing(ordinal_database)) for _ in range(WRITERS)]


def at_once(writers: Sequence[Writer], work: Callable[[Writer], None]) -> None:
    """Each writer in a thread of its own, all starting together; the first error is ours."""
    barrier, errors = threading.Barrier(len(writers)), []

    def run(writer: Writer) -> None:
        barrier.wait(5)
        try:
            work(writer)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    if errors:
        raise errors[0]


def write_all(writers: Sequence[Writer], asks: Sequence[CommandRequest], batch: int) -> None:
    """Deal the asks out to the writers, who carry them out in batches at the same time."""
    shares = {writer: list(asks[n :: len(writers)]) for n, writer in enumerate(writers)}

    def work(writer: Writer) -> None:
        share = shares[writer]
        for start in range(0, len(share), batch):
            writer.write(share[start : start + batch])

    at_once(writers, work)


@pytest.mark.parametrize("cache_bytes", [BIG_CACHE, 1], ids=["cached", "nothing cached"])
def test_versions_stay_contiguous_whoever_appends(cache_bytes: int, ordinal_database: str) -> None:
    streams = [f"stock-X-{n}" for n in range(5)]
    dice = random.Random(1)
    asks = [ask(Mark(streams=tuple(dice.sample(streams, 2)))) for _ in range(400)]
    with ExitStack() as stack:
        writers = [
            stack.enter_context(writing(ordinal_database, cache_bytes=cache_bytes))
            for _ in range(WRITERS)
        ]
        write_all(writers, asks, batch=5)
    rows = check_log(ordinal_database)
    assert len(rows) == 800
    for each in asks:
        answer = accepted(each)
        own = rows[[row.position for row in rows].index(answer.receipt.position)]
        assert own.stream_id == each.command.streams[1]
        assert answer.receipt.stream_id == each.command.streams[0]
    assert sum(stock_of(ordinal_database, name).on_hand for name in streams) == 800


def test_as_many_buyers_are_accepted_as_there_are_units(
    writers: list[Writer], ordinal_database: str
) -> None:
    open_shop(writers[0], units=40)
    buyers = [ask(order(f"o{n}")) for n in range(100)]
    write_all(writers, buyers, batch=3)
    lucky = [each for each in buyers if isinstance(each.outcome, Answer)]
    assert len(lucky) == 40
    assert all(isinstance(b.outcome, InsufficientStock) for b in buyers if b not in lucky)
    item = stock_of(ordinal_database)
    assert (item.on_hand, item.allocated, len(item.allocations)) == (40, 40, 40)
    stored = {name for name in versions(check_log(ordinal_database)) if name.startswith("order")}
    assert stored == {accepted(each).receipt.stream_id for each in lucky}


def test_of_twenty_writers_that_saw_one_version_only_one_goes_through(
    writers: list[Writer], ordinal_database: str
) -> None:
    do(writers[0], Mark())
    asks = [ask(Mark(), expected_version=1) for _ in range(20)]
    write_all(writers, asks, batch=1)
    outcomes = [type(each.outcome) for each in asks]
    assert (outcomes.count(Answer), outcomes.count(StaleVersion)) == (1, 19)
    assert versions(check_log(ordinal_database)) == {STOCK: [1, 2]}


def test_one_key_has_one_effect_and_one_answer_wherever_it_arrives(
    writers: list[Writer], ordinal_database: str
) -> None:
    asks = [ask(Mark(document=str(n % 10)), n % 10) for n in range(200)]
    write_all(writers, asks, batch=7)
    for number in range(10):
        same = [accepted(each) for each in asks[number::10]]
        assert len({answer.body for answer in same}) == 1
        assert [answer.replayed for answer in same].count(False) == 1
    assert len(check_log(ordinal_database)) == 10


def test_one_key_has_one_effect_in_several_processes(ordinal_database: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ANOTHER_PROCESS, ordinal_database],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    bodies = [process.communicate(timeout=30)[0].splitlines() for process in processes]
    assert bodies[0] == bodies[1] == bodies[2]
    assert len(set(bodies[0])) == len(check_log(ordinal_database)) == 20


def test_what_others_appended_is_seen_before_anything_is_decided(
    writers: list[Writer], ordinal_database: str
) -> None:
    first, second, *_ = writers
    open_shop(first, units=1)
    do(second, order("o1"))
    assert isinstance(refused(first, order("o2")), InsufficientStock)
    receive(second, 1)
    do(first, order("o2"))
    insert_by_hand(ordinal_database, STOCK, stock_version(ordinal_database) + 1)
    do(second, order("o3"))
    item = stock_of(ordinal_database)
    assert (item.on_hand, item.allocated) == (3, 3)


def stock_version(conninfo: str) -> int:
    return len(versions(check_log(conninfo))[STOCK])
