"""`ordinal serve`"""

import signal
from typing import NoReturn

from verbs.http_protocol import Bounds
from verbs.http_server import run_http
from verbs.serving import compose_api
from verbs.session import load_settings, opened
from verbs.terminal import verb
from verbs.writing import keeping_writer

cli = verb()


@cli.command()
def serve() -> None:
    """Serve the HTTP API."""
    settings = load_settings()
    signal.signal(signal.SIGTERM, leave)
    with opened(settings) as conninfo:
        app = compose_api(settings, conninfo, keeping_writer(settings, conninfo))
        bounds = Bounds(connections=settings.max_connections)
        run_http(app, settings.http_host, settings.http_port, bounds)


def leave(*_: object) -> NoReturn:
    raise SystemExit(0)
