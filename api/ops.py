"""For operators and load balancers: alive, ready, measured. No key is needed."""

import json

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from api.ports import Edge


async def health(request: Request) -> Response:
    """The process lives, and which version of the program it is."""
    edge: Edge = request.scope["ordinal.visit"].edge
    body = {"status": "alive", "version": edge.version}
    return Response(json.dumps(body), media_type="application/json")


async def ready(request: Request) -> Response:
    """Whether this process can do its work, and if not, what is missing."""
    edge: Edge = request.scope["ordinal.visit"].edge
    missing = dict(await edge.health.ready())
    body = {"status": "unready" if missing else "ready", "missing": missing}
    headers = {"Retry-After": "1"} if missing else {}
    status = 503 if missing else 200
    return Response(json.dumps(body), status, headers, media_type="application/json")


async def metrics(request: Request) -> Response:
    """The figures of this process, for Prometheus."""
    edge: Edge = request.scope["ordinal.visit"].edge
    text, media_type = edge.metrics.page()
    return Response(text, headers={"content-type": media_type})


routes = [
    APIRoute("/health", health, operation_id="health", tags=["operations"]),
    APIRoute(
        "/ready",
        ready,
        operation_id="ready",
        tags=["operations"],
        responses={503: {"description": "Something is missing."}},
    ),
    APIRoute(
        "/metrics",
        metrics,
        operation_id="metrics",
        tags=["operations"],
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    ),
]
