"""How a process that works until it is told to stop hears of it."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from infra.runtime.supervisor import STOPS


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
