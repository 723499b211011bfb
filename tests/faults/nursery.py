"""Makes processes of the program quickly: its imports are done once, and every verb is a fork.

Run as `python -m tests.faults.nursery`; orders come in and news go out as lines of JSON. What it
makes are ordinary processes: killed, stopped and starved like any other.
"""

import ctypes
import json
import os
import select
import signal
import sys
from importlib import import_module
from typing import Any, NoReturn

import main as program
from tests.faults.without import switch_off

PR_SET_PDEATHSIG = 1
Order = dict[str, Any]


class Nursery:
    """Children by the number that they were ordered under."""

    def __init__(self, news: int) -> None:
        self._news = news
        self._pids: dict[int, int] = {}

    def carry_out(self, order: Order) -> None:
        if "verb" in order:
            self._start(order)
        elif (pid := self._pids.get(order["number"])) is not None:
            os.kill(pid, order["signal"])

    def _start(self, order: Order) -> None:
        pid = os.fork()
        if pid == 0:
            become(order)
        self._pids[order["number"]] = pid
        self._tell(number=order["number"], pid=pid)

    def reap(self) -> None:
        """A child that nobody has waited for keeps its pid, so no signal can hit a stranger."""
        for number, pid in list(self._pids.items()):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                del self._pids[number]
                self._tell(number=number, code=os.waitstatus_to_exitcode(status))

    def _tell(self, **news: int) -> None:
        os.write(self._news, json.dumps(news).encode() + b"\n")


def become(order: Order) -> NoReturn:
    """Turn this fork into a process of the program."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    os.closerange(3, 256)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream, source in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
        os.dup2(source, stream)
    os.chdir(order["folder"])
    os.environ.update(order["environment"])
    sys.argv = ["ordinal", *order["verb"]]
    if order["without"]:
        for guard in order["without"].split(","):
            switch_off(guard)
    program.cli()
    raise SystemExit(0)


def run() -> None:
    for name in program.VERBS.values():
        import_module(name)  # once for all
    news = os.dup(1)
    os.dup2(2, 1)
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    nursery, waiting = Nursery(news), b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            nursery.reap()
        if 0 in ready:
            received = os.read(0, 65_536)
            if not received:
                return
            *lines, waiting = (waiting + received).split(b"\n")
            for line in lines:
                nursery.carry_out(json.loads(line))


if __name__ == "__main__":
    run()
