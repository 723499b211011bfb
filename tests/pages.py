"""The pages of docs/operations, and the commands that they tell an operator to type."""

import re
import shlex
import subprocess
from pathlib import Path

from tests.faults.processes import Process
from tests.faults.system import Api, System

FOLDER = Path(__file__).parents[1] / "docs" / "operations"
FENCED = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# These go on until they are told to stop.
LASTING = {"project"}
LIMIT = 60.0


class Page:
    """One page: its sections, and which of their commands were run."""

    def __init__(self, name: str) -> None:
        text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
        parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
        self.commands = {
            title: [line for block in FENCED.findall(body) for line in block.splitlines()]
            for title, body in zip(parts[1::2], parts[2::2], strict=True)
        }
        self._left = {title: list(commands) for title, commands in self.commands.items()}

    def run(
        self,
        title: str,
        system: System,
        *codes: int,
        api: Api | None = None,
        **names: object,
    ) -> list[Process]:
        """Run the next commands of a section: as many as there are codes that they must end with,
        all of them, with 0, if none is given. `names` stand for the words in capitals.
        """
        codes = codes or (0,) * len(self._left[title])
        ran = []
        for code in codes:
            command = self._left[title].pop(0)
            for name, value in names.items():
                command = re.sub(rf"\b{name}\b", str(value), command)
            if command.startswith("curl "):
                assert api is not None
                request(command, api)
            else:
                ran.append(ordinal(command, system, code))
        return ran

    def assert_all_was_run(self) -> None:
        left = {title: commands for title, commands in self._left.items() if commands}
        assert not left, f"nobody ran {left}"


def ordinal(command: str, system: System, code: int) -> Process:
    """One command line of the program, as a process of its own."""
    words = shlex.split(command)
    settings = {}
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        settings[name.removeprefix("ORDINAL_").lower()] = value
    assert words.pop(0) == "ordinal", command
    process = system.start(*words, **settings)
    if words[0] not in LASTING:
        assert process.wait(LIMIT) == code, f"{command}\n{process.tail(60)}"
    return process


def request(command: str, api: Api) -> None:
    command = command.replace("localhost:8000", f"127.0.0.1:{api.port}")
    subprocess.run(shlex.split(command), check=True, capture_output=True, timeout=LIMIT)
