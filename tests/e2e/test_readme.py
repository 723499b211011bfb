"""What the readme tells a stranger to type, typed."""

import os
import re
import subprocess
from pathlib import Path

import msgspec
import psycopg
import pytest
import typer

import main
from tests.e2e.asking import Shop, await_ready
from tests.faults.processes import ROOT
from tests.faults.system import System

README = (ROOT / "README.md").read_text(encoding="utf-8")
SKU = "TOWEL-RED"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def towels(system: System) -> Shop:
    """A shop that has what the readme orders."""
    system.open_shop(SKU, units=5)
    system.start("project")
    api = system.serve()
    await_ready(system, api)
    return Shop(system, api)


def typed(shop: Shop, block: str, **environment: str) -> str:
    """The block as it stands; what is exported in it is left for the reader to fill in."""
    commands = re.sub(r"^export .*$", "", block, flags=re.MULTILINE)
    done = subprocess.run(
        ["/bin/sh", "-ec", commands.replace("localhost:8000", f"127.0.0.1:{shop.api.port}")],
        env=os.environ | {"KEY": shop.system.secret} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_order_is_placed_and_read_back_as_written(towels: Shop) -> None:
    place, read, _ = (block for block in blocks("sh") if "curl" in block)
    head, _, receipt = typed(towels, place).replace("\r", "").partition("\n\n")
    assert head.startswith("HTTP/1.1 201")
    headers = dict(re.findall(r"^([a-z-]+): (.*)$", head, re.MULTILINE))
    order_id = msgspec.json.decode(receipt)["id"]
    found = msgspec.json.decode(typed(towels, read, POSITION=headers["ordinal-position"]))
    assert [order["order_id"] for order in found["items"]] == [order_id]
    again = typed(towels, place).replace("\r", "")
    assert "idempotent-replayed: true" in again
    assert again.endswith(receipt)


def test_many_orders_are_placed_as_written(towels: Shop, tmp_path: Path) -> None:
    (block,) = (block for block in blocks("sh") if "bulk" in block)
    lines = typed(towels, block.replace("orders.ndjson", str(tmp_path / "orders.ndjson")))
    assert [msgspec.json.decode(line)["status"] for line in lines.splitlines()] == [201, 201]


def test_an_analyst_may_ask_what_the_readme_asks(towels: Shop) -> None:
    placed = towels.place("web-1", lines=[{"sku": SKU, "quantity": 1, "unit_price": 1}])
    for path in ("/v1/orders", "/v1/inventory"):
        towels.read(path, placed)
    (block,) = blocks("sql")
    with psycopg.connect(towels.system.conninfo, options="-c role=ordinal_analyst") as conn:
        answers = [conn.execute(line.encode()).fetchall() for line in block.split(";\n") if line]
    assert [len(rows) for rows in answers] == [1, 1]


def test_every_verb_that_it_names_is_there() -> None:
    (table,) = re.findall(r"^\| `ordinal …` \|.*?\n\n", README, re.MULTILINE | re.DOTALL)
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`([a-z-]+)`", row)}
    known = set(typer.main.get_command(main.cli).commands)  # type: ignore[attr-defined]
    assert named == known
