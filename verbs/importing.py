"""`ordinal import …`"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, TextIO

import msgspec
import typer
from rich.console import Console
from rich.table import Table as Grid

from consumers.channels import orders
from consumers.consumer import Unreadable
from consumers.files import online_retail, order_files
from consumers.files.importing import ImportReport
from consumers.files.local_times import LONDON, LocalTimes, Order
from consumers.files.order_rows import Amounts
from infra.intake.message_decoders import decoder_of
from verbs.import_memory import ImportMemory
from verbs.session import load_settings, opened
from verbs.terminal import bar, console, fail, family
from verbs.writing import writer_of

cli = family("Import files.")
_decode = decoder_of(orders.OrderMessage)

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False)]
Rejects = Annotated[
    Path | None, typer.Option(help="Where rejected lines go [FILE.rejects.csv].", dir_okay=False)
]
Anew = Annotated[
    bool, typer.Option("--ask-refused-anew", help="Ask again what earlier runs were refused.")
]
Accept = Annotated[
    bool, typer.Option("--accept-rejects", help="End with status 0 though lines were rejected.")
]
Encoding = Annotated[
    str | None,
    typer.Option(help="Of the file, such as iso-8859-1 [UTF-8, or what it begins with]."),
]


@cli.command("online-retail")
def import_online_retail(
    file: File,
    rejects: Rejects = None,
    accept_rejects: Accept = False,
    ask_refused_anew: Anew = False,
    encoding: Encoding = None,
    zone: Annotated[str, typer.Option(help="Whose clocks the times of the file are.")] = LONDON,
    dates: Annotated[
        Order, typer.Option(help="Order of year, month and day, where a year stands last.")
    ] = "ymd",
) -> None:
    """Import a file in the UCI Online Retail format, as its shop would have sent it."""
    times = LocalTimes(zone, dates)
    run = partial(online_retail.import_online_retail, times=times, encoding=encoding)
    _import(run, online_retail.CHANNEL, file, rejects, accept_rejects, ask_refused_anew)


@cli.command("orders")
def import_orders(
    file: File,
    channel: Annotated[str, typer.Option(help="Channel of the orders.")] = "file",
    rejects: Rejects = None,
    accept_rejects: Accept = False,
    ask_refused_anew: Anew = False,
    encoding: Encoding = None,
    amounts: Annotated[
        Amounts | None,
        typer.Option(help="What CSV amounts are: minor units (2000) or major ones (20.00)."),
    ] = None,
) -> None:
    """Import orders from CSV (a row a line of an order) or NDJSON (an order a line)."""
    run = partial(
        order_files.import_orders,
        channel=channel,
        decode=read_order,
        amounts=amounts,
        encoding=encoding,
    )
    _import(run, channel, file, rejects, accept_rejects, ask_refused_anew)


def read_order(line: bytes) -> orders.OrderMessage:
    """An order from its JSON; raises Unreadable."""
    try:
        message: orders.OrderMessage = _decode(line).message
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Unreadable(str(error)) from error
    return message


def _import(
    run: Callable[..., ImportReport],
    channel: str,
    file: Path,
    rejects: Path | None,
    accept: bool,
    anew: bool,
) -> None:
    """Ends with status 1 when lines were rejected and nobody had said that this may be."""
    rejects = rejects or file.with_name(f"{file.stem}.rejects.csv")
    if rejects.exists() and rejects.samefile(file):
        fail(f"The rejects would replace {file} itself: name another file.")
    began = time.monotonic()
    with (
        opened(load_settings()) as conninfo,
        bar(file.name, file.stat().st_size) as progress,
        file.open("rb") as source,
        _replacing(rejects) as bad,
    ):
        content = hashlib.file_digest(source, "sha256").digest()
        source.seek(0)
        memory = ImportMemory(
            writer_of(conninfo), channel=channel, content=content, file=file.name, anew=anew
        )
        report = run(
            source,
            memory=memory,
            rejected=bad,
            progress=lambda _, done: progress(completed=done),
            actor="import",
        )
    _show_report(report, rejects, time.monotonic() - began)
    raise typer.Exit(1 if report.rejected and not accept else 0)


@contextmanager
def _replacing(target: Path) -> Iterator[TextIO]:
    """A file that takes the target's place at the end, and only if there is a good one."""
    partial_file = target.with_name(f"{target.name}.partial")
    try:
        with partial_file.open("w", encoding="utf-8", newline="") as file:
            yield file
        partial_file.replace(target)
    finally:
        partial_file.unlink(missing_ok=True)


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
    for currency, value in sorted(report.left_out.items()):
        grid.add_row(f"left out in rejects, minor units of {currency}", f"{value:f}")
    if report.unread:
        grid.add_row("rejected lines that tell no value", str(report.unread))
    grid.add_row("seconds", f"{seconds:.1f}")
    Console().print(grid)
    console.print(f"rejected lines are in {rejects}")
