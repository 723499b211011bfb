"""The server over real sockets: what a caller may hold of it, and the straight way of commands."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import SHUT_WR, create_connection, socket

import pytest

from api.ports import BodiesUnderWay
from tests.api.house import House, Recorder
from tests.api.requests import ID, ORDER, PLACE
from tests.faults.http import free_port
from verbs.http_protocol import Bounds
from verbs.http_server import server_of

KEY = b"Authorization: Bearer orders:write,orders:read\r\n"
QUICK = Bounds(connections=8, head_seconds=0.6, body_seconds=0.6, idle_seconds=0.6)


@contextmanager
def served(house: House, bounds: Bounds = Bounds()) -> Iterator[int]:  # noqa: B008
    """The port on which this house is served, in a thread."""
    port = free_port()
    server = server_of(house.app, "127.0.0.1", port, bounds)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(10)
    assert not thread.is_alive()


def connect(port: int) -> socket:
    line = create_connection(("127.0.0.1", port), timeout=5)
    line.settimeout(5)
    return line


def post(path: str = "/v1/orders", body: object = PLACE, *headers: bytes) -> bytes:
    content = json.dumps(body).encode()
    length = b"Content-Length: %d\r\n" % len(content)
    lines = b"".join(headers) or KEY
    return b"POST %b HTTP/1.1\r\nHost: shop\r\n%b%b\r\n%b" % (path.encode(), lines, length, content)


def answers(line: socket) -> bytes:
    """All that comes until the other side hangs up."""
    said = b""
    with suppress(ConnectionResetError, BrokenPipeError):
        while part := line.recv(65_536):
            said += part
    return said


def answer(line: socket) -> tuple[int, bytes]:
    """One answer: its status and its body."""
    said = b""
    while b"\r\n\r\n" not in said:
        said += line.recv(65_536)
    head, _, body = said.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += line.recv(65_536)
    assert len(body) == length
    return int(head[9:12]), body


def told(said: bytes) -> tuple[int, str]:
    """Status and kind of a refusal."""
    assert b"application/problem+json" in said
    kind = json.loads(said.partition(b"\r\n\r\n")[2])["type"]
    return int(said[9:12]), kind.removeprefix("urn:ordinal:problem:")


def test_commands_and_reads_share_a_connection() -> None:
    house = House()
    with served(house) as port, connect(port) as line:
        for number in range(3):
            line.sendall(post())
            status, body = answer(line)
            assert (status, json.loads(body)["id"]) == (201, "A1")
            line.sendall(b"GET %b HTTP/1.1\r\nHost: x\r\n%b\r\n" % (ORDER.encode(), KEY))
            assert answer(line)[0] == 404
            line.sendall(post("/v1/orders?colour=red"))
            assert answer(line)[0] == 422
            line.sendall(post(f"/v1/orders/{ID}/confirm", {}))
            assert answer(line)[0] == 200
            assert len(house.bus.asked) == 2 * number + 2
    assert [(seen.route, seen.status) for seen in house.operator.seen[:2]] == [
        ("/v1/orders", 201),
        ("/v1/orders/{order_id}", 404),
    ]
    assert house.operator.errors == []


def test_the_server_answers_as_the_application_does_by_itself() -> None:
    house = House(Recorder(error=RuntimeError("secret of the house")))
    requests = [
        post("/v1/orders", PLACE, b"X-Y: 1\r\n"),
        post("/v1/orders", PLACE, b"Authorization: Bearer orders:read\r\n"),
        post("/v1/orders", PLACE, KEY, b"Content-Type: text/xml\r\n"),
        post("/v1/orders", PLACE, KEY, b"If-Match: 1\r\n", b"If-Match: 1\r\n"),
        post("/v1/orders", [], KEY),
        post("/v1/orders", {"lines": []}, KEY),
        post(),
    ]
    with served(house) as port, connect(port) as line:
        for request in requests:
            line.sendall(request)
            status, body = answer(line)
            through = answer_of_the_application(house, request)
            assert (status, without_instance(body)) == through
    assert [type(error) for error in house.operator.errors] == [RuntimeError] * 2


def answer_of_the_application(house: House, request: bytes) -> tuple[int, dict[str, object]]:
    """As the application answers by itself, without a server."""
    head, _, content = request.partition(b"\r\n\r\n")
    pairs = [line.decode().split(": ", 1) for line in head.split(b"\r\n")[1:]]
    headers = [(name, value) for name, value in pairs if name not in ("Host", "Content-Length")]
    response = house.ask("POST", "/v1/orders", key=None, headers=headers, content=content)
    return response.status_code, without_instance(response.content)


def without_instance(body: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(body)
    del found["instance"]
    return found


def test_requests_that_come_at_once_are_answered_in_their_order() -> None:
    get = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with served(House()) as port, connect(port) as line:
        line.sendall(post() + get + post() + post() + last)
        said = answers(line)
    statuses = [int(part[1:4]) for part in said.split(b"HTTP/1.1")[1:]]
    assert statuses == [201, 200, 201, 201, 200]


@pytest.mark.parametrize("size", [3, 400, 100_000])
def test_a_body_may_come_in_pieces(size: int) -> None:
    house = House()
    request = post("/v1/orders", PLACE | {"customer_id": "x" * 150})
    with served(house) as port, connect(port) as line:
        for start in range(0, len(request), size):
            line.sendall(request[start : start + size])
        assert answer(line)[0] == 201
        pieces = b"".join(b"1\r\n%b\r\n" % bytes([byte]) for byte in json.dumps(PLACE).encode())
        head = b"POST /v1/orders HTTP/1.1\r\nHost: x\r\n%bTransfer-Encoding: chunked\r\n\r\n" % KEY
        line.sendall(head + pieces + b"0\r\n\r\n")
        assert answer(line)[0] == 201
    assert house.app.edge.bodies.held == 0


@pytest.mark.parametrize("in_one", [True, False])
@pytest.mark.parametrize("key", [KEY, b""])
def test_headers_are_bounded(in_one: bool, key: bytes) -> None:
    house = House()
    header = b"X-Long: %b\r\n" % (b"x" * 40_000) if in_one else b"X-Y: %b\r\n" % (b"y" * 90) * 600
    with served(house) as port, connect(port) as line:
        for part in (b"POST /v1/orders HTTP/1.1\r\nHost: x\r\n%b" % key, header, b"\r\n"):
            with suppress(OSError):
                line.sendall(part)
        assert told(answers(line)) == (431, "headers-too-large")
    assert [seen.status for seen in house.operator.seen] == [431]


def test_headers_without_an_end_are_bounded() -> None:
    with served(House()) as port, connect(port) as line:
        line.sendall(b"POST /v1/orders HTTP/1.1\r\nX-Long: ")
        sent = 0
        with suppress(OSError):
            while sent < 60_000_000:
                line.sendall(b"x" * 65_536)
                sent += 65_536
        assert sent < 8_000_000


def test_what_surrounds_a_body_in_pieces_is_bounded() -> None:
    head = b"POST /v1/orders HTTP/1.1\r\nHost: x\r\n%bTransfer-Encoding: chunked\r\n\r\n" % KEY
    with served(House()) as port, connect(port) as line:
        line.sendall(head + b"1\r\n \r\n0\r\nTrailer: ")
        with suppress(OSError):
            for _ in range(1_000):
                line.sendall(b"x" * 65_536)
            pytest.fail("trailers without a bound")


@pytest.mark.parametrize(
    "half",
    [
        b"",
        b"POST /v1/ord",
        b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nX-",
        post()[:-1],
        post(f"/v1/orders/{ID}/cancel", {"reason": "x"})[:-1],
    ],
)
def test_who_never_says_all_is_sent_away(half: bytes) -> None:
    house = House()
    with served(house, QUICK) as port, connect(port) as line:
        line.sendall(half)
        began = time.monotonic()
        said = answers(line)
        assert 0.4 < time.monotonic() - began < 4
    assert not said if not half else told(said) == (408, "too-slow")
    assert house.app.edge.bodies.held == 0
    assert house.bus.asked == []


def test_who_says_a_little_now_and_then_is_sent_away() -> None:
    with served(House(), QUICK) as port, connect(port) as line:
        line.sendall(post()[:-50])
        began = time.monotonic()
        with suppress(OSError):
            for _ in range(40):
                line.sendall(b" ")
                time.sleep(0.1)
        assert time.monotonic() - began < 4


def test_who_waits_for_us_is_not_late() -> None:
    class Slow(Recorder):
        async def __call__(self, command: object, context: object) -> object:  # type: ignore[override]
            await asyncio.sleep(1.5)
            return await super().__call__(command, context)  # type: ignore[arg-type]

    with served(House(Slow()), QUICK) as port, connect(port) as line, connect(port) as other:
        line.sendall(post() + post()[:-1])
        other.sendall(post(f"/v1/orders/{ID}/confirm", {}))
        assert (answer(line)[0], answer(other)[0]) == (201, 200)


def test_connections_are_counted() -> None:
    house = House()
    with served(house, QUICK) as port:
        lines = [connect(port) for _ in range(QUICK.connections)]
        time.sleep(0.1)
        with connect(port) as one_more:
            said = answers(one_more)
        assert told(said) == (503, "too-busy")
        assert b"retry-after: 1" in said.lower()
        for line in lines:
            line.close()
        time.sleep(0.1)
        with connect(port) as line:
            line.sendall(post())
            assert answer(line)[0] == 201


def test_bodies_that_are_not_whole_are_bounded_together() -> None:
    house = House()
    bodies = BodiesUnderWay(limit=200_000)
    object.__setattr__(house.app.edge, "bodies", bodies)
    with served(house) as port:
        lines = [connect(port) for _ in range(5)]
        big = post("/v1/orders", PLACE | {"reference": "x" * 90_000})
        for line in lines[:4]:
            line.sendall(big[:-1])
            time.sleep(0.05)
        assert told(answers(lines[2])) == (503, "too-busy")
        for line in lines:
            line.close()
        time.sleep(0.1)
        assert bodies.held == 0


def test_who_goes_away_in_the_middle_is_counted_and_leaves_nothing() -> None:
    house = House()
    with served(house) as port:
        with connect(port) as line:
            line.sendall(post()[:-1])
            line.shutdown(SHUT_WR)
            time.sleep(0.1)
        time.sleep(0.2)
    assert [seen.status for seen in house.operator.seen] == [499]
    assert house.bus.asked == []


def test_what_is_no_http_is_refused() -> None:
    with served(House()) as port, connect(port) as line:
        line.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert told(answers(line)) == (400, "malformed-request")


def test_a_body_too_large_is_refused_before_it_has_come() -> None:
    house = House(max_body_bytes=1_000)
    head = b"POST /v1/orders HTTP/1.1\r\nHost: x\r\n%bTransfer-Encoding: chunked\r\n\r\n" % KEY
    with served(house) as port, connect(port) as line:
        line.sendall(head + b"7d0\r\n" + b" " * 2_000 + b"\r\n")
        assert told(answers(line)) == (413, "body-too-large")
