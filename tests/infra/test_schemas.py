"""What is published about messages is what is sent, and an event's version keeps its meaning."""

import json
import shutil
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource

from consumers.channels.marketplace import (
    Address,
    Buyer,
    Delivery,
    GiftWrap,
    MarketplaceOrder,
    Money,
    OrderItem,
)
from consumers.channels.orders import ORDERS, OrderMessage, OrderMessageLine, Person
from consumers.consumer import DeadLetter, IntakeResult
from domain.history import EVENTS, version_of
from infra.intake.answers import dead_letter
from infra.intake.incoming import Translator
from infra.kafka.index_topic import IndexRecord, encode_index
from infra.store import codec
from tests.domain.laws import any_event
from tests.golden import record
from verbs import schemas
from verbs.schemas import FOLDER, SchemaChanged, event_path

HOW = "run `ordinal schemas`; changed fields of an event are a new version of it"
POUND = Money(amount="12.90", currencyCode="GBP")
SAMPLES: dict[str, object] = {
    "order-message": OrderMessage(
        reference="r-1",
        currency="GBP",
        country="GB",
        lines=(OrderMessageLine(sku="A", quantity=1, unit_price=250),),
        ordered_at=record.OCCURRED_AT,
        shipping=Person(name="Ada"),
    ),
    "marketplace-order": MarketplaceOrder(
        marketplaceOrderId="m-1",
        purchaseDate=record.OCCURRED_AT,
        buyer=Buyer(buyerId="b-1", name="Ada"),
        delivery=Delivery(
            address=Address(
                recipient="Ada", addressLine="1 High Street", city="Leeds", countryCode="GB"
            ),
            charge=POUND,
        ),
        orderItems=(
            OrderItem(sellerSku="A", quantity=1, unitPrice=POUND, giftWrap=GiftWrap(price=POUND)),
        ),
        grandTotal=POUND,
    ),
    "intake-result": IntakeResult(channel="web", reference="r-1", status="accepted", position=3),
}


@dataclass
class Record:
    """A message as the broker hands it over."""

    topic: str = "intake.orders"
    partition: int = 1
    offset: int = 2
    timestamp: int = 1_709_251_199_123
    key: bytes | None = None
    value: bytes | None = b"\xff\0"


def published(path: str) -> Any:
    return json.loads((FOLDER / path).read_text(encoding="utf-8"))


@cache
def validator(path: str) -> Draft202012Validator:
    """Finds what a schema refers to as a file next to it, as other people's tools do."""
    resources = [
        (uri, Resource.from_contents(published("envelope.json")))
        for uri in ("../envelope.json", "envelope.json")
    ]
    schema = published(path)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, registry=Registry().with_resources(resources))


def valid(path: str, value: bytes) -> None:
    validator(path).validate(json.loads(value))


def test_every_schema_is_published_as_it_is_today() -> None:
    for path, schema in schemas.all_schemas().items():
        assert published(path) == schema, f"{path}: {HOW}"


def test_nothing_else_is_published() -> None:
    older = {
        event_path(name, version) for name in EVENTS for version in range(1, version_of(name) + 1)
    }
    there = {str(file.relative_to(FOLDER)) for file in FOLDER.rglob("*.json")}
    assert there == schemas.all_schemas().keys() | older


def test_every_schema_says_what_it_is_about() -> None:
    for path, schema in schemas.all_schemas().items():
        assert schema["title"], path
        assert not schema["description"].startswith(schema["title"] + "("), path


@pytest.mark.parametrize(("name", "version"), list(record.versions()))
def test_golden_files_fit_their_schemas(name: str, version: int) -> None:
    valid(event_path(name, version), (record.FOLDER / record.name_of(name, version)).read_bytes())


@given(any_event(EVENTS.values()))
def test_whatever_can_be_recorded_fits_its_schema(event: object) -> None:
    name = type(event).__name__
    envelope = json.loads((record.FOLDER / record.name_of(name, 1)).read_bytes())
    envelope["schema_version"] = version_of(name)
    envelope["data"] = json.loads(codec.encode_data(event))
    validator(event_path(name, version_of(name))).validate(envelope)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "OrderCancelled"},
        {"schema_version": 2},
        {"stream_version": "7"},
        {"data": {"delta": "3", "reason": "x"}},
        {"data": {"reason": "x"}},
        {"data": None},
        {"event_id": None},
    ],
)
def test_what_is_no_such_event_does_not_fit(change: dict[str, object]) -> None:
    sound = json.loads((record.FOLDER / "StockAdjusted.v1.json").read_bytes())
    check = validator(event_path("StockAdjusted", 1))
    check.validate(sound)
    with pytest.raises(ValidationError):
        check.validate(sound | change)


@pytest.mark.parametrize("name", SAMPLES)
def test_messages_fit_their_schemas(name: str) -> None:
    valid(f"messages/{name}.json", msgspec.json.encode(SAMPLES[name]))


def test_a_dead_letter_fits_its_schema() -> None:
    for each in (Record(), Record(key=b"k", value=None)):
        incoming = Translator(ORDERS, "intake.orders").incoming(each)
        letter = dead_letter(incoming, "unreadable: no JSON").value
        valid("messages/dead-letter.json", letter)
        assert msgspec.json.decode(letter, type=DeadLetter).source_offset == 2


def test_an_index_record_fits_its_schema() -> None:
    known = IndexRecord(
        from_=1,
        to=3,
        count=2,
        event_id="e",
        hash="h",
        outbox_to=0,
        store_epoch=1,
        next_offsets={"events.order": {0: 2, 3: 1}},
    )
    valid("messages/index-record.json", encode_index(known))


def test_an_order_without_lines_or_with_a_word_for_a_number_does_not_fit() -> None:
    message = SAMPLES["order-message"]
    assert isinstance(message, OrderMessage)
    wrong = json.loads(msgspec.json.encode(replace(message, priority=3)))
    check = validator("messages/order-message.json")
    for change in ({"priority": "high"}, {"lines": None}, {"payment_mode": "later"}):
        with pytest.raises(ValidationError):
            check.validate(wrong | change)


# -- writing them


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(FOLDER, tmp_path / "schemas")


def test_what_is_published_already_is_not_written_again(folder: Path) -> None:
    assert schemas.write(folder) == []


def test_other_words_are_published(folder: Path) -> None:
    file = folder / event_path("StockAdjusted", 1)
    file.write_text(file.read_text(encoding="utf-8").replace("The books", "Our books"))
    (folder / "envelope.json").unlink()
    assert schemas.write(folder) == ["envelope.json", event_path("StockAdjusted", 1)]
    assert json.loads(file.read_text(encoding="utf-8")) == published(event_path("StockAdjusted", 1))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"delta": {', '"change": {'),
        ('"type": "integer"', '"type": "number"'),
        ('"delta",', ""),
        ('"const": 1', '"const": 2'),
    ],
)
def test_other_fields_are_not_published_under_the_same_version(
    before: str, after: str, folder: Path
) -> None:
    file = folder / event_path("StockAdjusted", 1)
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(SchemaChanged, match="StockAdjusted"):
        schemas.write(folder)


def test_a_field_called_description_is_a_field_like_any_other() -> None:
    words = {"description": "words", "properties": {"description": {"type": "string"}}}
    assert schemas._fields(words) == {"properties": {"description": {"type": "string"}}}
