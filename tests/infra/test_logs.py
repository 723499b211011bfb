"""Lines of one moment are what each of them alone would be."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from infra.runtime import logs
from infra.runtime.settings import Settings

ROWS: list[dict[str, object]] = [{"kind": "PlaceOrder", "ms": 1.5}, {"kind": "Ä", "why": 'a "b"'}]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    logs._Lines.out = None


def told(**given: Any) -> tuple[list[str], list[str]]:
    """What is written for lines of one moment, and for the same ones by one."""
    said = []
    for at_once in (True, False):
        out = io.TextIOWrapper(io.BytesIO(), write_through=True)
        settings = Settings(database_url=SecretStr("embedded"), **given)
        logs.configure_logging(settings, stream=out)
        log = structlog.get_logger("bus")
        if at_once:
            logs.log_each(log, "command", ROWS)
        else:
            for row in ROWS:
                log.info("command", **row)
        said.append(out.buffer.getvalue().decode().splitlines())
    return said[0], said[1]


def test_lines_of_one_moment_are_what_each_alone_would_be() -> None:
    at_once, by_one = ([json.loads(line) for line in lines] for lines in told(log_level="info"))
    assert [line.keys() for line in at_once] == [line.keys() for line in by_one]
    for mine, other in zip(at_once, by_one, strict=True):
        assert mine.pop("timestamp")[:16] == other.pop("timestamp")[:16]
        assert mine == other
    assert at_once[1]["why"] == 'a "b"'


def test_what_is_not_shown_is_not_written() -> None:
    assert told(log_level="warning") == ([], [])


def test_people_read_them_as_they_read_others() -> None:
    at_once, by_one = told(log_level="info", log_format="console")
    assert [line[40:] for line in at_once] == [line[40:] for line in by_one] != []
