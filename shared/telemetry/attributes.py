"""Decides what a span may say: an allow-list of keys, and values that cannot hold a name or a text."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from shared.redaction import is_clean

Value = str | int | bool | float

ALLOWED_ATTRIBUTES = frozenset(
    {
        # OpenTelemetry's semantic conventions
        "db.namespace",
        "db.operation.name",
        "db.response.status_code",
        "db.system",
        "db.system.name",
        "error.type",
        "network.peer.address",
        "network.peer.port",
        "network.transport",
        "rpc.grpc.status_code",
        "rpc.method",
        "rpc.service",
        "rpc.system",
        "server.address",
        "server.port",
        # ours
        "kj.access_id",
        "kj.action",
        "kj.audit.index",
        "kj.basis",
        "kj.batch.id",
        "kj.batch.size",
        "kj.bytes",
        "kj.caller.kind",
        "kj.completeness",
        "kj.decision",
        "kj.entries",
        "kj.policy_version",
        "kj.reason",
        "kj.rows",
        "kj.section",
        "kj.state",
    }
)

REFUSED = "[refused]"
"""Stands in a trace where a value was not fit to be there: the span stays, the value does not."""

_MAX_LENGTH = 128
_TOKEN = re.compile(r"[A-Za-z0-9_.:/@+=,\[\]-]*")
_NAME = re.compile(r"[A-Za-z0-9_.:/@+=,\[\]() *-]*")

# As a number a national id has ten or eleven digits (a leading zero is lost); nothing that is counted here comes near.
_ID_AS_NUMBER = range(1_000_000_000, 100_000_000_000)


def check_key(key: str) -> None:
    """Raises ValueError for a key that is not on the allow-list: a mistake in our code, found by the first test."""
    if key not in ALLOWED_ATTRIBUTES:
        raise ValueError(f"span attribute {key!r} is not in ALLOWED_ATTRIBUTES")


def permitted(attributes: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    """Yields the attributes as they may leave the process. Every exporter takes them from here.

    A value depends on data, so an unfit one never fails a request: it is replaced by `[refused]`.
    """
    for key, value in attributes.items():
        if key in ALLOWED_ATTRIBUTES:
            yield key, _permitted_value(value)


@lru_cache(maxsize=4096)
def permitted_name(name: str) -> str:
    """Returns a span's name as it may leave the process; names may hold spaces (`SELECT entries`)."""
    return name if len(name) <= _MAX_LENGTH and _NAME.fullmatch(name) and is_clean(name) else REFUSED


def _permitted_value(value: object) -> Value:
    if isinstance(value, str):
        return value if len(value) <= _MAX_LENGTH and _permitted_text(value) else REFUSED
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return REFUSED if abs(value) in _ID_AS_NUMBER or abs(value) >= 1 << 63 else value
    if isinstance(value, float) and abs(value) < _ID_AS_NUMBER.start:
        return value
    # Infinities and NaN too, which are not JSON, and whatever the type checker did not see.
    return REFUSED


@lru_cache(maxsize=4096)  # methods, states and sections repeat; ids of one request pass through it
def _permitted_text(value: str) -> bool:
    return _TOKEN.fullmatch(value) is not None and is_clean(value)
