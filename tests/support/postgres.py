"""A real PostgreSQL for tests: one cluster a process of the run, a fresh database for whoever asks."""

import asyncio
import itertools
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from kj.local.databases import Names, Passwords, provision
from kj.local.postgres import SUPERUSER, Postgres
from kj.local.postgres_install import Account
from shared.migrate import migrate

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Database:
    """One fresh database with its two roles."""

    names: Names
    dsn: str
    """For the runtime role, who may make nothing."""
    owner_dsn: str
    """For the owner, who migrates."""
    superuser_dsn: str
    """For tests that break what no role of ours may break."""


class Cluster:
    """The running server of one test run."""

    def __init__(self, postgres: Postgres, passwords: Passwords) -> None:
        self.postgres = postgres
        self._passwords = passwords
        self._count = itertools.count(1)
        self._templates: dict[str, Database] = {}
        self._making = asyncio.Lock()

    async def database(self, service: str) -> Database:
        """Returns a new, empty database such as `kj_audit_3`, with roles of its own."""
        names = Names.of(service, f"_{next(self._count)}")
        await provision(self.postgres, self._passwords, [names])
        return self._of(names)

    async def migrated(self, service: str) -> Database:
        """Returns a copy of a database with the service's migrations applied; its copies have the same two roles."""
        async with self._making:
            if service not in self._templates:
                self._templates[service] = await self._template(service)
        template = self._templates[service].names
        return await self._copy(
            template, Names(f"{template.database}_{next(self._count)}", template.owner, template.runtime)
        )

    async def _template(self, service: str) -> Database:
        database = await self.database(service)
        directory = ROOT / "services" / service / "migrations"
        await migrate(database.owner_dsn, directory, runtime_role=database.names.runtime)
        return database

    async def _copy(self, template: Names, names: Names) -> Database:
        connection = await asyncpg.connect(self.postgres.superuser_url)
        try:
            await connection.execute(
                f"CREATE DATABASE {names.database} OWNER {names.owner} TEMPLATE {template.database}"
            )
            # What a migration has set for its database is no part of the copy.
            for row in await connection.fetch(
                "SELECT unnest(setconfig) AS setting FROM pg_db_role_setting AS own JOIN pg_database AS d"
                " ON d.oid = own.setdatabase WHERE d.datname = $1 AND own.setrole = 0",
                template.database,
            ):
                name, _, value = row["setting"].partition("=")
                await connection.execute(f"ALTER DATABASE {names.database} SET {name} = '{value}'")
        finally:
            await connection.close()
        await provision(self.postgres, self._passwords, [names])
        return self._of(names)

    def _of(self, names: Names) -> Database:
        return Database(
            names=names,
            dsn=self._url(names.database, names.runtime),
            owner_dsn=self._url(names.database, names.owner),
            superuser_dsn=self._url(names.database, SUPERUSER),
        )

    def _url(self, database: str, role: str) -> str:
        return self.postgres.url(database, role, self._passwords.of(role))


@asynccontextmanager
async def running_cluster(*, durable: bool = False) -> AsyncIterator[Cluster]:
    """Starts a cluster in a short folder that is gone afterwards.

    `durable` turns fsync on, for tests that crash things.
    """
    with tempfile.TemporaryDirectory(prefix="kj-test-", dir="/tmp") as folder:
        root = Path(folder)
        root.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
        sockets = root / "s"
        sockets.mkdir(mode=0o700)
        Account.for_server().give(sockets)
        passwords = Passwords(root / "passwords.json")
        passwords.ensure([SUPERUSER])
        postgres = Postgres(
            root / "postgres",
            sockets=sockets,
            password=passwords.of(SUPERUSER),
            log=root / "postgres.log",
            durable=durable,
        )
        postgres.prepare()
        await postgres.start()
        await postgres.wait_ready()
        try:
            yield Cluster(postgres, passwords)
        finally:
            await (postgres.stop() if durable else _thrown_away(postgres))


async def _thrown_away(postgres: Postgres) -> None:
    """Ends a server whose data nobody reads again: without the checkpoint of a shutdown."""
    if postgres.process is not None and postgres.process.returncode is None:
        postgres.process.send_signal(signal.SIGQUIT)
    await postgres.stop()
