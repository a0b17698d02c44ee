"""A summary in the terminal. What is missing is as loud as what is there; nothing that is unknown looks like none."""

from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CodeableConcept, EventTime, ListWindow, PartialDate
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryResponse, Section
from kjernejournal.visits.v1 import visits_pb2

MOST_ROWS = 8
"""Entries of a section on the screen; the line below says how many there are."""

_COMPLETENESS = {
    summary_pb2.COMPLETENESS_COMPLETE: ("COMPLETE", "green"),
    summary_pb2.COMPLETENESS_PARTIAL: ("PARTIAL: a section is missing", "yellow"),
    summary_pb2.COMPLETENESS_CRITICAL_MISSING: ("CRITICAL INFORMATION OR MEDICINES ARE MISSING", "bold white on red"),
}

_STATES = {
    summary_pb2.SECTION_STATE_NONE_RECORDED: ("nothing is registered here (not: the patient has none)", "dim"),
    summary_pb2.SECTION_STATE_NIL_KNOWN: ("none known, as a clinician has said", "green"),
    summary_pb2.SECTION_STATE_NOT_ASKED: ("nobody has asked", "dim"),
    summary_pb2.SECTION_STATE_WITHHELD: (
        "restricted by the patient: FORHOYET_SAMTYKKE or FORHOYET_AKUTT opens it",
        "yellow",
    ),
    summary_pb2.SECTION_STATE_NOT_AUTHORIZED: ("not for this caller", "yellow"),
}


def render(summary: GetPatientSummaryResponse, console: Console | None = None) -> None:
    """Prints a summary for a person."""
    console = console or Console()
    text, style = _COMPLETENESS.get(summary.completeness, ("COMPLETENESS UNKNOWN", "bold white on red"))
    console.print(Text(f" {text} ", style=style))
    for section in summary.sections:
        console.print()
        console.print(Text(_title(section), style="bold"))
        _render_section(section, console)


def _render_section(section: Section, console: Console) -> None:
    if section.state == summary_pb2.SECTION_STATE_UNAVAILABLE:
        reason = _enum(common_pb2.UnavailableReason, section.unavailable_reason)
        console.print(Text(f"  NOT AVAILABLE ({reason}): unknown, not none", style="bold red"))
        return
    if section.state != summary_pb2.SECTION_STATE_DATA:
        text, style = _STATES.get(section.state, ("STATE UNKNOWN", "bold red"))
        console.print(Text(f"  {text}", style=style))
        return
    field = section.WhichOneof("content")
    rows_of = _ROWS.get(section.section)
    if field is None or rows_of is None:
        console.print(Text("  entries that cannot be shown here: unknown, not none", style="bold red"))
        return
    content = getattr(section, field)
    rows = list(rows_of(content))
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
    for row in rows[:MOST_ROWS]:
        table.add_row(*map(_cell, row))
    console.print(table)
    if len(rows) > MOST_ROWS:
        console.print(Text(f"  ... and {len(rows) - MOST_ROWS} more here", style="dim"))
    for window in _windows(content):
        if window.older_exist:
            console.print(Text(f"  {window.returned} of {window.total}: older ones exist", style="dim"))
        if window.withheld:
            console.print(Text(f"  {window.withheld} withheld: restricted by the patient", style="yellow"))


def _cell(text: str) -> Text:
    """A source's text as it stands: brackets are no markup here, and no character moves the cursor."""
    return Text("".join(char if char.isprintable() else " " for char in text))


def _title(section: Section) -> str:
    return _enum(common_pb2.Section, section.section).capitalize()


def _critical_info(content: critical_info_pb2.CriticalInfoSection) -> Iterable[tuple[str, ...]]:
    for entry in content.entries:
        yield (
            _enum(critical_info_pb2.Category, entry.category),
            _concept(entry.code) or entry.specification,
            _enum(critical_info_pb2.Status, entry.status),
            _when(entry.event_time),
        )


def _medications(content: Any) -> Iterable[tuple[str, ...]]:
    if not content.HasField("medication_list"):
        yield ("prescriptions only: no medication list has been confirmed",)
    for entry in content.medication_list.entries:
        yield ("on the list", _medicine(entry.medication), "")
    for prescription in content.prescriptions:
        state = _enum(medications_pb2.PrescriptionState, prescription.state)
        yield ("prescribed", _medicine(prescription.medication), f"{state}  {_day(prescription.prescribed_at)}")
    for dispensing in content.dispensings:
        yield ("dispensed", _medicine(dispensing.medication), _day(dispensing.dispensed_at))
    for statement in content.statements:
        yield ("stated", _medicine(statement.medication), "in use" if statement.in_use else "not in use")


def _visits(content: visits_pb2.VisitsSection) -> Iterable[tuple[str, ...]]:
    for visit in content.entries:
        unit = " ".join(filter(None, (visit.unit.name, visit.unit.department)))
        yield (_day(visit.period.start), _enum(visits_pb2.ContactKind, visit.kind), unit)


def _documents(content: documents_pb2.DocumentsSection) -> Iterable[tuple[str, ...]]:
    for document in content.entries:
        yield (_day(document.creation_time), _concept(document.type), document.title)


def _patient(content: patients_pb2.PatientSection) -> Iterable[tuple[str, ...]]:
    yield ("name", " ".join(filter(None, (content.name.given, content.name.middle, content.name.family))))
    yield ("born", _partial(content.birth_date) if content.HasField("birth_date") else "not known")
    if content.HasField("death"):
        yield ("dead", _partial(content.death.date))
    if not content.has_general_practitioner:
        yield ("general practitioner", "none is registered")
    for assignment in content.general_practitioners[: int(content.has_general_practitioner)]:
        doctors = ", ".join(each.practitioner.name for each in assignment.contract.doctors)
        yield ("general practitioner", f"{doctors}, {assignment.contract.office.name}")


_ROWS: dict[int, Callable[[Any], Iterable[tuple[str, ...]]]] = {
    common_pb2.SECTION_CRITICAL_INFO: _critical_info,
    common_pb2.SECTION_MEDICATIONS: _medications,
    common_pb2.SECTION_VISITS: _visits,
    common_pb2.SECTION_DOCUMENTS: _documents,
    common_pb2.SECTION_PATIENT: _patient,
}


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
        return _partial(time.date)
    return f"at age {time.age_years}" if time.HasField("age_years") else ""


def _partial(date: PartialDate) -> str:
    parts = [f"{date.year:04}"] + [f"{part:02}" for part in (date.month, date.day) if part]
    return "-".join(parts)


def _day(moment: Timestamp) -> str:
    return moment.ToDatetime().date().isoformat() if moment.seconds else ""


def _enum(kind: Any, value: int) -> str:
    if value not in kind.values():
        return f"unknown ({value})"  # of a newer release
    name: str = kind.Name(value)
    prefix = "".join(f"_{char}" if char.isupper() else char.upper() for char in kind.DESCRIPTOR.name).lstrip("_")
    return name.removeprefix(prefix + "_").replace("_", " ").lower()


def _windows(content: Message) -> Iterable[ListWindow]:
    for field, value in content.ListFields():
        if field.message_type is not None and field.message_type.full_name == ListWindow.DESCRIPTOR.full_name:
            yield value
