"""What every benchmark starts and ends: a PostgreSQL, processes of the program, a fresh store."""

import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg.conninfo import make_conninfo

from commands import HANDLERS
from commands.handling import Context
from commands.location import RegisterLocation
from commands.stock import ReceiveStock, RegisterStockItem
from infra.local import embedded_postgres
from infra.postgres.connections import connect_writer
from infra.store import api_keys
from infra.store.migrations import migrate
from infra.write_path.append_batch import CommandRequest
from infra.write_path.group_commit import Writer

ROOT = Path(__file__).parents[1]
READY_SECONDS = 30.0


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that every user may enter: PostgreSQL does not run as root."""
    with tempfile.TemporaryDirectory(prefix="ordinal-bench-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@contextmanager
def server() -> Iterator[str]:
    """The conninfo of a PostgreSQL of this run: the embedded one, with its shipped settings."""
    # Told to end, a benchmark still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with (
        folder() as place,
        embedded_postgres.database(f"embedded:{place / 'postgres'}", ROOT) as conninfo,
    ):
        yield conninfo


def fresh_store(server_conninfo: str, name: str) -> str:
    """The conninfo of an empty, migrated store."""
    with psycopg.connect(server_conninfo, autocommit=True) as conn:
        conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        conn.execute(f'CREATE DATABASE "{name}"'.encode())
    conninfo = make_conninfo(server_conninfo, dbname=name)
    migrate(conninfo)
    return conninfo


def new_writer(conninfo: str) -> Writer:
    return Writer(lambda: connect_writer(conninfo), HANDLERS, cache_bytes=256_000_000)


def context() -> Context:
    return Context(command_id=uuid4(), actor="bench", correlation_id="bench", fingerprint=b"x" * 32)


def carry_out(writer: Writer, commands: Sequence[object]) -> list[CommandRequest]:
    """Commands in batches; raises the first refusal."""
    done: list[CommandRequest] = []
    for start in range(0, len(commands), 250):
        asks = [CommandRequest(command, context()) for command in commands[start : start + 250]]
        writer.write(asks)
        done += asks
    for ask in done:
        if isinstance(ask.outcome, Exception):
            raise ask.outcome
    return done


def stock_up(writer: Writer, skus: int, units: int) -> None:
    """One location that carries SKU-0 … with so many units of each."""
    carry_out(writer, [RegisterLocation(location="MAIN", country="GB")])
    names = [f"SKU-{number}" for number in range(skus)]
    carry_out(writer, [RegisterStockItem(location="MAIN", sku=sku) for sku in names])
    carry_out(
        writer,
        [ReceiveStock(location="MAIN", sku=s, quantity=units, document="first") for s in names],
    )


def order_body(reference: str, skus: Sequence[str]) -> bytes:
    """A three-line order as a web shop sends it."""
    lines = [
        {"sku": sku, "title": f"Title of {sku}", "quantity": 1, "unit_price": 1999, "tax": 333}
        for sku in skus
    ]
    body = {
        "reference": reference,
        "customer_id": f"customer-{reference}",
        "country": "GB",
        "currency": "GBP",
        "lines": lines,
        "contacts": {"shipping": {"name": "Ann Other", "city": "Leeds", "postal_code": "LS1 1AA"}},
    }
    return json.dumps(body, separators=(",", ":")).encode()


def make_key(conninfo: str, name: str = "bench") -> str:
    scopes = ("orders:write", "orders:read", "stock:write", "stock:read", "history:write")
    grant = api_keys.Grant(name=name, caller=name, channel="web", scopes=scopes)
    with psycopg.connect(conninfo, autocommit=True) as conn:
        return api_keys.create(conn, grant, actor="benchmark")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def process(
    *arguments: str, environment: Mapping[str, str] | None = None, log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process of ours, ended with the block."""
    out = log.open("ab") if log else subprocess.DEVNULL
    started = subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, **(environment or {})},
        cwd=ROOT,
        stdout=out,
        stderr=out,
    )
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        if log:
            out.close()  # type: ignore[union-attr]


def await_http(port: int, path: str = "/health") -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", path)
            if connection.getresponse().status < 500:
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing answers on port {port}")
        time.sleep(0.05)


@contextmanager
def api(conninfo: str, log: Path) -> Iterator[int]:
    """An API process as shipped, on a free port."""
    port = free_port()
    environment = {"ORDINAL_DATABASE_URL": conninfo, "ORDINAL_HTTP_PORT": str(port)}
    with process("-m", "main", "serve", environment=environment, log=log):
        await_http(port)
        yield port


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def report(rows: Sequence[tuple[str, str]], figures: Mapping[str, float]) -> None:
    """A short table, and as the last line one JSON object."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))
