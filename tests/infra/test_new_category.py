"""A program with one aggregate more: what CONTRIBUTING names is all that it takes."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.infra.sample_projection import Bytes, append, state_of

ROOT = Path(__file__).parents[2]
TOY = Path(__file__).parent / "toy"
ROOMS = ("domain", "commands", "projections", "consumers", "api", "infra", "verbs")
NEW_FILES = ("domain/gift_card.py", "commands/gift_card.py", "projections/gift_cards.py")
# File, what stands there, what stands there then.
NEW_LINES = (
    ("domain/categories.py", "    SOURCING,\n", "    SOURCING,\n    GIFT_CARDS,\n"),
    (
        "domain/categories.py",
        "from domain.order.category",
        "from domain.gift_card import GIFT_CARDS\nfrom domain.order.category",
    ),
    ("commands/__init__.py", "import fulfilment, ", "import fulfilment, gift_card, "),
    (
        "commands/__init__.py",
        "    **policy.HANDLERS,\n",
        "    **policy.HANDLERS,\n    **gift_card.HANDLERS,\n",
    ),
    (
        "projections/__init__.py",
        "from projections.inventory",
        "from projections.gift_cards import GIFT_CARDS\nfrom projections.inventory",
    ),
    ("projections/__init__.py", "    ORDER_STATUS,\n", "    GIFT_CARDS,\n    ORDER_STATUS,\n"),
)
STREAM = "giftcard-7"


class Program:
    """A copy of the program with the toy in it, told where its database and its broker are."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment, "PYTHONPATH": f"{folder}:{ROOT}"}

    def run(self, *arguments: str, fails: bool = False) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert bool(done.returncode) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def ordinal(self, *arguments: str, fails: bool = False) -> str:
        return self.run("-m", "main", *arguments, fails=fails)


def with_toy(folder: Path) -> None:
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "main.py", folder)
    for name in NEW_FILES:
        shutil.copy(TOY / f"{name}.txt", folder / name)
    for name, before, after in NEW_LINES:
        file = folder / name
        text = file.read_text()
        assert text.count(before) == 1, f"{name} has not one {before!r}"
        file.write_text(text.replace(before, after))


@pytest.fixture
def program(tmp_path: Path, ordinal_database: str, kafka: str, topic_prefix: str) -> Program:
    with_toy(tmp_path)
    environment = {
        "ORDINAL_DATABASE_URL": ordinal_database,
        "ORDINAL_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "ORDINAL_TOPIC_PREFIX": topic_prefix,
        "ORDINAL_TOPIC_PARTITIONS": "2",
    }
    return Program(tmp_path, environment)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_all_machines_take_it_from_the_list(
    program: Program, ordinal_database: str, kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    seen = json.loads(
        program.run(str(TOY / "use.py.txt"), ordinal_database, kafka, topic_prefix).splitlines()[-1]
    )
    assert seen["snapshots"] == [[STREAM, 12]]
    assert seen["rows"] == [["7", 35]]
    assert seen["balance"] == 35
    assert seen["published"].count("GiftCardLoaded") == 7
    assert ".events.giftcard" in seen["indexed"]

    assert '"balance": 35' in program.ordinal("state", STREAM)
    program.ordinal("verify")
    program.ordinal("rebuild", "gift_cards")
    with psycopg.connect(ordinal_database) as conn:
        assert conn.execute("SELECT * FROM read.gift_cards").fetchall() == [("7", 35)]
    schemas = program.ordinal("schemas", "--to", str(tmp_path / "schemas"))
    assert "events/GiftCardLoaded.v1.json" in schemas

    loss = state_of(STREAM, 15, None, type="GiftCardLoaded", data={"amount": -100})
    append(ordinal_database, [(STREAM, Bytes("GiftCardLoaded", loss))])
    assert "giftcard-7: its balance is -65" in program.ordinal("verify", fails=True)


def test_an_event_without_a_fold_stops_the_program(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "domain/gift_card.py"
    text = file.read_text()
    file.write_text(text.replace("    GiftCardShown: unchanged,\n", ""))
    assert "GiftCardShown must be an event and have a fold" in program.ordinal("status", fails=True)


def test_an_event_of_which_a_read_model_says_nothing_stops_the_program(
    program: Program, tmp_path: Path
) -> None:
    file = tmp_path / "projections/gift_cards.py"
    text = file.read_text()
    file.write_text(text.replace("    ignores=(GiftCardShown,),\n", ""))
    said = " ".join(program.ordinal("status", fails=True).split())
    assert re.search("gift_cards must fold or ignore each event .*: GiftCardShown", said)


def test_contributing_names_the_files_that_the_toy_touches() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`((?:domain|commands|projections)/[^`]*)`", text))
    touched = {*NEW_FILES, *(name for name, *_ in NEW_LINES)}
    for room in ("domain", "commands", "projections"):
        lists = {name for name in touched if name.startswith(room) and name not in NEW_FILES}
        assert lists <= told, f"CONTRIBUTING does not name {lists - told}"
        assert f"{room}/<" in text
