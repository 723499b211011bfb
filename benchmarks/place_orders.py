"""Three-line orders over HTTP against a no-op POST, and in process against the plain library.

Claims: `ratio`, orders a second over HTTP (key, idempotency, metrics, logs, stock of 1,000 skus,
durable commit, 32 at a time, one API process) ÷ a no-op FastAPI POST of the same body on the same
server settings. `library_ratio`, in process ÷ the same work as a plain eventsourcing application.
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import library_shop
from benchmarks.loading import Seen, drive, request
from benchmarks.machines import (
    api,
    await_http,
    carry_out,
    folder,
    free_port,
    fresh_store,
    make_key,
    median,
    new_writer,
    order_body,
    process,
    report,
    server,
    stock_up,
)
from commands.order import PlaceOrder, RequestedLine
from domain.values import order_id_of
from infra.runtime.garbage import SteadyCollector

SKUS = 1_000
ROUNDS = 3
REQUESTS = 8_000
ALONE = 400
IN_PROCESS = 10_000
LIBRARY = 1_000


def bodies(dice: random.Random, count: int, prefix: str) -> list[bytes]:
    made = []
    for number in range(count):
        skus = [f"SKU-{sku}" for sku in dice.sample(range(SKUS), 3)]
        made.append(order_body(f"{prefix}-{number}", skus))
    return made


def keyed(bodies: list[bytes], key: str, prefix: str) -> list[str]:
    return [
        request(
            "/v1/orders",
            body,
            [("Authorization", f"Bearer {key}"), ("Idempotency-Key", f"{prefix}-{number}")],
        )
        for number, body in enumerate(bodies)
    ]


def over_http(conninfo: str, logs: Path) -> tuple[list[float], list[float], Seen, Seen]:
    """Both sides in turn; orders a second of each, and ours at concurrency 1 and 32."""
    dice, noop_port = random.Random(7), free_port()
    ours: list[float] = []
    noops: list[float] = []
    key = make_key(conninfo)
    with (
        api(conninfo, logs / "api.log") as port,
        process("-m", "benchmarks.noop", str(noop_port), log=logs / "noop.log"),
    ):
        await_http(noop_port)
        drive([port], keyed(bodies(dice, 500, "warm"), key, "warm"), 32)
        drive([noop_port], keyed(bodies(dice, 500, "warm"), key, "warm"), 32)
        for turn in range(ROUNDS):
            asked = keyed(bodies(dice, REQUESTS, f"r{turn}"), key, f"r{turn}")
            busy = drive([port], asked, 32)
            if busy.statuses != {201: REQUESTS}:
                raise RuntimeError(f"not all orders were placed: {busy.statuses}")
            ours.append(busy.rate)
            noops.append(drive([noop_port], asked, 32).rate)
        alone = drive([port], keyed(bodies(dice, ALONE, "alone"), key, "alone"), 1)
    return ours, noops, alone, busy


def orders(count: int, prefix: str) -> list[PlaceOrder]:
    dice = random.Random(11)
    made = []
    for number in range(count):
        reference = f"{prefix}-{number}"
        lines = tuple(
            RequestedLine(sku=f"SKU-{sku}", title=f"Title of SKU-{sku}", quantity=1,
                          unit_price=1999, tax=333)
            for sku in dice.sample(range(SKUS), 3)
        )  # fmt: skip
        made.append(
            PlaceOrder(
                order_id=order_id_of("web", reference),
                channel="web",
                reference=reference,
                customer_id=f"customer-{reference}",
                country="GB",
                currency="GBP",
                lines=lines,
            )
        )
    return made


@contextmanager
def steady_collector() -> Iterator[None]:
    """As an API process sets it; the plain application beside us gains by it, too."""
    collector = SteadyCollector()
    collector.start()
    try:
        yield
    finally:
        collector.stop()


def in_process(conninfo: str, server_conninfo: str) -> tuple[list[float], list[float]]:
    """The bus's writer against a plain library application, in turn."""
    writer = new_writer(conninfo)
    carry_out(writer, orders(500, "inside"))
    ours, theirs = [], []
    with library_shop.shop(server_conninfo, SKUS) as plain, steady_collector():
        for turn in range(ROUNDS):
            ready = orders(IN_PROCESS, f"p{turn}")
            began = time.perf_counter()
            carry_out(writer, ready)
            ours.append(IN_PROCESS / (time.perf_counter() - began))
            began = time.perf_counter()
            for order in orders(LIBRARY, f"l{turn}"):
                plain.place(order)
            theirs.append(LIBRARY / (time.perf_counter() - began))
    writer.close()
    return ours, theirs


def main() -> None:
    with server() as postgres, folder() as logs:
        conninfo = fresh_store(postgres, "ordinal_bench")
        writer = new_writer(conninfo)
        stock_up(writer, SKUS, 10_000_000)
        writer.close()
        ours, noops, alone, busy = over_http(conninfo, logs)
        process_rate, library_rate = in_process(conninfo, postgres)
    ratio = median([mine / other for mine, other in zip(ours, noops, strict=True)])
    library = median([a / b for a, b in zip(process_rate, library_rate, strict=True)])
    report(
        [
            ("orders/s over HTTP, 32 at a time", f"{median(ours):,.0f}"),
            ("no-op POST/s", f"{median(noops):,.0f}"),
            ("ratio", f"{ratio:.2f}"),
            ("latency alone, p50 / p99 ms", f"{alone.milliseconds(0.5):.2f} / "
             f"{alone.milliseconds(0.99):.2f}"),
            ("latency 32 at a time, p50 / p99 ms", f"{busy.milliseconds(0.5):.2f} / "
             f"{busy.milliseconds(0.99):.2f}"),
            ("orders/s in process", f"{median(process_rate):,.0f}"),
            ("plain library orders/s", f"{median(library_rate):,.0f}"),
            ("library ratio", f"{library:.1f}"),
        ],
        {
            "ratio": ratio,
            "library_ratio": library,
            "p50_ms_1": alone.milliseconds(0.5),
            "p99_ms_1": alone.milliseconds(0.99),
            "p50_ms_32": busy.milliseconds(0.5),
            "p99_ms_32": busy.milliseconds(0.99),
            "orders_per_second": median(ours),
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
