"""The page of the API's documents, as a browser without a way out shows it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.system import Api, System

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
# Milliseconds that the page's scripts may take, on a clock of their own.
PATIENCE = 20_000


def shown(api: Api, folder: Path) -> str:
    """What the browser makes of the page; every other machine is out of its reach."""
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={folder}",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--virtual-time-budget={PATIENCE}",
            "--dump-dom",
            f"http://127.0.0.1:{api.port}/docs",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_the_page_shows_every_route_without_a_way_out(system: System, tmp_path: Path) -> None:
    page = shown(system.serve(), tmp_path)
    assert "Event-sourced order management." in page
    for path in ("/v1/orders", "/v1/orders/{order_id}", "/v1/reports"):
        assert f'data-path="{path}' in page
    assert "Failed to load" not in page
