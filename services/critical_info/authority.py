"""Who may write which critical information, as data: one row each with its source. What no row allows is refused.

The gateway has decided before that the caller may write to this patient's record at all.
"""

from typing import NamedTuple

from kjernejournal.critical_info.v1.critical_info_pb2 import (
    CATEGORY_IMPLANT,
    CATEGORY_ONGOING_TREATMENT,
    CATEGORY_PROCEDURE_CHANGE,
    Category,
    CriticalInfo,
)
from services.critical_info.categories import CATEGORIES
from services.critical_info.codes import MEDICINES
from shared.codes import atc
from shared.codes.systems import canonical
from shared.errors import Denied, Reason


class Authority(NamedTuple):
    """These roles (Volven 9060) write entries of these categories."""

    roles: tuple[str, ...]
    categories: "frozenset[Category.ValueType]"
    source: str
    medicines: tuple[str, ...] | None = None
    """An entry that is coded as a medicine must be of one of these ATC groups. None: of any."""


DOCTORS = ("LE",)
NURSES = ("SP", "VP")
PSYCHOLOGISTS = ("PS",)
CYTOSTATICS = ("L01",)

TABLE = (
    Authority(
        DOCTORS,
        frozenset(CATEGORIES),
        "ehelse.no, «Hva er kjernejournal»; E-helsemonitor: all doctors register every type",
    ),
    Authority(
        NURSES,
        frozenset({CATEGORY_ONGOING_TREATMENT}),
        "ehelse.no, «Flere kan registrere kritisk informasjon»: nurses register radiotherapy, cytostatics and "
        "dialysis. Narrowed by code where there is one to go by, which is for medicines; the other two stand in words "
        "or SNOMED CT. digitrofi.no: vernepleiere work beside nurses in municipal care (inferred: alike)",
        medicines=CYTOSTATICS,
    ),
    Authority(
        NURSES,
        frozenset({CATEGORY_IMPLANT}),
        "E-helsemonitor: nurses register selected treatments and implants, such as pacemakers. The list is by example, "
        "so no implant is left out",
    ),
    Authority(
        PSYCHOLOGISTS,
        frozenset({CATEGORY_PROCEDURE_CHANGE}),
        "ehelse.no, «Flere kan registrere kritisk informasjon»: psychologists register that the patient has a "
        "psychiatric crisis plan. That it is a change of procedure (category 9) is inferred; the plan itself is a "
        "document (A01-2 Kriseplan)",
    ),
)


def check(role: str, entry: CriticalInfo) -> None:
    """Raises Denied when the role does not write such an entry: to create, change, refute, verify or delete it."""
    if not any(role in row.roles and entry.category in row.categories and _of(entry, row.medicines) for row in TABLE):
        raise _refused()


def check_statement(role: str) -> None:
    """Raises Denied when the role does not state absence: who knows that there is none knows the whole category."""
    if not any(role in row.roles and row.categories.issuperset(CATEGORIES) for row in TABLE):
        raise _refused()


def _of(entry: CriticalInfo, groups: tuple[str, ...] | None) -> bool:
    medicines = [coding for coding in entry.code.codings if canonical(coding.system) in MEDICINES]
    if groups is None or not medicines:
        return True
    coded = [atc.plain(coding.code) for coding in medicines if atc.is_atc(coding.system)]
    return bool(coded) and all(code.startswith(groups) for code in coded)


def _refused() -> Denied:
    return Denied(Reason.ERROR_REASON_ROLE_REFUSED, "this role does not write this part of critical information")
