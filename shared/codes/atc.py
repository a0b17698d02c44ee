"""ATC: its names, the form of its codes, and what a code stands for. The one place that decides them.

- Every name of ATC is ATC: see `NAMES`.
- A code is read in capitals and without blanks around it; what is stored stays as it came.
- A code with Q before it is of a veterinary medicine (ATCvet). It is an ATC code like any other, and another one than
  the code without Q: a medicine for an animal is not the same as one for its owner, and rules about validity
  differ. Where the substance alone counts, as in safety checks, it stands for the same substance: `substance`.
- Digits are ASCII: look-alikes of other scripts are no code.
"""

import re
from collections.abc import Iterable, Iterator

from kjernejournal.common.v1.common_pb2 import Coding
from shared.codes import systems

SYSTEM = systems.ATC
"""The name that we write."""
NAMES = systems.names_of(SYSTEM)
"""Every name in use: the WHO's address, HL7's OID, Volven's (7180) and Volven's address."""

WHOLE = 7
"""Characters of a code of the fifth level, which names a substance or a combination; shorter ones name groups."""

_CODE = re.compile(r"Q?[A-PR-Z](\d\d([A-Z]([A-Z](\d\d)?)?)?)?", re.ASCII)
_FIRST_FOR_ANIMALS_ALONE = "51"
"""Groups of ATCvet that ATC has not are numbered from here on, such as QJ51; and immunologicals are QI."""


def is_atc(system: str) -> bool:
    """Whether a code system is ATC, under any of its names."""
    return system == SYSTEM or systems.canonical(system) == SYSTEM


def plain(code: str) -> str:
    """Returns the code as it is compared; "" for what has not the form of an ATC code of any level."""
    code = code.strip()
    code = code.upper() if code.isascii() else ""  # upper() makes ASCII letters of a few others
    return code if _CODE.fullmatch(code) else ""


def substance(code: str) -> str:
    """Returns the code of people's medicines for the same substance or group; "" where there is none.

    Source: WHOCC, ATCvet, general principles: Q before the ATC code, but for groups that only animals' medicines need.
    """
    code = plain(code)
    if not code.startswith("Q"):
        return code
    below = code.removeprefix("Q")
    return "" if below.startswith("I") or below[1:3] >= _FIRST_FOR_ANIMALS_ALONE else below


def is_whole(code: str) -> bool:
    """Whether a code, as `plain` returns it, names one substance or combination."""
    return len(code.removeprefix("Q")) == WHOLE


def codes(codings: Iterable[Coding]) -> Iterator[str]:
    """Yields the ATC codes among these codings, as they are compared."""
    for coding in codings:
        if is_atc(coding.system) and (code := plain(coding.code)):
            yield code
