"""`ordinal verify`"""

from pathlib import Path
from typing import Annotated

import typer

from infra.audit.findings import Findings
from infra.audit.verify import verify_store, wait_for_lag_zero
from infra.audit.verify_receipts import kept, verify_receipts
from infra.audit.verify_topics import lag_of, verify_topics
from infra.postgres.connections import Connection, connect
from projections import PROJECTIONS
from verbs import showing
from verbs.session import load_settings, opened
from verbs.terminal import fail, show, verb

cli = verb()


@cli.command()
def verify(
    wait: Annotated[float | None, typer.Option(help="Seconds for lag to come to 0.")] = None,
    receipts: Annotated[
        Path | None,
        typer.Option(help="Accepted answers: NDJSON of caller, channel, key, body.", exists=True),
    ] = None,
) -> None:
    """Check every invariant of log, topics and read models; exit 1 naming the first breach."""
    settings, found = load_settings(), Findings()
    with opened(settings) as conninfo, connect(conninfo, "ordinal_writer", timeout=3600) as conn:
        brokers = settings if settings.kafka_bootstrap_servers else None
        if wait is not None:
            wait_for_lag_zero(lambda: lag_of(conn, brokers), found, seconds=wait)
        verify_store(conn, PROJECTIONS, found)
        if brokers:
            verify_topics(conninfo, brokers, found)
        if receipts:
            hold_receipts(conn, receipts, found)
    show(showing.show_findings(found))
    for breach in (f for f in found.of.values() if f.breach):
        fail(f"{breach.invariant}: {breach.breach}")


def hold_receipts(conn: Connection, file: Path, found: Findings) -> None:
    with file.open("rb") as lines:
        try:
            verify_receipts(conn, kept(lines), found)
        except ValueError as error:
            fail(f"{file.name}: {error}")
