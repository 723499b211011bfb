"""The same work as a plain eventsourcing application: what one would write with its handbook.

An Order and a StockItem aggregate; placing an order allocates three items and saves four
aggregates in one transaction of the library's own PostgreSQL recorder. With its aggregate cache,
without which it would be several times slower.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import NAMESPACE_URL, UUID, uuid5

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg.conninfo import conninfo_to_dict

from commands.order import PlaceOrder

DATABASE = "library_bench"


class StockItem(Aggregate):
    """One sku at the one location."""

    @event("Registered")
    def __init__(self, sku: str, on_hand: int) -> None:
        self.sku = sku
        self.on_hand = on_hand
        self.allocated = 0

    @staticmethod
    def create_id(sku: str, on_hand: int = 0) -> UUID:
        return uuid5(NAMESPACE_URL, f"/stock/{sku}")

    @event("Allocated")
    def allocate(self, order_id: str, line: int, quantity: int) -> None:
        if self.on_hand - self.allocated < quantity:
            raise ValueError("insufficient stock")
        self.allocated += quantity


class Order(Aggregate):
    """What was ordered, and from where it comes."""

    @event("Placed")
    def __init__(
        self, reference: str, customer: str, currency: str, lines: list[dict[str, object]]
    ):
        self.reference = reference
        self.customer = customer
        self.currency = currency
        self.lines = lines
        self.location = ""

    @staticmethod
    def create_id(reference: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"/orders/{reference}")

    @event("Sourced")
    def source(self, location: str) -> None:
        self.location = location


class Shop(Application[UUID]):
    """Places orders."""

    def register(self, sku: str, on_hand: int) -> None:
        self.save(StockItem(sku=sku, on_hand=on_hand))

    def place(self, asked: PlaceOrder) -> UUID:
        lines = [
            {"sku": line.sku, "title": line.title, "quantity": line.quantity,
             "unit_price": line.unit_price, "tax": line.tax}
            for line in asked.lines
        ]  # fmt: skip
        order = Order(
            reference=asked.reference or "",
            customer=asked.customer_id or "",
            currency=asked.currency,
            lines=lines,
        )
        items = []
        for number, line in enumerate(asked.lines, start=1):
            item: StockItem = self.repository.get(StockItem.create_id(line.sku))
            item.allocate(order_id=str(order.id), line=number, quantity=line.quantity)
            items.append(item)
        order.source(location="MAIN")
        self.save(order, *items)
        return order.id


@contextmanager
def shop(server: str, skus: int) -> Iterator[Shop]:
    """A shop with as many skus, in a database of its own on this server."""
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)".encode())
        conn.execute(f"CREATE DATABASE {DATABASE}".encode())
    known = conninfo_to_dict(server)
    made = Shop(
        env={
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": DATABASE,
            "POSTGRES_HOST": str(known["host"]),
            "POSTGRES_PORT": str(known.get("port", 5432)),
            "POSTGRES_USER": str(known.get("user", "")),
            "POSTGRES_PASSWORD": str(known.get("password", "")),
            "AGGREGATE_CACHE_MAXSIZE": "5000",
            "AGGREGATE_CACHE_FASTFORWARD": "n",
        }
    )
    try:
        for number in range(skus):
            made.register(f"SKU-{number}", 10_000_000)
        yield made
    finally:
        made.close()
