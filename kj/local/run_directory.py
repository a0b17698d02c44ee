"""A short, private directory for sockets: gRPC and the kernel refuse socket paths over 107 bytes.

A data directory can lie deep in a clone or a test's folder, so the sockets stand apart from it, below /tmp, under a
name worked out from the data directory. /tmp is everybody's: a directory that is not ours alone is refused, never
repaired.
"""

import hashlib
import os
import stat
from pathlib import Path

from kj.errors import CommandError

# Not the TMPDIR of the environment: it can be as deep as the data directory itself.
PARENT = Path("/tmp")  # noqa: S108 -- the name is checked for owner and mode before use


def run_directory(data_directory: Path, *, purpose: str = "", owner: int | None = None) -> Path:
    """Makes or finds the 0700 directory of `data_directory`, about 25 bytes long; `owner` is this user unless given.

    Raises CommandError when another user holds the name.
    """
    uid = os.geteuid() if owner is None else owner
    digest = hashlib.sha256(os.fsencode(data_directory.resolve())).hexdigest()[:10]
    path = PARENT / f"kj-{uid}-{digest}{purpose and '-' + purpose}"
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        if uid != os.geteuid():
            os.chown(path, uid, -1)
    found = path.lstat()
    # root may have been stopped between making the directory and giving it away.
    if uid != os.geteuid() and stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
        os.chown(path, uid, -1, follow_symlinks=False)
        found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) != 0o700:
        raise CommandError(
            f"{path} is needed for sockets, but it is not a directory of this user alone.",
            "Remove it, or use another --data-dir.",
        )
    return path


def clear(directory: Path) -> None:
    """Removes the directory with the sockets in it; nothing else is expected there."""
    if not directory.is_dir():
        return
    for entry in directory.iterdir():
        entry.unlink()
    directory.rmdir()
