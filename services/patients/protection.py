"""Holds what a protected address hides: the address, and what of general practitioners would give it away.

What is shown is listed, so that a field which is new in the contract stays hidden until somebody has thought of it. The
protection is the strictest that any of a patient's references has: a D-number's holds after the merge. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from google.protobuf.message import Message

from kjernejournal.patients.v1.patients_pb2 import (
    ADDRESS_PROTECTION_FORTROLIG,
    ADDRESS_PROTECTION_KLIENTADRESSE,
    ADDRESS_PROTECTION_STRENGT_FORTROLIG,
    ADDRESS_PROTECTION_UGRADERT,
    ADDRESS_PROTECTION_UNSPECIFIED,
    AddressProtection,
    GeneralPractitionerAssignment,
    Person,
)

Protection: TypeAlias = "AddressProtection.ValueType"

_STRICTER: Sequence[Protection] = (
    ADDRESS_PROTECTION_UGRADERT,
    ADDRESS_PROTECTION_UNSPECIFIED,
    ADDRESS_PROTECTION_KLIENTADRESSE,
    ADDRESS_PROTECTION_FORTROLIG,
    ADDRESS_PROTECTION_STRENGT_FORTROLIG,
)

_WITHOUT_PLACES: Mapping[str, frozenset[str]] = {
    "GeneralPractitionerAssignment": frozenset(
        {"contract", "period", "begin_code", "end_code", "her_id", "doctor_cycles"}
    ),
    "GeneralPractitionerContract": frozenset({"contract_id", "office", "status", "period", "common_list", "doctors"}),
    "Organisation": frozenset({"number", "name"}),
    "GeneralPractitioner": frozenset({"practitioner", "substitute_for_hpr_number", "period", "relationship"}),
    "Practitioner": frozenset({"hpr_number", "name", "role"}),
}
"""What is shown of a doctor's list beside a protected address: who the doctor is, not where the list belongs."""
_WITHOUT_DOCTORS: Mapping[str, frozenset[str]] = {"GeneralPractitionerAssignment": frozenset({"period"})}
"""And beside a strictly confidential one: that there is a list, and since when."""


def strictest(people: Iterable[Person]) -> Protection:
    """Returns the protection of somebody with these identities, the canonical one first.

    An alias that states none says nothing; of the canonical one it means that the address is not known to be open.
    """
    canonical, *aliases = (person.address_protection for person in people)
    stated = [each for each in aliases if each != ADDRESS_PROTECTION_UNSPECIFIED]
    return max((canonical, *stated), key=_rank)


def _rank(protection: Protection) -> int:
    # A grade that a newer feed knows, and this release does not, hides all there is.
    return _STRICTER.index(protection) if protection in _STRICTER else len(_STRICTER)


def shown(
    assignments: Iterable[GeneralPractitionerAssignment], protection: Protection
) -> list[GeneralPractitionerAssignment]:
    """Returns what may be shown of these places on lists."""
    if protection == ADDRESS_PROTECTION_UGRADERT:
        return list(assignments)
    strict = _rank(protection) >= _rank(ADDRESS_PROTECTION_STRENGT_FORTROLIG)
    listed = _WITHOUT_DOCTORS if strict else _WITHOUT_PLACES
    result = []
    for assignment in assignments:
        copy = GeneralPractitionerAssignment()
        copy.CopyFrom(assignment)
        _keep(copy, listed)
        result.append(copy)
    return result


def _keep(message: Message, listed: Mapping[str, frozenset[str]]) -> None:
    """Clears what is not listed for messages of this type; types that are not listed are kept as they are."""
    kept = listed.get(message.DESCRIPTOR.name)
    if kept is None:
        return
    for field, value in message.ListFields():
        if field.name not in kept:
            message.ClearField(field.name)
        elif field.message_type is not None:
            for each in value if field.is_repeated else (value,):
                _keep(each, listed)
    message.DiscardUnknownFields()
