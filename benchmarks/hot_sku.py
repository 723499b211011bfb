"""Everybody wants the same sku: two API processes on one store against one of them.

Claims: `oversold`, units promised beyond what there was, by the answers, by the log and by the
checker of invariants: 0. `server_errors`, answers of 500 and above: 0; who comes too late is
refused in clear words. `throughput_ratio`, orders decided a second by two processes ÷ by one
under the same load, 32 at a time, a sku of its own each time.
"""

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg

from benchmarks.loading import Seen, drive, request
from benchmarks.machines import (
    api,
    carry_out,
    folder,
    fresh_store,
    make_key,
    median,
    new_writer,
    order_body,
    report,
    server,
)
from commands.location import RegisterLocation
from commands.stock import ReceiveStock, RegisterStockItem
from domain.values import stock_stream
from infra.audit.findings import Findings
from infra.audit.verify import verify_store
from infra.postgres.connections import connect
from infra.store.time_travel import state_at

ROUNDS = 5
ORDERS = 3_000
UNITS = 1_000
CONCURRENCY = 32
LOCATION = "MAIN"


@dataclass(slots=True)
class Side:
    """What a number of processes did with the same load."""

    ports: list[int]
    rates: list[float]
    statuses: Counter[int]
    oversold: int = 0


def stock_up(conninfo: str, skus: list[str]) -> None:
    writer = new_writer(conninfo)
    carry_out(writer, [RegisterLocation(location=LOCATION, country="GB")])
    for sku in skus:
        registered = RegisterStockItem(location=LOCATION, sku=sku)
        received = ReceiveStock(location=LOCATION, sku=sku, quantity=UNITS, document="first")
        carry_out(writer, [registered, received])
    writer.close()


def buyers(sku: str, key: str, count: int) -> list[str]:
    return [
        request(
            "/v1/orders",
            order_body(f"{sku}-{number}", [sku]),
            [("Authorization", f"Bearer {key}"), ("Idempotency-Key", f"{sku}-{number}")],
        )
        for number in range(count)
    ]


def sell(side: Side, conninfo: str, sku: str, key: str) -> None:
    """One round: all buyers at once, and what the log says of it afterwards."""
    seen = drive(side.ports, buyers(sku, key, ORDERS), CONCURRENCY)
    side.rates.append(seen.rate)
    side.statuses.update(seen.statuses)
    with connect(conninfo, "ordinal_projector") as conn:
        promised = state_at(conn, stock_stream(LOCATION, sku)).state.allocated
    side.oversold += max(0, max(promised, seen.statuses.get(201, 0)) - UNITS)


def check(conninfo: str) -> None:
    """Raises when the log breaks an invariant."""
    findings = Findings()
    with psycopg.connect(conninfo, autocommit=True) as conn:
        verify_store(conn, (), findings)
    for finding in findings.of.values():
        if finding.breaches:
            raise RuntimeError(f"{finding.invariant}: {finding.breach}")


def measured(conninfo: str) -> tuple[Side, Side]:
    """One process and two, in turn."""
    skus = ["WARM", *(f"HOT-{number}" for number in range(2 * ROUNDS))]
    stock_up(conninfo, skus)
    key = make_key(conninfo)
    with folder() as logs, ExitStack() as stack:
        ports = [stack.enter_context(api(conninfo, logs / f"api-{n}.log")) for n in (1, 2)]
        warm: Seen = drive(ports, buyers("WARM", key, 500), CONCURRENCY)
        one, two = Side(ports[:1], [], Counter()), Side(ports, [], Counter(warm.statuses))
        for turn in range(ROUNDS):
            sell(one, conninfo, f"HOT-{2 * turn}", key)
            sell(two, conninfo, f"HOT-{2 * turn + 1}", key)
    return one, two


def main() -> None:
    with server() as postgres:
        conninfo = fresh_store(postgres, "ordinal_bench")
        one, two = measured(conninfo)
        check(conninfo)
    statuses = one.statuses + two.statuses
    errors = sum(count for status, count in statuses.items() if status >= 500)
    ratio = median([both / alone for both, alone in zip(two.rates, one.rates, strict=True)])
    report(
        [
            ("orders decided/s, one process", f"{median(one.rates):,.0f}"),
            ("orders decided/s, two processes", f"{median(two.rates):,.0f}"),
            ("throughput ratio", f"{ratio:.2f}"),
            ("answers by status", ", ".join(f"{s}: {n:,}" for s, n in sorted(statuses.items()))),
            ("units oversold", f"{one.oversold + two.oversold}"),
        ],
        {
            "oversold": one.oversold + two.oversold,
            "server_errors": errors,
            "throughput_ratio": ratio,
            "orders_per_second": median(two.rates),
        },
    )


if __name__ == "__main__":
    main()
