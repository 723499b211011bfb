"""The ring of API keys: what an operator takes away is gone in time, whatever the network does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psycopg
import pytest

from infra.postgres.connections import connect
from infra.store import api_keys
from infra.store.api_keys import ANSWER_LIMIT, KeyRing
from tests.infra.proxy import Proxy, postgres_proxy
from tests.infra.running import eventually
from verbs.edge_adapters import RingKeys

SECRET = "a secret"
# Seconds.
REVOKED_WITHIN = 2.0


@contextmanager
def ring_over(conninfo: str, connected: str | None = None) -> Iterator[KeyRing]:
    """A ring that knows one key."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        api_keys.create(
            conn, name="shop", caller="shop", channel="web",
            scopes=["orders:read", "orders:write"], secret=SECRET,
        )  # fmt: skip
    ring = KeyRing(partial(connect, connected or conninfo, "ordinal_writer", timeout=ANSWER_LIMIT))
    ring.start()
    try:
        yield ring
    finally:
        ring.stop()


def change(conninfo: str, what: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute(f"UPDATE ordinal.api_keys SET {what}".encode())


@pytest.fixture
def network(ordinal_database: str, public_folder: Path) -> Iterator[tuple[Proxy, str]]:
    with postgres_proxy(ordinal_database, public_folder) as through:
        yield through


def test_a_revoked_key_opens_nothing_two_seconds_later_though_an_answer_is_lost(
    ordinal_database: str, network: tuple[Proxy, str]
) -> None:
    proxy, conninfo = network
    with ring_over(ordinal_database, conninfo) as ring:
        assert ring.find(SECRET)
        proxy.die_when("received", b"shop")
        assert proxy.sprung.wait(5)
        change(ordinal_database, "revoked_at = now()")
        began = time.monotonic()
        eventually(lambda: ring.find(SECRET) is None, 15)
        assert time.monotonic() - began < REVOKED_WITHIN


def test_a_ring_outlives_a_database_that_is_away(
    ordinal_database: str, network: tuple[Proxy, str]
) -> None:
    proxy, conninfo = network
    with ring_over(ordinal_database, conninfo) as ring:
        proxy.refuse()
        proxy.cut()
        time.sleep(1.5)
        assert ring.find(SECRET)
        proxy.heal()
        change(ordinal_database, "revoked_at = now()")
        eventually(lambda: ring.find(SECRET) is None, REVOKED_WITHIN)


def test_scopes_that_are_taken_away_are_gone_where_the_key_was_used_before(
    ordinal_database: str,
) -> None:
    with ring_over(ordinal_database) as ring:
        keys = RingKeys(ring)
        before = keys.check(SECRET)
        assert before
        assert before.scopes == {"orders:read", "orders:write"}
        change(ordinal_database, "scopes = ARRAY['orders:read']")

        def reduced() -> bool:
            caller = keys.check(SECRET)
            return caller is not None and caller.scopes == {"orders:read"}

        eventually(reduced, REVOKED_WITHIN)


def test_no_session_waits_for_a_lost_answer(
    ordinal_database: str, network: tuple[Proxy, str]
) -> None:
    """Vault, snapshots, housekeeping and heartbeats have theirs from the same place."""
    proxy, conninfo = network
    with suppress(psycopg.Error), connect(conninfo, "ordinal_writer", timeout=0.4) as conn:
        conn.execute("SELECT 1")
        proxy.swallow()
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            conn.execute("SELECT 1")
        assert time.monotonic() - began < 1
        assert conn.closed
