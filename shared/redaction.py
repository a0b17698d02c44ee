"""What may never leave a process in a log line or a span: anything that reads like a national id."""

import re

from shared import national_id

_UUID = r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
_TRACE_OR_SPAN = r"\b(?:[0-9a-f]{32}|[0-9a-f]{16})\b"
_NATIONAL_ID = r"(?<!\d)\d{6}[ .-]?\d{5}(?!\d)"

# Identifiers of our own come first: one UUID in 250 has a run of exactly eleven digits in its last group.
_PATTERN = re.compile(f"({_UUID}|{_TRACE_OR_SPAN})|{_NATIONAL_ID}")

_OWN = re.compile(f"({_UUID}|{_TRACE_OR_SPAN})")

REPLACEMENT = "[id]"


def redact(text: str) -> str:
    """Replaces every run of eleven digits in `text`, also one split as 6 and 5, by `[id]`; and what is a national id
    when it is written in other parts.

    Check digits of a run are not looked at: a mistyped national id names a person almost as well as a right one.
    """
    text = _PATTERN.sub(lambda found: found.group(1) or REPLACEMENT, text)
    parts = _OWN.split(text)  # every other one is an identifier of our own
    return "".join(
        part if position % 2 else national_id.without(part, REPLACEMENT)[0] for position, part in enumerate(parts)
    )


def is_clean(text: str) -> bool:
    """Whether `redact` would leave `text` as it is."""
    return redact(text) == text
