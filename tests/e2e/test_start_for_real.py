"""What `docs/start-for-real.md` tells whoever begins to type, typed on an empty server."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from infra.local import embedded_postgres
from tests.faults.http import call, free_port
from tests.faults.processes import ROOT, Makers
from tests.faults.system import System, await_health
from tests.infra.running import eventually

PAGE = (ROOT / "docs" / "start-for-real.md").read_text(encoding="utf-8")
LASTING = {"serve", "project", "relay", "consume"}
PLACEHOLDER = "…"


class Reader:
    """Types the page, block by block; what it exports holds until the end."""

    def __init__(self, system: System, server: str, kafka: str, prefix: str) -> None:
        self._system, self._server = system, server
        self._kafka, self._prefix = kafka, prefix
        self._port = free_port()
        self._exported: dict[str, str] = {}
        self.answers: list[Any] = []

    def type(self, language: str, block: str) -> None:
        if language == "sql":
            with psycopg.connect(self._server, autocommit=True) as conn:
                for statement in filter(str.strip, block.split(";\n")):
                    conn.execute(statement.encode())
            return
        for line in block.splitlines():
            self._line(line)

    def _line(self, line: str) -> None:
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            made = re.fullmatch(r"\$\((.*)\)", value)
            if PLACEHOLDER not in value:
                self._exported[name] = self._ordinal(made[1]).strip() if made else value
        elif line.startswith("curl "):
            self._curl(line)
        else:
            self._ordinal(line)

    def _curl(self, line: str) -> None:
        line = line.replace("localhost:8000", f"127.0.0.1:{self._port}")
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            env=os.environ | self._exported,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        self.answers.append(json.loads(done.stdout))
        if "position" in self.answers[-1]:
            self._exported["POSITION"] = str(self.answers[-1]["position"])

    def _ordinal(self, line: str) -> str:
        words, stated = shlex.split(line), dict(self._exported)
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            stated[name] = value
        assert words.pop(0) == "ordinal", line
        process = self._system.start(*words, **self._settings(stated))
        if words[0] == "serve":
            await_health(process, self._port)
        elif words[0] == "project":
            eventually(self._is_ready, 30)
        elif words[0] in LASTING:
            eventually(lambda: process.said("leading") or process.said("assigned"), 30)
        else:
            assert process.wait(60) == 0, f"{line}\n{process.tail()}"
        return process.log.read_text(encoding="utf-8")

    def _is_ready(self) -> bool:
        return call(self._port, "GET", "/ready", headers={}, limit=10).status == 200

    def _settings(self, stated: dict[str, str]) -> dict[str, Any]:
        """Those of the page, at the places where they are to be had here."""
        url = urlsplit(stated["ORDINAL_DATABASE_URL"])
        database = make_conninfo(self._server, user=url.username, dbname=url.path[1:])
        more = {}
        if "ORDINAL_KAFKA_BOOTSTRAP_SERVERS" in stated:
            more = {"kafka_bootstrap_servers": self._kafka, "topic_prefix": self._prefix}
        return {"database_url": database, "http_port": self._port, "log_level": "info", **more}


@pytest.mark.timeout(180)
def test_from_an_empty_server_to_the_first_order(
    nursery: Makers, public_folder: Path, kafka: str, topic_prefix: str
) -> None:
    with embedded_postgres.running(public_folder / "postgres") as server:
        system = System(nursery, public_folder, server)
        reader = Reader(system, server, kafka, topic_prefix)
        try:
            for language, block in re.findall(r"^```(sh|sql)\n(.*?)^```$", PAGE, re.M | re.S):
                reader.type(language, block)
        finally:
            system.stop()
    (found,) = reader.answers[-2]["items"]
    assert (found["reference"], found["total"]) == ("web-1", 3998)
    assert reader.answers[-1]["available"] == 18


def test_every_page_that_it_names_is_there() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
