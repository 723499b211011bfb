"""The shop that both builds keep: 1,000 skus at one location, and what is ordered from it."""

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.against_parts.caller import Caller
from benchmarks.against_parts.store import Serving, Store
from benchmarks.machines import order_body

SKUS = [f"SKU-{number}" for number in range(1_000)]
UNITS = 10_000_000
LOCATION = "MAIN"


@contextmanager
def opened(store: Store, warm: int = 0) -> Iterator[Serving]:
    """A new store whose API has stock, and has taken so many orders."""
    store.create()
    with store.answering(store.dialect.serve) as serving:
        open_shop(serving.caller)
        if warm:
            serving.caller.drive(store.dialect.orders, orders(warm, "warm"))
        yield serving


def open_shop(caller: Caller) -> None:
    """Stock that no benchmark exhausts."""
    caller.post("/locations", {"location": LOCATION, "country": "GB"})
    items = [{"location": LOCATION, "sku": sku} for sku in SKUS]
    receipts = [item | {"quantity": UNITS, "document": "first"} for item in items]
    caller.drive("/v1/stock/register", _encoded(items))
    caller.drive("/v1/stock/receive", _encoded(receipts))


def orders(count: int, prefix: str) -> list[bytes]:
    """Orders of three lines as a web shop posts them, the same for every build."""
    dice = random.Random(prefix)
    return [order_body(f"{prefix}-{number}", dice.sample(SKUS, 3)) for number in range(count)]


def messages(count: int, prefix: str) -> list[bytes]:
    """The same orders as a channel sends them to the intake topic."""
    made = []
    for body in orders(count, prefix):
        order = json.loads(body)
        order["shipping"] = order.pop("contacts")["shipping"]
        made.append(json.dumps(order, separators=(",", ":")).encode())
    return made


def deliver(caller: Caller, count: int, prefix: str) -> None:
    """Orders from being placed until they are in their customers' hands."""
    for body in orders(count, prefix):
        _deliver(caller, json.loads(body))


def _deliver(caller: Caller, order: dict[str, object]) -> None:
    placed = caller.post("/orders", order)
    path = f"/orders/{placed['id']}"
    paid = {"provider": "bank", "provider_ref": order["reference"], "currency": "GBP"}
    caller.post(f"{path}/payments", paid | {"amount": 3 * 1999})
    caller.post(f"{path}/confirm", {})
    caller.post(f"{path}/fulfilment-orders", {})
    work = f"{path}/fulfilment-orders/F1"
    caller.post(f"{work}/start-pick", {})
    for line in (1, 2, 3):
        caller.post(f"{work}/pick", {"line": line, "quantity": 1})
    caller.post(f"{work}/pack", {})
    caller.post(f"{path}/shipments/S1/verify", {"verifier": "second"})
    caller.post(f"{path}/shipments/S1/dispatch", {"carrier": "post"})
    caller.post(f"{path}/shipments/S1/deliver", {})


def _encoded(bodies: Sequence[object]) -> list[bytes]:
    return [json.dumps(body).encode() for body in bodies]
