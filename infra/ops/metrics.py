"""Figures of a process: a Prometheus registry, and what the command bus tells it."""

import threading
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from functools import cache

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from commands.handling import Answer
from domain.errors import OrdinalError
from infra.ops.histogram import Histogram
from infra.runtime.logs import log_each
from infra.write_path.command_bus import QueuedCommand

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Figures:
    """The figures of one process. The names are the contract of dashboards and alerts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._collect: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self.commands = self._counter(
            "ordinal_commands_total", "Commands by kind and outcome.", "kind", "outcome"
        )
        self.latency = self._histogram(
            "ordinal_command_seconds", "From queued to answered.", SECONDS
        )
        self.batch = self._histogram(
            "ordinal_batch_commands", "Commands that shared one commit.", BATCHES
        )
        self.append = self._histogram(
            "ordinal_append_seconds", "Duration of one group commit.", SECONDS
        )
        self.requests = self._counter(
            "ordinal_http_requests_total", "HTTP requests.", "method", "route", "status"
        )
        self.request_seconds = self._histogram(
            "ordinal_http_request_seconds", "Duration of HTTP requests.", SECONDS
        )
        self.queued = self.gauge("ordinal_queue_commands", "Commands that wait for the bus.")
        self.breaker = self.gauge("ordinal_breaker_open", "1 while the event log is held for away.")
        self.log_position = self.gauge("ordinal_log_position", "Last position of the event log.")
        self.relay_position = self.gauge("ordinal_relay_position", "Last position in Kafka.")
        self.relay_lag = self.gauge("ordinal_relay_lag_events", "Positions not yet in Kafka.")
        self.projector_position = self.gauge(
            "ordinal_projector_position", "Last position that a read model applied.", "projection"
        )
        self.projector_lag = self.gauge(
            "ordinal_projector_lag_events", "Positions a read model is behind.", "projection"
        )
        self.projector_lag_seconds = self.gauge(
            "ordinal_projector_lag_seconds", "Age of what a read model has not seen.", "projection"
        )
        self.parked = self.gauge("ordinal_parked_streams", "Streams set aside.", "projection")
        self.dead_letters = self.gauge("ordinal_dead_letters", "Dead letters in the outbox.")

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(name, about, buckets, self.registry)

    def gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(name, about, labels, registry=self.registry)

    def before_each_page(self, collect: Callable[[], None]) -> None:
        """Ask this for fresh figures each time somebody scrapes."""
        self._collect.append(collect)

    def page(self) -> tuple[bytes, str]:
        with self._lock:
            for collect in self._collect:
                collect()
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


def outcome_of(pending: QueuedCommand) -> str:
    """accepted, repeated, or the name of what refused it."""
    outcome = pending.outcome
    if isinstance(outcome, Answer):
        return "repeated" if outcome.replayed else "accepted"
    return type(outcome).__name__


class BusFigures:
    """Counts and logs what the bus did: one line a command, one a batch (debug)."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._count = cache(figures.commands.labels)
        self._log = structlog.get_logger("bus").bind()

    def batch_done(self, asks: Sequence[QueuedCommand], seconds: float, now: float) -> None:
        figures = self._figures
        tally: Tally[tuple[str, str]] = Tally()
        lines: list[dict[str, object]] = []
        for pending in asks:
            outcome, seconds_of_it = outcome_of(pending), now - pending.queued_at
            tally[type(pending.command).__name__, outcome] += 1
            figures.latency.observe(seconds_of_it)
            lines.append(self._line(pending, outcome, seconds_of_it))
        log_each(self._log, "command", filter(None, lines))
        for (kind, outcome), count in tally.items():
            self._count(kind, outcome).inc(count)
        figures.batch.observe(len(asks))
        figures.append.observe(seconds)
        self._log.debug("batch", commands=len(asks), seconds=round(seconds, 6))

    def _line(self, pending: QueuedCommand, outcome: str, seconds: float) -> dict[str, object]:
        """What is logged of this command; nothing if that was done here, as for a fault."""
        context, result = pending.context, pending.outcome
        fields: dict[str, object] = {
            "kind": type(pending.command).__name__,
            "outcome": outcome,
            "ms": round(seconds * 1000, 3),
            "actor": context.actor,
            "correlation_id": context.correlation_id,
        }
        if isinstance(result, Answer):
            fields["stream_id"] = result.receipt.stream_id
            fields["position"] = result.receipt.position
        elif isinstance(result, OrdinalError):
            fields["why"] = str(result)
        else:
            self._log.error("command", why=str(result), exc_info=result, **fields)
            return {}
        return fields
