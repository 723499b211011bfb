"""A refusal is called the same over HTTP, in answers over Kafka and in rejected lines."""

from collections.abc import Iterator

import pytest

import api.problems
from consumers.files.memory import KeptRefusal
from domain.errors import OrdinalError, code_of


def tree(error: type[OrdinalError]) -> Iterator[type[OrdinalError]]:
    yield error
    for kind in error.__subclasses__():
        yield from tree(kind)


# Those that are refused, but for the names of their groups, and for what a file was told before,
# which bears the code of another.
REFUSALS = [
    kind
    for kind in tree(OrdinalError)
    if kind not in (OrdinalError, api.problems.Refused, KeptRefusal)
]


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__name__)
def test_the_problems_type_is_the_refusals_code(kind: type[OrdinalError]) -> None:
    error = kind()
    assert api.problems.kind_of(error).name == code_of(error)


def test_what_is_no_refusal_is_a_fault_of_ours() -> None:
    assert api.problems.kind_of(KeyError()).name == code_of(KeyError()) == "internal-error"
