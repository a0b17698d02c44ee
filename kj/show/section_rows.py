"""The sections of a summary as rows for people: what stands in each entry, in words."""

from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CodeableConcept, EventTime, PartialDate, Quantity
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.vaccinations.v1 import vaccinations_pb2
from kjernejournal.visits.v1 import visits_pb2

MOST_RESULTS = 8
"""Results of a report on the screen, those outside their limits first; the rest are counted."""
MOST_CHARACTERS = 300
"""Of a text in a report on the screen."""


def _critical_info(content: critical_info_pb2.CriticalInfoSection) -> Iterable[tuple[str, ...]]:
    for entry in content.critical_info:
        yield (
            words(critical_info_pb2.Category, entry.category),
            _concept(entry.code) or entry.specification,
            words(critical_info_pb2.Status, entry.status),
            _when(entry.event_time),
        )


def _medications(content: Any) -> Iterable[tuple[str, ...]]:
    if not content.HasField("medication_list"):
        yield ("prescriptions only: no medication list has been confirmed",)
    for entry in content.medication_list.entries:
        yield ("on the list", _medicine(entry.medication), "")
    for prescription in content.prescriptions:
        state = words(medications_pb2.PrescriptionState, prescription.state)
        yield ("prescribed", _medicine(prescription.medication), f"{state}  {_day(prescription.prescribed_at)}")
    for dispensing in content.dispensings:
        yield ("dispensed", _medicine(dispensing.medication), _day(dispensing.dispensed_at))
    for statement in content.statements:
        yield ("stated", _medicine(statement.medication), "in use" if statement.in_use else "not in use")


def _visits(content: visits_pb2.VisitsSection) -> Iterable[tuple[str, ...]]:
    for visit in content.visits:
        unit = " ".join(filter(None, (visit.unit.name, visit.unit.department)))
        yield (_day(visit.period.start), words(visits_pb2.ContactKind, visit.kind), unit)


def _documents(content: documents_pb2.DocumentsSection) -> Iterable[tuple[str, ...]]:
    for document in content.documents:
        yield (_day(document.creation_time), _concept(document.type), document.title)


def _labs(content: labs_pb2.LabsSection) -> Iterable[tuple[str, ...]]:
    for report in content.reports:
        held = [each for each in report.results if each.WhichOneof("value") or each.HasField("absent_reason")]
        held.sort(key=lambda result: result.deviation in (labs_pb2.DEVIATION_UNSPECIFIED, labs_pb2.DEVIATION_NONE))
        if report.conclusion:  # what the words below it led to
            held = [each for each in held if each.WhichOneof("value") != "text"]
        found = [_result(result) for result in held[:MOST_RESULTS]]
        if len(held) > MOST_RESULTS:
            found.append(f"and {len(held) - MOST_RESULTS} more")
        status = words(labs_pb2.ResultStatus, report.status)
        yield (
            _when(report.effective) or _day(report.issued),
            _concept(report.code),
            "" if report.status == labs_pb2.RESULT_STATUS_FINAL else status.upper(),
            "; ".join(filter(None, (_short(report.conclusion), *found))) or "without results",
        )


def _result(result: labs_pb2.Result) -> str:
    deviation = "" if not result.deviation else words(labs_pb2.Deviation, result.deviation)
    mark = f"({deviation})" if deviation not in {"", "none"} else ""
    status = words(labs_pb2.ResultStatus, result.status) if result.status == labs_pb2.RESULT_STATUS_CANCELLED else ""
    return " ".join(filter(None, (_concept(result.code), _value(result), mark, status.upper())))


def _value(result: labs_pb2.Result) -> str:
    written = _VALUES.get(result.WhichOneof("value") or "")
    return written(result) if written is not None else f"unknown: {_concept(result.absent_reason)}"


_VALUES: dict[str, Callable[[labs_pb2.Result], str]] = {
    "quantity": lambda result: _quantity(result.quantity),
    "concept": lambda result: _concept(result.concept),
    "text": lambda result: _short(result.text),
    "range": lambda result: f"{_quantity(result.range.low)} to {_quantity(result.range.high)}",
    "time": lambda result: _when(result.time),
    "period": lambda result: f"{_day(result.period.start)} to {_day(result.period.end)}",
    "ratio": lambda result: f"{_quantity(result.ratio.numerator)}:{_quantity(result.ratio.denominator)}",
    "boolean": lambda result: "yes" if result.boolean else "no",
}


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} [...]"


_COMPARATORS = ("", "<", "<=", ">=", ">", "<<", ">>", "not ")


def _quantity(quantity: Quantity) -> str:
    known = quantity.comparator in range(len(_COMPARATORS))
    comparator = _COMPARATORS[quantity.comparator] if known else f"unknown comparator ({quantity.comparator}) "
    return f"{comparator}{quantity.value} {quantity.unit or quantity.code}".strip()


def _vaccinations(content: vaccinations_pb2.VaccinationsSection) -> Iterable[tuple[str, ...]]:
    for each in content.vaccinations:
        given = each.status == vaccinations_pb2.VACCINATION_STATUS_COMPLETED
        state = "" if given else words(vaccinations_pb2.VaccinationStatus, each.status).upper()
        dose = f"dose {each.dose_number}" if each.dose_number else ""
        where = "" if each.country in {"", "NO"} else f"given in {each.country}"
        name = _concept(each.vaccine)
        yield (_when(each.occurrence), name, ", ".join(filter(None, (state, dose, each.product, where))))


def _own_registrations(content: own_registrations_pb2.OwnRegistrationsSection) -> Iterable[tuple[str, ...]]:
    # Who must not be contacted stands where nobody overlooks it, however old the entry is.
    for each in sorted(content.registrations, key=lambda entry: not entry.contact.not_to_be_contacted):
        match each.WhichOneof("registration"):
            case "contact":
                yield _contact(each.contact)
            case "communication_need":
                need = each.communication_need
                interpreter = "interpreter needed" if need.interpreter else ""
                kind = words(own_registrations_pb2.CommunicationKind, need.kind)
                yield ("communication", kind, " ".join(filter(None, (need.language, interpreter, need.comment))))
            case "illness":
                yield ("illness, as told", _concept(each.illness.condition), _when(each.illness.onset))
            case "donor_card":
                told = "kin informed" if each.donor_card.kin_informed else ""
                decision = words(own_registrations_pb2.DonorDecision, each.donor_card.decision)
                yield ("donor card", f"{decision} to donate", " ".join(filter(None, (told, each.donor_card.comment))))
            case _:
                yield ("registered", "something that cannot be shown here", "")


def _contact(contact: own_registrations_pb2.Contact) -> tuple[str, ...]:
    relation = f"({_concept(contact.relation)})" if contact.HasField("relation") else ""
    name = " ".join(filter(None, (contact.name, relation)))
    if contact.not_to_be_contacted:
        return ("MUST NOT BE CONTACTED", name, contact.comment)
    roles = ", ".join(words(own_registrations_pb2.ContactRole, role) for role in contact.roles)
    return (roles or "contact", name, ", ".join(point.value for point in contact.contact_points))


def _patient(content: patients_pb2.PatientSection) -> Iterable[tuple[str, ...]]:
    yield ("name", " ".join(filter(None, (content.name.given, content.name.middle, content.name.family))))
    yield ("born", partial(content.birth_date) if content.HasField("birth_date") else "not known")
    if content.HasField("death"):
        yield ("dead", partial(content.death.date))
    if not content.has_general_practitioner:
        yield ("general practitioner", "none is registered")
    for assignment in content.general_practitioners[: int(content.has_general_practitioner)]:
        doctors = ", ".join(each.practitioner.name for each in assignment.contract.doctors)
        named = ", ".join(filter(None, (doctors, assignment.contract.office.name)))
        yield ("general practitioner", named or "not shown: the address is protected")


ROWS: dict[int, Callable[[Any], Iterable[tuple[str, ...]]]] = {
    common_pb2.SECTION_CRITICAL_INFO: _critical_info,
    common_pb2.SECTION_MEDICATIONS: _medications,
    common_pb2.SECTION_VISITS: _visits,
    common_pb2.SECTION_DOCUMENTS: _documents,
    common_pb2.SECTION_LABS: _labs,
    common_pb2.SECTION_VACCINATIONS: _vaccinations,
    common_pb2.SECTION_OWN_REGISTRATIONS: _own_registrations,
    common_pb2.SECTION_PATIENT: _patient,
}
"""What stands in a section, a tuple of cells an entry."""


def _concept(code: CodeableConcept) -> str:
    for coding in code.codings:
        if coding.display:
            return coding.display
    return code.text or next((coding.code for coding in code.codings), "")


def _medicine(medication: medications_pb2.Medication) -> str:
    atc = f"({medication.atc.code})" if medication.atc.code else ""
    name = _concept(medication.code)
    strength = "" if medication.strength in name else medication.strength
    return " ".join(filter(None, (name, strength, atc)))


def _when(time: EventTime) -> str:
    if time.HasField("instant"):
        return _day(time.instant)
    if time.HasField("date"):
        return partial(time.date)
    return f"at age {time.age_years}" if time.HasField("age_years") else ""


def partial(date: PartialDate) -> str:
    """Returns a date as far as it is known."""
    parts = [f"{date.year:04}"] + [f"{part:02}" for part in (date.month, date.day) if part]
    return "-".join(parts)


def _day(moment: Timestamp) -> str:
    return moment.ToDatetime().date().isoformat() if moment.seconds else ""


def words(kind: Any, value: int) -> str:
    """Returns a value of an enum in words, also one of a newer release."""
    if value not in kind.values():
        return f"unknown ({value})"  # of a newer release
    name: str = kind.Name(value)
    prefix = "".join(f"_{char}" if char.isupper() else char.upper() for char in kind.DESCRIPTOR.name).lstrip("_")
    return name.removeprefix(prefix + "_").replace("_", " ").lower()
