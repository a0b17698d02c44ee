"""Prints a summary. What is missing is as visible as what is there; nothing that is unknown looks like none."""

from collections.abc import Iterable

from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kj.show import alert_lines
from kj.show.section_rows import ROWS, partial, words
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import ListWindow
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryResponse, SummarySection

MOST_ROWS = 8
"""Entries of a section on the screen; the line below says how many there are."""

_COMPLETENESS = {
    summary_pb2.COMPLETENESS_COMPLETE: ("COMPLETE", "green"),
    summary_pb2.COMPLETENESS_MAY_BE_HIDDEN: ("PARTS MAY BE HIDDEN BY THE PATIENT", "yellow"),
    summary_pb2.COMPLETENESS_PARTIAL: ("PARTIAL: a section is missing", "yellow"),
    summary_pb2.COMPLETENESS_CRITICAL_WITHHELD: (
        "CRITICAL INFORMATION OR MEDICINES ARE WITHHELD BY THE PATIENT",
        "bold white on red",
    ),
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
    for notice in summary.notices:
        console.print(_cell(f" {notice.text} {_died(summary) if notice.code == 'NOTICE_DECEASED' else ''}".rstrip()))
    _render_alerts(summary, console)
    for section in summary.sections:
        console.print()
        console.print(Text(_title(section), style="bold"))
        _render_section(section, console)


def _render_alerts(summary: GetPatientSummaryResponse, console: Console) -> None:
    console.print()
    console.print(Text("Alerts", style="bold"))
    if not summary.HasField("alerts"):
        console.print(Text("  MEDICINES WERE NOT CHECKED", style="bold red"))
        return
    found = summary.alerts
    alert_lines.show(found, console)


def _render_section(section: SummarySection, console: Console) -> None:
    if section.state == summary_pb2.SECTION_STATE_UNAVAILABLE:
        reason = words(common_pb2.UnavailableReason, section.unavailable_reason)
        console.print(Text(f"  NOT AVAILABLE ({reason}): unknown, not none", style="bold red"))
        return
    if section.state == summary_pb2.SECTION_STATE_OLDER_ONLY and section.WhichOneof("content"):
        _render_windows(getattr(section, section.WhichOneof("content") or ""), console)
        return
    if section.state != summary_pb2.SECTION_STATE_DATA:
        text, style = _STATES.get(section.state, ("STATE UNKNOWN", "bold red"))
        console.print(Text(f"  {text}", style=style))
        return
    field = section.WhichOneof("content")
    rows_of = ROWS.get(section.section)
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
    _render_windows(content, console)


def _render_windows(content: Message, console: Console) -> None:
    for window in _windows(content):
        if window.older_exist:
            console.print(Text(f"  {window.returned} of {window.total}: older ones exist", style="yellow"))
        if window.withheld:
            console.print(Text(f"  {window.withheld} withheld: restricted by the patient", style="yellow"))


def _died(summary: GetPatientSummaryResponse) -> str:
    """Returns when the patient died, as far as the summary says it."""
    died = (each.patient.death.date for each in summary.sections if each.patient.HasField("death"))
    return next((partial(date) for date in died), "")


def _cell(text: str) -> Text:
    """Returns a source's text as it stands: brackets are no markup in it, and no character moves the cursor."""
    return Text("".join(char if char.isprintable() else " " for char in text))


def _title(section: SummarySection) -> str:
    return words(common_pb2.Section, section.section).capitalize()


def _windows(content: Message) -> Iterable[ListWindow]:
    for field, value in content.ListFields():
        if field.message_type is not None and field.message_type.full_name == ListWindow.DESCRIPTOR.full_name:
            yield value
