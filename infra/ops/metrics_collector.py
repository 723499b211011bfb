"""Figures that an API process learns from the database: the log, and all who follow it.

A thread with a connection of its own asks once a second; a database that is away leaves the
figures as they were, and their age tells so.
"""

import threading
from collections.abc import Sequence
from math import nan
from time import monotonic

import psycopg
import structlog

from infra.ops.metrics import Figures
from infra.ops.status import ReadModelStatus, RelayLag, Status, connect_status, look
from infra.postgres.connections import Connection
from infra.write_path.command_bus import CommandBus
from projections.projection import Projection

INTERVAL = 1.0
STOP_LIMIT = 1.0

log = structlog.get_logger("collector")


class ReactionFigures:
    """How each reaction is doing."""

    def __init__(self, figures: Figures) -> None:
        gauge = figures.gauge
        self._on = gauge("ordinal_reaction_on", "1 while it is switched on.", "reaction")
        self._behind = gauge(
            "ordinal_reaction_lag_events", "Positions that it has not seen.", "reaction"
        )
        self._late = gauge(
            "ordinal_reaction_lag_seconds",
            "Age of the first event that it has not seen, or of what it has to do.",
            "reaction",
        )
        self._parked = gauge("ordinal_reaction_parked", "What failed and is parked.", "reaction")
        self._commands = gauge(
            "ordinal_reaction_commands", "Commands that it asked for.", "reaction", "outcome"
        )

    def show(self, found: Status) -> None:
        for each in found.reactions:
            switch, name = each.switch, each.switch.name
            self._on.labels(name).set(switch.on)
            self._behind.labels(name).set(each.lag_events)
            self._late.labels(name).set(each.lag_seconds)
            self._parked.labels(name).set(switch.parked)
            self._commands.labels(name, "accepted").set(switch.accepted)
            self._commands.labels(name, "refused").set(switch.refused)


class Collector:
    """Keeps the figures of what happens outside of this process."""

    def __init__(
        self,
        conninfo: str,
        figures: Figures,
        projections: Sequence[Projection],
        *,
        relayed: bool,
        channels: Sequence[str] = (),
    ) -> None:
        self._conninfo = conninfo
        self._figures = figures
        self._projections = projections
        self._relayed = relayed
        self._channels = channels
        self._conn: Connection | None = None
        self._looked = monotonic()
        self._known: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="collector", daemon=True)
        self._works = figures.gauge(
            "ordinal_part_up",
            "1 while a process is at work: relay, projector, intake, reactions.",
            "part",
        )
        self._waiting = figures.gauge(
            "ordinal_intake_lag_messages", "Messages that wait for an intake.", "part"
        )
        self._changes = figures.gauge(
            "ordinal_intake_topic_changes",
            "How often a topic was made anew, or had lost messages that were read.",
            "topic",
        )
        self._reacted = ReactionFigures(figures)
        self._age = figures.gauge(
            "ordinal_figures_age_seconds", "Age of the figures of the log and its followers."
        )
        self._database_ahead = figures.gauge(
            "ordinal_database_clock_ahead_seconds",
            "How far the database's clock is ahead of this process's; commands are refused at 300.",
        )
        self._log_ahead = figures.gauge(
            "ordinal_log_clock_ahead_seconds",
            "How far the last event was dated ahead of this process's clock.",
        )
        # Nothing is better than a 0 that nobody has seen: it would look like a change later.
        for gauge in (
            figures.log_position,
            figures.dead_letters,
            figures.relay_position,
            figures.relay_lag,
            self._database_ahead,
            self._log_ahead,
        ):
            gauge.set(nan)
        figures.before_each_page(lambda: self._age.set(monotonic() - self._looked))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(STOP_LIMIT)

    def _run(self) -> None:
        while True:
            self._collect()
            if self._over.wait(INTERVAL):
                break
        self._hang_up()

    def _collect(self) -> None:
        try:
            if self._conn is None:
                self._conn = connect_status(self._conninfo)
            self._show(self._look(self._conn))
        except psycopg.Error as error:
            log.warning("figures_not_collected", error=str(error).strip())
            self._hang_up()

    def _look(self, conn: Connection) -> Status:
        return look(conn, self._projections, relayed=self._relayed, channels=self._channels)

    def _show(self, found: Status) -> None:
        self._figures.log_position.set(found.head)
        self._figures.dead_letters.set(found.dead_letters)
        self._database_ahead.set(found.clock.database_ahead.total_seconds())
        self._log_ahead.set(found.clock.log_ahead.total_seconds())
        for model in found.read_models:
            self._show_model(model, found.head)
        if found.relay:
            self._show_relay(found.relay)
        self._reacted.show(found)
        self._show_parts(found)
        self._looked = monotonic()

    def _show_model(self, model: ReadModelStatus, head: int) -> None:
        figures, name, read = self._figures, model.projection, model.read
        figures.projector_position.labels(name).set(read.position if read else 0)
        figures.projector_lag.labels(name).set(read.lag_events if read else head)
        figures.projector_lag_seconds.labels(name).set(read.lag_seconds if read else 0)
        figures.parked.labels(name).set(len(read.parked) if read else 0)

    def _show_relay(self, relay: RelayLag) -> None:
        self._figures.relay_position.set(relay.position)
        self._figures.relay_lag.set(relay.lag_events)

    def _show_parts(self, found: Status) -> None:
        for name in self._known - found.parts.keys():
            self._works.remove(name)
            self._waiting.clear()
        self._known = set(found.parts)
        for name, part in found.parts.items():
            self._works.labels(name).set(part is not None and part.works)
        for intake in found.intakes:
            self._waiting.labels(intake.name).set(intake.lag)
        for topic, changes in found.topic_changes.items():
            self._changes.labels(topic).set(changes)

    def _hang_up(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()


def show_bus(figures: Figures, bus: CommandBus) -> None:
    """Have each page say how the bus is doing right then."""

    def fresh() -> None:
        figures.queued.set(bus.queued)
        figures.breaker.set(bus.breaker.open)

    figures.before_each_page(fresh)
