"""The other side of `place_orders`: a FastAPI POST that reads the same body and does nothing."""

import sys

from fastapi import FastAPI

from api.placing import PlaceOrderBody
from verbs.http_server import run_http


def app() -> FastAPI:
    noop = FastAPI()

    @noop.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "alive"}

    @noop.post("/v1/orders", status_code=201)
    async def place_order(body: PlaceOrderBody) -> dict[str, str]:
        return {"status": "ignored"}

    return noop


if __name__ == "__main__":
    run_http(app(), "127.0.0.1", int(sys.argv[1]))
