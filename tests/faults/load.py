"""A lifelike load over HTTP, the same for the same seed: customers, a warehouse, a stockroom.

Whoever asks for something repeats it under its key until there is an answer, so that at the end
every outcome is known.
"""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from random import Random
from types import TracebackType
from typing import Any, Self

from tests.faults.http import Answer
from tests.faults.system import HEALING_LIMIT, Api, System
from tests.infra.shop import LOCATION

SKUS = tuple(f"SKU-{number:02}" for number in range(12))
UNITS = 500
# Seconds between two requests of one person.
PAUSE = 0.03


class Unwell(Exception):
    """The API answered with an error that nobody should ever see."""


class Person:
    """One who asks for one thing after another, each under a key of its own."""

    def __init__(self, load: "Load", number: int) -> None:
        self.dice = Random(f"{load.seed} {number}")
        self._load = load
        self._name = f"{load.seed}-{number}"
        self._asked = 0
        self._lines: list[dict[str, Any]] = []
        self._last: tuple[str, Any, str, bytes] | None = None

    def ask(self, path: str, body: Any = None) -> Answer:
        self._asked += 1
        key = f"{self._name}-{self._asked}"
        answer = self._load.ask(self.dice, path, body, key)
        if answer.accepted:
            self._last = path, body, key, answer.body
        return answer

    def order(self) -> str | None:
        """Place one; its id, when there was stock."""
        self._lines = lines = [
            {"sku": sku, "quantity": self.dice.randint(1, 3), "unit_price": 250}
            for sku in self.dice.sample(SKUS, self.dice.randint(1, 3))
        ]
        body = {
            "reference": f"{self._name}-{self._asked}",
            "country": "GB",
            "currency": "GBP",
            "lines": lines,
            "shortage_policy": self.dice.choice(("reject", "backorder", "backorder")),
            "contacts": {"shipping": {"name": f"Customer {self._name}", "city": "Leeds"}},
        }
        answer = self.ask("/orders", body)
        return str(answer.json()["id"]) if answer.accepted else None

    # -- what people do

    def changes_their_mind(self) -> None:
        order = self.order()
        if order and self.dice.random() < 0.5:
            self.ask(f"/orders/{order}/cancel-lines", {"lines": [{"line": 1, "quantity": 1}],
                                                       "reason": "one too many"})  # fmt: skip
        if order:
            self.ask(f"/orders/{order}/cancel", {"reason": "too dear after all"})

    def is_looked_at(self) -> None:
        order = self.order()
        if order:
            hold = self.ask(f"/orders/{order}/holds", {"reason": "fraud check", "hold_id": "h"})
            if hold.accepted:
                self.ask(f"/orders/{order}/holds/h/release")

    def is_shipped(self) -> None:
        order = self.order()
        if not order or not self.ask(f"/orders/{order}/confirm").accepted:
            return
        self.ask(f"/orders/{order}/payments", {"provider": "bank", "provider_ref": order,
                                               "amount": 250, "currency": "GBP"})  # fmt: skip
        opened = self.ask(f"/orders/{order}/fulfilment-orders", {})
        if opened.accepted:
            for work in opened.json()["details"].get("fulfilment_ids", ()):
                self._send(order, work)

    def _send(self, order: str, work: str) -> None:
        path = f"/orders/{order}/fulfilment-orders/{work}"
        self.ask(f"{path}/start-pick", {"picker": "ann"})
        for number, line in enumerate(self._lines, 1):
            self.ask(f"{path}/pick", {"line": number, "quantity": line["quantity"]})
        packed = self.ask(f"{path}/pack", {})
        if packed.accepted:
            shipment = f"/orders/{order}/shipments/{packed.json()['details']['shipment_id']}"
            self.ask(f"{shipment}/verify", {"verifier": "bea"})
            self.ask(f"{shipment}/dispatch", {"carrier": "van"})
            self.ask(f"{shipment}/deliver", {})

    def receives_stock(self) -> None:
        item = {"location": LOCATION, "sku": self.dice.choice(SKUS)}
        self.ask("/stock/receive", item | {"quantity": 20, "document": f"d-{self._name}"})
        self.ask("/stock/fill-backorders", item)

    def counts_stock(self) -> None:
        item = {"location": LOCATION, "sku": self.dice.choice(SKUS)}
        delta = self.dice.choice((-1, 1))
        self.ask("/stock/adjust", item | {"delta": delta, "reason": "counted"})

    def repeats_themselves(self) -> None:
        if self._last is not None:
            path, body, key, _ = self._last
            self._load.ask(self.dice, path, body, key)

    def lives(self) -> None:
        deeds = (self.order, self.changes_their_mind, self.is_looked_at, self.is_shipped,
                 self.receives_stock, self.counts_stock, self.repeats_themselves)  # fmt: skip
        weights = (8, 2, 1, 4, 2, 1, 3)
        while not self._load.over.wait(PAUSE):
            self.dice.choices(deeds, weights)[0]()


class Load:
    """People at work for as long as the block lasts; what went wrong for one is raised after it."""

    def __init__(
        self,
        system: System,
        apis: Sequence[Api],
        *,
        seed: int = 1,
        people: int = 4,
        patience: float = HEALING_LIMIT,
    ) -> None:
        self.seed = seed
        self.over = threading.Event()
        self.statuses: Counter[int] = Counter()
        self.slowest = 0.0
        self._system = system
        self._apis = apis
        self._patience = patience
        self._raised: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._live, args=(Person(self, number),))
            for number in range(people)
        ]

    def ask(self, dice: Random, path: str, body: Any, key: str) -> Answer:
        apis = list(self._apis)
        dice.shuffle(apis)
        answer = self._system.insist(apis, path, body, key, self._patience)
        self.statuses[answer.status] += 1
        self.slowest = max(self.slowest, answer.seconds)
        if answer.status >= 500 or answer.status in (400, 401, 403):
            raise Unwell(f"{path} {key}: {answer}")
        return answer

    def _live(self, person: Person) -> None:
        try:
            person.lives()
        except BaseException as error:
            self._raised.append(error)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()
        if self._raised and error is None:
            raise self._raised[0]

    def go_on(self, seconds: float) -> None:
        """Let them work, as long as all of them are well."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._raised:
            time.sleep(0.05)
