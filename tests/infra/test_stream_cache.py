"""The memory of folded streams: bounded by what they weigh, also as they grow."""

from domain.stock.events import StockAllocated
from infra.write_path.stream_cache import GROWN, StreamCache


def grow(cache: StreamCache, stream_id: str, events: int) -> None:
    """Promises to so many orders, each of which the stock item remembers."""
    cached = cache.get(stream_id)
    assert cached is not None
    for number in range(events):
        cached.evolve(StockAllocated(order_id=f"order-{number}", line=1, quantity=1))
    cache.touched([stream_id])


def test_a_stream_that_grew_weighs_more() -> None:
    cache = StreamCache(10_000_000)
    cache.add("stock-A-1", 0)
    cache.touched(["stock-A-1"])
    light = cache.weight
    assert light > 0
    for _ in range(GROWN):
        grow(cache, "stock-A-1", 1)
    assert cache.weight > light
    cache.evict(["stock-A-1"])
    assert cache.weight == 0


def test_what_is_used_again_outlives_what_is_not() -> None:
    cache = StreamCache(10_000_000)
    names = [f"stock-A-{number}" for number in range(4)]
    for name in names:
        cache.add(name, 0)
    cache.touched([*names, names[0]])
    cache.limit = cache.weight // 2
    cache.touched([])
    assert [cache.get(name) is not None for name in names] == [True, False, False, True]


def test_what_was_used_again_long_ago_goes_too() -> None:
    cache = StreamCache(10_000_000)
    cache.add("stock-A-old", 0)
    cache.touched(["stock-A-old"])
    cache.touched(["stock-A-old"])
    cache.limit = 5 * cache.weight
    for number in range(20):
        name = f"stock-A-{number}"
        cache.add(name, 0)
        cache.touched([name])
        cache.touched([name])
        assert cache.weight <= cache.limit
    assert cache.get("stock-A-old") is None


def test_a_stream_that_grows_pushes_others_out() -> None:
    cache = StreamCache(10_000_000)
    for name in ("stock-A-1", "stock-A-2"):
        cache.add(name, 0)
        cache.touched([name])
    cache.limit = cache.weight
    grow(cache, "stock-A-2", GROWN)
    assert cache.get("stock-A-1") is None
    assert len(cache) == 1


def test_what_was_used_but_once_may_have_a_share_of_its_own() -> None:
    cache = StreamCache(10_000_000)
    cache.add("stock-A-hot", 0)
    cache.touched(["stock-A-hot"])
    cache.once_limit = 3 * cache.weight
    cache.touched(["stock-A-hot"])
    for number in range(20):
        name = f"stock-A-{number}"
        cache.add(name, 0)
        cache.touched([name])
        assert cache.once_weight <= cache.once_limit
    assert cache.get("stock-A-hot") is not None
    assert [cache.get(f"stock-A-{number}") is not None for number in (0, 16, 17, 19)] == [
        False, False, True, True,
    ]  # fmt: skip
    assert len(cache) == 4
    cache.evict(["stock-A-17", "stock-A-18", "stock-A-19"])
    assert cache.once_weight == 0


def test_without_that_share_all_is_one() -> None:
    cache = StreamCache(10_000_000)
    for number in range(20):
        cache.add(f"stock-A-{number}", 0)
        cache.touched([f"stock-A-{number}"])
    assert len(cache) == 20
    assert cache.once_weight == 0
