"""A network that can be broken: stands between a client and a server and passes their bytes on.

Faults are given while it runs and hold for connections that are open and for those to come, until
`heal`. An address is the path of a Unix socket, or a host and a port.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo

Address = str | tuple[str, int]
Direction = Literal["sent", "received"]
# What happens to a piece of traffic, or with it to its line.
Fate = Literal["pass", "lose", "cut", "die"]
CHUNK = 65_536


class Proxy:
    """Faults: cut or go dead when certain bytes pass by, swallow everything, be slow, let nobody
    in.
    """

    def __init__(self, address: Address, upstream: Address) -> None:
        self._upstream = upstream
        self._listener = _socket(address)
        self._listener.bind(address)
        self._listener.listen(64)
        self.address: Address = self._listener.getsockname()
        self._lines: list[_Line] = []
        self._swallowing = self._closed_door = False
        self._delay = 0.0
        self._trap: tuple[Direction, bytes, Fate] | None = None
        self.sprung = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    # -- faults

    def cut_when(self, direction: Direction, pattern: bytes) -> None:
        """Cut the next line on which these bytes were about to pass, once; `sprung` tells of it."""
        self._set_trap(direction, pattern, "cut")

    def die_when(self, direction: Direction, pattern: bytes) -> None:
        """Lose these bytes, once, and all that follows on their line; other lines are well."""
        self._set_trap(direction, pattern, "die")

    def _set_trap(self, direction: Direction, pattern: bytes, fate: Fate) -> None:
        self.sprung.clear()
        self._trap = (direction, pattern, fate)

    def swallow(self) -> None:
        """Half-open: take every byte and deliver none, and accept whoever comes."""
        self._swallowing = True

    def delay(self, seconds: float) -> None:
        """Let each piece of traffic wait."""
        self._delay = seconds

    def refuse(self) -> None:
        """Hang up on newcomers."""
        self._closed_door = True

    def cut(self) -> None:
        """Cut all lines that are open now."""
        for line in self._lines:
            line.cut()

    def heal(self) -> None:
        """From now on new connections work; those that lost bytes stay as dead as they are."""
        self._closed_door, self._delay, self._trap = False, 0.0, None
        if self._swallowing:
            self._swallowing = False
            for line in self._lines:
                line.dead = True

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        self.cut()
        for line in self._lines:
            line.join()

    # -- traffic

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._closed_door:
                    client.close()
                else:
                    self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        server = _socket(self._upstream)
        try:
            server.connect(self._upstream)
        except OSError:
            client.close()
            return
        self._lines.append(_Line(client, server, self._fate))

    def _fate(self, direction: Direction, before: bytes, piece: bytes) -> Fate:
        trap = self._trap
        if trap is not None and trap[0] == direction and _completes(trap[1], before, piece):
            self._trap = None
            self.sprung.set()
            return trap[2]
        if self._delay:
            time.sleep(self._delay)
        return "lose" if self._swallowing else "pass"


def _completes(pattern: bytes, before: bytes, piece: bytes) -> bool:
    """Whether this piece has the end of the pattern, whose beginning may have passed already."""
    overlap = before[1 - len(pattern) :] if len(pattern) > 1 else b""
    return pattern in overlap + piece


FateOf = Callable[[Direction, bytes, bytes], Fate]


class _Line:
    """One connection: two sockets and a thread for each direction."""

    def __init__(self, client: socket.socket, server: socket.socket, fate_of: FateOf) -> None:
        self.dead = False
        self._ends = (client, server)
        self._fate_of = fate_of
        self._threads = [
            threading.Thread(target=self._pump, args=("sent", client, server), daemon=True),
            threading.Thread(target=self._pump, args=("received", server, client), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _pump(self, direction: Direction, source: socket.socket, sink: socket.socket) -> None:
        before = b""
        with suppress(OSError):
            while piece := source.recv(CHUNK):
                fate = self._fate_of(direction, before, piece)
                if fate == "cut":
                    break
                self.dead = self.dead or fate == "die"
                if fate == "pass" and not self.dead:
                    sink.sendall(piece)
                before = piece[-64:]
        self.cut()

    def cut(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(5)
        for end in self._ends:
            end.close()


def _socket(address: Address) -> socket.socket:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    return socket.socket(family, socket.SOCK_STREAM)


@contextmanager
def proxy(address: Address, upstream: Address) -> Iterator[Proxy]:
    running = Proxy(address, upstream)
    try:
        yield running
    finally:
        running.close()


@contextmanager
def postgres_proxy(conninfo: str, folder: Path) -> Iterator[tuple[Proxy, str]]:
    """A proxy before a PostgreSQL, and the conninfo that goes through it.

    Sockets have short names, so `folder` had better have one, too.
    """
    given = conninfo_to_dict(conninfo)
    host, port = str(given["host"]), int(given.get("port") or 5432)
    upstream = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)
    with proxy(f"{folder}/.s.PGSQL.5432", upstream) as running:
        yield running, make_conninfo(conninfo, host=str(folder), port=5432, hostaddr=None)
