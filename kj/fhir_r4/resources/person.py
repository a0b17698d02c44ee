"""Patient -> Person, as the population register would report them."""

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.times import When, when
from kjernejournal.common.v1.common_pb2 import Coding, PartialDate
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

UNNAMED = "Ukjent"
"""Family name of a patient whose source states none: the register needs one."""

_SEXES = {"male": SEX_MALE, "female": SEX_FEMALE, "other": SEX_NOT_SPECIFIED}
_NAME_ORDER = ("official", "usual", "", "temp", "anonymous", "nickname", "maiden", "old")
_MARITAL_STATUSES = {"M": "gift", "S": "ugift", "D": "skilt", "W": "enkeEllerEnkemann", "L": "separert"}
"""HL7 v3 MaritalStatus in HL7 Norway's list, where both have the same concept."""


def imported(patient: Node, national_ids: list[str], birth: When | None) -> ImportedPatient:
    """Returns the patient. The address is not graded: the source says nothing of its protection."""
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
    return ImportedPatient(person=person)


def _name(patient: Node) -> HumanName:
    names = sorted(patient.children("name"), key=lambda each: _rank(each.text("use")))
    for node in names:
        given = node.cut(" ".join(node.texts("given")), 200, "given")
        family = node.text("family", 200) or ("" if given else node.text("text", 200))
        if given or family:
            return HumanName(given=given, family=family)
    return HumanName(family=UNNAMED)


def _rank(use: str) -> int:
    return _NAME_ORDER.index(use) if use in _NAME_ORDER else len(_NAME_ORDER)


def _address(patient: Node) -> Address | None:
    for node in patient.children("address"):
        if node.text("use") == "old":
            continue
        country = node.text("country")
        made = Address(
            lines=node.texts("line")[:5],
            postal_code=node.text("postalCode", 10),
            city=node.text("city", 100),
            country=country.upper() if len(country) == 2 and country.isalpha() else "",
        )
        if made.ListFields():
            return made
    return None


def _death(patient: Node) -> Death | None:
    died = when(patient, "deceasedDateTime")
    if died is not None:
        first = died.first()
        return Death(
            date=PartialDate(year=first.year, month=first.month, day=first.day) if died.moment else died.partial()
        )
    return Death() if patient.flag("deceasedBoolean") else None


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
