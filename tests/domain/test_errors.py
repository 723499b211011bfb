"""What callers are told when nobody says more."""

from collections.abc import Iterator

import pytest

from domain.errors import OrdinalError


def tree(error: type[OrdinalError]) -> Iterator[type[OrdinalError]]:
    yield error
    for kind in error.__subclasses__():
        yield from tree(kind)


# Other rooms have refusals of their own, which always say why.
DOMAIN = [each for each in tree(OrdinalError) if each.__module__ == OrdinalError.__module__]


@pytest.mark.parametrize("error", DOMAIN, ids=lambda error: error.__name__)
def test_a_default_message_is_a_sentence_for_callers(error: type[OrdinalError]) -> None:
    """What is for whoever raises it, such as which details belong to it, is not."""
    message = str(error())
    assert message[0].isupper()
    assert message.count(".") == 1
    assert message.endswith(".")
    assert "`" not in message
