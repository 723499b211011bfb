"""Apache Kafka's jars, fetched once by Maven, and what a machine lacks to run them."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

JAVA_VERSION = 17
# Seconds: about 45 MB over whatever network there is.
FETCH_LIMIT = 900.0

BROKER_FILES = Path(__file__).with_name("kafka_broker_files")
CACHE = Path(__file__).parents[2] / ".cache"


class BrokerError(RuntimeError):
    """There is no running Kafka broker, and the message says why."""


def missing() -> str | None:
    """What this machine lacks for a broker, in one sentence; None when it lacks nothing."""
    if _java_version() < JAVA_VERSION:
        return f"A Kafka broker needs Java {JAVA_VERSION} or newer, found as `java` on the PATH."
    if not _cached().exists() and shutil.which("mvn") is None:
        return "Kafka's jars are fetched with Maven, and `mvn` is not on the PATH."
    return None


def jars() -> Path:
    """The folder of the jars; fetches them where they are not there yet."""
    target = _cached()
    if not target.exists():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="fetching-") as folder:
            draft = Path(folder) / "jars"
            _fetch(draft)
            _move_into_place(draft, target)
    return target


def _cached() -> Path:
    pom = (BROKER_FILES / "pom.xml").read_bytes()
    return CACHE / f"kafka-jars-{hashlib.sha256(pom).hexdigest()[:12]}"


def _fetch(folder: Path) -> None:
    options = ["-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    done = subprocess.run(
        [
            "mvn",
            "-q",
            "-B",
            "-f",
            BROKER_FILES / "pom.xml",
            "dependency:copy-dependencies",
            *options,
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=FETCH_LIMIT,
    )
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-10:])
        raise BrokerError(f"Maven could not fetch Kafka's jars.\n{last}")


def _move_into_place(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError:
        # Another process was faster; its jars are as good.
        if not target.exists():
            raise


def _java_version() -> int:
    if shutil.which("java") is None:
        return 0
    done = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found[1]) if found else 0
