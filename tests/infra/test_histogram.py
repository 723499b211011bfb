"""Our histogram shows what the client library's would show."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import Histogram as Theirs
from prometheus_client.exposition import generate_latest

from infra.ops.histogram import Histogram
from infra.ops.metrics import BATCHES, SECONDS


def shown(registry: CollectorRegistry) -> list[bytes]:
    """All but when it was made, which ours does not tell."""
    return [line for line in generate_latest(registry).splitlines() if b"_created" not in line]


@given(values=st.lists(st.sampled_from([*SECONDS, *BATCHES]) | st.floats(0, 3), max_size=20))
def test_it_shows_what_theirs_shows(values: list[float]) -> None:
    for bounds in (SECONDS, BATCHES):
        mine, other = CollectorRegistry(), CollectorRegistry()
        ours = Histogram("seconds", "How long.", bounds, mine)
        theirs = Theirs("seconds", "How long.", buckets=bounds, registry=other)
        for value in values:
            ours.observe(value)
            theirs.observe(value)
        assert shown(mine) == shown(other)
