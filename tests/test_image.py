"""What the image holds can be installed, and runs: exactly the files that its build is given."""

import fnmatch
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from main import VERBS
from tests.faults.http import Lost, call, free_port
from tests.infra.running import eventually

ROOT = Path(__file__).parent.parent
RULES = [
    line.strip()
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.startswith("#")
]


def taken(path: str) -> bool:
    """Whether a file is part of the build context: the last rule that fits it decides."""
    kept = True
    for rule in RULES:
        if fits(PurePosixPath(path), rule.removeprefix("!")):
            kept = rule.startswith("!")
    return kept


def fits(path: PurePosixPath, pattern: str) -> bool:
    """A rule for a folder is one for all that is in it."""
    whole = [path, *path.parents]
    if pattern.startswith("**/"):
        return any(fnmatch.fnmatch(each.name, pattern[3:]) for each in whole)
    return any(fnmatch.fnmatch(str(each), pattern) and str(each) != "." for each in whole)


def build_context(folder: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(taken, listed.stdout.splitlines()):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


@dataclass(frozen=True, slots=True)
class Image:
    """A Python that sees the dependencies and what was installed, and nothing of this folder."""

    python: Path
    installed: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        seen = f"{self.installed}:{sysconfig.get_path('purelib')}"
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": seen,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "HOME": str(self.home),
        }

    @property
    def ordinal(self) -> list[str]:
        return [str(self.python), str(self.installed / "bin" / "ordinal")]

    def run(self, *words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self.ordinal, *words], cwd=self.home, env=self.environment | settings,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    @contextmanager
    def serving(self, port: int, **settings: str) -> Iterator[None]:
        asked = settings | {"ORDINAL_HTTP_PORT": str(port)}
        process = subprocess.Popen(
            [*self.ordinal, "serve"], cwd=self.home, env=self.environment | asked
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Built as the Dockerfile does it, with the dependencies that are at hand."""
    context, installed = tmp_path_factory.mktemp("context"), tmp_path_factory.mktemp("installed")
    build_context(context)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--target", str(installed), "."],
        cwd=context, check=True, capture_output=True,
    )  # fmt: skip
    home = tmp_path_factory.mktemp("home")
    venv.create(home / "python", with_pip=False, symlinks=True)
    return Image(home / "python" / "bin" / "python", installed, home)


def test_nothing_but_the_program_goes_into_the_image() -> None:
    assert taken("verbs/consume.py")
    assert taken("infra/store/sql/0002_event_log.sql")
    for other in (
        ".env",
        "tests/conftest.py",
        "infra/__pycache__/x.pyc",
        "docs/adr/x.md",
        ".git/x",
    ):
        assert not taken(other), other


def test_the_image_is_run_by_its_own_files_alone(image: Image) -> None:
    code = "import main, verbs.terminal as t; print(main.__file__, t.__file__)"
    told = subprocess.run(
        [image.python, "-c", code], cwd=image.home, env=image.environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert all(name.startswith(str(image.installed)) for name in told.stdout.split())


def test_every_verb_is_there(image: Image) -> None:
    told = image.run("--help")
    assert told.returncode == 0, told.stderr
    assert all(verb in told.stdout for verb in VERBS)
    code = "import importlib, main; [importlib.import_module(each) for each in main.VERBS.values()]"
    subprocess.run([image.python, "-c", code], cwd=image.home, env=image.environment, check=True)


@pytest.mark.timeout(120)
def test_it_migrates_and_serves(image: Image, database: str) -> None:
    url = {"ORDINAL_DATABASE_URL": database}
    assert image.run("serve", **url).returncode == 1
    migrated = image.run("migrate", **url)
    assert migrated.returncode == 0, migrated.stderr
    port = free_port()
    with image.serving(port, **url):
        eventually(lambda: _healthy(port), 30)


def _healthy(port: int) -> bool:
    try:
        return call(port, "GET", "/health", headers={}, limit=5).status == 200
    except Lost:
        return False
