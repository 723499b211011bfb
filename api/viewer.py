"""The API's documents as a page to read and to try, all of it from this server.

FastAPI's own page loads its viewer from elsewhere: without a way out it shows nothing, and with one
it tells others who reads it.
"""

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

PAGE = "/docs"
ASSETS = "/docs/assets"


def add_viewer(app: FastAPI) -> None:
    """The viewer itself comes as static files of a library."""
    files = StaticFiles(packages=[("fastapi_offline", "static")])
    app.routes.extend([Route(PAGE, _page), Mount(ASSETS, files)])


async def _page(request: Request) -> HTMLResponse:
    root = request.scope.get("root_path", "").rstrip("/")
    app: FastAPI = request.app
    return get_swagger_ui_html(
        openapi_url=f"{root}{app.openapi_url}",
        title=app.title,
        swagger_js_url=f"{root}{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{ASSETS}/swagger-ui.css",
        swagger_favicon_url="data:,",
    )
