"""A release that brings new versions of read models builds them by itself, in a process of its own;
until then processes of the old version read and feed the old ones.
"""

import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import closing

import psycopg
import structlog

from infra.postgres.connections import connect_projector
from infra.readmodels.generations import outdated
from infra.runtime.supervisor import die_with_parent
from projections.projection import Projection

# Seconds between two attempts, of this process or of others that build.
PAUSE = 5.0
STOP_SECONDS = 5.0

log = structlog.get_logger("upgrade")


def bring_up_to_date(
    conninfo: str, chosen: Sequence[Projection], stop: threading.Event, pause: float = PAUSE
) -> None:
    """Build those of which there are older versions only, however often it takes."""
    while not stop.is_set():
        try:
            with closing(connect_projector(conninfo, "upgrade")) as conn:
                names = [each.name for each in outdated(conn, chosen)]
            if not names:
                return
            log.info("upgrade_began", projections=names)
            code = _rebuild(names, stop)
            log.info("upgrade_ended", projections=names, code=code)
        except psycopg.OperationalError as error:
            log.warning("upgrade_waits", error=str(error).strip())
        stop.wait(pause)


def _rebuild(names: Sequence[str], stop: threading.Event) -> int:
    """What it says stands on standard error with our own words."""
    process = subprocess.Popen(
        [sys.executable, "-m", "main", "rebuild", *names], preexec_fn=die_with_parent
    )
    while process.poll() is None:
        if stop.wait(0.1):
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            return process.wait()
    return process.returncode
