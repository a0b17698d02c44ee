"""Prints a summary. What is missing is as visible as what is there; nothing that is unknown looks like none."""

from collections.abc import Iterable, Sequence

from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kj.show import alert_lines
from kj.show.norwegian import words
from kj.show.section_rows import NEVER_CUT, ROWS, partial
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import ListWindow
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryResponse, SummarySection

MOST_ROWS = 8
"""Entries of a section on the screen; the line below says how many there are."""

_LOUD = "bold white on red"
_COMPLETENESS = {
    summary_pb2.COMPLETENESS_COMPLETE: ("FULLSTENDIG", "green"),
    summary_pb2.COMPLETENESS_MAY_BE_HIDDEN: ("DELER KAN VÆRE SKJULT AV PASIENTEN", "yellow"),
    summary_pb2.COMPLETENESS_PARTIAL: ("UFULLSTENDIG: en del mangler", "yellow"),
    summary_pb2.COMPLETENESS_CRITICAL_WITHHELD: (
        "KRITISK INFORMASJON ELLER LEGEMIDLER ER SPERRET AV PASIENTEN",
        _LOUD,
    ),
    summary_pb2.COMPLETENESS_CRITICAL_MISSING: ("KRITISK INFORMASJON ELLER LEGEMIDLER MANGLER", _LOUD),
}

_STATES = {
    summary_pb2.SECTION_STATE_NONE_RECORDED: ("ingenting er registrert her (ikke: pasienten har ingen)", "dim"),
    summary_pb2.SECTION_STATE_NIL_KNOWN: ("ingen kjente, har helsepersonell oppgitt", "green"),
    summary_pb2.SECTION_STATE_NOT_ASKED: ("ingen har spurt", "dim"),
    summary_pb2.SECTION_STATE_WITHHELD: (
        "SPERRET AV PASIENTEN: FORHOYET_SAMTYKKE eller FORHOYET_AKUTT åpner",
        _LOUD,
    ),
    summary_pb2.SECTION_STATE_NOT_AUTHORIZED: ("IKKE TILGJENGELIG FOR DENNE BRUKEREN", "yellow"),
}


def render(summary: GetPatientSummaryResponse, console: Console | None = None) -> None:
    """Prints a summary for a person."""
    console = console or Console()
    text, style = _COMPLETENESS.get(summary.completeness, ("UKJENT OM SAMMENDRAGET ER FULLSTENDIG", _LOUD))
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
    console.print(Text("Varsler", style="bold"))
    if not summary.HasField("alerts"):
        console.print(Text("  LEGEMIDLENE ER IKKE KONTROLLERT", style="bold red"))
        return
    found = summary.alerts
    alert_lines.show(found, console)


def _render_section(section: SummarySection, console: Console) -> None:
    if section.state == summary_pb2.SECTION_STATE_UNAVAILABLE:
        reason = words(common_pb2.UnavailableReason, section.unavailable_reason)
        console.print(Text(f"  IKKE TILGJENGELIG ({reason}): ukjent, ikke ingen", style=_LOUD))
        return
    if section.state == summary_pb2.SECTION_STATE_OLDER_ONLY and section.WhichOneof("content"):
        _render_windows(getattr(section, section.WhichOneof("content") or ""), console)
        return
    if section.state != summary_pb2.SECTION_STATE_DATA:
        text, style = _STATES.get(section.state, ("UKJENT TILSTAND", "bold red"))
        console.print(Text(f"  {text}", style=style))
        return
    field = section.WhichOneof("content")
    whole, rest = NEVER_CUT.get(section.section), ROWS.get(section.section)
    if field is None or not (whole or rest):
        console.print(Text("  opplysninger som ikke kan vises her: ukjent, ikke ingen", style="bold red"))
        return
    content = getattr(section, field)
    _print_rows(list(whole(content)) if whole else [], console)
    rows = list(rest(content)) if rest else []
    _print_rows(rows[:MOST_ROWS], console)
    if len(rows) > MOST_ROWS:
        console.print(Text(f"  ... og {len(rows) - MOST_ROWS} til her", style="dim"))
    _render_windows(content, console)


def _print_rows(rows: Sequence[tuple[str, ...]], console: Console) -> None:
    """Prints rows as a table in which no cell is cut, however narrow the terminal."""
    if not rows:
        return
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
    for _ in max(rows, key=len):
        table.add_column(overflow="fold")
    for row in rows:
        if not any(row[1:]):  # a line about those below it
            console.print(_cell(f"  {row[0]}"))
        else:
            table.add_row(*map(_cell, row))
    console.print(table)


def _render_windows(content: Message, console: Console) -> None:
    for window in _windows(content):
        if window.older_exist:
            console.print(Text(f"  {window.returned} av {window.total}: det finnes eldre", style="yellow"))
        if window.withheld:
            console.print(Text(f"  {window.withheld} SPERRET AV PASIENTEN", style=_LOUD))


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
