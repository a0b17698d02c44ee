"""`kj migrate`: brings databases to the state that this version's services need."""

import asyncio
import os
from typing import Annotated
from urllib.parse import urlsplit

import asyncpg
import typer

from gateway.cli.data_directory import DEFAULT, DataDirOption
from gateway.cli.databases import Names
from gateway.cli.errors import CommandError
from gateway.cli.local import LocalSystem
from gateway.cli.programs import SERVICES, migrations_of
from shared import migrate as migrations


def migrate(
    service: Annotated[str | None, typer.Argument(help=f"{', '.join(SERVICES)}; all of the local system's.")] = None,
    data_dir: DataDirOption = DEFAULT,
) -> None:
    """Apply migrations: to the database in KJ_DATABASE_OWNER_URL, else to those of the local system."""
    if service is not None and service not in SERVICES:
        raise CommandError(f"There is no service {service}.", f"Services: {', '.join(SERVICES)}.")
    owner_url = os.environ.get("KJ_DATABASE_OWNER_URL")
    if owner_url and service is None:
        raise CommandError("KJ_DATABASE_OWNER_URL names one database.", "Say whose it is: kj migrate SERVICE")
    local = None if owner_url else LocalSystem.open(data_dir)
    for name in [service] if service else SERVICES:
        url = owner_url if local is None else local.database_owner_url(name)
        applied = _applied(name, str(url))
        print(f"{name}: {', '.join(applied) if applied else 'nothing to apply'}")


def _applied(service: str, owner_url: str) -> list[str]:
    # The role that the service itself runs as, where its own setting is at hand too.
    runtime = urlsplit(os.environ.get("KJ_DATABASE_URL", "")).username or Names.of(service).runtime
    try:
        return asyncio.run(migrations.migrate(owner_url, migrations_of(service), runtime_role=runtime))
    except migrations.MigrationError as error:
        raise CommandError(f"{service}: {error}.", "Nothing after that file was applied.") from error
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise CommandError(f"{service}: its database cannot be reached.", "Look at KJ_DATABASE_OWNER_URL.") from error
