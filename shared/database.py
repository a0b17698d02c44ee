"""Asks PostgreSQL: a few connections, every query named, traced, and limited by the call's deadline.

The pool is ours and not asyncpg's for two reasons. Waiting for a connection, beginning, asking and committing all end
with the call's deadline; and a connection that is in doubt, after a lost reply or a cancellation, is thrown away and
never handed on. Speed is none: asyncpg's, which resets a connection at each release, costs 1.14 times as much.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

import asyncpg
from opentelemetry.trace import SpanKind

from kjernejournal.common.v1 import error_reason_pb2 as reasons
from shared import deadline, telemetry
from shared.environment import SettingsError
from shared.errors import TimedOut, Unavailable

log = logging.getLogger(__name__)

ROLLBACK_SECONDS = 2.0
"""A connection that does not roll back in this time is thrown away, and PostgreSQL rolls back."""
HEALTH_SECONDS = 5.0
"""A database that does not answer in this time is not there."""
RENEWED_EVERY = 10.0
"""Seconds after which health opens a connection anew: one that is open already says nothing of a server that takes no
new ones."""
LONGEST_QUERY = 30.0
"""Seconds that a query may take when the call has no deadline."""

_SESSION = {
    # Our queries are small and keyed: a new plan for each array of references takes 0.35 ms, a kept one 0.06 ms.
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    # PostgreSQL would go on with the query of a connection that is gone, and keep its locks; it looks this often.
    "client_connection_check_interval": "50ms",
}

_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says when the server is killed in the middle of a reply
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError,
    OSError,
)


class Queries(Protocol):
    """What a repository asks of a database, or of a transaction in it."""

    async def fetch(self, sql: str, *args: Any, name: str) -> list[asyncpg.Record]: ...
    async def fetchrow(self, sql: str, *args: Any, name: str) -> asyncpg.Record | None: ...
    async def fetchval(self, sql: str, *args: Any, name: str) -> Any: ...
    async def execute(self, sql: str, *args: Any, name: str) -> str: ...


class Session:
    """Queries on one connection: each under a span that carries the query's name, never its arguments."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", database: str) -> None:
        self.connection = connection
        self._database = database

    async def fetch(self, sql: str, *args: Any, name: str) -> list[asyncpg.Record]:
        with telemetry.span(f"SQL {name}", SpanKind.CLIENT, parent=None, **self._attributes(name)) as span:
            rows = await self.connection.fetch(sql, *args, timeout=_seconds_left())
            span.set("kj.rows", len(rows))
            return rows

    async def fetchrow(self, sql: str, *args: Any, name: str) -> asyncpg.Record | None:
        with telemetry.span(f"SQL {name}", SpanKind.CLIENT, parent=None, **self._attributes(name)):
            return await self.connection.fetchrow(sql, *args, timeout=_seconds_left())

    async def fetchval(self, sql: str, *args: Any, name: str) -> Any:
        with telemetry.span(f"SQL {name}", SpanKind.CLIENT, parent=None, **self._attributes(name)):
            return await self.connection.fetchval(sql, *args, timeout=_seconds_left())

    async def execute(self, sql: str, *args: Any, name: str) -> str:
        with telemetry.span(f"SQL {name}", SpanKind.CLIENT, parent=None, **self._attributes(name)):
            return await self.connection.execute(sql, *args, timeout=_seconds_left())

    async def executemany(self, sql: str, rows: Sequence[Sequence[Any]], *, name: str) -> None:
        """Runs one statement for many rows, sent as one batch."""
        with telemetry.span(f"SQL {name}", SpanKind.CLIENT, parent=None, **self._attributes(name)):
            await self.connection.executemany(sql, rows, timeout=_seconds_left())

    async def copy(self, table: str, columns: Sequence[str], records: Sequence[Sequence[Any]]) -> None:
        """Copies `records` into `table`."""
        with telemetry.span(f"SQL copy_{table}", SpanKind.CLIENT, parent=None, **self._attributes(f"copy_{table}")):
            await self.connection.copy_records_to_table(
                table, columns=list(columns), records=records, timeout=_seconds_left()
            )

    def _attributes(self, name: str) -> dict[str, str]:
        return {"db.system": "postgresql", "db.namespace": self._database, "db.operation.name": name}


class Database:
    """A service's own database. Connections open when they are first needed, and again after PostgreSQL was away.

    Raises Unavailable when PostgreSQL cannot be reached or a connection is lost, TimedOut when the call's deadline
    passes; violations of constraints go to the repository, which knows what they mean.
    """

    def __init__(self, dsn: str, size: int) -> None:
        self._dsn = dsn
        self._free: list[asyncpg.Connection[asyncpg.Record]] = []
        self._slots = asyncio.Semaphore(size)
        self._generation = 0
        """Counts the times that every connection was given up."""
        self._renew_at = time.monotonic() + RENEWED_EVERY
        self._name = urlsplit(dsn).path[1:]

    @classmethod
    async def connect(cls, dsn: str, *, size: int = 4) -> "Database":
        """Opens the database, and one connection, so that a wrong role or password shows at start.

        Raises SettingsError for those. A server that is away is waited for by whoever asks: the process is not ready
        until it answers. To end instead would only have it started again, later and later, while PostgreSQL is back.
        """
        database = cls(dsn, size)
        try:
            async with database._session():
                pass
        except (Unavailable, TimedOut):
            log.warning("the database cannot be reached yet")
        except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
            raise SettingsError(
                f"KJ_DATABASE_URL: PostgreSQL refuses the role, its password or the database ({error.sqlstate})"
            ) from None
        return database

    async def close(self) -> None:
        """Closes every connection that is not in use."""
        while self._free:
            await _closed(self._free.pop())

    async def fetch(self, sql: str, *args: Any, name: str) -> list[asyncpg.Record]:
        async with self._session() as session:
            return await session.fetch(sql, *args, name=name)

    async def fetchrow(self, sql: str, *args: Any, name: str) -> asyncpg.Record | None:
        async with self._session() as session:
            return await session.fetchrow(sql, *args, name=name)

    async def fetchval(self, sql: str, *args: Any, name: str) -> Any:
        async with self._session() as session:
            return await session.fetchval(sql, *args, name=name)

    async def execute(self, sql: str, *args: Any, name: str) -> str:
        async with self._session() as session:
            return await session.execute(sql, *args, name=name)

    async def answers(self) -> bool:
        """Whether PostgreSQL answers now, and takes connections: what health reports."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                if time.monotonic() >= self._renew_at:
                    await self._renew()
                    self._renew_at = time.monotonic() + RENEWED_EVERY
                return bool(await self.fetchval("SELECT true", name="health"))
        except (TimeoutError, Unavailable, TimedOut, asyncpg.PostgresError):
            return False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Opens a transaction: committed at the end, rolled back by any exception.

        When the connection is lost during the commit nobody knows its outcome: Unavailable, and the caller's
        request_id answers on the next try.
        """
        async with self._session() as session:
            transaction = session.connection.transaction()
            async with asyncio.timeout(_seconds_left()):  # asyncpg itself would wait for ever
                await transaction.start()
            try:
                yield session
            except (TimeoutError, *_LOST):
                raise  # in doubt, as after a cancellation: the connection is thrown away, and PostgreSQL rolls back
            except Exception:
                async with asyncio.timeout(ROLLBACK_SECONDS):
                    await transaction.rollback()
                raise
            async with asyncio.timeout(_seconds_left()):
                await transaction.commit()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        try:
            async with asyncio.timeout(_seconds_left()):
                await self._slots.acquire()
        except TimeoutError:
            raise _timed_out() from None
        connection: asyncpg.Connection[asyncpg.Record] | None = None
        sound, generation = False, self._generation
        try:
            connection = await self._take()
            yield Session(connection, self._name)
            sound = True
        except (TimeoutError, asyncpg.QueryCanceledError):  # before OSError, which a TimeoutError is too
            raise _timed_out() from None
        except _LOST as error:
            raise Unavailable(reasons.ERROR_REASON_SERVICE_UNAVAILABLE, "the database cannot be reached") from error
        except Exception:
            sound = True
            raise
        finally:
            if connection is not None:
                self._give_back(connection, sound and generation == self._generation)
            self._slots.release()

    async def _take(self) -> "asyncpg.Connection[asyncpg.Record]":
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
        return await self._connect()

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        try:
            return await asyncpg.connect(self._dsn, timeout=min(5.0, _seconds_left()), server_settings=_SESSION)
        except asyncpg.CannotConnectNowError:
            # It shuts down, and waits until the last connection is gone: ours would keep it from ever coming back.
            self._generation += 1
            while self._free:
                self._free.pop().terminate()
            raise

    async def _renew(self) -> None:
        """Opens a connection in place of the one that was free for longest. Raises Unavailable."""
        async with self._slots:
            try:
                if self._free:
                    await _closed(self._free.pop(0))
                self._free.append(await self._connect())
            except _LOST as error:
                raise Unavailable(reasons.ERROR_REASON_SERVICE_UNAVAILABLE, "the database cannot be reached") from error

    def _give_back(self, connection: "asyncpg.Connection[asyncpg.Record]", sound: bool) -> None:
        if sound and not connection.is_closed() and not connection.is_in_transaction():
            self._free.append(connection)
        else:
            connection.terminate()


async def _closed(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    try:
        await connection.close(timeout=2)
    except (*_LOST, TimeoutError):
        connection.terminate()


def _seconds_left() -> float:
    left = deadline.remaining(LONGEST_QUERY)
    if left <= 0:
        raise TimeoutError
    return left


def _timed_out() -> TimedOut:
    return TimedOut(reasons.ERROR_REASON_DEADLINE_EXCEEDED, "the deadline passed while the database was asked")
