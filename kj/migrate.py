"""`kj migrate`: brings the local system's databases to the state that this version's services need.

Elsewhere `python -m services.migrate NAME` does it, beside the database: in Kubernetes as a Job.
"""

import asyncio
from typing import Annotated

import asyncpg
import typer

from kj.errors import CommandError
from kj.local.data_directory import DEFAULT, DataDirOption
from kj.local.databases import Names
from kj.local.local_system import LocalSystem
from kj.local.programs import SERVICES, migrations_of
from shared import migrate as migrations


def migrate(
    service: Annotated[str | None, typer.Argument(help=f"{', '.join(SERVICES)}; without it all of them.")] = None,
    data_dir: DataDirOption = DEFAULT,
) -> None:
    """Apply migrations to the databases of the local system."""
    if service is not None and service not in SERVICES:
        raise CommandError(f"There is no service {service}.", f"Services: {', '.join(SERVICES)}.")
    local = LocalSystem.open(data_dir)
    for name in [service] if service else SERVICES:
        applied = _applied(name, local.database_owner_url(name))
        print(f"{name}: {', '.join(applied) if applied else 'nothing to apply'}")


def _applied(service: str, owner_url: str) -> list[str]:
    try:
        names = Names.of(service)
        return asyncio.run(migrations.migrate(owner_url, migrations_of(service), runtime_role=names.runtime))
    except migrations.MigrationError as error:
        raise CommandError(f"{service}: {error}.", "Nothing after that file was applied.") from error
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise CommandError(f"{service}: its database cannot be reached.", "Is the system up? kj status") from error
