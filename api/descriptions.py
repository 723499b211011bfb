"""What each field of the API means, where its type does not say so itself, with examples.

A name means the same wherever it stands; where it does not, the place is named too.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from api.examples import EXAMPLES
from projections import PROJECTIONS
from projections.inventory import SkuInventory
from projections.rows import documented

WORDS: Mapping[str, str] = {
    "active": "Whether it serves anybody.",
    "backorder_limit": "Units that may wait here; null is without limit.",
    "captured_from": "From this moment on, when money first came.",
    "captured_to": "Before this moment.",
    "carrier": "Who carries it.",
    "cause": "Why it went back.",
    "changed": "Whether anything changed; a repeat changes nothing.",
    "channel": "Where the order came from.",
    "channels": "Channels that it serves; none are all.",
    "city": "City of an address.",
    "codes": "Further codes that a scanner may read.",
    "complete_by_itself": "Complete an order whose last line came to its end.",
    "contact_id": "The contact; events name it.",
    "contacts": "Personal data by role, such as billing and shipping; kept apart from events.",
    "country": "ISO 3166 alpha-2.",
    "counted": "Units that somebody counted.",
    "counted_at_version": "The stock item's version that was on the shelf when it was counted.",
    "currency": "ISO 4217.",
    "customer_id": "The customer's number, no personal data.",
    "delta": "Units more, or fewer, than the books say.",
    "detail": "What is wrong, in words.",
    "details": "Further facts, such as generated ids and what each location sends.",
    "dispatch_needs_payment": "Let no prepaid order leave before it is paid.",
    "document": "The document under which units are announced or come.",
    "email": "Mail address.",
    "errors": "Which fields are wrong, members of lists counted from 1.",
    "eta": "When the units are expected.",
    "exception_id": "The exception, as the order lists it.",
    "excluded": "Locations that shall not be chosen.",
    "expire_unpaid_after": "Seconds after which an order that is to be paid first expires.",
    "expires_at": "When the promise ends.",
    "forced": "Let it leave although the books have too few units.",
    "from_state": "In which state the units are.",
    "fulfil_by": "When the work has to be done.",
    "fulfilment_id": "The fulfilment order.",
    "fulfilment_status": "How far the units are, folded from them.",
    "has_exceptions": "Whether something went against the plan and nobody has closed it yet.",
    "hold_id": "The hold; one is made unless it is named.",
    "id": "The order, stock item or location that this is about.",
    "items": "The rows of this page.",
    "kind": "stock (goods) or charge (money without stock).",
    "late": "Whether promised_by has passed and goods have still to be dispatched.",
    "lines": "The lines, counted from 1.",
    "location": "The location.",
    "locations": "Locations that carry it.",
    "lot": "Lot of a receipt.",
    "low_stock": "Whether the last alert said that it is time to buy.",
    "max_splits": "Into how many parts an order may fall.",
    "name": "Name of a person or firm.",
    "next": "The cursor of the next page; null at the end.",
    "on_hold": "Whether a hold is open, so that nothing may leave.",
    "order_id": "The order.",
    "out_of_stock": "Whether the last alert said that nothing is available.",
    "outcome": "What came of the command, in a word.",
    "owner": "For whom: a cart, a draft, a quote.",
    "packer": "Who packs, or packed.",
    "parcels": "Parcels that the shipment consists of.",
    "payment_id": "The payment; one is made unless it is named.",
    "payment_mode": "prepaid, on_account or cash_on_delivery.",
    "payment_status": "How far the money is, folded from payments and refunds.",
    "phone": "Telephone number.",
    "picker": "Who picks.",
    "placed_from": "From this moment on, when the order was placed.",
    "placed_to": "Before this moment.",
    "position": "Log position; reads take it back and wait for it.",
    "postal_area": "Coarse part of the postal code, no personal data.",
    "postal_code": "Postal code of an address.",
    "preferred_location": "The location that is tried first.",
    "preorder": "Whether as many units may wait as are expected.",
    "priority": "Of an order: the greater, the earlier. Of a location: the smaller, the sooner.",
    "promised_by": "When the customer was promised the goods.",
    "proof": "What proves the delivery, no personal data.",
    "provider": "Who tells of the money.",
    "provider_ref": "The provider's own reference; the same one again is a repeat.",
    "quantity": "How many units.",
    "reason": "Why.",
    "reference": "The caller's own number or reference.",
    "refund_id": "The refund; one is made unless it is named.",
    "region": "Region of an address.",
    "reorder_point": "Available units at which to buy; null is never.",
    "reorder_quantity": "How many to buy then; 0 is no suggestion.",
    "reservation_id": "The reservation; one is made unless it is named.",
    "reservations": "Reservations whose units become the order's own.",
    "rules": "Rules by which a location is chosen, in their order.",
    "safety_stock": "Units that are never promised to anyone.",
    "scope": "What the hold concerns.",
    "ship_method": "How the customer wants it shipped.",
    "shipment_id": "The shipment.",
    "shortage_policy": "When there is too little: reject, partial or backorder.",
    "sku": "The sku, as the shop writes it.",
    "status": "Where it stands.",
    "stream_id": "The stream that was changed.",
    "street": "Street and number of an address.",
    "title": "Its name.",
    "to_state": "Into which state they come.",
    "tracking": "The carrier's number.",
    "type": "Which kind of problem, as a URN; its last part is the code.",
    "unit_cost": "Cost of one unit, minor units of currency.",
    "unsourced": "Whether units have no source, so that somebody must act.",
    "verifier": "Who checks; never the packer.",
    "version": "The version after this, for If-Match.",
    "zones": "Countries or coarser areas that it serves; none are all.",
}
AT: Mapping[str, str] = {
    "Problem.status": "The HTTP status.",
    "Problem.title": "The kind of problem in a few words.",
    "TrackingBody.at": "When the carrier said so; it may be late or out of order.",
    "TrackingBody.status": "What the carrier says.",
    "TrackingBody.location": "Where the parcel was.",
    "PickBody.codes": "The codes that were scanned.",
    "ReceiveBody.currency": "ISO 4217 currency of unit_cost.",
}


def describe(document: dict[str, Any]) -> None:
    """Let every field and parameter of an OpenAPI document say what it means, and show bodies."""
    rows = _rows()
    for name, schema in document["components"]["schemas"].items():
        for field, about in schema.get("properties", {}).items():
            known = rows.get(name, {}).get(field) or AT.get(f"{name}.{field}") or WORDS.get(field)
            if known is not None:
                about.setdefault("description", known)
    for parameter in _parameters(document):
        if "description" not in parameter and parameter["name"] in WORDS:
            parameter["description"] = WORDS[parameter["name"]]

    for operation in _operations(document):
        if (example := EXAMPLES.get(operation.get("operationId", ""))) is not None:
            operation["requestBody"]["content"]["application/json"]["example"] = example


def _rows() -> dict[str, Mapping[str, str]]:
    """What rows say of their own fields."""
    kinds = [
        kind
        for each in PROJECTIONS
        for kind in (*(table.row for table in each.tables), *each.view_rows, *each.day_rows)
    ]
    kinds.append(SkuInventory)
    return {kind.__name__: {n: f"{t}." for n, t in documented(kind).items()} for kind in kinds}


def _parameters(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operation in _operations(document):
        yield from operation.get("parameters", ())


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in document["paths"].values():
        yield from operations.values()
