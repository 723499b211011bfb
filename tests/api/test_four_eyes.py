"""Two people are two keys, or two names that a key may give."""

from typing import Any

import pytest

from api.scopes import ROLES, granted
from domain.order.state import ORDER
from domain.values import order_stream
from tests.api.house import House, MemoryBus, kind, problem
from tests.api.requests import ITEM, PLACE

ALONE = "fulfilment:write,orders:write,stock:write,admin"
TRUSTED = f"{ALONE},on-behalf-of"


class Shop:
    """An order whose goods lie picked before whoever packs."""

    def __init__(self) -> None:
        self.bus = MemoryBus()
        self.house = House(self.bus, caller="bench-1")
        self.ask("/v1/locations", {"location": "BER", "country": "DE"})
        self.ask("/v1/stock/register", ITEM)
        self.ask("/v1/stock/receive", ITEM | {"quantity": 3, "document": "PO-1"})
        placed = self.ask("/v1/orders", PLACE).json()
        self.order_id = placed["id"]
        self.path = f"/v1/orders/{self.order_id}"
        self.ask(f"{self.path}/confirm")
        opened = self.ask(f"{self.path}/fulfilment-orders", {}).json()
        (work,) = opened["details"]["fulfilment_ids"]
        self.work = f"{self.path}/fulfilment-orders/{work}"

    def ask(self, path: str, body: Any = None, key: str = TRUSTED, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.house.post(path, body, key=key, headers=named)

    def packed(self, name: str | None, key: str, **headers: str) -> str:
        self.ask(f"{self.work}/start-pick", {})
        self.ask(f"{self.work}/pick", {"line": 1, "quantity": 2})
        body = {} if name is None else {"packer": name}
        answer = self.ask(f"{self.work}/pack", body, key, **headers).json()
        return f"{self.path}/shipments/{answer['details']['shipment_id']}/verify"

    @property
    def shipment(self) -> Any:
        (found,) = self.bus.log.state(ORDER, order_stream(self.order_id)).shipments.values()
        return found


def test_names_that_a_key_may_not_give_are_all_its_own() -> None:
    shop = Shop()
    verify = shop.packed("alice", ALONE)
    assert shop.shipment.packer == "bench-1"
    refused = shop.ask(verify, {"verifier": "bob"}, ALONE)
    assert (refused.status_code, kind(refused)) == (409, "same-person")
    assert shop.ask(verify, {"verifier": "bob"}, TRUSTED).status_code == 200


@pytest.mark.parametrize("verifier", ["Alice", " alice ", "ALICE", "al ice"])
def test_one_person_by_another_spelling_is_one_person(verifier: str) -> None:
    shop = Shop()
    verify = shop.packed("alice", TRUSTED)
    assert kind(shop.ask(verify, {"verifier": verifier})) == "same-person"
    assert shop.ask(verify, {"verifier": "bob"}).status_code == 200


def test_whom_a_key_speaks_for_is_the_actor_and_the_key_stands_beside() -> None:
    house = House()
    ask = f"/v1/orders/{'0' * 8}-0000-5000-8000-{'0' * 12}/confirm"
    house.post(ask, headers={"Ordinal-On-Behalf-Of": "Zoë".encode().decode("latin-1")})
    assert (house.bus.context.actor, house.bus.context.via) == ("Zoë", "key-1")
    house.post(ask)
    assert (house.bus.context.actor, house.bus.context.via) == ("key-1", None)


def test_a_key_speaks_for_others_only_if_it_may() -> None:
    shop = Shop()
    refused = shop.ask(f"{shop.path}/complete", None, ALONE, Ordinal_On_Behalf_Of="alice")
    assert (refused.status_code, problem(refused)["scope"]) == (403, "on-behalf-of")
    for name in ("", "a\u0085".encode().decode("latin-1"), "\xff"):
        answer = shop.ask(f"{shop.path}/complete", None, TRUSTED, Ordinal_On_Behalf_Of=name)
        assert answer.status_code == 400


def test_the_same_request_of_two_people_is_no_repeat() -> None:
    shop = Shop()
    hold, key = f"{shop.path}/holds", {"Idempotency_Key": "k"}
    first = shop.ask(hold, {"reason": "r"}, **key, Ordinal_On_Behalf_Of="alice")
    again = shop.ask(hold, {"reason": "r"}, **key, Ordinal_On_Behalf_Of="alice")
    other = shop.ask(hold, {"reason": "r"}, **key, Ordinal_On_Behalf_Of="bob")
    assert (first.status_code, again.content) == (200, first.content)
    assert (other.status_code, kind(other)) == (422, "key-reused")


def test_who_packs_and_who_verifies_may_be_named_at_the_bench() -> None:
    assert "on-behalf-of" in granted(["warehouse"], ())
    assert [role for role in ROLES if "on-behalf-of" in granted([role], ())] == ["warehouse"]
