"""Two kinds of routes: one asks for a command, the other for rows."""

from collections.abc import Callable, Coroutine, Mapping
from inspect import get_annotations, iscoroutinefunction
from typing import Any, TypeVar

from fastapi.routing import APIRoute
from pydantic import ValidationError, create_model
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.api_request import Asked, Asking
from api.fast_bodies import fast_reader
from api.fields import Body, Nothing
from api.json_names import refuse_repeated_names
from api.openapi import command_documents, query_documents
from api.ports import Unavailable, in_time
from api.problems import MalformedRequest
from api.scopes import SCOPES
from commands.handling import Answer, Context
from projections.projection import DatabaseAway

E = TypeVar("E", bound=Callable[..., Any])


class CommandRoute(APIRoute):
    """A route whose endpoint turns a request into a command.

    FastAPI reads the endpoint's signature for its documents only. What happens at run time is the
    same for every command and stands here, at less than the cost of a FastAPI route that does
    nothing.
    """

    def __init__(
        self, path: str, endpoint: Callable[..., Any], location: str | None, fast: bool
    ) -> None:
        scope = SCOPES[endpoint.__name__]
        super().__init__(
            path,
            endpoint,
            methods=["POST"],
            operation_id=endpoint.__name__,
            **command_documents(scope, created=location is not None),
        )
        self._scope, self._location = scope, location
        self.target = f"POST {path}\n".encode()
        self._reader = Reader(endpoint, fast=fast)
        # Most commands follow from the request alone; an endpoint that looks at rows is awaited.
        self._looks = iscoroutinefunction(endpoint)
        self.app = self._handle

    @property
    def goes_straight(self) -> bool:
        """Whether it follows from the body and the headers alone."""
        return "{" not in self.path and not self._looks

    def admit(self, asked: Asking) -> None:
        """Refuse what can be refused before there is a body."""
        asked.allow(self._scope)
        asked.identify()
        asked.refuse_other_bodies()

    def asked_for(self, asked: Asking, raw: bytes) -> tuple[object, Context]:
        """The command, and under which ids and conditions it is asked."""
        body, content = self._reader.body(raw)
        command = self.endpoint(**self._reader.arguments(asked, body, {}))
        return command, asked.context(content, self._former(asked, raw))

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Asked(scope, receive)
        self.admit(asked)
        asked.refuse_parameters()
        raw = await asked.json_bytes()
        body, content = self._reader.body(raw)
        command = self.endpoint(**self._reader.arguments(asked, body, asked.path_params))
        if self._looks:
            command = await command
        answer = await asked.edge.dispatch(
            command, asked.context(content, self._former(asked, raw))
        )
        status, headers = self.head(answer)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def _former(self, asked: Asking, raw: bytes) -> bytes:
        return b"" if asked.former_id is None else self._reader.former(raw)

    def head(self, answer: Answer) -> tuple[int, list[tuple[bytes, bytes]]]:
        """The status and the headers of this answer."""
        receipt = answer.receipt
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer.body)),
            (b"ordinal-position", b"%d" % receipt.position),
            (b"etag", b'"%d"' % receipt.version),
        ]
        if answer.replayed:
            headers.append((b"idempotent-replayed", b"true"))
        if self._location is None or not receipt.changed:
            return 200, headers
        headers.append((b"location", self._location.format(id=receipt.id).encode()))
        return 201, headers


class Reader:
    """Reads what an endpoint's signature names: path parameters, a body, the request itself."""

    def __init__(self, endpoint: Callable[..., Any], *, fast: bool = False) -> None:
        named = get_annotations(endpoint)
        named.pop("return")
        self._wants_asked = named.pop("asked", None) is not None
        self._wants_body = "body" in named
        self._body: type[Body] = named.pop("body", Nothing)
        self._fast = fast_reader(self._body) if fast else None
        path: dict[str, Any] = {name: (kind, ...) for name, kind in named.items()}
        self._path = create_model("Path", **path) if path else None

    def body(self, raw: bytes) -> tuple[Body, bytes]:
        """What was said, and the same written compactly without what is so by default anyway."""
        if self._fast is not None and (found := self._fast(raw)) is not None:
            return found
        try:
            body = self._validated(raw)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            if fault["type"] == "json_invalid":
                raise MalformedRequest(fault["msg"], field="body") from error
            raise
        content = body.model_dump_json(exclude_defaults=True).encode()
        refuse_repeated_names(raw, content)
        return body, content

    def former(self, raw: bytes) -> bytes:
        """A sound body as older versions wrote it: they told apart what was spelled out and what
        is so by default.
        """
        return self._validated(raw).model_dump_json(exclude_unset=True).encode()

    def _validated(self, raw: bytes) -> Body:
        return self._body.model_validate_json(raw if raw or self._wants_body else b"{}")

    def arguments(self, asked: Asking, body: Body, stated: Mapping[str, Any]) -> dict[str, Any]:
        """Of the endpoint; `stated` are the parameters in the path."""
        path = self._path and self._path.model_validate(stated)
        arguments = dict(path) if path else {}
        if self._wants_body:
            arguments["body"] = body
        if self._wants_asked:
            arguments["asked"] = asked
        return arguments


class QueryRoute(APIRoute):
    """A route that reads rows, of a read model that has come to the position asked for."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        reads: str | None,
        patience: float | None,
        private: bool = False,
    ) -> None:
        self._reads, self._patience, self._private = reads, patience, private
        super().__init__(
            path,
            endpoint,
            methods=["GET"],
            operation_id=endpoint.__name__,
            **query_documents(SCOPES[endpoint.__name__], waits=reads is not None),
        )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        known = {field.alias for field in self.dependant.query_params}
        known |= {"position"} if self._reads else set()

        async def handle(request: Request) -> Response:
            asked = Asked(request.scope, request.receive)
            asked.allow(SCOPES[self.name])
            asked.refuse_parameters(known)
            bound = asked.edge.patience if self._patience is None else self._patience
            try:
                return await in_time(self._answer(asked, answer), bound)
            except Unavailable as late:
                # A read has no outcome that could be unknown.
                raise DatabaseAway from late

        return handle

    async def _answer(
        self, asked: Asked, answer: Callable[[Request], Coroutine[Any, Any, Response]]
    ) -> Response:
        if self._reads and (position := asked.position()) is not None:
            await asked.edge.rows.wait_for(self._reads, position)
        response = await answer(asked)
        if self._private:
            response.headers["Cache-Control"] = "no-store"
        return response


class Routes(list[APIRoute]):
    """The routes of one noun, in the order in which they are tried.

    FastAPI takes such a list as it is; its `include_router` would match every request twice.
    """

    def __init__(self, tag: str) -> None:
        super().__init__()
        self._tag = tag

    def command(
        self, path: str, *, location: str | None = None, fast: bool = False
    ) -> Callable[[E], E]:
        """A POST. With a `location` the command makes something, which stands there then. A `fast`
        one takes bodies that have the fields of what it names, and are none.
        """

        def add(endpoint: E) -> E:
            return self.take(CommandRoute(f"/v1{path}", endpoint, location, fast), endpoint)

        return add

    def query(
        self,
        path: str,
        *,
        reads: str | None = None,
        patience: float | None = None,
        private: bool = False,
    ) -> Callable[[E], E]:
        """A GET. What `reads` a read model may be asked to wait for a position; `patience` are
        other seconds than those that every read has. Nobody may keep a `private` answer.
        """

        def add(endpoint: E) -> E:
            route = QueryRoute(f"/v1{path}", endpoint, reads, patience, private)
            return self.take(route, endpoint)

        return add

    def take(self, route: APIRoute, endpoint: E) -> E:
        """One more route of this noun."""
        route.tags = [self._tag]
        self.append(route)
        return endpoint
