"""Reading: filters, pages without gaps, and answers that are never silently old."""

from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from commands.handling import Contact
from projections.inventory_rows import InventoryRow, MovementRow, ReservationRow
from projections.order_status_rows import (
    FulfilmentRow,
    OrderLineRow,
    OrderStatusRow,
    PaymentRow,
    ShipmentRow,
)
from projections.order_timeline import TimelineRow
from projections.policies import LocationRow, OrderPolicyRow, SourcingPolicyRow
from projections.reporting_queries import DailyRow, FillRateRow
from tests.api.house import HEAD, House, fields, kind
from tests.api.requests import ID, ORDER

START = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)


def order(number: int, **columns: Any) -> OrderStatusRow:
    facts: dict[str, Any] = {
        "order_id": f"00000000-0000-5000-8000-{number:012}",
        "channel": "web",
        "reference": f"web-{number}",
        "customer_id": None,
        "country": "DE",
        "postal_area": None,
        "currency": "EUR",
        "payment_mode": "prepaid",
        "ship_method": None,
        "total": 1999,
        "promised_by": None,
        "placed_at": START + timedelta(minutes=number // 2),
        "updated_at": START,
        "version": 2,
        "position": number,
    }
    return OrderStatusRow(**facts | columns)


def test_pages_go_on_at_the_first_moment_that_can_be_stated() -> None:
    house = House()
    first = datetime.fromisoformat("1900-01-01T00:00:00+01:00").astimezone(UTC)
    house.rows.rows = [order(number, placed_at=first) for number in (1, 2, 3)]
    page = house.get("/v1/orders?limit=2").json()
    rest = house.get(f"/v1/orders?limit=2&cursor={page['next']}")
    assert [row["reference"] for row in rest.json()["items"]] == ["web-1"]


def line(number: int) -> OrderLineRow:
    return OrderLineRow(
        order_id=ID,
        line=number,
        sku="TEA",
        title="",
        kind="stock",
        ordered=1,
        unit_price=1999,
        total=1999,
        currency="EUR",
    )


def work(number: int, location: str = "BER", status: str = "open") -> FulfilmentRow:
    return FulfilmentRow(
        order_id=ID,
        fulfilment_id=f"F{number}",
        location=location,
        status=status,
        lines={"1": {"quantity": 1}},
        fulfil_by=None,
        opened_at=START,
        updated_at=START,
    )


def fact(number: int) -> TimelineRow:
    return TimelineRow(
        order_id=ID,
        stream_version=number,
        position=number,
        type="OrderPlaced",
        what="Placed",
        at=START,
        recorded_at=START,
        actor="ada",
        channel="web",
        reason=None,
        event_id="e",
        causation_id=None,
        correlation_id="c",
    )


def parcel(order_id: str, **columns: Any) -> ShipmentRow:
    facts: dict[str, Any] = {"lines": {"1": 1}, "parcels": 1, "packer": "ada"}
    return ShipmentRow(
        order_id=order_id,
        shipment_id="S1",
        fulfilment_id="F1",
        location="BER",
        packed_at=START,
        **facts | columns,
    )


def payment(number: int, **columns: Any) -> PaymentRow:
    facts: dict[str, Any] = {"provider": "stripe", "currency": "EUR"}
    return PaymentRow(
        order_id=ID,
        payment_id=f"P{number}",
        channel="web",
        country="DE",
        customer_id=None,
        provider_ref=f"ch_{number}",
        captured_at=START + timedelta(minutes=number),
        updated_at=START,
        **facts | columns,
    )


def place(name: str, **columns: Any) -> LocationRow:
    facts: dict[str, Any] = {"country": "DE", "zones": [], "channels": [], "priority": 0}
    return LocationRow(
        stream="sourcing",
        location=name,
        updated_at=START,
        version=1,
        position=1,
        **facts | columns,
    )


def item(location: str, sku: str, available: int = 0) -> InventoryRow:
    return InventoryRow(
        stock_item=f"{location}-{sku}",
        location=location,
        sku=sku,
        title="",
        on_hand=available,
        available=available,
        updated_at=START,
        version=1,
        position=1,
    )


def house_with(*rows: object) -> House:
    house = House()
    house.rows.rows = list(rows)
    return house


def pages(house: House, path: str) -> list[list[Any]]:
    """The items of every page, following the cursors."""
    found, cursor, sign = [], "", "&" if "?" in path else "?"
    while True:
        response = house.get(path + (f"{sign}cursor={cursor}" if cursor else ""))
        assert response.status_code == 200, response.text
        found.append(response.json()["items"])
        cursor = response.json()["next"]
        if cursor is None:
            return found


def test_an_order_is_shown_as_it_stands() -> None:
    house = house_with(order(1, order_id=ID))
    shown = house.get(ORDER).json()
    assert (shown["order_id"], shown["status"], shown["placed_at"]) == (
        ID,
        "placed",
        "2024-05-01T12:00:00Z",
    )
    assert house.get(ORDER.upper().replace("/V1/ORDERS", "/v1/orders")).json() == shown


@pytest.mark.parametrize(
    "rest", ["", "/lines", "/fulfilment-orders", "/shipments", "/timeline", "/contacts"]
)
def test_an_unknown_order_is_not_found(rest: str) -> None:
    response = House().get(ORDER + rest)
    assert (response.status_code, kind(response)) == (404, "unknown-order")


def test_pages_have_no_gaps_and_no_repeats() -> None:
    house = house_with(*[order(number) for number in range(7)])
    found = pages(house, "/v1/orders?limit=3")
    assert [len(page) for page in found] == [3, 3, 1]
    numbers = [row["position"] for page in found for row in page]
    assert numbers == [6, 5, 4, 3, 2, 1, 0]


def test_a_last_page_that_is_full_has_no_next() -> None:
    assert pages(house_with(order(1), order(2)), "/v1/orders?limit=2") == [
        house_with(order(1), order(2)).get("/v1/orders").json()["items"]
    ]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ("channel=web&reference=web-2", [2]),
        ("channel=shop", [3]),
        ("status=cancelled", [4]),
        ("customer_id=c-5", [5]),
        ("fulfilment_status=on_hold", [3]),
        ("on_hold=true&late=true", [3]),
        ("payment_status=paid", [4]),
        ("unsourced=true", [2]),
        ("late=false&has_exceptions=true", [1]),
        ("sku=TEA", [5, 4]),
        ("tracking=JD01", [4]),
        ("sku=TEA&tracking=JD02", []),
        ("placed_from=2024-05-01T12:02:00Z", [5, 4]),
        ("placed_to=2024-05-01T14:01:00%2B02:00", [1]),
        ("placed_from=2024-05-01T12:01:00Z&placed_to=2024-05-01T12:02:00Z", [3, 2]),
        ("channel=nobody", []),
    ],
)
def test_orders_are_found_by(wanted: str, numbers: list[int]) -> None:
    house = house_with(
        order(1, has_exceptions=True),
        order(2, unsourced=True),
        order(3, channel="shop", fulfilment_status="on_hold", on_hold=True, late=True),
        order(4, status="cancelled", payment_status="paid"),
        order(5, customer_id="c-5"),
        replace(line(1), order_id=order(4).order_id),
        replace(line(2), order_id=order(5).order_id),
        parcel(order(4).order_id, tracking="JD01"),
    )
    found = house.get(f"/v1/orders?{wanted}").json()["items"]
    assert [row["position"] for row in found] == numbers


def test_the_parts_of_an_order_are_lists_of_their_own() -> None:
    house = house_with(order(1, order_id=ID), *map(line, range(1, 6)), work(1), parcel(ID))
    assert [row["line"] for page in pages(house, f"{ORDER}/lines?limit=2") for row in page] == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert pages(house, f"{ORDER}/fulfilment-orders")[0][0]["fulfilment_id"] == "F1"
    assert pages(house, f"{ORDER}/shipments")[0][0]["shipment_id"] == "S1"


def test_the_timeline_tells_every_fact_once() -> None:
    house = house_with(*map(fact, range(1, 6)))
    found = pages(house, f"{ORDER}/timeline?limit=2")
    assert [row["stream_version"] for page in found for row in page] == [1, 2, 3, 4, 5]


def test_contacts_are_read_from_the_vault() -> None:
    house = House()
    house.vault.orders[ID] = {"shipping": Contact(contact_id="c", name="Ada")}
    shown = house.get(f"{ORDER}/contacts", key="contacts:read").json()
    assert shown["contacts"]["shipping"]["name"] == "Ada"


def test_a_location_sees_its_work() -> None:
    house = house_with(work(1), work(2, status="picking"), work(3, location="MUC"))
    found = pages(house, "/v1/fulfilment-orders?location=BER&limit=1")
    assert [row["fulfilment_id"] for page in found for row in page] == ["F1", "F2"]
    picking = house.get("/v1/fulfilment-orders?location=BER&status=picking").json()["items"]
    assert [row["fulfilment_id"] for row in picking] == ["F2"]


def test_inventory_is_found_by_sku_and_location() -> None:
    sku = "TEA/../100% é"
    house = house_with(item("BER", sku, 2), item("MUC", sku, 3), item("BER", "MUG", 1))
    assert len(pages(house, "/v1/inventory?limit=1")) == 3
    assert len(house.get("/v1/inventory?location=BER").json()["items"]) == 2
    one = house.get("/v1/inventory/item", params={"location": "MUC", "sku": sku})
    assert one.json()["available"] == 3
    everywhere = house.get("/v1/inventory/by-sku", params={"sku": sku}).json()
    assert (everywhere["locations"], everywhere["available"]) == (2, 5)


@pytest.mark.parametrize("path", ["item?location=BER&sku=TEA", "by-sku?sku=TEA"])
def test_an_unknown_item_is_not_found(path: str) -> None:
    response = House().get(f"/v1/inventory/{path}")
    assert (response.status_code, kind(response)) == (404, "unknown-stock-item")


def test_movements_come_latest_first() -> None:
    moves = [
        MovementRow(
            stock_item="BER-TEA",
            stream_version=number,
            position=number,
            location="BER",
            sku="TEA",
            day=START.date(),
            at=START,
            kind="received",
            units=1,
            on_hand=number,
            actor="ada",
        )
        for number in (1, 2, 3)
    ]
    found = pages(house_with(*moves), "/v1/inventory/movements?location=BER&sku=TEA&limit=2")
    assert [row["stream_version"] for page in found for row in page] == [3, 2, 1]


@dataclass(frozen=True)
class Waiting:
    path: str
    projection: str


WAITING = [
    Waiting("/v1/orders", "order_status"),
    Waiting(ORDER, "order_status"),
    Waiting(f"{ORDER}/timeline", "order_timeline"),
    Waiting("/v1/inventory", "inventory"),
    Waiting("/v1/reports/daily", "reporting"),
    Waiting("/v1/payments", "order_status"),
    Waiting("/v1/reservations", "inventory"),
    Waiting("/v1/locations", "policies"),
    Waiting("/v1/sourcing-policy", "policies"),
    Waiting("/v1/order-policy", "policies"),
]


@pytest.mark.parametrize("read", WAITING, ids=lambda read: read.path)
def test_a_read_waits_for_the_position_it_is_given(read: Waiting) -> None:
    house = house_with(order(1, order_id=ID), fact(1))
    assert house.get(read.path, headers={"Ordinal-Position": "7"}).status_code == 200
    assert house.get(f"{read.path}?position=8").status_code == 200
    assert house.rows.waited == [(read.projection, 7), (read.projection, 8)]


def day(number: int, **columns: Any) -> DailyRow:
    facts: dict[str, Any] = {column.name: 0 for column in dataclass_fields(DailyRow)[4:]}
    named = {"channel": "web", "country": "DE", "currency": "EUR"} | columns
    return DailyRow(day=date(2024, 5, number), **facts | named)


def test_reports_are_pages_by_day() -> None:
    house = house_with(day(1), day(2), day(2, channel="shop"), day(3, currency="USD"))
    found = pages(house, "/v1/reports/daily?limit=2")
    assert [(row["day"], row["channel"]) for page in found for row in page] == [
        ("2024-05-03", "web"),
        ("2024-05-02", "web"),
        ("2024-05-02", "shop"),
        ("2024-05-01", "web"),
    ]
    wanted = "day_from=2024-05-02&day_to=2024-05-03&channel=shop"
    assert len(house.get(f"/v1/reports/daily?{wanted}").json()["items"]) == 1


@pytest.mark.parametrize("report", ["daily", "skus", "fill-rate", "lead-times"])
def test_a_report_without_rows_is_an_empty_page(report: str) -> None:
    response = House().get(f"/v1/reports/{report}", key="reports:read")
    assert response.json() == {"items": [], "next": None}
    bad = House().get(f"/v1/reports/{report}?day_from=0001-01-01&day_to=tomorrow")
    assert (bad.status_code, fields(bad)) == (422, {"day_from", "day_to"})


@pytest.mark.parametrize("number", ["0", "86400", "1714521600", "2024-05-01T00:00:00"])
def test_a_day_is_written_out(number: str) -> None:
    bad = House().get(f"/v1/reports/daily?day_to={number}")
    assert (bad.status_code, fields(bad)) == (422, {"day_to"})


def test_shares_are_shown_as_decimals() -> None:
    row = FillRateRow(
        order_day=date(2024, 5, 1),
        channel="web",
        country="DE",
        sku="TEA",
        units=4,
        units_allocated=3,
        units_backordered=1,
        fill_rate=Decimal("0.7500"),
    )
    shown = house_with(row).get("/v1/reports/fill-rate").json()["items"]
    assert shown[0]["fill_rate"] == "0.7500"


def test_a_location_is_closed_with_a_look_at_its_work() -> None:
    house = house_with(work(1), work(2, "LEEDS"), replace(work(3), pending=False))
    house.post("/v1/locations/BER/close", {"reason": "moved out"})
    assert house.bus.command.open_work == (f"{ID} F1",)
    assert house.rows.waited == [("order_status", HEAD)]
    house.post("/v1/locations/YORK/close", {"reason": "moved out"})
    assert house.bus.command.open_work == ()


def test_no_location_is_closed_without_a_look_at_its_work() -> None:
    house = House()
    house.rows.applied = HEAD - 1
    response = house.post("/v1/locations/BER/close", {"reason": "moved out"})
    assert (response.status_code, kind(response)) == (503, "read-model-behind")
    assert house.bus.asked == []


def test_a_read_model_that_is_behind_says_so() -> None:
    house = House()
    house.rows.applied = 6
    response = house.get("/v1/orders", headers={"Ordinal-Position": "7"})
    assert (response.status_code, kind(response)) == (503, "read-model-behind")
    assert int(response.headers["retry-after"]) >= 1


def test_a_position_that_the_log_has_not_reached_is_refused_at_once() -> None:
    response = House().get(f"/v1/orders?position={HEAD + 1}")
    assert (response.status_code, kind(response)) == (400, "position-ahead")


def test_a_parameter_that_a_route_lacks_is_refused() -> None:
    response = House().get("/v1/inventory?skus=TEA")
    assert (response.status_code, fields(response)) == (422, {"skus"})
    assert House().get(f"{ORDER}/contacts?position=1").status_code == 422


def test_payments_are_found_alone_of_an_order_and_of_all() -> None:
    house = house_with(order(1, order_id=ID), payment(1), payment(2, currency="USD"), payment(3))
    assert [row["payment_id"] for row in pages(house, "/v1/payments?currency=EUR")[0]] == [
        "P3",
        "P1",
    ]
    assert len(pages(house, f"{ORDER}/payments?limit=2")) == 2
    assert house.get("/v1/payments?provider_ref=ch_2").json()["items"][0]["payment_id"] == "P2"
    assert house.get(f"{ORDER}/payments/P3").json()["provider_ref"] == "ch_3"
    missing = house.get(f"{ORDER}/payments/P9")
    assert (missing.status_code, kind(missing)) == (404, "unknown-payment")


def test_reservations_are_found_by_whom_they_are_for() -> None:
    held = [
        ReservationRow(
            stock_item="BER-TEA",
            location="BER",
            sku="TEA",
            reservation_id=key,
            owner=owner,
            quantity=2,
            expires_at=START,
        )
        for key, owner in (("R1", "cart-1"), ("R2", "cart-2"))
    ]
    house = house_with(*held)
    assert [row["reservation_id"] for row in pages(house, "/v1/reservations?sku=TEA")[0]] == [
        "R1",
        "R2",
    ]
    (mine,) = house.get("/v1/reservations?owner=cart-2").json()["items"]
    assert (mine["reservation_id"], mine["expires_at"]) == ("R2", "2024-05-01T12:00:00Z")


def test_locations_and_policies_can_be_read() -> None:
    house = house_with(place("BER"), place("HAM", active=False))
    assert [row["location"] for row in pages(house, "/v1/locations?active=true")[0]] == ["BER"]
    assert house.get("/v1/locations/HAM").json()["active"] is False
    assert house.get("/v1/locations/MUC").status_code == 404
    assert house.get("/v1/sourcing-policy").json()["max_splits"] == 3
    assert house.get("/v1/order-policy").json()["expire_unpaid_after"] is None
    house.rows.rows += [
        SourcingPolicyRow(
            stream="sourcing", rules=["id"], max_splits=1, updated_at=START, version=2, position=2
        ),
        OrderPolicyRow(
            stream="policy-orders", expire_unpaid_after=60, updated_at=START, version=1, position=3
        ),
    ]
    assert house.get("/v1/sourcing-policy").json() == {"rules": ["id"], "max_splits": 1}
    assert house.get("/v1/order-policy").json()["expire_unpaid_after"] == 60


def test_a_zone_is_a_name_of_one() -> None:
    assert House().get("/v1/reports/daily?zone=Europe/Berlin").status_code == 200
    for wrong in ("+02:00", "berlin", "Europe/Berlin;", "<+03>-3"):
        refused = House().get("/v1/reports/daily", params={"zone": wrong})
        assert (refused.status_code, fields(refused)) == (422, {"zone"})
