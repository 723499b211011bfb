"""Running the load process, and what it saw."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.machines import ROOT, percentile


@dataclass(frozen=True, slots=True)
class Seen:
    """The outcome of one run of the load."""

    seconds: float
    statuses: dict[int, int]
    latencies: list[float]

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def milliseconds(self, share: float) -> float:
        return percentile(self.latencies, share) * 1000


def request(path: str, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> str:
    """A POST, ready to be written to the wire."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join(lines) + "\r\n\r\n" + body.decode()


def drive(ports: Sequence[int], requests: Sequence[str], concurrency: int) -> Seen:
    asked = {"ports": list(ports), "requests": list(requests), "concurrency": concurrency}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
    )
    seen = json.loads(done.stdout)
    statuses = {int(status): count for status, count in seen["statuses"].items()}
    return Seen(seen["seconds"], statuses, seen["latencies"])
