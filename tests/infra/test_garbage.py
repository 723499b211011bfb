"""The collector of a process that must not pause: short passes only, and nothing kept for ever."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from infra.runtime.garbage import (
    AT_LATEST_SECONDS,
    BETWEEN_SECONDS,
    QUIET_SECONDS,
    YOUNG,
    SteadyCollector,
)


class Kept:
    """Something that may hold itself."""

    def __init__(self) -> None:
        self.own: object = None


@pytest.fixture
def passes() -> Iterator[list[int]]:
    """The generations that are looked through."""
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            seen.append(info["generation"])

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


@pytest.fixture
def collector(passes: list[int]) -> Iterator[SteadyCollector]:
    steady = SteadyCollector()
    before = gc.get_threshold()
    steady.start()
    passes.clear()
    yield steady
    steady.stop()
    assert gc.get_threshold() == before


def work(rounds: int) -> list[list[int]]:
    """What is made and kept by so many passes over the young, and somewhat more."""
    return [[number] for number in range(rounds * (YOUNG + 1))]


def old_cycle() -> "weakref.ref[Kept]":
    """A cycle that nobody knows any more, but that was in use during a pass."""
    kept = Kept()
    kept.own = kept
    work(3)
    return weakref.ref(kept)


def test_what_is_kept_is_looked_through_once(collector: SteadyCollector, passes: list[int]) -> None:
    kept = work(20)
    assert set(passes) == {0}
    assert len(gc.get_objects(0)) < 2 * YOUNG < len(kept)


def test_what_was_there_before_is_never_looked_through(collector: SteadyCollector) -> None:
    """Forked processes share it as long as nobody writes to it, and a pass does."""
    frozen = gc.get_freeze_count()
    work(3)
    assert collector.tick(collector._all_at + AT_LATEST_SECONDS, busy=True)
    assert frozen > 0
    assert gc.get_freeze_count() == frozen


def test_a_cycle_that_outlived_a_pass_is_freed_when_all_rests(collector: SteadyCollector) -> None:
    cycle = old_cycle()
    gc.collect(0)
    assert cycle() is not None
    now = collector._all_at
    assert not collector.tick(now + BETWEEN_SECONDS, busy=True)
    assert not collector.tick(now + BETWEEN_SECONDS + QUIET_SECONDS - 0.1, busy=False)
    assert collector.tick(now + BETWEEN_SECONDS + QUIET_SECONDS, busy=False)
    assert cycle() is None


def test_without_any_rest_it_is_freed_at_the_latest(collector: SteadyCollector) -> None:
    cycle = old_cycle()
    now = collector._all_at
    assert not collector.tick(now + AT_LATEST_SECONDS - 1, busy=True)
    assert collector.tick(now + AT_LATEST_SECONDS, busy=True)
    assert cycle() is None


def test_who_has_nothing_to_free_does_not_look(collector: SteadyCollector) -> None:
    old_cycle()
    now = collector._all_at
    assert collector.tick(now + 100, busy=False)
    assert not collector.tick(now + 1_000, busy=False)
