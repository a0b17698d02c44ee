"""RelatedPerson, and a Patient's contacts and languages -> own registrations.

A Patient's contacts and languages are no resources of their own: what is made of them is counted beside the resources.
"""

import re
from collections.abc import Iterator

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import BadField, NotPlaced
from kj.fhir_r4.bundle.resource import called
from kj.fhir_r4.bundle.times import period
from kj.fhir_r4.reading.context import Context
from kj.fhir_r4.reading.datatypes import concepts, name_of
from kjernejournal.common.v1.common_pb2 import CodeableConcept
from kjernejournal.own_registrations.v1.own_registrations_pb2 import (
    COMMUNICATION_KIND_LANGUAGE,
    CONTACT_ROLE_CONTACT,
    CONTACT_ROLE_EMPLOYER,
    CONTACT_ROLE_NEXT_OF_KIN,
    CommunicationNeed,
    Contact,
    ContactPoint,
    ContactRole,
    OwnRegistration,
)
from shared.codes.family import RELATIONS
from shared.codes.systems import FAMILY_RELATIONS, RELATIONSHIPS, canonical

_ROLES = {
    "N": CONTACT_ROLE_NEXT_OF_KIN,
    "NOK": CONTACT_ROLE_NEXT_OF_KIN,
    "C": CONTACT_ROLE_CONTACT,
    "ECON": CONTACT_ROLE_CONTACT,
    "E": CONTACT_ROLE_EMPLOYER,
}
_ROLE_SYSTEMS = frozenset(
    {
        RELATIONSHIPS,
        "http://terminology.hl7.org/CodeSystem/v3-RoleCode",
        "http://terminology.hl7.org/CodeSystem/v3-RoleClass",
    }
)
"""HL7 v2 table 0131 and the v3 roles of the same meaning."""
_NORWEGIAN = ("nb", "nn", "no")
"""Languages that are no special need in Norway. "se" and others are registered."""
_INTERPRETER = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
_BCP47 = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|\d{3}))?", re.ASCII)
_PHONE = re.compile(r"[\d\s+()./#*,;:extwp-]*", re.ASCII | re.IGNORECASE)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_POINTS = {"phone": ContactPoint.SYSTEM_PHONE, "sms": ContactPoint.SYSTEM_PHONE, "email": ContactPoint.SYSTEM_EMAIL}
UNNAMED = "Ikke oppgitt"
"""Name of a contact whose source gives a number alone: it can be called all the same."""


def map_related_person(context: Context) -> OwnRegistration:
    """Returns somebody close to the patient; one who is no longer, is withdrawn.

    Raises NotPlaced for one with neither a name nor a way to reach them.
    """
    node = context.node
    if node.flag("active") is False:
        return OwnRegistration(header=context.header(None), contact=Contact(name=UNNAMED), withdrawn=True)
    contact = _contact(node, node.children("name"), node.children("address"))
    return OwnRegistration(header=context.header(None), contact=contact)


def of_patient(context: Context) -> Iterator[tuple[str, OwnRegistration]]:
    """Yields a Patient resource's contacts and languages, each with the name it is counted under."""
    node = context.node
    for position in range(len(_listed(node, "contact"))):
        try:
            contact = _contact_of_patient(context, position)
        except BadField as field:
            node.count(f"contacts of patients, not placed: {field}")
            continue
        if contact is None:
            continue
        registration = OwnRegistration(header=context.header(None), contact=contact)
        registration.header.provenance.source_id = f"{called(context.resource)[:280]}#contact-{position + 1}"
        yield "contacts of patients", registration
    for tag, interpreter in _languages(node):
        need = CommunicationNeed(kind=COMMUNICATION_KIND_LANGUAGE, language=tag, interpreter=interpreter)
        registration = OwnRegistration(header=context.header(None), communication_need=need)
        registration.header.provenance.source_id = f"{called(context.resource)[:260]}#language-{tag.lower()}"
        yield "languages of patients", registration


def _listed(node: Node, name: str) -> list[object]:
    """Returns the list in a field, whatever stands in it. Raises BadField for what is no list."""
    value = node.value.get(name) or []
    if not isinstance(value, list):
        raise BadField(node.at(name), "must be a list")
    return value


def _contact_of_patient(context: Context, position: int) -> Contact | None:
    """Returns one of a Patient's contacts; None: nobody is named. Raises BadField, as for any field."""
    node = context.node
    each = Node({"contact": node.value["contact"][position]}, node.path, node.cuts).child("contact")
    if each is None:
        return None
    each = Node(each.value, f"{node.at('contact')}[{position}]", node.cuts)
    names, addresses = each.child("name"), each.child("address")
    organisation = each.child("organization")
    try:
        return _contact(each, [names] if names else [], [addresses] if addresses else [])
    except NotPlaced:
        made = context.organisation(organisation)
        if made is None or not made.name.strip():
            return None
        return Contact(name=made.name, relation=_relation(each), roles=_roles(each))


def _contact(node: Node, names: list[Node], addresses: list[Node]) -> Contact:
    points = node.most(list(_points(node, addresses)), 10, "telecom and address")
    name = next(filter(None, (name_of(each).strip() for each in names)), "")
    if not name and not points:
        raise NotPlaced("has neither a name nor a way to reach them")
    return Contact(
        name=node.cut(name or UNNAMED, 200, "name"),
        roles=_roles(node),
        relation=_relation(node),
        contact_points=points,
        period=period(node.child("period")),
    )


def _relation(node: Node) -> CodeableConcept | None:
    """Returns all codings of all relations as one: sources write one relation in two systems, and two in one list."""
    found = concepts(node.children("relationship"))
    if not found:
        return None
    codings = [coding for each in found for coding in each.codings if _is_relation(coding.system, coding.code)]
    text = "; ".join(filter(None, (each.text for each in found)))
    return CodeableConcept(
        codings=node.most(codings, 30, "relationship"), text=node.cut(text, 2000, "relationship.text")
    )


def _is_relation(system: str, code: str) -> bool:
    return system != FAMILY_RELATIONS or code in RELATIONS


def _roles(node: Node) -> "list[ContactRole.ValueType]":
    found = {
        _ROLES[coding.code]
        for each in concepts(node.children("relationship"))
        for coding in each.codings
        if canonical(coding.system) in _ROLE_SYSTEMS and coding.code in _ROLES
    }
    return sorted(found)


def _points(node: Node, addresses: list[Node]) -> Iterator[ContactPoint]:
    ranked = sorted(node.children("telecom"), key=lambda each: each.integer("rank") or 99)
    for each in ranked:
        value = each.text("value").strip().removeprefix("tel:").removeprefix("mailto:").strip()
        if not value or each.text("use") == "old":
            continue
        yield ContactPoint(system=_system(each.text("system"), value), value=each.cut(value, 300, "telecom"))
    for each in addresses:
        lines = [*each.texts("line"), " ".join(filter(None, (each.text("postalCode"), each.text("city"))))]
        written = each.text("text") or ", ".join(filter(None, [*lines, each.text("country")]))
        if written.strip() and each.text("use") != "old":
            value = each.cut(written.replace("\n", ", "), 300, "address")
            yield ContactPoint(system=ContactPoint.SYSTEM_ADDRESS, value=value)


def _system(written: str, value: str) -> "ContactPoint.System.ValueType":
    """Returns the kind of address; a number that cannot be dialled, or an address without a domain, is "other"."""
    found = _POINTS.get(written, ContactPoint.SYSTEM_OTHER)
    digits = sum(each.isdigit() for each in value)
    if found == ContactPoint.SYSTEM_PHONE and not (_PHONE.fullmatch(value) and 3 <= digits <= 25):
        return ContactPoint.SYSTEM_OTHER
    if found == ContactPoint.SYSTEM_EMAIL and not _EMAIL.fullmatch(value):
        return ContactPoint.SYSTEM_OTHER
    return found


def _languages(node: Node) -> Iterator[tuple[str, bool]]:
    """Yields the languages to register, each with whether an interpreter is needed; none for who speaks Norwegian.

    An interpreter is needed where the source says so, and nowhere else.
    """
    asked = any(each.flag("valueBoolean") for each in node.children("extension") if each.text("url") == _INTERPRETER)
    spoken = node.children("communication")
    node.count("languages without a code", sum(1 for each in spoken if not _tag(each)))
    tags = [(tag, bool(each.flag("preferred"))) for each in spoken if (tag := _tag(each))]
    preferred = [tag for tag, is_preferred in tags if is_preferred]
    told = preferred or [tag for tag, _ in tags]
    if any(tag.lower().split("-")[0] in _NORWEGIAN for tag in told) and not asked:
        return
    others = [tag for tag in told if tag.lower().split("-")[0] not in _NORWEGIAN]
    once = {tag.lower(): tag for tag in others or (told if asked else [])}
    for tag in once.values():
        yield tag, asked


def _tag(node: Node) -> str:
    language = node.child("language")
    for each in language.children("coding") if language else []:
        code = each.text("code").strip().replace("_", "-")
        if _BCP47.fullmatch(code):
            return code
    return ""
