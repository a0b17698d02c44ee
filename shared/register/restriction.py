"""Restriction and refusal of single entries by Volven 9603: what its codes do, and to whom.

Two filters that know nothing of each other. NORS: the patient restricts an entry against personnel; an elevated basis
opens it, and lists count what they withhold. NORN_* and NORU: the entry is refused to the citizen, or shown later; to a
citizen it is not there at all, and no count shows it.

Source: HL7Norway/kodeverk, no-kodeverk-9603, with its definitions; Confidentiality as in HL7 v3.
"""

from collections.abc import Iterable
from enum import IntFlag
from typing import NamedTuple

from kjernejournal.common.v1.common_pb2 import (
    CALLER_KIND_CITIZEN,
    REPRESENTATION_PARENT,
    REPRESENTATION_SELF,
    CallerContext,
    Coding,
)
from shared.codes import closed_lists
from shared.codes.systems import CONFIDENTIALITY, RESTRICTIONS, canonical
from shared.errors import Denied, Invalid, Reason, entry_not_found

CONFIDENTIALITY_CODES = frozenset("ULMNRV")
"""Unrestricted, low, moderate, normal, restricted, very restricted."""

RESTRICTED = "NORS"
DELAYED = "NORU"


class Mark(IntFlag):
    """What the codes of an entry do. Registers keep these bits in the column `kind`, and use no other bit for it."""

    CITIZEN_REFUSED = 2
    PERSONNEL_RESTRICTED = 4
    PARENTS_REFUSED = 256
    YOUTH_REFUSED = 512
    CITIZEN_DELAYED = 1024


class View(NamedTuple):
    """What a caller sees of a patient's entries."""

    absent: Mark
    """Entries with one of these marks do not exist for the caller."""
    withheld: Mark
    """Entries with one of these are withheld and counted."""


_MARKS = {
    "N": Mark(0),
    RESTRICTED: Mark.PERSONNEL_RESTRICTED,
    DELAYED: Mark.CITIZEN_DELAYED,
    "NORN_FORANS": Mark.PARENTS_REFUSED,
    "NORN_UNGDOM": Mark.YOUTH_REFUSED,
}
_EVERY_CITIZEN = Mark.CITIZEN_REFUSED | Mark.CITIZEN_DELAYED


def check(codings: Iterable[Coding]) -> None:
    """Raises Invalid for a restriction that is not understood: it would not be kept."""
    for position, coding in enumerate(codings):
        path = f"confidentiality[{position}]"
        if canonical(coding.system) == RESTRICTIONS:
            known = coding.code in closed_lists.RESTRICTIONS
        elif canonical(coding.system) == CONFIDENTIALITY:
            known = coding.code in closed_lists.RESTRICTIONS or coding.code in CONFIDENTIALITY_CODES
        else:
            raise Invalid(
                f"{path}.system",
                "must be HL7 v3 Confidentiality or Volven 9603",
                Reason.ERROR_REASON_UNKNOWN_CODE_SYSTEM,
            )
        if not known:
            raise Invalid(f"{path}.code", "is not a code of its system")


def marks_of(codings: Iterable[Coding]) -> Mark:
    """Returns what the codes of an entry do, all together.

    By code alone: hospitals send codes of 9603 under the HL7 system too, and none of those codes is HL7's.
    """
    marks = Mark(0)
    for coding in codings:
        if coding.code in closed_lists.RESTRICTIONS:
            marks |= _MARKS.get(coding.code, Mark.CITIZEN_REFUSED)
    return marks


def view_of(caller: CallerContext) -> View:
    """Returns what a caller sees.

    NORN_FORANS refuses parents and others with parental responsibility. Somebody with a proxy may be a parent too, so
    the patient alone is sure to be none. NORN_UNGDOM refuses a youth of 12 to 16 and leaves parents their view. How old
    the patient is, a register does not know, so it refuses the patient, and whoever has the patient's proxy, until the
    source takes the code away. In doubt an entry is not shown: one too few is mended sooner than one too many.
    """
    if caller.for_patient or caller.kind == CALLER_KIND_CITIZEN:
        absent = _EVERY_CITIZEN | Mark.PARENTS_REFUSED | Mark.YOUTH_REFUSED
        if caller.representation == REPRESENTATION_SELF:
            absent &= ~Mark.PARENTS_REFUSED
        elif caller.representation == REPRESENTATION_PARENT:
            absent &= ~Mark.YOUTH_REFUSED
        return View(absent=absent, withheld=Mark(0))
    return View(absent=Mark(0), withheld=Mark(0) if caller.elevated else Mark.PERSONNEL_RESTRICTED)


def check_visible(marks: int, view: View) -> None:
    """Raises NotFound for an entry that does not exist for the caller, Denied for one that is withheld."""
    if marks & view.absent:
        raise entry_not_found()
    if marks & view.withheld:
        raise Denied(
            Reason.ERROR_REASON_SECTION_RESTRICTED,
            "the patient has restricted this entry; an elevated basis opens it",
        )
