"""Requests made from the OpenAPI document alone, by the thousand: what it says is what happens."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.asking import Shop, await_ready, get
from tests.faults.processes import ROOT
from tests.faults.system import System

CONFIG = Path(__file__).with_name("schemathesis.toml")
WITHOUT_KEY = Path(__file__).with_name("schemathesis_without_key.toml")
TOOL = Path(sys.executable).with_name("st")
MONEY = {"provider": "bank", "provider_ref": "b-1", "amount": 250, "currency": "GBP"}
# The way of an order, with the ids by which requests can name its parts.
STEPS: list[tuple[str, dict[str, Any]]] = [
    ("payments", MONEY | {"payment_id": "P1"}),
    ("confirm", {}),
    ("fulfilment-orders", {}),
    ("fulfilment-orders/F1/start-pick", {"picker": "Ada"}),
    ("fulfilment-orders/F1/pick", {"line": 1, "quantity": 1}),
    ("fulfilment-orders/F1/pack", {"packer": "Ada"}),
    ("shipments/S1/verify", {"verifier": "Ben"}),
    ("shipments/S1/dispatch", {"carrier": "post"}),
    ("shipments/S1/deliver", {}),
]


@pytest.fixture
def served(system: System) -> Shop:
    system.open_shop("85123A", "85123B", units=1_000)
    system.start("project")
    api = system.serve(log_level="warning")
    await_ready(system, api)
    return Shop(system, api)


def orders_of_all_stages(shop: Shop) -> list[str]:
    """One on hold, one that was placed, one that was paid, and so on until the delivered one."""
    stages = [0, *range(len(STEPS) + 1)]
    orders = [known_order(shop, f"known-{n}", stage) for n, stage in enumerate(stages)]
    shop.do(f"/orders/{orders[0]}/holds", {"hold_id": "H1", "reason": "odd address"})
    return orders


def known_order(shop: Shop, reference: str, stage: int) -> str:
    """An order that has gone so many steps of its way."""
    order_id: str = shop.place(reference).json()["id"]
    for step, body in STEPS[:stage]:
        shop.do(f"/orders/{order_id}/{step}", body)
    return order_id


def with_real_orders(shop: Shop, folder: Path) -> Path:
    """The settings of the tool, with the ids of what there is."""
    shop.do("/locations", {"location": "PARIS", "country": "FR"})
    orders = json.dumps(orders_of_all_stages(shop))
    config = folder / CONFIG.name
    known = f"[dictionaries]\norders = {{ values = {orders} }}"
    config.write_text(CONFIG.read_text().replace("[dictionaries]", known))
    return config


def try_out(shop: Shop, config: Path, folder: Path, *options: str) -> None:
    """Every route with sound and unsound requests; the tool says what is not as documented."""
    url = f"http://127.0.0.1:{shop.api.port}/openapi.json"
    done = subprocess.run(
        [str(TOOL), "--config-file", str(config), "run", url, "--no-color", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{shop.api.process.tail()}"


def accepted_commands(shop: Shop) -> set[str]:
    """The kinds of commands of which at least one was accepted."""
    figures = get(shop.system, shop.api, "/metrics").body.decode()
    return set(re.findall(r'commands_total\{kind="(\w+)",outcome="accepted"\}', figures))


@pytest.mark.timeout(300)
def test_requests_with_a_key_for_everything(served: Shop, tmp_path: Path) -> None:
    config = with_real_orders(served, tmp_path)
    before = served.system.head()
    secret = f"Authorization: Bearer {served.system.secret}"
    try_out(served, config, tmp_path, "--header", secret)
    assert served.system.head() > before + 100
    assert len(accepted_commands(served)) > 25
    served.system.check()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("header", [(), ("--header", "Authorization: Bearer wrong")])
def test_requests_without_a_key(served: Shop, tmp_path: Path, header: tuple[str, ...]) -> None:
    before = served.system.head()
    try_out(served, WITHOUT_KEY, tmp_path, "--exclude-tag", "operations", *header)
    assert served.system.head() == before
