"""What customers were told: every 2xx answer, kept outside of the system that gave it."""

import threading
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from domain.values import ORDINAL_NAMESPACE
from infra.event_log import Connection
from infra.verify import Findings


@dataclass(slots=True)
class Receipts:
    """The bodies of one caller's accepted commands, by their idempotency keys."""

    caller: str
    bodies: dict[str, list[bytes]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, key: str, body: bytes) -> None:
        with self._lock:
            self.bodies.setdefault(key, []).append(body)

    def command_id(self, key: str) -> UUID:
        return uuid5(ORDINAL_NAMESPACE, f"{self.caller}\n{key}")

    def verify(self, conn: Connection, findings: Findings) -> None:
        """Each was stored once and as it was told, and whoever asked twice heard it twice."""
        once = findings.begin("I1", "accepted commands are in the log exactly once")
        equal = findings.begin("I6", "one key, at most one effect")
        stored = self._stored(conn)
        for key, bodies in self.bodies.items():
            if not once.holds(stored.get(self.command_id(key)) == bodies[0]):
                once.blame(f"the answer to key {key} is not in the store: {bodies[0]!r}")
            if not equal.holds(len(set(bodies)) == 1):
                equal.blame(f"key {key} got different answers: {set(bodies)}")

    def _stored(self, conn: Connection) -> dict[UUID, bytes]:
        ids = [self.command_id(key) for key in self.bodies]
        rows = conn.execute(
            "SELECT command_id, receipt FROM ordinal.commands WHERE command_id = ANY(%s)", (ids,)
        )
        return {command_id: bytes(receipt) for command_id, receipt in rows}
