"""Reads from metadata `accept-language` in which of our languages a caller wants texts: Norwegian unless English is."""

import math
import re
from enum import Enum

from gateway.access.tokens import Metadata


class Language(Enum):
    """A language that every text is there in; the value is its place in the tables."""

    NORWEGIAN = 0
    ENGLISH = 1


MOST_RANGES = 50
"""Languages that are read of one caller's list, at most."""

_OURS = {
    "nb": Language.NORWEGIAN,
    "nn": Language.NORWEGIAN,
    "no": Language.NORWEGIAN,
    "en": Language.ENGLISH,
    "*": Language.NORWEGIAN,
}
_RANGE = re.compile(
    r"\s*(?P<tag>\*|[a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8})*)\s*(?:;\s*[qQ]\s*=\s*(?P<q>[01](?:\.\d{0,3})?)\s*)?", re.ASCII
)


def language_of(metadata: Metadata) -> Language:
    """Returns the language that the caller wants most, of those we have. What cannot be read is passed over.

    Of languages wanted alike the first one counts, as callers write them (RFC 9110, 12.5.4). "nb", "nn" and "no" are
    Norwegian, also with a region.
    """
    wanted, most = Language.NORWEGIAN, 0.0
    given = ",".join(value for name, value in metadata if name.lower() == "accept-language" and isinstance(value, str))
    for each in given.split(",", MOST_RANGES)[:MOST_RANGES]:
        found = _RANGE.fullmatch(each)
        language = _OURS.get(found["tag"].partition("-")[0].lower()) if found else None
        quality = min(float((found and found["q"]) or 1), 1.0)
        if language is not None and quality > most and math.isfinite(quality):
            wanted, most = language, quality
    return wanted
