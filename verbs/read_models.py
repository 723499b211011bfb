"""Read models by their names, and building them anew before somebody's eyes."""

from collections.abc import Sequence

from infra.readmodels.rebuild import Progress, rebuild
from projections import PROJECTIONS
from projections.projection import Projection
from verbs.terminal import bar, fail


def chosen_projections(names: Sequence[str]) -> list[Projection]:
    """The named ones, or all."""
    known = {projection.name: projection for projection in PROJECTIONS}
    if unknown := [name for name in names if name not in known]:
        fail(f"no read model is called {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names] or list(PROJECTIONS)


def build(conninfo: str, chosen: Sequence[Projection]) -> None:
    """Build these anew, with a bar that shows how far it is."""
    with bar("folding") as show:

        def tell(built: Progress) -> None:
            waits = f", waiting for {built.blocked_by}" if built.blocked_by else ""
            show(
                description=f"{built.phase}{waits}",
                completed=built.position if built.head else 1,
                total=built.head or 1,
            )

        rebuild(conninfo, chosen, progress=tell)
