"""The table of faults says what is there."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults

TESTS = Path(__file__).parents[1]
MATRIX = (Path(__file__).parent / "README.md").read_text()


def defined(pattern: str) -> set[str]:
    return {
        name
        for file in TESTS.glob(pattern)
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }


def test_every_test_that_is_named_exists() -> None:
    assert set(re.findall(r"`(test_\w+)`", MATRIX)) <= defined("*/test_*.py")


def test_every_teeth_check_is_named() -> None:
    teeth = {name for name in defined("faults/test_*.py") if name.startswith("test_teeth_")}
    assert teeth <= set(re.findall(r"`(test_\w+)`", MATRIX))


def test_every_file_that_is_named_exists() -> None:
    for name in re.findall(r"`(?:tests/)([\w/]+\.py)`", MATRIX):
        assert (TESTS / name).is_file(), name
