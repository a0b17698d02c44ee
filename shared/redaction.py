"""What may never leave a process in a log line or a span: anything that reads like a national id."""

import re

_UUID = r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
_TRACE_OR_SPAN = r"\b(?:[0-9a-f]{32}|[0-9a-f]{16})\b"
_NATIONAL_ID = r"(?<!\d)\d{6}[ .-]?\d{5}(?!\d)"

# Identifiers of our own come first: one UUID in 250 has a run of exactly eleven digits in its last group.
_PATTERN = re.compile(f"({_UUID}|{_TRACE_OR_SPAN})|{_NATIONAL_ID}")

REPLACEMENT = "[id]"


def redact(text: str) -> str:
    """Replaces every run of eleven digits in `text`, also one split as 6 and 5, by `[id]`.

    Check digits are not looked at: a mistyped national id names a person almost as well as a right one.
    """
    return _PATTERN.sub(lambda found: found.group(1) or REPLACEMENT, text)


def is_clean(text: str) -> bool:
    """Whether `redact` would leave `text` as it is."""
    return all(found.group(1) for found in _PATTERN.finditer(text))
