"""The variables of our processes, by name: KJ_...

One that no process of ours knows is refused: a misspelt one would leave the default in force, and nobody the
wiser. One that another process knows is let pass, so that an installation may give all of them the same.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

PREFIX = "KJ_"

_EVERY_PROCESS = """
    LISTEN TLS_CERT TLS_KEY TLS_CA HEALTH_LISTEN REFLECTION TRACE_DIR DRAIN_SECONDS PRODUCTION MAX_MESSAGE_BYTES
"""
_SERVICES = "DATABASE_URL POOL_SIZE ALLOWED_PEERS DOCUMENT_KEY_FILE DOCUMENT_MAX_BYTES OWN_REGISTRATIONS_KEY_FILE"
_LOG = "REVIEW_DAYS LOG_KEY_FILE WITNESSES WITNESS_KEY_FILE WITNESS_DIRECTORY WITNESSED_LOG"
_GATEWAY = """
    SERVICES JWKS ISSUER AUDIENCE ADDRESS BEARER CLIENTS RESUME_KEY_FILE INDICATOR_QUOTA MAX_CALLS MAX_STREAMS
    RESTRICTIONS
"""
_JOBS = "DATABASE_OWNER_URL"
_COMMAND_LINE = "DATA_DIR PORT"

KNOWN = frozenset(
    PREFIX + name for name in f"{_EVERY_PROCESS} {_SERVICES} {_LOG} {_GATEWAY} {_JOBS} {_COMMAND_LINE}".split()
)
"""Every variable that some process of ours reads. The classes of settings say what each means; tests/house ties them
to this list."""


class SettingsError(Exception):
    """A setting cannot be used. The text names the variable and never holds its value."""


def refuse_unknown(environment: Mapping[str, str]) -> None:
    """Raises SettingsError for the first variable that no process of ours knows."""
    for problem in unknown(environment):
        raise SettingsError(problem)


def unknown(environment: Mapping[str, str]) -> Iterator[str]:
    """Yields what is wrong with each variable that no process of ours knows."""
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in KNOWN:
            near = get_close_matches(name, KNOWN, n=1, cutoff=0.8)
            yield f"{name} is no setting of ours: {f'did you mean {near[0]}?' if near else 'take it away'}"
