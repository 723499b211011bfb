"""How each reaction is doing: whether it is on, how far it lags, what of it failed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.postgres.connections import Connection
from infra.reactions.switches import Switch
from infra.readmodels.checkpoints import age_of
from infra.store.event_log import read_after


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionStatus:
    """A reaction that the store knows: how many positions it has not seen, how many seconds the
    first event behind it, or what it has to do, has waited for it. Off, it lags behind nothing.
    """

    switch: Switch
    lag_events: int
    lag_seconds: float


def problems_of_reactions(reactions: Sequence[ReactionStatus], late: float) -> Iterator[str]:
    """What is not as it should be, one sentence each."""
    for name, reaction in ((each.switch.name, each) for each in reactions):
        if reaction.lag_seconds > late:
            yield f"reaction {name} is {reaction.lag_seconds:.0f} s behind"
        if reaction.switch.parked:
            yield f"{reaction.switch.parked} tasks of reaction {name} are parked"
        if reaction.switch.wanted and not reaction.switch.on:
            yield f"reaction {name} is off since the restore"


def reaction_status(conn: Connection, switch: Switch, last: int) -> ReactionStatus:
    if not switch.on:
        return ReactionStatus(switch=switch, lag_events=0, lag_seconds=0.0)
    waited = conn.execute(
        "SELECT coalesce(extract(epoch FROM ordinal.clock() - min(due)), 0)::float8"
        " FROM ordinal.reaction_tasks WHERE reaction = %s AND error IS NULL AND kind <> 'sweep'",
        (switch.name,),
    ).fetchone()
    late = max(0.0, waited[0]) if waited else 0.0
    return ReactionStatus(
        switch=switch,
        lag_events=max(0, last - switch.position),
        lag_seconds=max(late, age_behind(conn, switch.position, last)),
    )


def age_behind(conn: Connection, position: int, last: int) -> float:
    """Age of the first event behind a position."""
    following = read_after(conn, position, 1) if position < last else ()
    return max(0.0, age_of(following[0].state)) if following else 0.0
