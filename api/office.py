"""What an administrator writes down beside the log: a POST whose answer nobody may keep."""

from collections.abc import Callable
from typing import Any

from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.types import Receive, Scope, Send

from api.api_request import Asked
from api.openapi import record_documents
from api.problems import Forbidden
from api.routing import E, Reader, Routes
from api.scopes import SCOPES


class RecordRoute(APIRoute):
    """A route whose endpoint does the work itself; it has no stream, so no reach covers it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], answer: type) -> None:
        self._scope, self._reader = SCOPES[endpoint.__name__], Reader(endpoint)
        documents = record_documents(self._scope)
        super().__init__(
            path,
            endpoint,
            methods=["POST"],
            operation_id=endpoint.__name__,
            response_model=answer,
            **documents,
        )
        self._json: Callable[[Any], bytes] = TypeAdapter(answer).dump_json
        self.app = self._handle

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Asked(scope, receive)
        asked.allow(self._scope)
        refuse_reach(asked)
        asked.refuse_parameters()
        body, _ = self._reader.body(await asked.json_bytes())
        arguments = self._reader.arguments(asked, body, asked.path_params)
        answer = self._json(await self.endpoint(**arguments))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer)),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def refuse_reach(asked: Asked) -> None:
    """What concerns nobody in particular is for callers who reach everything."""
    if asked.caller.reach is not None:
        raise Forbidden("This takes a key that is narrowed by nothing.")


def record(routes: Routes, path: str, answer: type) -> Callable[[E], E]:
    """A POST of this kind among these routes."""

    def add(endpoint: E) -> E:
        return routes.take(RecordRoute(f"/v1{path}", endpoint, answer), endpoint)

    return add
