"""People for tests: synthetic national ids that no other test of the run has, and what the registers say of them."""

import itertools
from datetime import UTC, date, datetime
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import Coding, Organisation, PartialDate, Period, Practitioner
from kjernejournal.patients.v1 import patients_pb2 as pb
from shared.codes.systems import FAMILY_RELATIONS, PARENTAL_RESPONSIBILITY
from shared.convert import timestamp
from shared.national_id import NHN_MONTH_OFFSET, TENOR_MONTH_OFFSET, make_synthetic

OFFICE = Organisation(number="100100673", name="Arendal legesenter")
HOME = pb.Address(lines=["Storgata 1"], postal_code="4836", city="Arendal", municipality_number="4203")

_serials = itertools.count()


def new_id(birth: date = date(1980, 5, 17), *, month_offset: int = TENOR_MONTH_OFFSET, d_number: bool = False) -> str:
    """Returns a national id that nobody has yet."""
    while True:
        serial = next(_serials)
        day = date.fromordinal(birth.toordinal() + serial // 1000)
        if made := make_synthetic(day, serial % 1000, month_offset=month_offset, d_number=d_number):
            return made


def person(*national_ids: str, family: str = "Nordmann", **fields: object) -> pb.Person:
    """Returns a person with a name, an open address, and what `fields` say."""
    made = pb.Person(
        national_ids=[pb.NationalId(value=value) for value in national_ids or (new_id(),)],
        name=pb.HumanName(given="Kari", family=family),
        birth_date=PartialDate(year=1980, month=5, day=17),
        sex=pb.SEX_FEMALE,
        address=HOME,
        address_protection=pb.ADDRESS_PROTECTION_UGRADERT,
    )
    made.MergeFrom(pb.Person(**fields))  # type: ignore[arg-type]  # the fields of the message
    return made


def registering(one: pb.Person, request_id: str | None = None) -> pb.RegisterPatientRequest:
    """Returns the request that registers `one`."""
    return pb.RegisterPatientRequest(request_id=request_id or str(uuid4()), person=one)


def parent(value: str, relation: str = "mor") -> pb.FamilyRelation:
    """Returns a parent as the child's record names them."""
    return pb.FamilyRelation(
        national_id=value,
        relation=Coding(system=FAMILY_RELATIONS, code=relation),
        name=pb.HumanName(given="Mor", family="Nordmann"),
    )


def guardian(value: str) -> pb.Guardian:
    """Returns somebody with parental responsibility."""
    return pb.Guardian(
        national_id=value,
        kind=pb.GUARDIAN_KIND_PARENTAL_RESPONSIBILITY,
        responsibility=Coding(system=PARENTAL_RESPONSIBILITY, code="felles"),
    )


def place(
    contract_id: str, start: datetime, end: datetime | None = None, *, hpr: str = "9144900", substitute: str = ""
) -> pb.GeneralPractitionerAssignment:
    """Returns a place on a list, with its doctor and perhaps a substitute."""
    doctors = [pb.GeneralPractitioner(practitioner=Practitioner(hpr_number=hpr, name="Fast Lege"))]
    if substitute:
        vikar = Practitioner(hpr_number=substitute, name="Vikar Lege")
        doctors.append(pb.GeneralPractitioner(practitioner=vikar, substitute_for_hpr_number=hpr))
    return pb.GeneralPractitionerAssignment(
        contract=pb.GeneralPractitionerContract(
            contract_id=contract_id, office=OFFICE, municipality_number="4203", doctors=doctors
        ),
        period=Period(start=timestamp(start), end=timestamp(end) if end else None),
    )


def years_ago(years: float) -> datetime:
    """Returns the time that many years before now, to the second."""
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() - years * 365.25 * 86400, UTC).replace(microsecond=0)


NHN = NHN_MONTH_OFFSET
