"""Clients of Kafka that leave nothing behind when they cannot be made.

The library starts a thread and opens sockets before it knows whether any broker answers, and
drops neither when none does: a long outage would use up the process's file descriptors.
"""

from typing import Any

from kafka.net.compat import KafkaNetClient


def open_client(kind: Any, **config: Any) -> Any:
    """`kind(**config)` for one of the library's clients, with all of it closed if that fails."""
    make = config.pop("kafka_client", KafkaNetClient)
    made = []

    def remembered(**given: Any) -> Any:
        made.append(make(**given))
        return made[0]

    try:
        return kind(**config, kafka_client=remembered)
    except BaseException:
        for client in made:
            client.close()
        raise
