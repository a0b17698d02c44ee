"""The rules of own registrations. Pure functions: no I/O, no clock.

Sources: what can be registered, Kjernejournal's help on "om pasienten" and Helsenorge's forms; code list of relations,
HL7 Norway's base profiles.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from kjernejournal.common.v1.common_pb2 import CodeableConcept, EventTime, Period
from kjernejournal.own_registrations.v1.own_registrations_pb2 import (
    COMMUNICATION_KIND_LANGUAGE,
    CONTACT_ROLE_NEXT_OF_KIN,
    CONTACT_ROLE_UNSPECIFIED,
    REGISTRATION_KIND_COMMUNICATION_NEED,
    REGISTRATION_KIND_CONTACT,
    REGISTRATION_KIND_DONOR_CARD,
    REGISTRATION_KIND_ILLNESS,
    REGISTRATION_KIND_UNSPECIFIED,
    CommunicationNeed,
    Contact,
    ContactPoint,
    Illness,
    OwnRegistration,
    RegistrationKind,
)
from shared.codes.family import RELATIONS
from shared.codes.systems import FAMILY_RELATIONS
from shared.convert import moment, start_of
from shared.errors import Invalid

KINDS: "dict[str, RegistrationKind.ValueType]" = {
    "contact": REGISTRATION_KIND_CONTACT,
    "communication_need": REGISTRATION_KIND_COMMUNICATION_NEED,
    "illness": REGISTRATION_KIND_ILLNESS,
    "donor_card": REGISTRATION_KIND_DONOR_CARD,
}
"""The kind of an entry, by the field that it fills."""

LANGUAGE = re.compile(
    r"[a-z]{2,3}(-[a-z]{3}){0,3}(-[a-z]{4})?(-([a-z]{2}|\d{3}))?(-([a-z\d]{5,8}|\d[a-z\d]{3}))*"
    r"(-[a-wyz\d](-[a-z\d]{2,8})+)*(-x(-[a-z\d]{1,8})+)?",
    re.ASCII | re.IGNORECASE,
)
"""A well-formed BCP 47 tag: language, script, region, variants, extensions (RFC 5646, 2.1)."""

PHONE = re.compile(r"[\d\s+()./#*,;:extwp-]*", re.ASCII | re.IGNORECASE)
"""Digits, what people write between them, and extensions ("ext. 12"): a number that a person can dial."""
FEWEST_DIGITS, MOST_DIGITS = 3, 25

EMAIL = re.compile(r"[^@\s]+@[^@\s]+")

OLDEST = 150
"""Years of age that nobody has reached."""
AHEAD = timedelta(days=1)
"""How far an illness may begin after now, for clocks and time zones that differ."""


def kind_of(registration: OwnRegistration) -> "RegistrationKind.ValueType":
    """Returns the kind of a registration. Raises Invalid for one that holds nothing."""
    filled = registration.WhichOneof("registration")
    if filled is None:
        raise Invalid("", "needs a contact, a communication need, an illness or a donor card")
    return KINDS[filled]


def check(registration: OwnRegistration, now: datetime) -> None:
    """Raises Invalid for a registration that breaks a rule. One that is withdrawn may: nobody is shown it."""
    filled = registration.WhichOneof("registration")
    if registration.withdrawn:
        if kind_of(registration) == REGISTRATION_KIND_DONOR_CARD:
            raise Invalid("withdrawn", "a donor card is not withdrawn: send the decision that holds")
        return
    try:
        if filled == "contact":
            _check_contact(registration.contact)
        elif filled == "communication_need":
            _check_need(registration.communication_need)
        elif filled == "illness":
            _check_illness(registration.illness, now)
    except Invalid as error:
        raise error.inside(str(filled)) from None
    kind_of(registration)


def check_reachable(registration: OwnRegistration) -> None:
    """Raises Invalid for a telephone number or e-mail address that cannot be one.

    For who can correct it: a feed's are kept as the source has them.
    """
    for position, point in enumerate(registration.contact.contact_points):
        _check_point(point, f"contact.contact_points[{position}]")


def asked_kinds(kinds: "Iterable[RegistrationKind.ValueType]") -> list[int] | None:
    """Returns the kinds that a list is asked for; None: all. Raises Invalid for one that is none.

    Nothing has the unspecified kind, and an empty list would read as nothing registered.
    """
    asked = sorted(set(kinds))
    if REGISTRATION_KIND_UNSPECIFIED in asked:
        raise Invalid("kinds", "must be kinds")
    return list(asked) or None


def check_kind(registration: OwnRegistration, kind: int) -> None:
    """Raises Invalid when a change would make another kind of the entry, which has `kind`."""
    if kind_of(registration) != kind:
        raise Invalid("", "is of another kind than the entry: delete that one and register a new one")


def _check_contact(contact: Contact) -> None:
    if not contact.name.strip():
        raise Invalid("name", "is required")
    for position, role in enumerate(contact.roles):
        if role == CONTACT_ROLE_UNSPECIFIED:
            raise Invalid(f"roles[{position}]", "must be a role")
    if len(set(contact.roles)) < len(contact.roles):
        raise Invalid("roles", "names a role twice")
    _check_relation(contact.relation)
    for position, point in enumerate(contact.contact_points):
        if not point.value.strip():
            raise Invalid(f"contact_points[{position}].value", "is required")
    if contact.priority < 0:
        raise Invalid("priority", "must be 1 or more, or 0 where it is not stated")
    _check_unwanted(contact)
    _check_period(contact.period)


def _check_unwanted(contact: Contact) -> None:
    """Raises Invalid where one who must not be called has a priority, or is next of kin: readers would call them."""
    if not contact.not_to_be_contacted:
        return
    if contact.priority:
        raise Invalid("priority", "is given to somebody who must not be contacted")
    if CONTACT_ROLE_NEXT_OF_KIN in contact.roles:
        raise Invalid("roles", "the next of kin cannot be somebody who must not be contacted: state the relation alone")


def _check_relation(relation: CodeableConcept) -> None:
    for position, coding in enumerate(relation.codings):
        if not coding.code and not coding.display:
            raise Invalid(f"relation.codings[{position}].code", "is required where there is no display")
        if coding.system == FAMILY_RELATIONS and coding.code not in RELATIONS:  # other systems' stay as they are
            raise Invalid(f"relation.codings[{position}].code", "is not a code of no-basis-family-relation")


def _check_point(point: ContactPoint, path: str) -> None:
    value = point.value.strip()
    if point.system == ContactPoint.SYSTEM_PHONE:
        digits = sum(character.isdigit() for character in value)
        if not PHONE.fullmatch(value) or not FEWEST_DIGITS <= digits <= MOST_DIGITS:
            raise Invalid(f"{path}.value", "is not a telephone number")
    if point.system == ContactPoint.SYSTEM_EMAIL and not EMAIL.fullmatch(value):
        raise Invalid(f"{path}.value", "is not an e-mail address")


def _check_period(period: Period) -> None:
    if period.HasField("start") and period.HasField("end") and moment(period.end) < moment(period.start):
        raise Invalid("period.end", "is before the start")


def _check_need(need: CommunicationNeed) -> None:
    if need.kind != COMMUNICATION_KIND_LANGUAGE:
        if need.language:
            raise Invalid("language", "belongs to COMMUNICATION_KIND_LANGUAGE alone")
    elif not need.language:
        raise Invalid("language", "is required: the language the patient speaks")
    elif not LANGUAGE.fullmatch(need.language):
        raise Invalid("language", "must be a BCP 47 tag, such as so or pl")


def _check_illness(illness: Illness, now: datetime) -> None:
    condition = illness.condition
    if not condition.codings and not condition.text.strip():
        raise Invalid("condition", "needs words or a coding")
    for position, coding in enumerate(condition.codings):
        if not coding.code and not coding.display:
            raise Invalid(f"condition.codings[{position}].code", "is required where there is no display")
    for name, time in (("onset", illness.onset), ("ended", illness.ended)):
        if time.HasField("age_years") and not 0 <= time.age_years <= OLDEST:
            raise Invalid(f"{name}.age_years", f"must be 0 to {OLDEST}")
        earliest = _earliest(time)
        if earliest is not None and earliest > now + AHEAD:
            raise Invalid(name, "is in the future")
    if _surely_before(illness.ended, illness.onset):
        raise Invalid("ended", "is before the onset")


def _surely_before(one: EventTime, other: EventTime) -> bool:
    """Whether every moment that `one` can mean is before every moment that `other` can mean."""
    if one.HasField("age_years") and other.HasField("age_years"):
        return one.age_years < other.age_years
    if one.HasField("date") and other.HasField("date"):
        known = 3 if one.date.day and other.date.day else 2 if one.date.month and other.date.month else 1
        parts = [(date.year, date.month, date.day)[:known] for date in (one.date, other.date)]
        return parts[0] < parts[1]
    if one.HasField("instant") and other.HasField("instant"):
        return moment(one.instant) < moment(other.instant)
    return False


def _earliest(time: EventTime) -> datetime | None:
    """Returns the first moment that a time can mean; None for an age, or when nothing is known."""
    if time.HasField("instant"):
        return moment(time.instant)
    return start_of(time.date) if time.HasField("date") else None
