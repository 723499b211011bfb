"""The HTTP application, put together from what the front door hands in."""

from collections.abc import Coroutine, Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Lifespan, Receive, Scope, Send

from api import (
    bulk,
    contacts,
    fulfilment,
    inventory,
    keys,
    locations,
    ops,
    orders,
    payments,
    placing,
    policies,
    reports,
    reservations,
    stock,
)
from api.edge_middleware import Gate
from api.openapi import openapi
from api.ports import Edge
from api.problems import ANSWERED, problem
from api.routing import CommandRoute
from api.viewer import add_viewer

# Routes are tried in this order: the one that is asked most comes first.
PARTS = (
    placing,
    bulk,
    orders,
    inventory,
    stock,
    reservations,
    fulfilment,
    payments,
    locations,
    policies,
    reports,
    contacts,
    keys,
    ops,
)
METHOD_NOT_ALLOWED = 405


class Api(FastAPI):
    """Hands a request to the gate at once, past two layers that have nothing to add.

    A server may hand the commands whose paths are `straight` to their routes (see `api.direct`).
    """

    edge: Edge
    straight: Mapping[str, CommandRoute]

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        if scope["type"] != "http" or self.middleware_stack is None:
            return super().__call__(scope, receive, send)
        scope["app"] = self
        return self.middleware_stack(scope, receive, send)  # type: ignore[return-value]


def create_app(edge: Edge, *, lifespan: Lifespan[FastAPI] | None = None) -> Api:
    """The API over this edge. The lifespan opens and closes what the edge is made of."""
    app = Api(
        title="Ordinal",
        version="1",
        summary="Event-sourced order management.",
        routes=[route for part in PARTS for route in part.routes],
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        # Requests are observed at the gate; asking for OpenTelemetry costs each 3 µs.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers=dict.fromkeys((*ANSWERED, Exception), _refused),
    )
    app.exception_handlers[METHOD_NOT_ALLOWED] = partial(_wrong_method, app)
    app.edge, app.straight = (
        edge,
        {
            route.path: route
            for part in PARTS
            for route in part.routes
            if isinstance(route, CommandRoute) and route.goes_straight
        },
    )
    app.middleware_stack = Gate(app.build_middleware_stack(), edge, app.straight)
    add_viewer(app)
    app.openapi = lambda: openapi(app)  # type: ignore[method-assign]
    return app


async def _wrong_method(app: FastAPI, request: Request, error: Any) -> Response:
    """Several routes may share a path; the framework names the methods of the first only."""
    routes = [route for route in app.routes if isinstance(route, Route)]
    fitting = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    # What stands there by its own name is no id of anything else.
    fitting = [route for route in fitting if "{" not in route.path] or fitting
    methods = {method for route in fitting for method in route.methods or ()}
    methods |= {"HEAD"} if "GET" in methods else set()
    return await _refused(
        request, HTTPException(METHOD_NOT_ALLOWED, headers={"Allow": ", ".join(sorted(methods))})
    )


async def _refused(request: Request, error: Any) -> Response:
    return problem(error, request.scope["ordinal.visit"].request_id)
