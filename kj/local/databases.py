"""A database for each service with two roles: the owner migrates; the runtime role serves and may create nothing."""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from kj.errors import CommandError
from kj.local.postgres import SUPERUSER, Postgres
from kj.local.state import write_private


@dataclass(frozen=True)
class Names:
    """The database and the roles of one service."""

    database: str
    owner: str
    runtime: str

    @classmethod
    def of(cls, service: str, suffix: str = "") -> "Names":
        """Returns `kj_<service>` and `kj_<service>_owner`; in tests a suffix names further databases of one service."""
        base = f"kj_{service}{suffix}"
        return cls(database=base, owner=f"{base}_owner", runtime=base)


class Passwords:
    """The roles' random passwords, in a file that only this user may read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}

    def of(self, role: str) -> str:
        """Returns the role's password. Raises CommandError when it has none yet."""
        if role not in self._known:
            raise CommandError(
                f"There is no password for {role} in {self._file}.", "kj up makes the databases and roles."
            )
        return self._known[role]

    def ensure(self, roles: Iterable[str]) -> None:
        """Gives each role without a password a new one, on disk before any database knows it."""
        missing = [role for role in roles if role not in self._known]
        if missing:
            self._known |= {role: secrets.token_urlsafe(24) for role in missing}
            write_private(self._file, json.dumps(self._known, indent=2) + "\n")


def superuser_password(passwords: Passwords, postgres_directory: Path) -> str:
    """Returns the superuser's password, which is made with the cluster.

    Raises CommandError when there is a cluster and no password.
    """
    if not postgres_directory.exists():
        passwords.ensure([SUPERUSER])
    return passwords.of(SUPERUSER)


async def provision(postgres: Postgres, passwords: Passwords, names: Iterable[Names]) -> None:
    """Makes the databases and roles that are missing. Nobody but its two roles can connect to a service's database."""
    wanted = list(names)
    passwords.ensure(role for each in wanted for role in (each.owner, each.runtime))
    connection = await asyncpg.connect(postgres.superuser_url)
    try:
        # A statement that fails must not take a password into the server's log.
        await connection.execute("SET log_min_error_statement = 'panic'")
        await connection.execute("REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC")
        databases = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
        for each in wanted:
            for role in (each.owner, each.runtime):
                await _ensure_role(connection, role, passwords.of(role))
            if each.database not in databases:
                # Closed to connections until the rights are set: an interrupted start leaves no open database.
                await connection.execute(f"CREATE DATABASE {each.database} OWNER {each.owner} ALLOW_CONNECTIONS false")
            await connection.execute(f"REVOKE ALL ON DATABASE {each.database} FROM PUBLIC, {each.runtime}")
            await connection.execute(f"GRANT CONNECT ON DATABASE {each.database} TO {each.runtime}")
            await connection.execute(f"ALTER DATABASE {each.database} ALLOW_CONNECTIONS true")
    finally:
        await connection.close()


async def _ensure_role(connection: asyncpg.Connection, role: str, password: str) -> None:
    exists = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
    verb = "ALTER" if exists else "CREATE"
    # Role names are ours and passwords are URL-safe base64: neither can end the quotes.
    await connection.execute(f"{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '{password}'")
