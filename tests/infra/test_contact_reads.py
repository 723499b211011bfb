"""The access log of the vault: a row before anything is told, and no row is ever changed."""

from functools import partial

import psycopg
import pytest

from domain.errors import UnknownOrder
from infra.postgres.connections import connect
from infra.store.contacts_vault import Vault
from tests.infra.shop import do, open_shop, order, writing


def read(order_id: str, reason: str = "lost parcel") -> dict[str, object]:
    return {
        "caller": "desk", "person": None, "order_id": order_id, "reason": reason,
        "request_id": "r1",
    }  # fmt: skip


def test_each_look_is_a_row_that_takes_no_change(ordinal_database: str) -> None:
    with writing(ordinal_database) as writer:
        open_shop(writer, units=5)
        do(writer, order("o1"), 1)
    vault = Vault(partial(connect, ordinal_database, "ordinal_writer"))
    for reason in ("first", "second"):
        vault.of_order(read("o1", reason))
    with pytest.raises(UnknownOrder):
        vault.of_order(read("none"))
    rows = vault.reads(None, 1_000, 10)
    assert [(row["order_id"], row["reason"], row["caller"]) for row in rows] == [
        ("o1", "second", "desk"),
        ("o1", "first", "desk"),
    ]
    assert vault.reads("o1", rows[0]["read_id"], 10) == rows[1:]
    assert vault.reads("o2", 1_000, 10) == []
    with psycopg.connect(ordinal_database, autocommit=True) as conn:
        for change in ("DELETE FROM ordinal.contact_reads", "TRUNCATE ordinal.contact_reads"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                conn.execute(change.encode())
