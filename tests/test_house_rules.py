"""House rules that ruff, mypy and import-linter cannot see, each with a breach it must find."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

import pytest

from domain.history import EVENTS
from main import VERBS

ROOT = Path(__file__).parent.parent
PURE_ROOMS = ("domain", "commands", "projections")
# Time, chance and the terminal stay with the machines and the front door, which hand them in.
INNER_ROOMS = (*PURE_ROOMS, "consumers", "api")
CLOCKS_AND_DICE = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("uuid", "uuid1"),
    ("uuid", "uuid4"),
}
IMPURE_NAMES = {"now", "utcnow", "today", "uuid1", "uuid4", "print"}
# Written in two halves, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.~$})/-])/(?:work|root|home|Users|private|farm)/[\w.]")
REGISTRY = re.compile(r"py" + r"pi\.org|python" + r"hosted\.org|ma" + r"ven\.org|np" + r"mjs\.")
LINE_RULES = {"unfinished": UNFINISHED, "machine path": MACHINE_PATH, "registry host": REGISTRY}

Finding = str
Checker = Callable[[str], list[Finding]]


def impure(source: str) -> list[Finding]:
    """Every clock, die and print that this source reaches for."""
    found = (_impurity(node) for node in ast.walk(ast.parse(source)))
    return [finding for finding in found if finding]


def _impurity(node: ast.AST) -> Finding | None:
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in IMPURE_NAMES:
            return f"{node.lineno}: calls {name}()"
        case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=name) if (
            owner,
            name,
        ) in CLOCKS_AND_DICE:
            return f"{node.lineno}: uses {owner}.{name}"
        case ast.ImportFrom(module=module, names=names) if any(
            (module, alias.name) in CLOCKS_AND_DICE for alias in names
        ):
            return f"{node.lineno}: imports a clock or a die from {module}"
        case ast.Import() | ast.ImportFrom() if "random" in _imported(node):
            return f"{node.lineno}: imports random"
    return None


def foreign_imports(source: str) -> list[Finding]:
    """Every import that is neither the standard library nor a pure room."""
    allowed = {*sys.stdlib_module_names, *PURE_ROOMS}
    return [
        f"{node.lineno}: imports {name}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in _imported(node)
        if name not in allowed
    ]


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    names = (
        [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
    )
    return [name.partition(".")[0] for name in names]


def bad_lines(source: str) -> list[Finding]:
    """Every line with a word of unfinished work, a path of one machine or a registry's host."""
    return [
        f"{number}: {rule}: {line.strip()}"
        for number, line in enumerate(source.splitlines(), start=1)
        for rule, pattern in LINE_RULES.items()
        if pattern.search(line)
    ]


def event_faults(name: str, event: type) -> list[Finding]:
    """What keeps this class from being an event as the house writes them."""
    if not is_dataclass(event):
        return [f"{name}: is no dataclass"]
    promises = {
        "is stored under its class name": event.__name__ == name,
        "is frozen": vars(event)["__dataclass_params__"].frozen,
        "has slots": "__slots__" in vars(event),
        "takes keywords only": all(field.kw_only for field in fields(event)),
        # A dataclass without a docstring gets its own signature as one.
        "says what it means": not (event.__doc__ or f"{name}(").startswith(f"{name}("),
    }
    return [f"{name}: not so: {promise}" for promise, kept in promises.items() if not kept]


def in_rooms(rooms: tuple[str, ...], checker: Checker) -> list[Finding]:
    paths = sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))
    return [f"{path.relative_to(ROOT)}:{found}" for path in paths for found in checker(_text(path))]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def tracked_text_files() -> Iterator[tuple[str, str]]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listing.stdout.decode().split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            yield name, content.decode(errors="replace")


def test_inner_rooms_touch_no_clock_no_chance_and_no_terminal() -> None:
    assert in_rooms(INNER_ROOMS, impure) == []


def test_pure_rooms_import_the_standard_library_only() -> None:
    assert in_rooms(PURE_ROOMS, foreign_imports) == []


def test_events_are_frozen_slotted_keyword_only_and_explained() -> None:
    assert EVENTS
    assert [fault for name, event in EVENTS.items() for fault in event_faults(name, event)] == []


def test_no_file_is_unfinished_or_knows_the_machine_it_was_written_on() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is no telling which files are the project's")
    found = [f"{name}:{line}" for name, text in tracked_text_files() for line in bad_lines(text)]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "placed_at = datetime.now(UTC)",
        "placed_at = datetime.datetime.utcnow()",
        "day = date.today()",
        "field(default_factory=uuid.uuid4)",
        "from uuid import uuid4",
        "from uuid import UUID, uuid1 as new_id",
        "order_id = uuid4()",
        "import random",
        "from random import choice",
        "started = time.time()",
        "from time import time",
        "print(order)",
    ],
)
def test_impurity_is_seen(source: str) -> None:
    assert impure(source) != []


@pytest.mark.parametrize(
    "source",
    [
        "def place(order: Order, *, now: datetime) -> list[OrderEvent]: return [at(now)]",
        "from uuid import UUID, uuid5",
        "from datetime import date, time",
        "took = monotonic() - started",
    ],
)
def test_what_is_handed_in_is_no_impurity(source: str) -> None:
    assert impure(source) == []


@pytest.mark.parametrize(
    "source", ["import psycopg", "from msgspec.json import encode", "import infra"]
)
def test_a_foreign_import_is_seen(source: str) -> None:
    assert foreign_imports(source) != []


def test_the_standard_library_and_the_pure_rooms_are_no_foreign_imports() -> None:
    assert foreign_imports("import uuid, domain.order\nfrom commands.handling import Receipt") == []


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("unfinished", "# TO" + "DO: later"),
        ("unfinished", "# FIX" + "ME"),
        ("machine path", "see /wo" + "rk/main/notes"),
        ("machine path", "cache = '/ro" + "ot/.cache'"),
        ("machine path", "/ho" + "me/ada/ordinal"),
        ("registry host", "index-url = https://py" + "pi.org/simple"),
    ],
)
def test_a_bad_line_is_seen(rule: str, line: str) -> None:
    assert bad_lines(f"fine\n{line}\n") == [f"2: {rule}: {line}"]


@pytest.mark.parametrize(
    "line", ["GET /v1/orders/42", "net/wo" + "rk/flow", "$(X)/ro" + "ot/y", "a todo list"]
)
def test_a_harmless_line_is_left_alone(line: str) -> None:
    assert bad_lines(line) == []


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWrapped:
    """The order was wrapped as a present."""

    ribbon: str


@dataclass(slots=True, kw_only=True)
class OrderThawed:
    """Lacks frozen."""

    degrees: int


@dataclass(frozen=True, kw_only=True)
class OrderLoosened:
    """Lacks slots."""

    degrees: int


@dataclass(frozen=True, slots=True)
class OrderShuffled:
    """Lacks keywords."""

    degrees: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMuted:
    degrees: int


class OrderUntyped:
    """Lacks the dataclass."""


def test_an_event_as_the_house_writes_them_has_no_fault() -> None:
    assert event_faults("OrderWrapped", OrderWrapped) == []


@pytest.mark.parametrize(
    ("name", "event", "fault"),
    [
        ("OrderPacked", OrderWrapped, "stored under its class name"),
        ("OrderThawed", OrderThawed, "frozen"),
        ("OrderLoosened", OrderLoosened, "slots"),
        ("OrderShuffled", OrderShuffled, "keywords only"),
        ("OrderMuted", OrderMuted, "says what it means"),
        ("OrderUntyped", OrderUntyped, "no dataclass"),
    ],
)
def test_a_fault_in_an_event_is_seen(name: str, event: type, fault: str) -> None:
    (found,) = event_faults(name, event)
    assert fault in found


def loads_a_web_framework(modules: list[str]) -> bool:
    """Whether a program that imports these has one in it."""
    frameworks = "not {'fastapi', 'uvicorn'}.isdisjoint(sys.modules)"
    look = f"import sys, {', '.join(modules)}; print({frameworks})"
    found = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return found.stdout.strip() == "True"


def test_no_verb_but_those_about_the_api_loads_a_web_framework() -> None:
    others = [file for verb, file in VERBS.items() if verb not in ("serve", "access")]
    assert not loads_a_web_framework(["main", "verbs.expected_errors", *others])
    assert loads_a_web_framework([VERBS["serve"]])


def test_every_verb_has_a_file_and_loads_no_other() -> None:
    assert len(set(VERBS.values())) == len(VERBS)
    look = "import sys, main; print(sorted(set(main.VERBS.values()) & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
