"""This build is spoken to as `benchmarks/against_parts/dialect.py` says, on a server of its own."""

import os
import sys
from pathlib import Path

import pytest

from benchmarks.against_parts.builds import Build
from benchmarks.against_parts.dialect import THIS
from benchmarks.against_parts.importing import import_file
from benchmarks.against_parts.processes import (
    anonymous_bytes,
    processor_seconds,
    proportional_bytes,
    tree,
    working_in,
)
from benchmarks.against_parts.rounds import Failed
from benchmarks.against_parts.shop import deliver, opened
from benchmarks.against_parts.store import Store
from benchmarks.machines import ROOT

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def store(public_folder: Path) -> Store:
    return Store(Build("this", ROOT, Path(sys.executable), THIS), public_folder / "a")


def test_a_day_of_the_benchmarks_shop(store: Store) -> None:
    with opened(store, warm=20) as serving:
        began = serving.caller.log_end()
        deliver(serving.caller, 1, "delivered")
        assert serving.caller.log_end() > began
        assert import_file(store, 200, seed=1) > 0
        postgres = working_in(store.place)
        assert os.getpid() not in postgres
        assert not set(postgres) & set(tree(serving.pid))
        assert anonymous_bytes(postgres) > 0
        assert proportional_bytes(tree(serving.pid)) > 10_000_000
        assert processor_seconds(serving.pid) > 0
    store.run(*THIS.rebuild, *THIS.read_models)
    assert working_in(store.place) == []


def test_a_verb_that_fails_says_what_it_said(store: Store) -> None:
    store.place.mkdir()
    with pytest.raises(Failed, match="ordinal migrate"):
        store.run("status")
