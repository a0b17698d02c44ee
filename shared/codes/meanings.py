"""Says which codes a coding may mean: that of its code and, where its display is another code's name, that one's too.

Nobody knows which of the two was meant. People are refused (`shared/handling/codings`), and can look; what feeds send
is kept as it came, and whoever checks it checks both.
"""

import re
from collections.abc import Iterator

from kjernejournal.common.v1.common_pb2 import Coding
from shared.codes import atc, closed_lists
from shared.codes.atc_names import NAMES

_CODES: dict[str, frozenset[str]] = {
    name: frozenset(code for code, names in NAMES.items() if name in names)
    for names in NAMES.values()
    for name in names
}
_NAME = re.compile(r"[^\W\d_]+(?: [^\W\d_]+)*")
"""The words before a strength or whatever else stands behind a name."""


def of(coding: Coding) -> Iterator[str]:
    """Yields the ATC codes that a coding of ATC may mean, as they are compared, its own first; nothing of others."""
    if not atc.is_atc(coding.system) or not (code := atc.plain(coding.code)):
        return
    yield code
    yield from sorted(other_codes(coding))


def other_codes(coding: Coding) -> frozenset[str]:
    """Returns the codes whose name the display is, where it is none of the coding's own names; else nothing.

    Both must be known: a code that is not in the table may have the name rightly, as substances have several codes.
    What stands behind the name, such as a strength, does not count; a name of several substances is not looked up.
    Of ATC, and of short lists.
    """
    if not atc.is_atc(coding.system):
        return closed_lists.other_codes(coding)
    code = atc.plain(coding.code)
    own = NAMES.get(atc.substance(code), ())
    named = _codes_of(coding.display)
    if not own or not named or atc.substance(code) in named:
        return frozenset()
    return named


def named(name: str) -> frozenset[str]:
    """Returns the codes of the substance with this name, in small letters; nothing for one that is not in the table."""
    return _CODES.get(name, frozenset())


def _codes_of(display: str) -> frozenset[str]:
    """Returns the codes that a display names: by the words that it begins with, the most words first."""
    found = _NAME.match(display.strip().lower())
    if found is None or display.strip()[found.end() :].lstrip().startswith(("/", "+", ",", "&")):
        return frozenset()
    words = found.group().split(" ")
    if {"og", "and"} & set(words):
        return frozenset()
    for length in range(len(words), 0, -1):
        if codes := _CODES.get(" ".join(words[:length])):
            return codes
    return frozenset()
