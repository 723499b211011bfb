"""What verbs say to whoever typed them: tables on standard output, all else on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import NoReturn

import typer
from rich.console import Console
from rich.table import Table as Grid

console = Console(stderr=True)


def verb() -> typer.Typer:
    """Where a file registers its verb."""
    return typer.Typer(add_completion=False)


def family(about: str) -> typer.Typer:
    """Where a file registers verbs that share their first word."""
    return typer.Typer(add_completion=False, no_args_is_help=True, help=about)


def fail(message: str) -> NoReturn:
    console.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def moment_of(stated: str, otherwise: str = "no ISO 8601 time") -> datetime:
    """The time that somebody typed, UTC unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(stated)
    except ValueError:
        fail(f"{stated} is {otherwise}")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def show(*grids: Grid) -> None:
    """Tables on standard output; whoever reads them with a program gets whole lines."""
    out = Console(width=None if sys.stdout.isatty() else 240)
    for grid in grids:
        out.print(grid)


@contextmanager
def bar(what: str, total: float | None = None) -> Iterator[Callable[..., None]]:
    """A progress bar; what it yields takes what changes: `completed`, `total`, `description`."""
    from rich.progress import Progress  # few verbs have one

    with Progress(*Progress.get_default_columns(), console=console) as progress:
        task = progress.add_task(what, total=total)
        yield partial(progress.update, task)
