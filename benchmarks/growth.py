"""What an order costs when the log is long, against what it costs when it is short.

Claims: `ratio`, seconds an order at 2 M stored events ÷ at 10 k, in process through the writer
as the API process has it, in batches of 250. Both logs hold orders that were placed, picked,
packed and shipped, over the same thousand skus; in the long one these have had a long life. Both
writers know the skus before the clock runs.
"""

import time
from contextlib import closing

from benchmarks.history import History
from benchmarks.machines import (
    carry_out,
    fresh_store,
    median,
    report,
    server,
    stock_up,
)
from benchmarks.place_orders import orders
from commands import HANDLERS
from commands.fulfilment import (
    ConfirmPick,
    Dispatch,
    OpenFulfilmentOrders,
    Pack,
    StartPick,
    VerifyPack,
)
from commands.order import ConfirmOrder, PlaceOrder
from commands.payment import RecordPayment
from infra.postgres.connections import connect, connect_writer
from infra.runtime.supervisor import spare_the_collector
from infra.write_path.group_commit import Writer
from infra.write_path.snapshots import Snapshots

SKUS = 1_000
FEW = 10_000
MANY = 2_000_000
# Those that the history is made of, about sixteen events each.
LIVES = 400
WARM = 3_000
FEW_ORDERS = 10
ROUNDS = 25
ORDERS = 1_000


def shipped_writer(conninfo: str) -> Writer:
    """A writer as the API process has it, with its snapshots of long streams."""
    return Writer(
        lambda: connect_writer(conninfo),
        HANDLERS,
        cache_bytes=256_000_000,
        snapshots=Snapshots(lambda: connect(conninfo, "ordinal_writer")),
    )


def paid(order: PlaceOrder) -> RecordPayment:
    return RecordPayment(
        order_id=order.order_id,
        payment_id="P1",
        provider="card",
        provider_ref=order.order_id,
        amount=sum(line.quantity * line.unit_price + line.tax for line in order.lines),
        currency=order.currency,
    )


def live(writer: Writer) -> None:
    """Orders from their placing until they are on the van."""
    placed = orders(LIVES, "life")
    carry_out(writer, placed)
    carry_out(writer, [paid(order) for order in placed])
    ids = [order.order_id for order in placed]
    carry_out(writer, [ConfirmOrder(order_id=each) for each in ids])
    carry_out(writer, [OpenFulfilmentOrders(order_id=each) for each in ids])
    carry_out(writer, [StartPick(order_id=each, fulfilment_id="F1") for each in ids])
    for line in (1, 2, 3):
        carry_out(writer, [picked(each, line) for each in ids])
    carry_out(writer, [Pack(order_id=each, fulfilment_id="F1") for each in ids])
    verified = [VerifyPack(order_id=each, shipment_id="S1", verifier="another") for each in ids]
    carry_out(writer, verified)
    carry_out(writer, [Dispatch(order_id=each, shipment_id="S1", carrier="van") for each in ids])


def picked(order_id: str, line: int) -> ConfirmPick:
    return ConfirmPick(order_id=order_id, fulfilment_id="F1", line=line, quantity=1)


def store(postgres: str, name: str, events: int) -> str:
    """A store whose log has so many events."""
    conninfo = fresh_store(postgres, name)
    with closing(shipped_writer(conninfo)) as writer:
        stock_up(writer, SKUS, 10_000_000)
        stocked = writer.position
        live(writer)
    history = History(conninfo, after=stocked)
    history.lengthen(events)
    return conninfo


def cost(writer: Writer, prefix: str) -> float:
    """Seconds an order."""
    ready = orders(ORDERS, prefix)
    began = time.perf_counter()
    carry_out(writer, ready)
    return (time.perf_counter() - began) / ORDERS


def warmed(conninfo: str) -> Writer:
    """A writer that knows the skus; a few at a time, for the copies left no snapshots of them."""
    writer = shipped_writer(conninfo)
    ready = orders(WARM, "warm")
    for start in range(0, WARM, FEW_ORDERS):
        carry_out(writer, ready[start : start + FEW_ORDERS])
    return writer


def main() -> None:
    with server() as postgres:
        few, many = store(postgres, "few", FEW), store(postgres, "many", MANY)
        with closing(warmed(few)) as short, closing(warmed(many)) as long:
            spare_the_collector()
            costs = [
                (cost(short, f"few-{turn}"), cost(long, f"many-{turn}")) for turn in range(ROUNDS)
            ]
    ratio = median([large / small for small, large in costs])
    small, large = (median(side) * 1e6 for side in zip(*costs, strict=True))
    report(
        [
            (f"µs an order at {FEW:,} events", f"{small:.0f}"),
            (f"µs an order at {MANY:,} events", f"{large:.0f}"),
            ("ratio", f"{ratio:.3f}"),
        ],
        {"ratio": ratio, "few_microseconds": small, "many_microseconds": large},
    )


if __name__ == "__main__":
    main()
