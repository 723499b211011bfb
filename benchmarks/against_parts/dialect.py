"""How a build is spoken to from outside: whatever differs between two builds stands here."""

import json
import re
from dataclasses import dataclass

Words = tuple[str, ...]

SCOPES = (
    "orders:write",
    "orders:read",
    "stock:write",
    "stock:read",
    "fulfilment:write",
    "payments:write",
    "history:write",
    "admin",
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """Verbs, paths and topics of one build, as a399707 has them unless told otherwise."""

    everything: Words = ("up",)
    serve: Words = ("serve",)
    relay: Words = ("relay",)
    intake: Words = ("consume", "orders")
    migrate: Words = ("migrate",)
    topics: Words = ("topics",)
    key: Words = (
        "keys", "create", "--name", "bench", "--channel", "web",
        *(word for scope in SCOPES for word in ("--scope", scope)),
    )  # fmt: skip
    retail: Words = ("import", "online-retail")
    rebuild: Words = ("rebuild",)
    drop_old: Words = ("rebuild", "--drop-old", "all")
    # The four read models that a399707 has: more of them would be more work.
    read_models: Words = ("order_status", "order_timeline", "inventory", "reporting")
    orders: str = "/v1/orders"
    bulk: str | None = None
    intake_topic: str = "intake.orders"
    results_topic: str = "intake.results"
    # A position that no log has come to: the refusal tells where the log ends.
    log_end: re.Pattern[str] = re.compile(r"log ends at (\d+)")

    def taken(self, result: bytes) -> bool:
        """Whether an answer on the topic of results, or a line of a bulk's, accepts the order."""
        return json.loads(result).get("status") in ("accepted", 201)


OTHER = Dialect()
THIS = Dialect(
    bulk="/v1/orders/bulk",
    retail=("import", "online-retail", "--accept-rejects", "--zone", "UTC"),
    # One key packs and verifies for two people.
    key=(*OTHER.key, "--scope", "on-behalf-of"),
)
