"""Wraps one service's patients' keys by the first key of its key file: `python -m services.rewrap NAME`.

Reads KJ_DATABASE_OWNER_URL, the database as its owner role, and the service's own setting of its key file. Run it when
the new key stands first and every process has started with it; after exit code 0 the other keys open nothing any
more and may be taken out. How a wrapping key is changed stands in `shared/sealing.py`.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.environment import SettingsError, refuse_unknown
from shared.rewrapping import RewrapError, rewrap
from shared.sealing import KeyFileError, KeyWrap

KEY_FILES = {"documents": "KJ_DOCUMENT_KEY_FILE", "own_registrations": "KJ_OWN_REGISTRATIONS_KEY_FILE"}


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs the command; returns the exit code."""
    return asyncio.run(run(arguments, environment))


async def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Wraps the keys of the service that `arguments` names; returns the exit code."""
    name = arguments[0] if len(arguments) == 1 else ""
    if name not in KEY_FILES:
        return _fail(f"usage: python -m services.rewrap NAME, one of {', '.join(KEY_FILES)}")
    for setting in ("KJ_DATABASE_OWNER_URL", KEY_FILES[name]):
        if not environment.get(setting):
            return _fail(f"{setting} is not set")
    try:
        refuse_unknown(environment)
        keys = KeyWrap.from_file(Path(environment[KEY_FILES[name]]))
        result = await rewrap(environment["KJ_DATABASE_OWNER_URL"], keys)
    except (SettingsError, KeyFileError) as error:
        return _fail(f"{name}: {error}")
    except RewrapError as error:
        return _fail(f"{name}: {error}: look at KJ_DATABASE_OWNER_URL, or try again")
    print(f"{name}: {result.done} keys are wrapped by key {keys.key_id} now")
    if result.closed:
        return _fail(f"{name}: {result.closed} keys do not open with any key of the file, and stay as they are")
    return 0


def _fail(text: str) -> int:
    print(text, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
