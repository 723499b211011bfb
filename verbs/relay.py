"""`ordinal relay`"""

from infra.ops.heartbeats import Heartbeat, reporting
from infra.relay.relay import Relay, RelayStatus
from verbs.session import load_settings, opened
from verbs.signals import stop_signal
from verbs.terminal import verb

cli = verb()


@cli.command()
def relay() -> None:
    """Publish the event log to Kafka."""
    settings = load_settings()
    with opened(settings) as conninfo, stop_signal() as stop:
        machine = Relay(conninfo, settings)
        with reporting(conninfo, "ordinal_writer", "relay", lambda: news_of(machine.status)):
            machine.run(stop)


def news_of(status: RelayStatus) -> Heartbeat | None:
    """A relay that waits for its turn says nothing in the name of the one whose turn it is."""
    if status.state in ("waiting", "fenced") or (status.state == "stopped" and not status.position):
        return None
    return Heartbeat(
        state=status.state,
        position=status.position or None,
        outbox=status.outbox_position or None,
        detail=status.last_error if status.state in ("retrying", "halted") else None,
    )
