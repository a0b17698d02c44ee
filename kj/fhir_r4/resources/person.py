"""Patient -> Person, as the population register would report them."""

from datetime import datetime

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.times import When, when
from kjernejournal.common.v1.common_pb2 import Coding
from kjernejournal.patients.v1.patients_pb2 import (
    SEX_FEMALE,
    SEX_MALE,
    SEX_NOT_SPECIFIED,
    SEX_UNSPECIFIED,
    Address,
    Death,
    HumanName,
    ImportedPatient,
    NationalId,
    Person,
)
from shared.codes.systems import MARITAL_STATUSES
from shared.convert import timestamp

_NO_BASIS = "http://hl7.no/fhir/StructureDefinition/no-basis-"
_MIDDLE_NAME = _NO_BASIS + "middlename"
_MUNICIPALITY = _NO_BASIS + "municipalitycode"
_DISTRICT = _NO_BASIS + "urban-district"
_STATED = ("name", "birth_date", "sex", "address", "death", "marital_status", "mobile_phone")
"""Fields of Person that a Patient may state."""

_SEXES = {"male": SEX_MALE, "female": SEX_FEMALE, "other": SEX_NOT_SPECIFIED}
_NAME_ORDER = ("official", "usual", "", "temp", "anonymous", "nickname", "maiden", "old")
_MARITAL_STATUSES = {"M": "gift", "S": "ugift", "D": "skilt", "W": "enkeEllerEnkemann", "L": "separert"}
"""HL7 v3 MaritalStatus in HL7 Norway's list, where both have the same concept."""


def imported(
    patient: Node, national_ids: list[str], birth: When | None, changed_at: datetime | None = None
) -> ImportedPatient:
    """Returns the patient, and which fields the source states: the others stay as whoever knows them has them.

    Alive is the one thing that is never stated: systems write it of everybody who is not known to be dead.
    """
    patient.cuts["generalPractitioner: only the register of general practitioners says who that is"] += bool(
        patient.value.get("generalPractitioner")
    )
    person = Person(
        national_ids=[NationalId(value=number) for number in national_ids],
        name=_name(patient),
        birth_date=birth.partial() if birth else None,
        sex=_SEXES.get(patient.text("gender"), SEX_UNSPECIFIED),
        address=_address(patient),
        death=_death(patient),
        marital_status=_marital_status(patient),
        mobile_phone=_mobile(patient),
    )
    person.stated.paths.extend(name for name in _STATED if _is_stated(person, name))
    person.stated.SetInParent()
    if changed_at is not None:
        person.changed_at.CopyFrom(timestamp(changed_at))
    return ImportedPatient(person=person)


def _is_stated(person: Person, name: str) -> bool:
    return name in {field.name for field, _ in person.ListFields()}


def _name(patient: Node) -> HumanName | None:
    names = sorted(patient.children("name"), key=lambda each: _rank(each.text("use")))
    for node in names:
        given = node.cut(" ".join(node.texts("given")), 200, "given")
        family = node.text("family", 200) or ("" if given else node.text("text", 200))
        if given or family:
            middle = next((each.text("valueString", 200) for each in _extensions(node, _MIDDLE_NAME)), "")
            return HumanName(given=given, middle=middle, family=family)
    return None


def _rank(use: str) -> int:
    return _NAME_ORDER.index(use) if use in _NAME_ORDER else len(_NAME_ORDER)


def _address(patient: Node) -> Address | None:
    for node in patient.children("address"):
        if node.text("use") == "old":
            continue
        country = node.text("country")
        made = Address(
            lines=node.most(node.texts("line"), 5, "address.line"),
            postal_code=node.text("postalCode", 10),
            city=node.text("city", 100),
            municipality_number=_code(node, _MUNICIPALITY, 4),
            district=_code(node, _DISTRICT, 6),
            country=country.upper() if len(country) == 2 and country.isalpha() else "",
        )
        if made.ListFields():
            return made
    return None


def _death(patient: Node) -> Death | None:
    died = when(patient, "deceasedDateTime")
    if died is not None:
        return Death(date=died.partial())  # the day where it happened, whatever it was in UTC
    return Death() if patient.flag("deceasedBoolean") else None


def _extensions(node: Node, url: str) -> list[Node]:
    """Returns the extensions of that address, of an object and of its simple values."""
    simple = (node.child(name) for name, value in node.value.items() if name[:1] == "_" and isinstance(value, dict))
    return [
        each for one in (node, *filter(None, simple)) for each in one.children("extension") if each.text("url") == url
    ]


def _code(node: Node, url: str, digits: int) -> str:
    """Returns the code of an extension, if it is of so many digits."""
    for each in _extensions(node, url):
        coded = each.child("valueCoding")
        code = coded.text("code") if coded else ""
        if len(code) == digits and code.isascii() and code.isdigit():
            return code
    return ""


def _marital_status(patient: Node) -> Coding | None:
    status = patient.child("maritalStatus")
    for node in status.children("coding") if status else []:
        if code := _MARITAL_STATUSES.get(node.text("code")):
            return Coding(system=MARITAL_STATUSES, code=code)
    return None


def _mobile(patient: Node) -> str:
    for node in patient.children("telecom"):
        value = node.text("value").removeprefix("tel:")
        if node.text("system") == "phone" and node.text("use") == "mobile" and len(value) <= 20:
            return value
    return ""
