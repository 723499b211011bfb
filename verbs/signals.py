"""How a process that works until it is told to stop hears of it."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from infra.runtime.supervisor import STOPS


class StopFlag:
    """Says whether SIGINT or SIGTERM came, in a process that may have no second thread."""

    def __init__(self) -> None:
        self._told = False
        for number in STOPS:
            signal.signal(number, self._hear)

    def wait(self, timeout: float) -> bool:
        """Whether it was told; the handler runs in between, and does not cut the wait short."""
        if not self._told:
            time.sleep(timeout)
        return self._told

    def _hear(self, *_: object) -> None:
        self._told = True


@contextmanager
def stop_signal() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set.

    A Python handler would not do. It runs in the main thread alone, which may hold the event's
    lock just then, or sleep in a join while another thread took the signal.
    """
    stop, (ours, theirs) = threading.Event(), socket.socketpair()
    theirs.setblocking(False)
    listener = threading.Thread(target=_listen, args=(ours, stop), name="signals")
    listener.start()
    heard_before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, lambda *_: None) for number in STOPS}
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(heard_before)
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if stop.is_set() else handler)
        theirs.close()
        listener.join()
        ours.close()


def _listen(signals: socket.socket, stop: threading.Event) -> None:
    while numbers := signals.recv(64):
        if not STOPS.isdisjoint(numbers):
            stop.set()
