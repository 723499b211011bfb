"""What processes cost, as the kernel tells it."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    first = psutil.Process(pid)
    return [pid, *(child.pid for child in first.children(recursive=True))]


def working_in(folder: Path) -> list[int]:
    """PostgreSQL's processes: all of them have its data folder as their own."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(folder):
                found.append(process.pid)
    return found


def processor_seconds(pid: int) -> float:
    """What a process and its living descendants have used so far."""
    total = 0.0
    for each in tree(pid):
        with suppress(psutil.NoSuchProcess):
            times = psutil.Process(each).cpu_times()
            total += times.user + times.system
    return total


def proportional_bytes(pids: Iterable[int]) -> int:
    """PSS: what is shared counts in equal parts."""
    return sum(rolled_up(text, "Pss") for text in _rollups(pids))


def anonymous_bytes(pids: Iterable[int]) -> int:
    """The anonymous part of it: no file and no shared buffers, forked pages counted once."""
    return sum(rolled_up(text, "Pss_Anon") for text in _rollups(pids))


def _rollups(pids: Iterable[int]) -> Iterator[str]:
    for pid in pids:
        with suppress(ProcessLookupError, FileNotFoundError):
            yield Path(f"/proc/{pid}/smaps_rollup").read_text()


def rolled_up(text: str, name: str) -> int:
    """Bytes of one line of `smaps_rollup`; raises LookupError where this kernel has it not."""
    for line in text.splitlines():
        word, _, rest = line.partition(":")
        if word == name:
            return int(rest.split()[0]) * 1024
    raise LookupError(f"smaps_rollup has no {name}: Linux 5.9 or newer is needed.")
