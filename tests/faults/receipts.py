"""What customers were told: every 2xx answer, kept outside of the system that gave it."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from infra.audit.verify import Findings
from infra.audit.verify_receipts import Kept, verify_receipts
from infra.postgres.connections import Connection


@dataclass(slots=True)
class Receipts:
    """The bodies of one caller's accepted commands, by their idempotency keys."""

    caller: str
    channel: str
    bodies: dict[str, set[bytes]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, key: str, body: bytes) -> None:
        with self._lock:
            self.bodies.setdefault(key, set()).add(body)

    def command_id(self, key: str) -> UUID:
        return Kept(self.caller, key, "", self.channel).command_id

    def verify(self, conn: Connection, findings: Findings) -> None:
        """Each was stored once and as it was told, and whoever asked twice heard it twice."""
        verify_receipts(conn, self._kept(), findings)

    def _kept(self) -> Iterator[Kept]:
        for key, bodies in self.bodies.items():
            for body in bodies:
                yield Kept(self.caller, key, body.decode(), self.channel)
