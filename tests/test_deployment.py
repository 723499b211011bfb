"""What runs in containers is what runs here, and nothing is set that nobody reads."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from infra.runtime.settings import Settings

ROOT = Path(__file__).parent.parent
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
)["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "ordinal"}


def known_variables() -> set[str]:
    return {f"ORDINAL_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("name", OURS)
def test_every_container_runs_a_verb_of_the_command_line(name: str) -> None:
    ordinal = Path(sys.executable).with_name("ordinal")
    asked = subprocess.run(
        [ordinal, *OURS[name]["command"], "--help"], capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stderr


@pytest.mark.parametrize("name", OURS)
def test_every_container_sets_what_the_program_reads(name: str) -> None:
    assert OURS[name]["environment"].keys() <= known_variables() | {"PGPASSWORD"}


@pytest.mark.parametrize("name", OURS)
def test_a_password_may_hold_any_sign(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands beside the URL, where @ : / % mean nothing, and libpq finds it there."""
    environment = OURS[name]["environment"]
    asked = conninfo_to_dict(environment["ORDINAL_DATABASE_URL"])
    assert "password" not in asked
    assert re.fullmatch(r"\$\{ORDINAL_\w+_PASSWORD:-[\w-]+\}", environment["PGPASSWORD"])
    monkeypatch.setenv("PGPASSWORD", "p@s:s/w%o$r d")
    known = {each.keyword: each.val for each in pq.Conninfo.get_defaults()}
    assert known[b"password"] == b"p@s:s/w%o$r d"


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_bounded_and_looked_after(name: str) -> None:
    service = SERVICES[name]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert "healthcheck" in service or service["restart"] == "on-failure"


def test_an_intake_of_all_channels_runs() -> None:
    """So a new channel needs no container of its own."""
    assert OURS["intake"]["command"] == ["consume"]


def test_an_analyst_has_bounds() -> None:
    logins = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["configs"]["logins"]
    (made,) = re.findall(r"CREATE ROLE ordinal_analyst .*", logins["content"])
    assert "CONNECTION LIMIT 10" in made
    assert "ALTER ROLE ordinal_analyst SET statement_timeout" in logins["content"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_is_reachable_from_outside(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_runs_as_root(name: str) -> None:
    assert name in OURS or SERVICES[name]["user"] in {"postgres", "appuser"}
    assert "\nUSER ordinal\n" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_example_environment_names_what_the_program_reads() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#? ?(ORDINAL_\w+)=", example, re.MULTILINE))
    of_tests = {name for name in named if name.startswith("ORDINAL_TEST_")}
    assert named - of_tests <= known_variables()
