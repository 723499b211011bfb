"""`ordinal kafka`"""

from pathlib import Path

from infra.local import kafka_broker
from verbs.signals import stop_signal
from verbs.terminal import console, verb

cli = verb()


@cli.command()
def kafka() -> None:
    """Run a broker of this folder's own, for development."""
    with kafka_broker.broker(Path.cwd() / ".data" / "kafka") as machine, stop_signal() as stop:
        console.print(f"ORDINAL_KAFKA_BOOTSTRAP_SERVERS={machine.bootstrap_servers}")
        stop.wait()
