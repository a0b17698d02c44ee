"""Patient -> Person, as the population register would report them."""

from datetime import datetime

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import BadField
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
from shared.errors import Invalid
from shared.handling.decoding import validate

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

    Alive is the one thing that is never stated: systems write it of everybody who is not known to be dead. What cannot
    be what it says, or does not fit the contract, is not stated, and is counted with its path.
    """
    if patient.value.get("generalPractitioner"):
        patient.count("generalPractitioner: only the register of general practitioners says who that is")
    if patient.value.get("link"):
        patient.count("link of a patient: only the population register says who is one person")
    person = Person(
        national_ids=[NationalId(value=number) for number in national_ids],
        birth_date=birth.partial() if birth else None,
    )
    for read in (_name, _sex, _address, _death, _marital_status, _mobile):
        try:
            part = read(patient)
            for stated, value in part.ListFields():
                if stated.message_type is not None:
                    validate(value, f"{stated.name}.")
        except BadField as field:
            patient.count(f"fields of patients, not placed: {field}")
        except Invalid as error:
            patient.count(f"fields of patients, not placed: does not fit the contract: {error.field} {error.problem}")
        else:
            person.MergeFrom(part)
    person.stated.paths.extend(name for name in _STATED if _is_stated(person, name))
    person.stated.SetInParent()
    if changed_at is not None:
        person.changed_at.CopyFrom(timestamp(changed_at))
    return ImportedPatient(person=person)


def _is_stated(person: Person, name: str) -> bool:
    return name in {field.name for field, _ in person.ListFields()}


def _sex(patient: Node) -> Person:
    return Person(sex=_SEXES.get(patient.text("gender"), SEX_UNSPECIFIED))


def _name(patient: Node) -> Person:
    names = sorted(patient.children("name"), key=lambda each: _rank(each.text("use")))
    patient.count("names of patients beyond the first", len(names) - 1)
    for node in names:
        given = node.cut(" ".join(node.texts("given")), 200, "given")
        family = node.text("family", 200) or ("" if given else node.text("text", 200))
        if given or family:
            middle = next((each.text("valueString", 200) for each in _extensions(node, _MIDDLE_NAME)), "")
            return Person(name=HumanName(given=given, middle=middle, family=family))
    return Person()


def _rank(use: str) -> int:
    return _NAME_ORDER.index(use) if use in _NAME_ORDER else len(_NAME_ORDER)


def _address(patient: Node) -> Person:
    current = sum(each.text("use") != "old" for each in patient.children("address"))
    patient.count("addresses of patients beyond the first", current - 1)
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
            return Person(address=made)
    return Person()


def _death(patient: Node) -> Person:
    try:
        died = when(patient, "deceasedDateTime")
    except BadField as field:  # whenever it was: nobody is alive by a slip of the pen
        patient.count(f"fields of patients, not placed: {field}")
        return Person(death=Death())
    if died is not None:
        return Person(death=Death(date=died.partial()))  # the day where it happened, whatever it was in UTC
    return Person(death=Death()) if patient.flag("deceasedBoolean") else Person()


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


def _marital_status(patient: Node) -> Person:
    status = patient.child("maritalStatus")
    for node in status.children("coding") if status else []:
        if code := _MARITAL_STATUSES.get(node.text("code")):
            return Person(marital_status=Coding(system=MARITAL_STATUSES, code=code))
    return Person()


def _mobile(patient: Node) -> Person:
    found = ""
    for node in patient.children("telecom"):
        value = node.text("value").removeprefix("tel:")
        mobile = node.text("system") == "phone" and node.text("use") == "mobile"
        if mobile and not found and len(value) <= 20:
            found = value
        elif value and node.text("use") != "old":
            node.count("telecom of a patient: only one mobile phone is held")
    return Person(mobile_phone=found)
