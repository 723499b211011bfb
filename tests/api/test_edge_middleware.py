"""What happens to every request: its id, its observation, its problem when all else fails."""

import asyncio
from typing import Any

import pytest

from api.ports import Unavailable
from domain import errors
from projections.projection import AnswerTooSlow, DatabaseAway, ReadModelBehind, TooManyAsk
from tests.api.house import House, Recorder, kind, problem
from tests.api.requests import ORDER, PLACE


def subclasses(error: type[Exception]) -> list[type[Exception]]:
    return [error, *(found for child in error.__subclasses__() for found in subclasses(child))]


DOMAIN = [*subclasses(errors.DomainError), errors.StaleVersion, errors.KeyReused]
STATUSES = {
    errors.NotFound: 404,
    errors.Invalid: 422,
    errors.Conflict: 409,
    errors.StaleVersion: 412,
    errors.KeyReused: 422,
    errors.DomainError: 409,
}


def refusing(error: Exception) -> House:
    return House(Recorder(error=error))


@pytest.mark.parametrize("error", DOMAIN, ids=lambda error: error.__name__)
def test_every_domain_error_has_a_status(error: type[errors.OrdinalError]) -> None:
    response = refusing(error(available={"TEA": 3})).post("/v1/orders", PLACE)
    expected = next(STATUSES[base] for base in error.__mro__ if base in STATUSES)
    assert response.status_code == expected
    found = problem(response)
    assert found["available"] == {"TEA": 3}
    assert found["detail"] == str(error())


def test_an_invalid_field_is_named_by_the_domain_too() -> None:
    response = refusing(errors.TotalMismatch(field="total", sum=5)).post("/v1/orders", PLACE)
    assert kind(response) == "total-mismatch"
    assert problem(response)["errors"] == [
        {"field": "total", "message": str(errors.TotalMismatch())}
    ]
    assert problem(response)["sum"] == 5


def test_details_cannot_replace_what_every_problem_has() -> None:
    response = refusing(errors.WrongStatus(status="cancelled", type="x")).post("/v1/orders", PLACE)
    found = problem(response)
    assert (found["status"], found["type"]) == (409, "urn:ordinal:problem:wrong-status")


def test_an_unknown_outcome_is_to_be_repeated() -> None:
    response = refusing(Unavailable(retry_after=3)).post("/v1/orders", PLACE)
    assert (response.status_code, kind(response)) == (503, "outcome-unknown")
    assert response.headers["retry-after"] == "3"


def test_a_fault_of_ours_is_logged_and_tells_nothing_of_our_insides() -> None:
    fault = RuntimeError("secret of the house")
    house = refusing(fault)
    response = house.post("/v1/orders", PLACE)
    assert (response.status_code, kind(response)) == (500, "internal-error")
    assert "secret" not in response.text
    assert house.operator.errors == [fault]
    assert house.operator.seen[0].status == 500


def test_a_fault_in_a_read_is_a_problem_too() -> None:
    class Broken:
        async def fetch(self, _: object) -> list[object]:
            raise RuntimeError("secret of the house")

    house = House()
    house.rows.fetch = Broken().fetch  # type: ignore[method-assign, assignment]
    response = house.get(ORDER)
    assert (response.status_code, kind(response)) == (500, "internal-error")
    assert len(house.operator.errors) == 1


def test_a_read_that_gets_no_answer_is_answered_all_the_same() -> None:
    class Silent:
        async def fetch(self, _: object) -> list[object]:
            await asyncio.sleep(0.5)
            raise RuntimeError("too late to be told")

    house = House(patience=0.05)
    house.rows.fetch = Silent().fetch  # type: ignore[method-assign, assignment]
    response = house.get(ORDER)
    assert (response.status_code, kind(response)) == (503, "database-away")
    assert response.headers["retry-after"] == "1"
    assert response.elapsed.total_seconds() < 0.4
    assert house.operator.errors == []


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/order", "/v2/orders", "/v1/orders/", "/%00"])
def test_an_unknown_path_is_a_problem(path: str) -> None:
    assert kind(House().get(path)) == "not-found"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"])
def test_a_method_that_is_not_there_is_a_problem(method: str) -> None:
    response = House().ask(method, ORDER)
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/health", "/metrics", "/v1/orders", ORDER, "/v1/nowhere"])
def test_head_is_answered_like_get_without_a_body(path: str) -> None:
    house = House()
    got, head = house.get(path), house.ask("HEAD", path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    kept = {"content-type", "content-length"}
    assert {n: head.headers[n] for n in kept} == {n: got.headers[n] for n in kept}
    assert [seen.method for seen in house.operator.seen] == ["GET", "HEAD"]


def test_head_of_a_command_is_not_there() -> None:
    response = House().ask("HEAD", f"{ORDER}/confirm")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_all_methods_of_a_path_are_named() -> None:
    response = House().ask("DELETE", f"{ORDER}/fulfilment-orders")
    assert response.headers["allow"] == "GET, HEAD, POST"


def test_a_request_keeps_the_id_that_it_came_with() -> None:
    response = House().get("/health", headers={"X-Request-Id": "r-1"})
    assert response.headers["x-request-id"] == "r-1"


@pytest.mark.parametrize("stated", ["", "a b", "x" * 129])
def test_a_bad_request_id_is_replaced(stated: str) -> None:
    response = House().get("/health", headers={"X-Request-Id": stated})
    assert response.headers["x-request-id"] == f"{1:032x}"


def test_every_request_is_seen_under_its_route() -> None:
    house = House()
    house.post("/v1/orders", PLACE)
    house.post(f"{ORDER}/confirm", key="orders:read")
    house.get(f"{ORDER}/timeline", key=None)
    house.get("/nowhere/42")
    seen = [(s.method, s.route, s.status, s.caller) for s in house.operator.seen]
    assert seen == [
        ("POST", "/v1/orders", 201, "key-1"),
        ("POST", "/v1/orders/{order_id}/confirm", 403, "key-1"),
        ("GET", "/v1/orders/{order_id}/timeline", 401, None),
        ("GET", "unknown", 404, None),
    ]
    assert all(0 < s.seconds < 10 for s in house.operator.seen)


def placed_by_a_caller_who_goes_away(house: House, *headers: tuple[bytes, bytes]) -> list[Any]:
    """What is sent to a caller of whom no body ever comes."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/orders",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer orders:write"), *headers],
    }
    asyncio.run(house.app(scope, receive, send))
    return sent


def test_a_caller_who_goes_away_is_no_fault_of_ours() -> None:
    house = House()
    assert placed_by_a_caller_who_goes_away(house) == []
    assert (house.operator.errors, house.operator.seen[0].status) == ([], 499)


def test_a_body_that_will_be_too_large_is_not_waited_for() -> None:
    start, _ = placed_by_a_caller_who_goes_away(House(), (b"content-length", b"1" + b"0" * 30))
    assert start["status"] == 413


def test_a_process_that_is_ready_says_so() -> None:
    house = House()
    assert house.get("/ready", key=None).json() == {"status": "ready", "missing": {}}
    house.operator.missing = {"order_status": "has not caught up"}
    response = house.get("/ready", key=None)
    assert (response.status_code, response.json()["missing"]) == (503, house.operator.missing)
    assert response.headers["retry-after"] == "1"
    assert house.get("/health", key=None).status_code == 200


def test_metrics_are_plain_text() -> None:
    response = House().get("/metrics", key=None)
    assert response.text == "orders_total 1\n"
    assert response.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ReadModelBehind, "read-model-behind"),
        (DatabaseAway, "database-away"),
        (AnswerTooSlow, "answer-too-slow"),
        (TooManyAsk, "too-many-ask"),
    ],
)
def test_a_read_without_an_answer_says_why_and_when_to_ask_again(
    error: type[Exception], code: str
) -> None:
    response = refusing(error("in /run/postgres/.s.PGSQL")).post("/v1/orders", PLACE)
    told = problem(response)
    assert (response.status_code, told["type"]) == (503, f"urn:ordinal:problem:{code}")
    assert told["detail"] == error.__doc__
    assert int(response.headers["retry-after"]) >= 1


def test_health_says_which_version_is_alive() -> None:
    assert House().get("/health").json() == {"status": "alive", "version": "1.2.3"}
