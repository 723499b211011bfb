"""A build: the files of a revision in a folder of its own, and the packages that its lock names.

Revisions are kept in `.cache/against`, environments there by their lock's hash. The build of the
working tree is what a commit of everything in it would hold, and lives as long as its run.
"""

import fcntl
import hashlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.against_parts.dialect import Dialect
from benchmarks.against_parts.rounds import Failed
from benchmarks.machines import ROOT

CACHE = ROOT / ".cache" / "against"
READY = ".ready"


class NoRevision(Failed):
    """This clone does not have it."""


@dataclass(frozen=True, slots=True)
class Build:
    """What is started as `python -m main` in its folder."""

    name: str
    folder: Path
    python: Path
    dialect: Dialect


def of_revision(revision: str, dialect: Dialect) -> Build:
    """Raises NoRevision when it is not there."""
    commit = _commit(revision)
    with _alone():
        folder = CACHE / commit
        if not folder.exists():
            draft = CACHE / f"{commit}.new"
            shutil.rmtree(draft, ignore_errors=True)
            _unpack(commit, draft)
            draft.rename(folder)
        return _build(revision, folder, dialect)


def of_working_tree(place: Path, dialect: Dialect) -> Build:
    """What is in the working tree now, committed or not, but for what Git ignores."""
    folder = place / "this"
    index = {"GIT_INDEX_FILE": str(place / "index")}
    _git("read-tree", "HEAD", environment=index)
    _git("add", "--all", environment=index)
    _unpack(_git("write-tree", environment=index).decode().strip(), folder)
    with _alone():
        return _build("this", folder, dialect)


def _commit(revision: str) -> str:
    try:
        return _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    except Failed:
        shallow = _git("rev-parse", "--is-shallow-repository").decode().strip() == "true"
        advice = "; this clone is shallow: git fetch --unshallow" if shallow else ""
        raise NoRevision(f"There is no revision {revision} in {ROOT}{advice}.") from None


def _git(*words: str, environment: Mapping[str, str] | None = None) -> bytes:
    done = subprocess.run(
        ["git", *words],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"git {words[0]} in {ROOT}: {done.stderr.decode().strip() or 'failed'}")
    return done.stdout


def _unpack(tree: str, folder: Path) -> None:
    packed = io.BytesIO(_git("archive", tree))
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=packed) as archive:
        archive.extractall(folder, filter="data")


@contextmanager
def _alone() -> Iterator[None]:
    """Two runs at a time do not make the same thing."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(name: str, folder: Path, dialect: Dialect) -> Build:
    python = _environment(folder / "requirements.lock")
    # The program asks for its version; builds with the same packages share an environment, so
    # that this can't be installed there.
    _run(python, "-c", "import setuptools; setuptools.setup()", "egg_info", folder=folder)
    # Else the first round would pay for compiling.
    _run(python, "-m", "compileall", "-q", ".", folder=folder)
    return Build(name, folder, python, dialect)


def _environment(lock: Path) -> Path:
    """The Python of an environment with the lock's packages; made when it is not there yet."""
    if not lock.exists():
        raise Failed(f"{lock.parent} has no {lock.name}.")
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = CACHE / f"venv-{digest}"
    if not (folder / READY).exists():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"installing the packages of {lock.parent.name} …", file=sys.stderr)
        _install(lock, folder)
        (folder / READY).touch()
    return folder / "bin" / "python"


def _install(lock: Path, folder: Path) -> None:
    python, hashes = folder / "bin" / "python", ("--quiet", "--require-hashes", "-r", lock)
    if importlib.util.find_spec("uv"):
        _run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, folder)
        _run(sys.executable, "-m", "uv", "pip", "install", "--python", python, *hashes)
    else:
        _run(sys.executable, "-m", "venv", folder)
        _run(python, "-m", "pip", "install", *hashes)


def _run(*command: str | Path, folder: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}:\n{(done.stdout + done.stderr)[-2_000:]}")
