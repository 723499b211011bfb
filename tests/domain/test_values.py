"""Ids that are made from names are those that everybody else would make."""

from json import dumps
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.values import (
    ORDINAL_NAMESPACE,
    named_id,
    named_uuid,
    order_id_of,
    same_item_code,
    same_person,
)

WORDS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.uuids(), WORDS)
def test_a_named_id_is_a_uuid5(namespace: UUID, name: str) -> None:
    expected = uuid5(namespace, name)
    assert named_uuid(namespace, name) == expected
    assert named_id(namespace.bytes, name.encode()) == str(expected)


@given(WORDS, WORDS)
def test_an_order_has_the_id_of_its_channel_and_reference(channel: str, reference: str) -> None:
    assert order_id_of(channel, reference) == str(
        uuid5(ORDINAL_NAMESPACE, dumps([channel, reference]))
    )


def test_people_are_the_same_whatever_case_form_and_blanks() -> None:
    assert same_person("Zoé  Müller", "zoe\u0301mu\u0308ller")
    assert not same_person("alice", "alicia")


@pytest.mark.parametrize(
    ("code", "compared"),
    [
        ("012345678905", "00012345678905"),
        ("0012345678905", "00012345678905"),
        ("00012345678905", "00012345678905"),
        ("96385074", "00000096385074"),
        ("5012345", "5012345"),
        ("0123456789", "0123456789"),
        ("L-0000000001", "L-0000000001"),
        ("٠١٢٣٤٥٦٧٨٩٠١", "٠١٢٣٤٥٦٧٨٩٠١"),
    ],
)
def test_a_gtin_is_compared_as_fourteen_digits(code: str, compared: str) -> None:
    assert same_item_code(code) == compared
