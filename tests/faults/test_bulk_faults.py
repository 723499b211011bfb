"""Many orders in one request, over real processes: repeats, cuts, kills, and others beside it."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.faults.http import Lost, call
from tests.faults.system import ANSWER_LIMIT, Api, System, order_body

pytestmark = pytest.mark.faults


def bulk(
    system: System, api: Api, lines: list[bytes], key: str, limit: float = ANSWER_LIMIT
) -> list[dict[str, Any]]:
    """The results of these lines under this key."""
    headers = {
        "Authorization": f"Bearer {system.secret}",
        "Content-Type": "application/x-ndjson",
        "Idempotency-Key": key,
    }
    answer = call(
        api.port, "POST", "/v1/orders/bulk", raw=b"\n".join(lines), headers=headers, limit=limit
    )
    assert answer.status == 200, answer.body
    return [json.loads(line) for line in answer.body.splitlines()]


def orders(count: int, name: str) -> list[bytes]:
    return [json.dumps(order_body(f"{name}-{number}")).encode() for number in range(count)]


def test_a_bulk_is_placed_once_however_often_it_is_asked(system: System) -> None:
    system.open_shop(units=10_000)
    api = system.serve()
    lines = orders(600, "bulk")
    lines[7] = b'{"reference": "half'
    first = bulk(system, api, lines, "b-1")
    assert [each["line"] for each in first] == list(range(1, 601))
    assert [each["status"] for each in first].count(201) == 599
    assert first[7]["status"] == 400
    head = system.head()
    again = bulk(system, system.serve(), lines, "b-1")
    assert again[:7] + again[8:] == first[:7] + first[8:]
    assert system.head() == head
    lines[3] = lines[3].replace(b"250", b"251")
    assert bulk(system, api, lines, "b-1")[3]["problem"]["type"].endswith("key-reused")
    (other_key,) = bulk(system, api, orders(1, "bulk"), "b-2")
    assert other_key["receipt"]["id"] == first[0]["receipt"]["id"]
    assert system.head() == head
    system.check()


def test_a_body_that_is_cut_places_nothing(system: System) -> None:
    system.open_shop(units=10_000)
    api = system.serve()
    head, body = system.head(), b"\n".join(orders(300, "cut"))
    request = (
        f"POST /v1/orders/bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {system.secret}\r\n"
        f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", api.port)) as line:
        line.sendall(request.encode() + body[:-1])
        time.sleep(0.3)
    time.sleep(0.5)
    assert system.head() == head
    assert system.order(api, "after").accepted


def test_a_bulk_that_dies_on_its_way_is_told_whole_by_its_repeat(system: System) -> None:
    system.open_shop(units=10_000)
    dying = system.serve(crash_at="A3")
    lines = orders(500, "dying")
    with pytest.raises((Lost, AssertionError)):
        bulk(system, dying, lines, "b-1")
    told = bulk(system, system.serve(), lines, "b-1")
    assert {each["status"] for each in told} == {201}
    assert len({each["receipt"]["id"] for each in told}) == 500
    system.check()


def test_orders_that_come_one_by_one_come_first(system: System) -> None:
    """None of them waits until a long bulk has come to its end, and the bulk does."""
    system.open_shop(units=100_000)
    api = system.serve(log_level="warning")
    lines = orders(6_000, "bulk")
    with ThreadPoolExecutor(1) as apart:
        began = time.monotonic()
        told = apart.submit(bulk, system, api, lines, "b-1", 120)
        waited: list[float] = []
        while not told.done():
            waited.append(system.order(api, f"single-{len(waited)}").seconds)
        took = time.monotonic() - began
    assert {each["status"] for each in told.result()} == {201}
    assert len(waited) > 5
    assert sorted(waited)[len(waited) // 2] < took / 10
