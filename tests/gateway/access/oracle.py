"""The policy once more, written from the design and the sources and not from the code: what should be decided.

It works on plain words, knows no table of rules, and asks its questions in the other direction: which refusals apply,
and which of them comes first.
"""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache

CLINICAL = (
    "CRITICAL_INFO",
    "MEDICATIONS",
    "VISITS",
    "DOCUMENTS",
    "LABS",
    "VACCINATIONS",
    "OWN_REGISTRATIONS",
    "PATIENT",
)
NOT_FOR_PEOPLE = {"VE", "FB"}
NO_ROLE = {"XX", "MT", ""}
SPECIALIST_OR_ACUTE = {"HOSPITAL", "EMERGENCY", "KAD"}


@dataclass(frozen=True)
class Case:
    """One question to the policy."""

    kind: str
    section: str
    action: str = "READ"
    basis: str = "UNSPECIFIED"
    level: int = 4
    # the rpc
    open_to: frozenset[str] = frozenset({"CLINICIAN", "CITIZEN", "SYSTEM", "AUDITOR"})
    status_only: bool = False
    follows: bool = False
    # machines
    registered: bool = True
    of_unit: bool = False
    """The machine's token names a point of care, not the legal entity alone."""
    # personnel
    role: str = "LE"
    authorised: bool = True
    service: str = "HOSPITAL"
    is_gp: bool = False
    blocked: bool = False
    others_blocked: bool = True
    # the patient
    record: str = "there"  # or "none" or "reserved"
    restricted: frozenset[str] = frozenset()
    single_entries: frozenset[str] = frozenset()
    born: date | None = date(1980, 1, 1)
    month_known: bool = True
    day_known: bool = True
    deceased: bool = False
    protected: bool = False
    no_portal: bool = False
    relation: str = "none"
    """To an organisation: "own" (the machine's unit), "sister unit" (same legal entity), "ended" (at this moment),
    "strangers" (of another legal entity)."""
    # citizens
    is_self: bool = False
    is_guardian: bool = False
    is_verge: bool = False
    areas: frozenset[int] = field(default=frozenset())
    today: date = date(2026, 11, 22)


Answer = tuple[str, str]


def expected(case: Case) -> tuple[str, dict[str, Answer]]:
    """Returns the outcome of the call, and decision and reason for each section."""
    sections = CLINICAL if case.section == "SUMMARY" else (case.section,)
    whole = _refused_as_a_whole(case, sections)
    if whole:
        return _answered_as_a_whole(case, whole), dict.fromkeys(sections, ("DENY", whole))
    answers = {section: _one(case, section) for section in sections}
    if (
        case.kind in {"CLINICIAN", "SYSTEM"}
        and case.status_only
        and any(section in case.restricted for section in sections)
    ):
        return "EXISTS", dict.fromkeys(sections, ("DENY", "SECTION_RESTRICTED"))
    good = {"PERMIT", "WITHHOLD"} if case.section == "SUMMARY" else {"PERMIT"}
    return ("PERMIT" if any(decision in good for decision, _ in answers.values()) else "DENY"), answers


def _answered_as_a_whole(case: Case, reason: str) -> str:
    """Returns what becomes of a call that is refused for every section.

    Anybody who works in health care may ask whether there is something, so a refusal would show the block: those who
    are blocked get an empty answer.
    """
    if reason == "PATIENT_NOT_FOUND":
        return "NOT_FOUND"
    blocked = case.kind == "CLINICIAN" and case.blocked and reason == "NO_ACCESS"
    return "EXISTS" if blocked and case.status_only else "DENY"


def _refused_as_a_whole(case: Case, sections: tuple[str, ...]) -> str | None:
    """Returns the first reason, in the order of the design, that stops the whole call."""
    if case.action in {"INTERNAL", "UNSPECIFIED"} or case.section == "UNSPECIFIED":
        return "NOT_SUPPORTED"
    if case.kind not in case.open_to:
        return "CALLER_KIND_REFUSED"
    if case.kind == "SYSTEM" and (refused := _machine_refused(case)):
        return refused
    survives = {
        ("CITIZEN", "PRIVACY"),
        ("CITIZEN", "ACCESS_LOG"),
        ("AUDITOR", "ACCESS_LOG"),
        ("SYSTEM", "PATIENT"),
    }
    if case.record == "none" or (case.record == "reserved" and (case.kind, case.section) not in survives):
        return "PATIENT_NOT_FOUND"
    return _clinician_refused(case, sections) if case.kind == "CLINICIAN" else _other_refused(case)


def _machine_refused(case: Case) -> str | None:
    if case.action == "READ" and not case.status_only and not case.follows:
        return "ROLE_REFUSED"
    return None if case.registered else "CLIENT_NOT_REGISTERED"


def _other_refused(case: Case) -> str | None:
    following = case.follows and case.kind == "SYSTEM"
    refusals = (
        ("NO_ACCESS", following and not _treats(case)),
        ("NO_ACCESS", following and (case.others_blocked or case.blocked)),
        ("SECTION_RESTRICTED", following and bool(case.restricted or case.single_entries)),
        ("SECURITY_LEVEL_TOO_LOW", case.kind != "SYSTEM" and case.level < 4),
        ("ROLE_REFUSED", case.kind == "AUDITOR" and case.section != "ACCESS_LOG"),
        ("BASIS_REFUSED", case.basis != "UNSPECIFIED"),
        ("NOT_REPRESENTATIVE", case.kind == "CITIZEN" and not _may_act(case)),
        ("NO_ACCESS", case.kind == "CITIZEN" and case.no_portal and case.section != "PRIVACY"),
    )
    return next((reason for reason, applies in refusals if applies), None)


def _treats(case: Case) -> bool:
    """Whether the machine's organisation has a care relation. A machine of the legal entity works for all its units."""
    return case.relation == "own" or (case.relation == "sister unit" and not case.of_unit)


def _clinician_refused(case: Case, sections: tuple[str, ...]) -> str | None:
    own = _refused_by_token(case, sections)
    if case.blocked:
        loud = case.basis in {"SAMTYKKE", "AKUTT", "FORHOYET_SAMTYKKE", "FORHOYET_AKUTT"}
        if loud and not case.status_only:
            return "NO_ACCESS"
        if own or case.status_only:
            return own or "NO_ACCESS"  # what their token lacks, they hear as everybody does
        # Only UNNTAK is left. Those to whom it is open hear that they have no ground, the others that it is not open.
        refused = "BASIS_REFUSED" if _role_fits(case, sections[0]) else "ROLE_REFUSED"
        return "NO_ACCESS" if any(_open_by_nature(case, each) for each in sections) else refused
    if own:
        return own
    elevated = case.basis.startswith("FORHOYET")
    something = any(s in CLINICAL and (s in case.restricted or s in case.single_entries) for s in sections)
    if sections == ("PRIVACY",) and case.action == "WRITE":
        # What a change may loosen: whatever the settings name, and blocks of others than this caller.
        something = case.others_blocked or bool(case.restricted or case.single_entries)
    if elevated and not something and not case.status_only:
        return "ELEVATED_BASIS_NOT_NEEDED"
    return None


def _refused_by_token(case: Case, sections: tuple[str, ...]) -> str | None:
    if case.level < 4:
        return "SECURITY_LEVEL_TOO_LOW"
    if not case.authorised or not any(_role_fits(case, section) for section in sections):
        return "ROLE_REFUSED"
    if case.basis == "UNSPECIFIED" and not case.status_only:
        return "BASIS_MISSING"
    return None


def _role_fits(case: Case, section: str) -> bool:
    """Whether such a person may ever do this in such a place."""
    role, service, action = case.role, case.service, case.action
    if role in NOT_FOR_PEOPLE | NO_ROLE or action == "ADMIN" or section not in (*CLINICAL, "PRIVACY"):
        return False
    if action == "READ" or section in {"PRIVACY", "OWN_REGISTRATIONS", "PATIENT"}:
        return True
    if service == "PHARMACY":
        return role in {"FA1", "FA2"} and section == "MEDICATIONS"
    if role in {"FA1", "FA2"}:
        return service in {"HOME_CARE", "NURSING_HOME", "KAD", "HOSPITAL"}
    if role == "VP":
        return service in {"HOME_CARE", "NURSING_HOME"}
    return role in {"LE", "SP", "PS"} and service != "ALLOCATION_OFFICE"


def _open_by_nature(case: Case, section: str) -> bool:
    """Whether the basis is open to such a person in such a place, whoever the patient is."""
    role, service, basis = case.role, case.service, case.basis
    # That the organisation treats the patient, for long, is no emergency, and opens nothing.
    relation = section == "PATIENT" and case.action == "WRITE"
    if not _role_fits(case, section) or (relation and basis not in {"SAMTYKKE", "UNNTAK"}):
        return False
    if section == "PRIVACY":
        loosening = case.action == "WRITE" and basis == "FORHOYET_SAMTYKKE" and role in {"LE", "SP"}
        return basis == "SAMTYKKE" or loosening
    if section == "OWN_REGISTRATIONS" and case.action == "WRITE":
        return basis in {"SAMTYKKE", "FORHOYET_SAMTYKKE"}
    if basis == "UNNTAK":
        gp = role == "LE" and service == "GP"
        municipal = role in {"LE", "SP", "VP"} and service in {"HOME_CARE", "NURSING_HOME"}
        dispensing = role in {"FA1", "FA2"} and service == "PHARMACY" and section == "MEDICATIONS"
        return gp or municipal or dispensing or (role in {"LE", "SP"} and service in SPECIALIST_OR_ACUTE)
    if case.action == "WRITE" and role in {"FA1", "FA2"}:
        return basis.endswith("SAMTYKKE")
    return True


def bases(case: Case, section: str, reason: str) -> set[str]:
    """Returns the bases that a refusal for this reason should name.

    Of those that are open the ordinary ones; the elevated ones to whoever has heard, or knows, that something is
    restricted; and both for a change of settings, as only the change itself says which it needs.
    """
    every = {"SAMTYKKE", "AKUTT", "UNNTAK", "FORHOYET_SAMTYKKE", "FORHOYET_AKUTT"}
    asked = CLINICAL if section == "SUMMARY" else (section,)
    good = {basis for basis in every for each in asked if _open_by_nature(replace(case, basis=basis), each)}
    if section == "PRIVACY" and case.action == "WRITE" and reason != "ELEVATED_BASIS_NOT_NEEDED":
        return good
    opens = reason == "SECTION_RESTRICTED" or (reason == "BASIS_REFUSED" and case.basis.startswith("FORHOYET"))
    return {basis for basis in good if basis.startswith("FORHOYET") is opens} or good


def _one(case: Case, section: str) -> Answer:
    if case.kind == "CLINICIAN" and not case.status_only:
        return _clinician_one(case, section)
    if case.kind == "CITIZEN" and case.action == "WRITE":
        if section not in {"OWN_REGISTRATIONS", "PRIVACY", "VISITS", "ACCESS_LOG"}:
            return "DENY", "ROLE_REFUSED"
        if section == "PRIVACY" and not case.is_self and any(age >= 12 for age in _ages(case)):
            return "DENY", "NOT_REPRESENTATIVE"
    return "PERMIT", "UNSPECIFIED"


def _clinician_one(case: Case, section: str) -> Answer:
    if not _role_fits(case, section):
        return "DENY", "ROLE_REFUSED"
    if not _open_by_nature(case, section):
        return "DENY", "BASIS_REFUSED"
    if case.basis == "UNNTAK" and case.service == "GP" and not case.is_gp:
        return "DENY", "NO_ACCESS"
    if section in case.restricted and section in CLINICAL and not case.basis.startswith("FORHOYET"):
        return "WITHHOLD", "SECTION_RESTRICTED"
    if case.deceased and case.action == "WRITE" and section in CLINICAL:
        return "DENY", "PATIENT_DECEASED"
    return "PERMIT", "UNSPECIFIED"


def _ages(case: Case) -> frozenset[int]:
    return _possible_ages(case.born, case.today, month_known=case.month_known, day_known=case.day_known)


@cache
def _possible_ages(born: date | None, today: date, *, month_known: bool, day_known: bool) -> frozenset[int]:
    """Returns every age that the patient may have: of each day on which somebody so described may be born."""
    if born is None:
        return frozenset()
    days = [
        day
        for day in (date(born.year, 1, 1) + timedelta(days=number) for number in range(366))
        if day.year == born.year
        and (not month_known or day.month == born.month)
        and (not (month_known and day_known) or day == born)
    ]
    return frozenset(
        today.year - day.year - (0 if (today.month, today.day) >= (day.month, day.day) else 1) for day in days
    )


def _may_act(case: Case) -> bool:
    ages = _ages(case)
    if not ages or case.deceased or case.action == "ADMIN":
        return False
    if case.is_self:
        return all(age >= 16 for age in ages)
    if all(age < 12 for age in ages):
        return case.is_guardian and not case.protected
    if case.is_verge and all(age >= 18 for age in ages):
        return True
    if any(age < 16 for age in ages):
        return False
    # Area 3 is "see, register and change", area 1 "see".
    # To ask for a review of an access takes what it takes to see the log.
    return 3 in case.areas or ((case.action != "WRITE" or case.section == "ACCESS_LOG") and 1 in case.areas)
