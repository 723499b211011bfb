"""The ring of API keys: what an operator takes away is gone in time, whatever the network does."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api.problems import Forbidden, UnknownKey
from infra.postgres.connections import connect
from infra.store import api_keys
from infra.store.api_keys import Grant
from infra.store.key_ring import ANSWER_LIMIT, KeyRing
from tests.infra.proxy import Proxy, postgres_proxy
from tests.infra.running import eventually
from verbs.edge_adapters import RingKeys
from verbs.key_office import StoredKeys

SECRET = "a secret"
# Seconds.
REVOKED_WITHIN = 2.0


@contextmanager
def ring_over(conninfo: str, connected: str | None = None) -> Iterator[KeyRing]:
    """A ring that knows one key."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        grant = Grant(
            name="shop", caller="shop", channel="web", scopes=("orders:read", "stock:read")
        )
        api_keys.create(conn, grant, actor="test", secret=SECRET)
    ring = KeyRing(partial(connect, connected or conninfo, "ordinal_writer", timeout=ANSWER_LIMIT))
    ring.start()
    try:
        yield ring
    finally:
        ring.stop()


def change(conninfo: str, what: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute(f"UPDATE ordinal.api_keys SET {what}".encode())


@contextmanager
def owner_of(conninfo: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(conninfo, autocommit=True) as conn:
        yield conn


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
        assert before.scopes == {"orders:read", "fulfilment:read", "stock:read"}
        change(ordinal_database, "scopes = ARRAY['orders:read']")

        def reduced() -> bool:
            caller = keys.check(SECRET)
            return caller is not None and "stock:read" not in caller.scopes

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


def test_a_key_opens_nothing_after_its_end(ordinal_database: str) -> None:
    with ring_over(ordinal_database) as ring:
        assert ring.find(SECRET)
        change(ordinal_database, "expires_at = now() + interval '1500 milliseconds'")
        eventually(lambda: ring.find(SECRET) is None, 3.0)


def test_it_is_kept_when_a_key_was_last_used(ordinal_database: str) -> None:
    with ring_over(ordinal_database) as ring, owner_of(ordinal_database) as conn:
        assert api_keys.listed(conn)[0].last_used_at is None
        assert ring.find(SECRET)
        eventually(lambda: api_keys.listed(conn)[0].last_used_at is not None, 10)


def test_a_rotated_key_lives_on_as_another_and_ends_after_the_overlap(
    ordinal_database: str,
) -> None:
    with ring_over(ordinal_database) as ring, owner_of(ordinal_database) as conn:
        before = api_keys.listed(conn)[0]
        hour = timedelta(hours=1)
        secret = api_keys.rotate(conn, before.key_id, overlap=hour, actor="ada")
        old, new = api_keys.listed(conn)
        assert (new.caller, new.scopes, new.expires_at) == (old.caller, old.scopes, None)
        assert old.expires_at is not None
        eventually(lambda: ring.find(secret) is not None and ring.find(SECRET) is not None, 3)
        api_keys.rotate(conn, new.key_id, overlap=timedelta(0), actor="ada")
        eventually(lambda: ring.find(secret) is None, 3)
        with pytest.raises(api_keys.UnknownKey):
            api_keys.rotate(conn, new.key_id, overlap=hour, actor="ada")
        told = [(key, what, actor) for _, key, what, actor, _ in api_keys.history(conn)]
    assert told[:3] == [
        (old.key_id, "created", "test"),
        (old.key_id, "rotated", "ada"),
        (new.key_id, "created", "ada"),
    ]


def test_what_happened_to_keys_takes_no_changes(ordinal_database: str) -> None:
    with ring_over(ordinal_database), owner_of(ordinal_database) as conn:
        for statement in ("DELETE FROM", "UPDATE"):
            rest = "SET actor = 'nobody'" if statement == "UPDATE" else ""
            with pytest.raises(psycopg.Error, match="append-only"):
                conn.execute(f"{statement} ordinal.key_events {rest}".encode())


def test_the_processes_make_no_keys(ordinal_database: str) -> None:
    grant = Grant(name="thief", caller="thief", channel="web", scopes=("admin",))
    with (
        connect(ordinal_database, "ordinal_writer") as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        api_keys.create(conn, grant, actor="thief")
    with connect(ordinal_database, "ordinal_keeper") as conn:
        secret = api_keys.create(conn, grant, actor="ada")
        api_keys.revoke(conn, api_keys.id_of(secret), actor="ada")


@pytest.fixture
def clerk(ordinal_database: str) -> Iterator[str]:
    """A login with the rights of a process, and no other."""
    name = f"process_{os.getpid()}"
    with psycopg.connect(ordinal_database, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {name} LOGIN IN ROLE ordinal_writer".encode())
        yield make_conninfo(ordinal_database, user=name)
        conn.execute(f"DROP ROLE {name}".encode())


def test_keys_are_made_over_http_where_the_servers_login_may(
    ordinal_database: str, clerk: str
) -> None:
    office = StoredKeys(partial(connect, ordinal_database, "ordinal_keeper"))
    grant = {"name": "shop", "caller": "shop", "channel": "web", "roles": ("analyst",)}
    key_id, secret = asyncio.run(office.create(grant, "ada"))
    other_id, _ = asyncio.run(office.rotate(key_id, 1, "ada"))
    asyncio.run(office.revoke(other_id, "ada"))
    shown = asyncio.run(office.listed())
    assert [(key["key_id"], key["revoked"]) for key in shown] == [(key_id, False), (other_id, True)]
    assert secret not in repr(shown)
    with pytest.raises(UnknownKey):
        asyncio.run(office.revoke("0123456789ab", "ada"))
    with pytest.raises(Forbidden):
        asyncio.run(StoredKeys(partial(connect, clerk, "ordinal_keeper")).listed())
