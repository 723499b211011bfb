"""`ordinal import …`"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table as Grid

from consumers.channels import orders
from consumers.consumer import Unreadable
from consumers.files import online_retail, order_files
from consumers.files.importing import ImportReport
from infra.intake.message_decoders import decoder_of
from verbs.session import load_settings, opened
from verbs.terminal import bar, console, family
from verbs.writing import patient_write, writer_of

cli = family("Import files.")
_decode = decoder_of(orders.OrderMessage)


@cli.command("online-retail")
def import_online_retail(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    rejects: Annotated[Path | None, typer.Option(help="Where rejected lines go.")] = None,
) -> None:
    """Import a file in the UCI Online Retail format, as its shop would have sent it."""
    _import(online_retail.import_online_retail, file, rejects)


@cli.command("orders")
def import_orders(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    channel: Annotated[str, typer.Option(help="Channel of the orders.")] = "file",
    rejects: Annotated[Path | None, typer.Option(help="Where rejected lines go.")] = None,
) -> None:
    """Import orders from CSV (a row a line of an order) or NDJSON (an order a line)."""
    run = partial(order_files.import_orders, channel=channel, decode=read_order)
    _import(run, file, rejects)


def read_order(line: bytes) -> orders.OrderMessage:
    """An order from its JSON; raises Unreadable."""
    try:
        message: orders.OrderMessage = _decode(line).message
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Unreadable(str(error)) from error
    return message


def _import(run: Callable[..., ImportReport], file: Path, rejects: Path | None) -> None:
    rejects = rejects or file.with_name(f"{file.stem}.rejects.csv")
    began = time.monotonic()
    with (
        opened(load_settings()) as conninfo,
        bar(file.name, file.stat().st_size) as progress,
        file.open("rb") as source,
        rejects.open("w", encoding="utf-8", newline="") as bad,
    ):
        report = run(
            source,
            rejects=bad,
            write=patient_write(writer_of(conninfo)),
            progress=lambda _, done: progress(completed=done),
            actor="import",
        )
    _show_report(report, rejects, time.monotonic() - began)
    raise typer.Exit(0 if report.lines_in == report.applied + report.rejected.total() else 1)


def _show_report(report: ImportReport, rejects: Path, seconds: float) -> None:
    grid = Grid("what", "count")
    grid.add_row("lines in", str(report.lines_in))
    grid.add_row("applied", str(report.applied))
    for reason, count in sorted(report.rejected.items()):
        grid.add_row(f"rejected: {reason}", str(count))
    grid.add_row("orders", str(report.orders))
    grid.add_row("cancellations", str(report.cancellations))
    grid.add_row("adjustments", str(report.adjustments))
    for name, sums in (("revenue", report.revenue), ("cancelled", report.cancelled)):
        for currency, amount in sorted(sums.items()):
            grid.add_row(f"{name}, minor units of {currency}", str(amount))
    grid.add_row("seconds", f"{seconds:.1f}")
    Console().print(grid)
    console.print(f"rejected lines are in {rejects}")
