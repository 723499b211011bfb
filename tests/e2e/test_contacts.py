"""Personal data: in the vault, for those who may ask for it, and nowhere else."""

import json
from typing import Any

import psycopg

from infra.store import api_keys
from tests.e2e.asking import Said, Shop, await_lag_zero, get, read_everything
from tests.faults.system import System
from tests.infra.running import eventually

NAME, STREET, MAIL = "Zoë Quillfeather", "13 Mulberry Steps", "zoe@quillfeather.example"
REASON: dict[str, Any] = {"ordinal-reason": "they called"}
PERSON = {"name": NAME, "street": STREET, "email": MAIL, "city": "Whitby", "country": "GB"}


def test_personal_data_stands_in_the_vault_and_nowhere_else(shop: Shop) -> None:
    placed = shop.place("web-1", contacts={"shipping": PERSON})
    order_id = placed.json()["id"]
    shop.read(f"/v1/orders/{order_id}/timeline", placed)
    contact = contacts_of(shop, order_id)["shipping"]
    assert {field: contact[field] for field in PERSON} == PERSON
    await_lag_zero(shop.system)
    assert mentions(shop.system, NAME, STREET, MAIL) == {"ordinal.contacts"}


def test_a_word_that_is_in_the_events_is_found_everywhere(shop: Shop) -> None:
    shop.place("web-1", customer_id="quillfeather")
    await_lag_zero(shop.system)
    found = mentions(shop.system, "quillfeather")
    assert {"ordinal.stored_events", "read.order_status_g1"} <= found
    assert any(name.endswith(".events.order") for name in found)


def test_contacts_take_a_scope_of_their_own(shop: Shop) -> None:
    order_id = shop.place("web-1", contacts={"billing": PERSON}).json()["id"]
    with psycopg.connect(shop.system.conninfo, autocommit=True) as conn:
        grant = api_keys.Grant(name="clerk", caller="clerk", channel="web", scopes=("orders:read",))
        secret = api_keys.create(conn, grant, actor="test")
    path, header = f"/v1/orders/{order_id}", f"Bearer {secret}"
    eventually(lambda: get(shop.system, shop.api, path, authorization=header).status == 200)
    refused = get(shop.system, shop.api, f"{path}/contacts", authorization=header)
    assert (refused.status, refused.json()["scope"]) == (403, "contacts:read")


def contacts_of(shop: Shop, order_id: str) -> Any:
    path = f"/v1/orders/{order_id}/contacts"
    return get(shop.system, shop.api, path, **REASON).json()["contacts"]


def mentions(system: System, *words: str) -> set[str]:
    """The tables, topics and logs that hold any of these words."""
    spoken = read_everything(system)
    found = set[str]()
    for word in words:
        found |= tables_with(system, word)
        found |= {message.topic for message in spoken if says(message, word)}
        found |= {process.name for process in system.processes if process.said(word)}
    return found


def tables_with(system: System, words: str) -> set[str]:
    """Bytes come as hexadecimal digits in a row's text; JSON may have escaped what is not ASCII."""
    escaped = json.dumps(words)[1:-1]
    marks = [words, words.encode().hex(), escaped.encode().hex(), escaped.replace("\\", "\\\\")]
    tables = system.rows(
        "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables"
        " WHERE table_schema IN ('ordinal', 'read')"
    )
    asked = "SELECT 1 FROM {} t WHERE t::text LIKE ANY(%s) LIMIT 1"
    likes = [f"%{mark}%" for mark in marks]
    return {table for (table,) in tables if system.rows(asked.format(table), likes)}


def says(message: Said, words: str) -> bool:
    parts = (message.key, message.value, *message.headers.values())
    spoken = (words.encode(), json.dumps(words).encode()[1:-1])
    return any(each in part for each in spoken for part in parts)
