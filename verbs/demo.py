"""`ordinal demo`"""

import json
import secrets
import threading
import urllib.request
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from api.scopes import ALL_SCOPES
from consumers.channels import CHANNELS
from consumers.simulation import demo_day
from infra.kafka.topics import ensure_topics
from infra.local import embedded_postgres, kafka_broker
from infra.postgres.connections import connect
from infra.runtime.logs import configure_logging
from infra.runtime.settings import Settings
from infra.runtime.supervisor import Family
from infra.store import api_keys
from infra.store.migrations import migrate
from verbs.session import load_settings, opened
from verbs.signals import stop_signal
from verbs.terminal import bar, console, verb
from verbs.up import verbs_of
from verbs.writing import patient_write, writer_of

GUIDE = """
The shop is open. Its day is over; its API is at {base} ([bold]{base}/docs[/bold]).

Orders, newest first:
  curl -s -H 'Authorization: Bearer {key}' '{base}/v1/orders?limit=3'
Place one; send it twice, it is placed once:
  curl -s -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
    -H 'Idempotency-Key: first-{sku}' {base}/v1/orders -d '{order}'
Stock of a sku, over all locations:
  curl -s -H 'Authorization: Bearer {key}' '{base}/v1/inventory/by-sku?sku={sku}'
As an analyst, with SQL:
  {psql} "{conninfo} options='-c role=ordinal_analyst'" -c 'SELECT * FROM read.report_channel'
{topics}
Ctrl-C ends everything and keeps the data.
"""

cli = verb()


@cli.command()
def demo(
    kafka: Annotated[bool, typer.Option("--kafka", help="Put a real broker in between.")] = False,
) -> None:
    """A day of trade on the embedded database, and the API over it, until Ctrl-C."""
    settings = load_settings()
    configure_logging(settings.model_copy(update={"log_level": "warning"}))
    with ExitStack() as stack:
        conninfo = stack.enter_context(opened(settings, migrated=False))
        migrate(conninfo)
        key = demo_key(conninfo)
        play_day(conninfo)
        if kafka:
            machine = stack.enter_context(kafka_broker.broker(Path.cwd() / ".data" / "kafka"))
            servers = machine.bootstrap_servers
            settings = settings.model_copy(update={"kafka_bootstrap_servers": servers})
            ensure_topics(settings, CHANNELS)
        stop = stack.enter_context(stop_signal())
        family = Family(verbs_of(settings), demo_environment(settings))
        family.start()
        if await_ready(settings, stop):
            show_around(settings, conninfo, key)
        family.watch(stop)


def demo_environment(settings: Settings) -> dict[str, str]:
    servers = settings.kafka_bootstrap_servers
    kafka = {"ORDINAL_KAFKA_BOOTSTRAP_SERVERS": servers} if servers else {}
    return {"ORDINAL_LOG_LEVEL": "warning", **kafka}


def demo_key(conninfo: str) -> str:
    """The demo's own key: random, in a file that only its owner can read."""
    file = Path.cwd() / ".data" / "demo.key"
    file.parent.mkdir(exist_ok=True)
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(f"demo_{secrets.token_urlsafe(24)}", encoding="ascii")
    secret = file.read_text(encoding="ascii")
    with psycopg.connect(conninfo, autocommit=True) as conn:
        grant = api_keys.Grant(name="demo", caller="demo", channel="web", scopes=ALL_SCOPES)
        api_keys.create(conn, grant, actor="demo", secret=secret)
    return secret


def play_day(conninfo: str) -> None:
    """Once; a second start finds the day as it was left."""
    writer = writer_of(conninfo)
    known = "SELECT 1 FROM ordinal.commands WHERE command_id = %s"
    if writer.read(known, (demo_day.CLOSING,)):
        writer.close()
        return
    with bar("a day of trade", 1) as progress:
        share = lambda done, of: progress(completed=done / of)  # noqa: E731
        report = demo_day.play(patient_write(writer), datetime.now(UTC), share)
    writer.close()
    console.print(f"{report.asked} commands, {report.refused} of them refused, as some should be")


def await_ready(settings: Settings, stop: threading.Event) -> bool:
    """Until the API answers and the read models have caught up."""
    url = f"http://{settings.http_host}:{settings.http_port}/ready"
    while not stop.wait(0.05):
        with suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    return False


def show_around(settings: Settings, conninfo: str, key: str) -> None:
    sku = one_sku(conninfo)
    line = {"sku": sku, "quantity": 1, "unit_price": 1999}
    order = {"reference": f"hello-{sku}", "country": "DE", "currency": "EUR", "lines": [line],
             "shortage_policy": "backorder"}  # fmt: skip
    servers = settings.kafka_bootstrap_servers
    console.print(
        GUIDE.format(
            base=f"http://{settings.http_host}:{settings.http_port}",
            key=key,
            order=json.dumps(order),
            sku=sku,
            psql=embedded_postgres.psql(settings.database_url.get_secret_value(), Path.cwd()),
            conninfo=conninfo,
            topics=f"The topics are at {servers}.\n" if servers else "",
        ),
        soft_wrap=True,
        highlight=False,
    )


def one_sku(conninfo: str) -> str:
    """A sku of the shop that is there to be had: mostly the same one, start after start."""
    with connect(conninfo, "ordinal_writer") as conn:
        row = conn.execute(
            "SELECT sku FROM read.inventory WHERE available > 0 ORDER BY on_hand DESC, sku LIMIT 1"
        ).fetchone()
    return str(row[0]) if row else "TEA"
