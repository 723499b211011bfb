"""What several threads decode at a time, in a process of its own: it crashes when this fails."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
THREADS = """
import sys, threading
from domain.history import EVENTS
from infra.store.envelope import Undecodable
from infra.store.codec import recorded_as

def decode():
    start.wait()
    for name in EVENTS:
        state = b'{"event_id": "1", "type": "%s", "data": {"lines": [{"line": 1}]}}' % name.encode()
        try:
            recorded_as(name, 1, state)
        except Undecodable:
            pass

sys.setswitchinterval(1e-6)
start = threading.Barrier(4)
threads = [threading.Thread(target=decode) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_threads_that_meet_an_event_for_the_first_time_together() -> None:
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", THREADS], cwd=ROOT, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
