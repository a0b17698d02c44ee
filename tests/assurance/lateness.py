"""Whether deadlines hold: how late a reply left its server, and which queries are still alive."""

from collections.abc import Iterable
from dataclasses import dataclass

import asyncpg

from kj.show.trace_files import SpanRecord
from tests.support.system import System

LATE = 0.05
"""Seconds after its deadline by which every process has let go of a call."""
ALIVE = 0.1
"""Seconds after the deadline by which no query of it is alive."""

_ALIVE = """
SELECT usename, pid, query, extract(epoch FROM clock_timestamp() - query_start)::float8 AS seconds
FROM pg_stat_activity
WHERE state <> 'idle' AND usename = ANY($1) AND query_start < clock_timestamp() - $2 * interval '1 second'
"""


@dataclass(frozen=True)
class Query:
    """A query that runs."""

    role: str
    seconds: float
    text: str


def late(spans: Iterable[SpanRecord], deadline_ns: int) -> list[str]:
    """Returns the spans of servers and queries that ended later than they may; `deadline_ns` by the machine's clock."""
    return [
        f"{span.service} {span.name} ended {(span.end_ns - deadline_ns) / 1e9:.3f} s after the deadline"
        for span in spans
        if span.end_ns > deadline_ns + LATE * 1e9
    ]


async def alive(system: System, roles: Iterable[str], seconds: float) -> list[Query]:
    """Returns the queries of these roles that have run for longer than so many seconds."""
    connection = await asyncpg.connect(system.local.superuser_url, timeout=10)
    try:
        rows = await connection.fetch(_ALIVE, list(roles), seconds, timeout=10)
    finally:
        await connection.close()
    return [Query(row["usename"], row["seconds"], row["query"][:80]) for row in rows]
