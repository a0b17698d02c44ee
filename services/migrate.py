"""Applies one service's migrations, as a Kubernetes Job does: `python -m services.migrate NAME`.

Reads KJ_DATABASE_OWNER_URL, the database as its owner role, and KJ_DATABASE_URL, whose role is the one that the service
runs as; without the second that role is `kj_NAME`. Exit code 1 and one line on standard error when something is wrong;
nothing after the file that failed was applied. The rule for two releases at once stands in `shared/migrate.py`.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from shared.environment import SettingsError, refuse_unknown
from shared.migrate import MigrationError, migrate

_HERE = Path(__file__).resolve().parent
NAMES = tuple(sorted(path.parent.name for path in _HERE.glob("*/migrations")))


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Migrates the database of the service that `arguments` names; returns the exit code."""
    name = arguments[0] if len(arguments) == 1 else ""
    if name not in NAMES:
        return _fail(f"usage: python -m services.migrate NAME, one of {', '.join(NAMES)}")
    try:
        refuse_unknown(environment)
    except SettingsError as error:
        return _fail(str(error))
    owner_url = environment.get("KJ_DATABASE_OWNER_URL")
    if not owner_url:
        return _fail("KJ_DATABASE_OWNER_URL is not set: the database to migrate, as its owner role")
    try:
        runtime = urlsplit(environment.get("KJ_DATABASE_URL", "")).username or f"kj_{name}"
        applied = asyncio.run(migrate(owner_url, _HERE / name / "migrations", runtime_role=runtime))
    except MigrationError as error:
        return _fail(f"{name}: {error}")
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # The driver's text may hold the address with its password.
        return _fail(f"{name}: its database cannot be reached ({type(error).__name__}): look at KJ_DATABASE_OWNER_URL")
    print(f"{name}: {', '.join(applied) or 'nothing to apply'}")
    return 0


def _fail(text: str) -> int:
    print(text, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
