"""The sections of a summary as rows for people: what stands in each entry, in words."""

from collections.abc import Callable, Iterable
from typing import Any

from kj.show.norwegian import day, words
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
        status = words(critical_info_pb2.Status, entry.status)
        ended = _when(entry.ended) if entry.HasField("ended") else ""
        yield (
            words(critical_info_pb2.Category, entry.category),
            _concept(entry.code) or entry.specification,
            ", ".join(filter(None, _reaction(entry.reaction))) if entry.HasField("reaction") else "",
            " ".join(
                filter(None, (status if entry.status == critical_info_pb2.STATUS_ACTIVE else status.upper(), ended))
            ),
            _when(entry.event_time),
        )


def _reaction(reaction: critical_info_pb2.Reaction) -> Iterable[str]:
    """Yields how serious, how certain, and what happened."""
    if reaction.criticality:
        yield words(critical_info_pb2.Criticality, reaction.criticality)
    if reaction.certainty:
        yield words(critical_info_pb2.Certainty, reaction.certainty)
    yield from map(_concept, reaction.manifestations)


def _medication_list(content: medications_pb2.MedicationsSection) -> Iterable[tuple[str, ...]]:
    """Yields the list, whole, after who confirmed it and when; without a list, every prescription in force."""
    if not content.HasField("medication_list"):
        yield ("bare resepter: ingen legemiddelliste er bekreftet", "", "", "")
        for prescription in content.prescriptions:
            if prescription.state in _IN_FORCE:
                yield _prescription(prescription)
        return
    confirmed = content.medication_list.confirmed
    by = ", ".join(filter(None, (confirmed.recorder.name, confirmed.organisation.name))) or "ukjent"
    yield (f"listen er bekreftet {day(confirmed.recorded_at) or 'ukjent når'} av {by}", "", "", "")
    for entry in content.medication_list.entries:
        status = words(medications_pb2.EntryStatus, entry.status)
        ended = day(entry.discontinuation.discontinued_at) if entry.HasField("discontinuation") else ""
        yield (f"{status} {ended}".strip(), _medicine(entry.medication), _doses(entry.dosages), "på listen")


def _doses(dosages: Iterable[medications_pb2.Dosage]) -> str:
    said = [each.text or each.short_dose.display or each.short_dose.code or _structured(each) for each in dosages]
    return "; ".join(filter(None, said)) or "dose ikke oppgitt"


def _structured(dosage: medications_pb2.Dosage) -> str:
    """Returns a dose that comes in numbers alone, such as "5 mg, 2 x per 1 d"."""
    amounts = [_quantity(each.dose) for each in dosage.doses if each.HasField("dose")]
    timing = dosage.timing
    often = f"{timing.frequency} x per {timing.period or 1} {timing.period_unit}" if timing.frequency else ""
    return ", ".join(filter(None, (*amounts, often.strip(), "ved behov" if dosage.as_needed else "")))


_IN_FORCE = frozenset(
    {
        medications_pb2.PRESCRIPTION_STATE_DISPENSABLE,
        medications_pb2.PRESCRIPTION_STATE_BEING_DISPENSED,
        medications_pb2.PRESCRIPTION_STATE_UNSPECIFIED,
    }
)
"""What must be seen where no list is confirmed."""


def _prescription(prescription: medications_pb2.Prescription) -> tuple[str, ...]:
    state = words(medications_pb2.PrescriptionState, prescription.state)
    return (
        "forskrevet",
        _medicine(prescription.medication),
        _doses(prescription.dosages),
        f"{state} {day(prescription.prescribed_at)}".strip(),
    )


def _medications(content: medications_pb2.MedicationsSection) -> Iterable[tuple[str, ...]]:
    for prescription in content.prescriptions:
        if content.HasField("medication_list") or prescription.state not in _IN_FORCE:
            yield _prescription(prescription)
    for dispensing in content.dispensings:
        yield ("utlevert", _medicine(dispensing.medication), day(dispensing.dispensed_at), "")
    for statement in content.statements:
        if statement.kind == medications_pb2.STATEMENT_KIND_NIL_KNOWN:
            yield ("oppgitt", "bruker ingen legemidler", day(statement.asserted_at), "")
        else:
            yield ("oppgitt", _medicine(statement.medication), "i bruk" if statement.in_use else "ikke i bruk", "")


def _visits(content: visits_pb2.VisitsSection) -> Iterable[tuple[str, ...]]:
    for visit in content.visits:
        unit = " ".join(filter(None, (visit.unit.name, visit.unit.department)))
        yield (day(visit.period.start), words(visits_pb2.ContactKind, visit.kind), unit)


def _documents(content: documents_pb2.DocumentsSection) -> Iterable[tuple[str, ...]]:
    for document in content.documents:
        yield (day(document.creation_time), _concept(document.type), document.title)


def _labs(content: labs_pb2.LabsSection) -> Iterable[tuple[str, ...]]:
    for report in content.reports:
        held = [each for each in report.results if each.WhichOneof("value") or each.HasField("absent_reason")]
        held.sort(key=lambda result: result.deviation in (labs_pb2.DEVIATION_UNSPECIFIED, labs_pb2.DEVIATION_NONE))
        if report.conclusion:  # what the words below it led to
            held = [each for each in held if each.WhichOneof("value") != "text"]
        found = [_result(result) for result in held[:MOST_RESULTS]]
        if len(held) > MOST_RESULTS:
            found.append(f"og {len(held) - MOST_RESULTS} til")
        status = words(labs_pb2.ResultStatus, report.status)
        yield (
            _when(report.effective) or day(report.issued),
            _concept(report.code),
            "" if report.status == labs_pb2.RESULT_STATUS_FINAL else status.upper(),
            "; ".join(filter(None, (_short(report.conclusion), *found))) or "uten resultater",
        )


def _result(result: labs_pb2.Result) -> str:
    deviation = "" if not result.deviation else words(labs_pb2.Deviation, result.deviation)
    mark = f"({deviation})" if deviation not in {"", "none"} else ""
    status = words(labs_pb2.ResultStatus, result.status) if result.status == labs_pb2.RESULT_STATUS_CANCELLED else ""
    return " ".join(filter(None, (_concept(result.code), _value(result), mark, status.upper())))


def _value(result: labs_pb2.Result) -> str:
    written = _VALUES.get(result.WhichOneof("value") or "")
    return written(result) if written is not None else f"ukjent: {_concept(result.absent_reason)}"


_VALUES: dict[str, Callable[[labs_pb2.Result], str]] = {
    "quantity": lambda result: _quantity(result.quantity),
    "concept": lambda result: _concept(result.concept),
    "text": lambda result: _short(result.text),
    "range": lambda result: f"{_quantity(result.range.low)} til {_quantity(result.range.high)}",
    "time": lambda result: _when(result.time),
    "period": lambda result: f"{day(result.period.start)} til {day(result.period.end)}",
    "ratio": lambda result: f"{_quantity(result.ratio.numerator)}:{_quantity(result.ratio.denominator)}",
    "boolean": lambda result: "ja" if result.boolean else "nei",
}


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} [...]"


_COMPARATORS = ("", "<", "<=", ">=", ">", "<<", ">>", "ikke ")


def _quantity(quantity: Quantity) -> str:
    known = quantity.comparator in range(len(_COMPARATORS))
    comparator = _COMPARATORS[quantity.comparator] if known else f"ukjent sammenligning ({quantity.comparator}) "
    return f"{comparator}{quantity.value} {quantity.unit or quantity.code}".strip()


def _vaccinations(content: vaccinations_pb2.VaccinationsSection) -> Iterable[tuple[str, ...]]:
    for each in content.vaccinations:
        given = each.status == vaccinations_pb2.VACCINATION_STATUS_COMPLETED
        state = "" if given else words(vaccinations_pb2.VaccinationStatus, each.status).upper()
        dose = f"dose {each.dose_number}" if each.dose_number else ""
        where = "" if each.country in {"", "NO"} else f"gitt i {each.country}"
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
                interpreter = "tolk trengs" if need.interpreter else ""
                kind = words(own_registrations_pb2.CommunicationKind, need.kind)
                yield ("kommunikasjon", kind, " ".join(filter(None, (need.language, interpreter, need.comment))))
            case "illness":
                yield ("sykdom, slik pasienten sier", _concept(each.illness.condition), _when(each.illness.onset))
            case "donor_card":
                told = "pårørende er informert" if each.donor_card.kin_informed else ""
                decision = words(own_registrations_pb2.DonorDecision, each.donor_card.decision)
                yield ("donorkort", decision, " ".join(filter(None, (told, each.donor_card.comment))))
            case _:
                yield ("registrert", "noe som ikke kan vises her", "")


def _contact(contact: own_registrations_pb2.Contact) -> tuple[str, ...]:
    relation = f"({_concept(contact.relation)})" if contact.HasField("relation") else ""
    name = " ".join(filter(None, (contact.name, relation)))
    if contact.not_to_be_contacted:
        return ("SKAL IKKE KONTAKTES", name, contact.comment)
    roles = ", ".join(words(own_registrations_pb2.ContactRole, role) for role in contact.roles)
    return (roles or "kontakt", name, ", ".join(point.value for point in contact.contact_points))


def _patient(content: patients_pb2.PatientSection) -> Iterable[tuple[str, ...]]:
    yield ("navn", " ".join(filter(None, (content.name.given, content.name.middle, content.name.family))))
    yield ("født", partial(content.birth_date) if content.HasField("birth_date") else "ikke kjent")
    if content.HasField("death"):
        yield ("død", partial(content.death.date))
    if not content.has_general_practitioner:
        yield ("fastlege", "ikke registrert")
    for assignment in content.general_practitioners[: int(content.has_general_practitioner)]:
        doctors = ", ".join(each.practitioner.name for each in assignment.contract.doctors)
        named = ", ".join(filter(None, (doctors, assignment.contract.office.name)))
        yield ("fastlege", named or "vises ikke: adressen er sperret")


ROWS: dict[int, Callable[[Any], Iterable[tuple[str, ...]]]] = {
    common_pb2.SECTION_MEDICATIONS: _medications,
    common_pb2.SECTION_VISITS: _visits,
    common_pb2.SECTION_DOCUMENTS: _documents,
    common_pb2.SECTION_LABS: _labs,
    common_pb2.SECTION_VACCINATIONS: _vaccinations,
    common_pb2.SECTION_OWN_REGISTRATIONS: _own_registrations,
    common_pb2.SECTION_PATIENT: _patient,
}
"""What stands in a section, a tuple of cells an entry. A long section is cut on the screen."""

NEVER_CUT: dict[int, Callable[[Any], Iterable[tuple[str, ...]]]] = {
    common_pb2.SECTION_CRITICAL_INFO: _critical_info,
    common_pb2.SECTION_MEDICATIONS: _medication_list,
}
"""What comes before it, and is shown whole, however much it is."""


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
        return day(time.instant)
    if time.HasField("date"):
        return partial(time.date)
    return f"{time.age_years} år gammel" if time.HasField("age_years") else ""


def partial(date: PartialDate) -> str:
    """Returns a date as far as it is known."""
    parts = [f"{date.year:04}"] + [f"{part:02}" for part in (date.month, date.day) if part]
    return "-".join(parts)
