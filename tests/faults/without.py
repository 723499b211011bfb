"""The program without one of its guards: what the checks must tell from the program as it is."""

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from unittest.mock import patch

from api.api_request import Asking
from domain.values import ORDINAL_NAMESPACE, named_uuid
from infra.postgres.connections import Connection
from infra.runtime.loop_worker import elsewhere
from infra.write_path.append_session import LogSession
from infra.write_path.group_commit import LogUnavailable, Writer

if TYPE_CHECKING:
    from verbs.http_server import Server

PAUSE = 0.1


def one_for_all_requests(asked: Asking, content: bytes) -> bytes:
    """A fingerprint that says nothing."""
    return bytes(32)


def one_for_all_callers(asked: Asking) -> None:
    """An id that leaves out who asks."""
    asked.command_id = named_uuid(ORDINAL_NAMESPACE, asked.field(b"idempotency-key") or "")


def looks_at_nothing(conn: Connection) -> None:
    """A relay that takes any database."""


def is_deaf(server: "Server", number: int, frame: object) -> None:
    """A process that does not end when it is told to."""


def drops_everything(server: "Server", number: int, frame: object) -> None:
    """A process that ends at once, as if all were well, whatever it is doing."""
    os._exit(0)


def insists(writer: Writer) -> LogSession:
    """A writer that waits for a connection, as a pool would, instead of giving up."""
    while True:
        with suppress(LogUnavailable):
            return opens(writer)
        elsewhere(lambda: time.sleep(PAUSE))


def one_id_for_all_topics(reader: object, topic: str) -> str:
    """An intake that takes a topic made anew for the old one."""
    return "the only one"


def nothing_is_lost(*_: object) -> dict[object, int]:
    """An intake that compares nothing with what it read."""
    return {}


def has_no_codec() -> bool:
    """A client without the packages that unpack what producers compress."""
    return False


def believes_any_clock(writer: Writer, database: object) -> None:
    """A writer that takes whatever time it is told."""


def switch_off(guard: str) -> None:
    """In this process, for good."""
    target, replacement = GUARDS[guard]
    patch(target, replacement).start()


opens = Writer._open
GUARDS = {
    "fingerprint": ("api.api_request.Asking._fingerprint", one_for_all_requests),
    "caller in the key": ("api.api_request.Asking.identify", one_for_all_callers),
    "look at the store": ("infra.relay.relay.refuse_unfit_store", looks_at_nothing),
    "ear for signals": ("verbs.http_server.Server.handle_exit", is_deaf),
    "orderly end": ("verbs.http_server.Server.handle_exit", drops_everything),
    "id of a topic": ("infra.intake.intake.topic_id_of", one_id_for_all_topics),
    "comparison": ("infra.intake.intake.lost_from", nothing_is_lost),
    "codecs": ("kafka.codec.has_zstd", has_no_codec),
    "look at the clock": (
        "infra.write_path.group_commit.Writer._check_clock",
        believes_any_clock,
    ),
    "giving up": ("infra.write_path.group_commit.Writer._open", insists),
}
