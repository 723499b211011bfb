"""The front door: the command line, whose every verb puts the rooms and the machines together.

A verb reads the settings once, opens the database they name, and works until it is done or told to
stop (SIGINT, SIGTERM). It stands in a file of its own, which is loaded when somebody asks for it:
all of them together take more than half a second.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

VERBS = {
    "up": "verbs.up",
    "demo": "verbs.demo",
    "serve": "verbs.serve",
    "relay": "verbs.relay",
    "project": "verbs.project",
    "consume": "verbs.consume",
    "react": "verbs.react",
    "kafka": "verbs.kafka",
    "migrate": "verbs.migrate",
    "topics": "verbs.topics",
    "keys": "verbs.keys",
    "access": "verbs.access",
    "settings": "verbs.settings",
    "import": "verbs.importing",
    "status": "verbs.status",
    "events": "verbs.events",
    "state": "verbs.state",
    "parked": "verbs.parked",
    "dead-letters": "verbs.dead_letters",
    "reactions": "verbs.reactions",
    "verify": "verbs.verify",
    "reconcile": "verbs.reconcile",
    "rebuild": "verbs.rebuild",
    "store": "verbs.store",
    "schemas": "verbs.schemas",
}


@cache
def loaded(name: str) -> TyperCommand | TyperGroup:
    """Raises KeyError when there is no such verb."""
    made: Any = typer.main.get_command(import_module(VERBS[name]).cli)
    made.name = name
    return cast("TyperCommand | TyperGroup", made)


class Loaded(Mapping[str, TyperCommand | TyperGroup]):
    """The verbs by their names, each loaded when it is looked at."""

    def __getitem__(self, name: str) -> TyperCommand | TyperGroup:
        return loaded(name)

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)


class Verbs(TyperGroup):
    """All verbs, and what they have in common: how they end when something is expected to fail."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast(Any, Loaded())

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.Exit:
            raise
        except Exception as error:
            from verbs.expected_errors import EXPECTED  # who knows them all loads nearly everything
            from verbs.terminal import fail

            if not isinstance(error, EXPECTED):
                raise
            fail(str(error).strip() or type(error).__name__)


cli = typer.Typer(cls=Verbs, no_args_is_help=True, add_completion=False)


def show_version(asked: bool) -> None:
    if asked:
        from infra.runtime.settings import program_version

        typer.echo(f"ordinal {program_version()}")
        raise typer.Exit


@cli.callback()
def ordinal(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Event-sourced order management."""


if __name__ == "__main__":
    cli()
