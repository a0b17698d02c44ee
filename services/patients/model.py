"""The rules of identities and of lists of general practitioners.

Pure functions: no I/O, no clock.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from kjernejournal.common.v1.common_pb2 import Coding, Period
from kjernejournal.patients.v1.patients_pb2 import (
    ADDRESS_PROTECTION_UGRADERT,
    GUARDIAN_AREA_UNSPECIFIED,
    NATIONAL_ID_KIND_DNR,
    NATIONAL_ID_KIND_FHN,
    NATIONAL_ID_KIND_FNR,
    NATIONAL_ID_KIND_SYNTHETIC_NHN,
    NATIONAL_ID_KIND_SYNTHETIC_TENOR,
    NATIONAL_ID_KIND_UNSPECIFIED,
    Address,
    GeneralPractitioner,
    GeneralPractitionerAssignment,
    NationalIdKind,
    Person,
)
from services.patients.statements import stated
from shared import national_id
from shared.codes import closed_lists
from shared.codes.systems import FAMILY_RELATIONS, MARITAL_STATUSES, PARENTAL_RESPONSIBILITY
from shared.convert import moment
from shared.errors import Invalid, Reason

CODES = {
    system: frozenset(closed_lists.LISTS[system])
    for system in (FAMILY_RELATIONS, MARITAL_STATUSES, PARENTAL_RESPONSIBILITY)
}
"""Code lists of HL7 Norway's basis profiles (no-basis, R4)."""

PARENTS = frozenset({"mor", "far", "medmor"})
"""Family relations that are parents."""

GP_HISTORY = timedelta(days=3 * 365 + 1)
"""How far back general practitioners are shown: three years (help pages of the record, "om pasienten")."""

KINDS: Mapping[national_id.Kind, NationalIdKind.ValueType] = {
    national_id.Kind.FODSELSNUMMER: NATIONAL_ID_KIND_FNR,
    national_id.Kind.D_NUMBER: NATIONAL_ID_KIND_DNR,
    national_id.Kind.FH_NUMBER: NATIONAL_ID_KIND_FHN,
    national_id.Kind.SYNTHETIC_TENOR: NATIONAL_ID_KIND_SYNTHETIC_TENOR,
    national_id.Kind.SYNTHETIC_NHN: NATIONAL_ID_KIND_SYNTHETIC_NHN,
}
"""Kinds that are stored. H-numbers are not: they mean something inside one business only."""


def check_person(person: Person, *, production: bool) -> None:
    """Raises Invalid for a person that breaks a rule; fills in the kinds of the national ids."""
    seen = set()
    for position, number in enumerate(person.national_ids):
        path = f"national_ids[{position}]"
        kind = KINDS[national_id.parse(number.value, production=production, field=f"{path}.value").kind]
        if number.kind not in (NATIONAL_ID_KIND_UNSPECIFIED, kind):
            raise Invalid(f"{path}.kind", "is not the kind of this number")
        if number.value in seen:
            raise Invalid(path, "stands here twice")
        seen.add(number.value)
        number.kind = kind
    if "name" in stated(person) and not person.name.given and not person.name.family:
        raise Invalid("name", "needs a given name or a family name")
    check_address(person.address)
    if person.HasField("marital_status"):
        check_code(person.marital_status, MARITAL_STATUSES, "marital_status")
    _check_related(person, seen, production=production)


def _check_related(person: Person, own: set[str], *, production: bool) -> None:
    for position, relative in enumerate(person.family):
        path = f"family[{position}]"
        check_code(relative.relation, FAMILY_RELATIONS, f"{path}.relation")
        if relative.HasField("parental_responsibility"):
            check_code(relative.parental_responsibility, PARENTAL_RESPONSIBILITY, f"{path}.parental_responsibility")
        _check_other(relative.national_id, own, f"{path}.national_id", production=production)
    for position, guardian in enumerate(person.guardians):
        path = f"guardians[{position}]"
        if guardian.HasField("responsibility"):
            check_code(guardian.responsibility, PARENTAL_RESPONSIBILITY, f"{path}.responsibility")
        if GUARDIAN_AREA_UNSPECIFIED in guardian.areas:
            raise Invalid(f"{path}.areas", "must be known areas")
        check_period(guardian.period, f"{path}.period")
        _check_other(guardian.national_id, own, f"{path}.national_id", production=production)


def _check_other(value: str, own: set[str], path: str, *, production: bool) -> None:
    if value:
        national_id.parse(value, production=production, field=path)
    if value in own:
        raise Invalid(path, "is the patient's own")


def check_address(address: Address) -> None:
    """Raises Invalid for a municipality or district that is not a number of their registers."""
    for value, digits, path in (
        (address.municipality_number, 4, "address.municipality_number"),
        (address.district, 6, "address.district"),
    ):
        if value and not (len(value) == digits and value.isascii() and value.isdigit()):
            raise Invalid(path, f"must be {digits} digits")


def check_code(coding: Coding, system: str, path: str) -> None:
    """Raises Invalid unless `coding` is a code of `system`."""
    if coding.system != system:
        raise Invalid(f"{path}.system", f"must be {system}", Reason.ERROR_REASON_UNKNOWN_CODE_SYSTEM)
    if coding.code not in CODES[system]:
        raise Invalid(f"{path}.code", "is not a code of this system")


def check_period(period: Period, path: str) -> None:
    """Raises Invalid for a period that ends before it begins."""
    if period.HasField("start") and period.HasField("end") and moment(period.end) < moment(period.start):
        raise Invalid(f"{path}.end", "is before the start")


def check_assignment(assignment: GeneralPractitionerAssignment) -> None:
    """Raises Invalid for a place on a list that breaks a rule."""
    if not assignment.period.HasField("start"):
        raise Invalid("period.start", "is required")
    check_period(assignment.period, "period")
    contract = assignment.contract
    check_period(contract.period, "contract.period")
    if contract.office.number and not national_id.valid_organisation_number(contract.office.number):
        raise Invalid("contract.office.number", "is not an organisation number")
    for position, doctor in enumerate(contract.doctors):
        _check_doctor(doctor, f"contract.doctors[{position}]")
    for position, doctor in enumerate(assignment.doctor_cycles):
        _check_doctor(doctor, f"doctor_cycles[{position}]")


def _check_doctor(doctor: GeneralPractitioner, path: str) -> None:
    if not national_id.valid_hpr_number(doctor.practitioner.hpr_number):
        raise Invalid(f"{path}.practitioner.hpr_number", "is not an HPR number")
    if doctor.substitute_for_hpr_number and not national_id.valid_hpr_number(doctor.substitute_for_hpr_number):
        raise Invalid(f"{path}.substitute_for_hpr_number", "is not an HPR number")
    check_period(doctor.period, f"{path}.period")
    if not 0 <= doctor.working_percentage <= 100:
        raise Invalid(f"{path}.working_percentage", "must be 0 to 100")
    if not all(1 <= day <= 7 for day in doctor.weekdays):
        raise Invalid(f"{path}.weekdays", "must be 1 to 7")


def address_key(person: Person) -> bytes | None:
    """Returns equal bytes for people registered at the same dwelling; None: the address is unknown or protected.

    A protected address is compared with nobody's: the one whom the patient is hidden from may be a parent.
    """
    address = person.address
    if person.address_protection != ADDRESS_PROTECTION_UGRADERT or not address.lines or not address.postal_code:
        return None
    parts = (
        *address.lines,
        address.postal_code,
        address.municipality_number,
        address.dwelling,
        address.country or "NO",
    )
    plain = "\x1f".join(" ".join(part.casefold().split()) for part in parts)
    return hashlib.sha256(plain.encode()).digest()[:16]


def covers(period: Period, now: datetime) -> bool:
    """Whether `now` is in the period; an unset end is open."""
    if period.HasField("start") and now < moment(period.start):
        return False
    return not period.HasField("end") or now < moment(period.end)


Assignments = Sequence[GeneralPractitionerAssignment]


def _start(assignment: GeneralPractitionerAssignment) -> datetime:
    return moment(assignment.period.start)


def assign(history: Assignments, new: GeneralPractitionerAssignment) -> list[GeneralPractitionerAssignment]:
    """Returns the history with one more place on a list.

    A patient is on one list at a time: of two places the earlier one ends where the later one begins, whichever
    comes first, and one with the same start is replaced.
    """
    result: list[GeneralPractitionerAssignment] = []
    following = None
    for place in sorted([*(known for known in history if _start(known) != _start(new)), new], key=_start, reverse=True):
        result.append(place if following is None else _until(place, following))
        following = place
    return result


def is_outdated(history: Assignments, new: GeneralPractitionerAssignment) -> bool:
    """Whether the register has said something later of the place with this start. What says no time is the oldest."""
    return any(
        known.HasField("changed_at")
        and (not new.HasField("changed_at") or moment(new.changed_at) < moment(known.changed_at))
        for known in history
        if _start(known) == _start(new)
    )


def _until(
    place: GeneralPractitionerAssignment, following: GeneralPractitionerAssignment
) -> GeneralPractitionerAssignment:
    if not covers(place.period, _start(following)):
        return place
    shortened = GeneralPractitionerAssignment()
    shortened.CopyFrom(place)
    shortened.period.end.CopyFrom(following.period.start)
    return shortened


def joined(histories: Iterable[Assignments]) -> list[GeneralPractitionerAssignment]:
    """Returns one history of several references, newest first; the same place comes from the first that knows it."""
    known: dict[tuple[str, datetime], GeneralPractitionerAssignment] = {}
    for history in histories:
        for assignment in history:
            known.setdefault((assignment.contract.contract_id, _start(assignment)), assignment)
    return sorted(known.values(), key=_start, reverse=True)


def shown(history: Assignments, now: datetime) -> list[GeneralPractitionerAssignment]:
    """Returns the places that are shown: now and in the last three years."""
    return [
        assignment
        for assignment in history
        if _start(assignment) <= now
        and (not assignment.period.HasField("end") or now - moment(assignment.period.end) <= GP_HISTORY)
    ]


def current(history: Assignments, now: datetime) -> list[GeneralPractitionerAssignment]:
    """Returns the places that hold at `now`, on contracts that do."""
    return [
        assignment
        for assignment in history
        if covers(assignment.period, now) and covers(assignment.contract.period, now)
    ]


def doctors(
    assignments: Assignments, now: datetime, wanted: Callable[[GeneralPractitioner], bool]
) -> list[GeneralPractitioner]:
    """Returns the doctors of these lists who are on them at `now`."""
    return [
        doctor
        for assignment in assignments
        for doctor in assignment.contract.doctors
        if covers(doctor.period, now) and wanted(doctor)
    ]


def with_those_merged_before(merged_into: Mapping[str, str | None], ref: str) -> set[str]:
    """Returns `ref` and all that were merged into it, directly or through others: they leave together in an unmerge."""
    leaving = {ref}
    while True:
        more = {alias for alias, into in merged_into.items() if into in leaving} - leaving
        if not more:
            return leaving
        leaving |= more
