"""`ordinal rebuild`"""

from collections.abc import Sequence
from typing import Annotated

import typer

from infra.postgres.connections import connect_projector
from infra.readmodels.generations import ContractBroken, drop_old
from infra.readmodels.rebuild import RebuildBlocked, RebuildFailed, RebuildRunning, ShardLost
from projections.projection import Projection
from verbs.read_models import build, chosen_projections
from verbs.session import load_settings, opened
from verbs.terminal import console, fail, verb

EXPECTED = (
    RebuildBlocked,
    RebuildFailed,
    RebuildRunning,
    ShardLost,
    ContractBroken,
    LookupError,
)
cli = verb()


@cli.command()
def rebuild(
    names: Annotated[list[str], typer.Argument(help="Read models, or all.")],
    old: Annotated[
        bool, typer.Option("--drop-old", help="Build nothing; drop what is not read any more.")
    ] = False,
) -> None:
    """Build read models anew from the log, beside the ones that are read."""
    chosen = chosen_projections([] if names == ["all"] else names)
    with opened(load_settings()) as conninfo:
        try:
            drop(conninfo, chosen) if old else build(conninfo, chosen)
        except EXPECTED as error:
            fail(str(error))


def drop(conninfo: str, chosen: Sequence[Projection]) -> None:
    with connect_projector(conninfo, "drop old", silence=None) as conn:
        for each in chosen:
            gone = drop_old(conn, each)
            console.print(f"{each.name}: dropped {len(gone)} generations")
