"""Prints a summary. What is missing is as visible as what is there; nothing that is unknown looks like none."""

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import Message
from rich.console import Console

from kj.show import alert_lines, columns
from kj.show.columns import Line, Row
from kj.show.norwegian import words
from kj.show.section_rows import NEVER_CUT, ROWS, name_of
from kj.show.values import partial, said_by, together
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import ListWindow
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryResponse, SummarySection

MOST_ROWS = 8
"""Entries of a section or of a group in it on the screen; the line below says how many there are."""

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
    summary_pb2.SECTION_STATE_OLDER_ONLY: ("BARE ELDRE OPPLYSNINGER, utenfor tidsrommet som vises", "yellow"),
}
_LISTS = {
    "prescriptions_window": "resepter: ",
    "dispensings_window": "utleveringer: ",
    "statements_window": "opplysninger om bruk: ",
}
"""What a window is of, where a section has several."""


def render(summary: GetPatientSummaryResponse, console: Console | None = None) -> None:
    """Prints a summary for a person."""
    console = console or Console()
    text, style = _COMPLETENESS.get(summary.completeness, ("UKJENT OM SAMMENDRAGET ER FULLSTENDIG", _LOUD))
    columns.line(text, console, style, indent=1)
    for notice in _notices(summary):
        columns.line(notice.text, console, notice.style, indent=1)
    for section in summary.sections:
        if section.HasField("patient"):
            born = section.patient.birth_date
            columns.line(
                together(name_of(section.patient) or "navn ikke kjent", f"født {partial(born)}" if born.year else ""),
                console,
                "bold",
                indent=1,
            )
    _render_alerts(summary, console)
    for section in summary.sections:
        console.print()
        columns.line(_title(section), console, "bold", indent=0)
        _render_section(section, console)


def _notices(summary: GetPatientSummaryResponse) -> Iterator[Line]:
    """Yields what has to be known before anything else: first that the patient is dead, and since when."""
    dead = [notice.text for notice in summary.notices if notice.code == "NOTICE_DECEASED"]
    if dead or summary.deceased:
        died = [each.patient.death.date for each in summary.sections if each.patient.HasField("death")]
        yield Line(together(*dead[:1], *map(partial, died[:1]), by=" ") or "PASIENTEN ER DØD", _LOUD)
    for notice in summary.notices:
        if notice.code != "NOTICE_DECEASED":
            yield Line(notice.text or notice.code, "yellow")


def _render_alerts(summary: GetPatientSummaryResponse, console: Console) -> None:
    console.print()
    columns.line("Varsler", console, "bold", indent=0)
    if not summary.HasField("alerts"):
        columns.line("LEGEMIDLENE ER IKKE KONTROLLERT", console, "bold red")
        return
    alert_lines.show(summary.alerts, console)


def _render_section(section: SummarySection, console: Console) -> None:
    """Prints a section's entries, or the state it is in without any, then what is not among them."""
    field = section.WhichOneof("content")
    content: Any = getattr(section, field) if field else None
    whole, rest = NEVER_CUT.get(section.section), ROWS.get(section.section)
    if section.state == summary_pb2.SECTION_STATE_UNAVAILABLE:
        reason = words(common_pb2.UnavailableReason, section.unavailable_reason)
        columns.line(f"IKKE TILGJENGELIG ({reason}): ukjent, ikke ingen", console, _LOUD)
    elif section.state != summary_pb2.SECTION_STATE_DATA:
        text, style = _STATES.get(section.state, ("UKJENT TILSTAND", "bold red"))
        columns.line(together(text, _stated(content)), console, style)
    elif content is None or not (whole or rest):
        columns.line("opplysninger som ikke kan vises her: ukjent, ikke ingen", console, "bold red")
    else:
        rows = [*(whole(content) if whole else ()), *_cut(rest(content) if rest else ())]
        columns.show(rows, console)
    if content is not None:
        _render_windows(content, console)


def _stated(content: Any) -> str:
    """Returns who said that there is nothing, and when, where that is on record."""
    if content is None:
        return ""
    statements = [*getattr(content, "absences", ()), *getattr(content, "statements", ())]
    if hasattr(content, "absence") and content.HasField("absence"):
        statements.append(content.absence)
    return next((f"sagt {said_by(each.header.provenance)}" for each in statements), "")


def _cut(rows: Iterable[Row | Line]) -> Iterator[Row | Line]:
    """Yields the first rows, of each group that a line begins, and how many more it has."""
    shown = 0
    for row in (*rows, Line("")):
        if isinstance(row, Line):
            if shown > MOST_ROWS:
                yield Line(f"... og {shown - MOST_ROWS} til her", "dim")
            if row.text:
                yield row
            shown = 0
            continue
        shown += 1
        if shown <= MOST_ROWS:
            yield row


def _render_windows(content: Message, console: Console) -> None:
    for name, window in _windows(content):
        of = _LISTS.get(name, "")
        if window.older_exist:
            columns.line(f"{of}{window.returned} av {window.total}: det finnes eldre", console, "yellow")
        elif window.returned < window.total:
            columns.line(f"{of}{window.returned} av {window.total} vises", console, "yellow")
        if window.withheld:
            columns.line(f"{of}{window.withheld} SPERRET AV PASIENTEN", console, _LOUD)


def _title(section: SummarySection) -> str:
    return words(common_pb2.Section, section.section).capitalize()


def _windows(content: Message) -> Iterable[tuple[str, ListWindow]]:
    for field, value in content.ListFields():
        if field.message_type is not None and field.message_type.full_name == ListWindow.DESCRIPTOR.full_name:
            yield field.name, value
