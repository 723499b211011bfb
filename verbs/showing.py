"""Tables for operators: what a terminal shows of a status, a check, a comparison."""

from collections.abc import Iterable

from rich.markup import escape
from rich.table import Column
from rich.table import Table as Grid

from consumers.consumer import DeadLetter
from consumers.reaction import Reactions
from infra.audit.findings import Findings
from infra.audit.log_topic_diff import ReconcileReport
from infra.intake.dead_letters import coordinates
from infra.ops.status import GenerationStatus, ReadModelStatus, Status
from infra.reactions.switches import Switches
from infra.reactions.tasks import Task
from infra.readmodels.parked_streams import Parked
from infra.store.clock_epochs import ClockStatus


def show_log(found: Status) -> Grid:
    grid = Grid("log position", "store epoch", "clock", "parked streams", "dead letters")
    parked = sum(len(model.read.parked) for model in found.read_models if model.read)
    epochs = found.store_epoch, _clock(found.clock)
    grid.add_row(*map(str, (found.head, *epochs, parked, found.dead_letters)))
    return grid


def _clock(clock: ClockStatus) -> str:
    if clock.simulated is not None:
        return f"simulated: {clock.simulated:%Y-%m-%d %H:%M:%S} UTC"
    return f"epoch {clock.epoch}"


def show_read_models(found: Status) -> Grid:
    grid = Grid(
        "read model", "generation", "version", "use", "position", "lag", "seconds", "parked"
    )
    for model in found.read_models:
        for each in model.generations:
            grid.add_row(*_generation(model, each))
    return grid


def _generation(model: ReadModelStatus, each: GenerationStatus) -> tuple[str, ...]:
    other = "fed for another version" if each.live else "kept" if _older(model, each) else "built"
    return (
        model.projection,
        str(each.generation),
        str(each.version),
        "read" if each is model.read else other,
        str(each.position),
        str(each.lag_events),
        f"{each.lag_seconds:.1f}",
        str(len(each.parked)),
    )


def _older(model: ReadModelStatus, each: GenerationStatus) -> bool:
    return model.read is not None and each.generation < model.read.generation


def show_parts(found: Status) -> Grid:
    grid = Grid("part", "state", "position", "lag", "heard of", "says")
    for name, part in found.parts.items():
        if part is None:
            grid.add_row(name, "never heard of")
            continue
        lag = str(found.relay.lag_events) if found.relay and name == "relay" else ""
        lag = str(part.lag) if part in found.intakes else lag
        position = str(part.position or "")
        heard = f"{part.age:.0f} s ago"
        grid.add_row(name, part.state, position, lag, heard, escape(part.detail))
    return grid


def show_findings(findings: Findings) -> Grid:
    grid = Grid("invariant", "about", "checked", "breaches", "the first one")
    for each in sorted(findings.of.values(), key=lambda found: int(found.invariant[1:])):
        counts = str(each.checked), str(each.breaches or "")
        grid.add_row(each.invariant, each.about, *counts, escape(each.breach or ""))
    return grid


def show_comparison(report: ReconcileReport) -> Grid:
    grid = Grid("what", "where", "first position", "last", "count", "detail")
    for each in report.findings:
        numbers = str(each.first), str(each.last), str(each.count)
        grid.add_row(each.kind, each.place, *numbers, escape(each.detail))
    return grid


def show_parked(found: Status) -> Grid:
    grid = Grid("read model", Column("stream", no_wrap=True), "from position", "why")
    for model in found.read_models:
        for each in model.read.parked if model.read else ():
            grid.add_row(*_parked(model.projection, each))
    return grid


def _parked(projection: str, each: Parked) -> tuple[str, ...]:
    return projection, escape(each.stream_id), str(each.position), escape(each.error)


def show_dead_letters(letters: Iterable[DeadLetter]) -> Grid:
    grid = Grid(Column("id", no_wrap=True), "received", "where", "reason")
    for each in letters:
        grid.add_row(each.id, each.received_at, escape(coordinates(each)), escape(each.reason))
    return grid


def show_reactions(reactions: Reactions, known: Switches, last: int) -> Grid:
    grid = Grid("reaction", "is", "position", "behind", "commands", "refused", "parked", "about")
    for name, reaction in reactions.items():
        switch = known.get(name)
        if switch is None:
            grid.add_row(name, "new", "", "", "", "", "", reaction.about)
            continue
        state = "on" if switch.on else "off since a restore" if switch.wanted else "off"
        behind = str(max(0, last - switch.position)) if switch.on else ""
        counts = map(str, (switch.accepted, switch.refused, switch.parked))
        grid.add_row(name, state, str(switch.position), behind, *counts, reaction.about)
    return grid


def show_parked_tasks(parked: Iterable[Task]) -> Grid:
    grid = Grid("reaction", "failed at", "", "error")
    for task in parked:
        what = f"{task.subject} {task.body}".strip()
        grid.add_row(task.reaction, task.kind, escape(what), escape(task.error or ""))
    return grid
