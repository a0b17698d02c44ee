"""Medicines as rows for people: the list with who confirmed it, then what else is in force, then the rest."""

from collections.abc import Iterator
from datetime import UTC, datetime

from kj.show.columns import Line, Row
from kj.show.doses import doses
from kj.show.norwegian import day, words
from kj.show.values import CONTRADICTORY, coded, concept, said_by, together, when
from kjernejournal.common.v1 import common_pb2
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.norwegian_time import norwegian_date

LOUD = "bold white on red"
_IN_FORCE = frozenset(
    {
        pb.PRESCRIPTION_STATE_DISPENSABLE,
        pb.PRESCRIPTION_STATE_BEING_DISPENSED,
        pb.PRESCRIPTION_STATE_UNSPECIFIED,
    }
)
"""Prescriptions that must be seen."""


def in_force(content: pb.MedicationsSection) -> Iterator[Row | Line]:
    """Yields what is never cut: the list after who confirmed it and when, other lists that a merge has left, whatever
    is prescribed or stated to be in use beside them, and without a list every prescription in force."""
    if content.HasField("medication_list"):
        yield from _lists(content.medication_list)
    else:
        yield Line("bare resepter: ingen legemiddelliste er bekreftet", "yellow")
    if content.list_info.open_proposals:
        yield Line(f"FORSLAG TIL ENDRING SOM VENTER PÅ LEGE: {content.list_info.open_proposals}", "yellow")
    beside = [_prescription(each) for each in content.prescriptions if _holds(each) and not _on_list(each, content)]
    if beside and content.HasField("medication_list"):
        yield Line("FORSKREVET, OG IKKE FUNNET PÅ LISTEN", "yellow")
    yield from beside
    used = [each for each in content.statements if each.in_use or each.kind not in pb.StatementKind.values()]
    if used:
        yield Line("oppgitt å være i bruk")
    yield from map(_statement, used)


def rest(content: pb.MedicationsSection) -> Iterator[Row | Line]:
    """Yields what may be cut, in groups, each after a line that says what it is."""
    groups = {
        "resepter på listen": [each for each in content.prescriptions if _holds(each) and _on_list(each, content)],
        "tidligere resepter": [each for each in content.prescriptions if not _holds(each)],
    }
    for title, prescriptions in groups.items():
        if prescriptions:
            yield Line(title)
        yield from map(_prescription, prescriptions)
    if content.dispensings:
        yield Line("utlevert")
    for dispensing in content.dispensings:
        handed = day(dispensing.dispensed_at)
        said = handed or together("IKKE KJENT OM UTLEVERT, klargjort", day(dispensing.prepared_at), by=" ")
        source = _source(dispensing.source_record)
        yield (together(said, source), medicine(dispensing.medication), doses(dispensing.dosages, missing=""), "")
    others = [each for each in content.statements if not each.in_use and each.kind in pb.StatementKind.values()]
    if others:
        yield Line("oppgitt, ikke i bruk nå")
    yield from map(_statement, others)


def _lists(medicines: pb.MedicationList) -> Iterator[Row | Line]:
    yield Line(f"listen er bekreftet {_confirmed(medicines.confirmed)}", "bold")
    if medicines.comment:
        yield Line(f"merknad: {medicines.comment}")
    if medicines.HasField("multidose"):
        yield Line(_multidose(medicines.multidose))
    if medicines.other_lists:
        lists = len(medicines.other_lists) + 1
        yield Line(
            f"PASIENTEN HAR {lists} LEGEMIDDELLISTER etter en sammenslåing: ingen har bekreftet dem samlet", LOUD
        )
    if not any(not entry.other_list_id for entry in medicines.entries):
        yield Line("listen er tom", "yellow")
    yield from (_entry(entry) for entry in medicines.entries if not entry.other_list_id)
    for other in medicines.other_lists:
        only = [entry for entry in medicines.entries if entry.other_list_id == other.list_id]
        alone = (
            f"{len(only)} {'oppføring' if len(only) == 1 else 'oppføringer'} bare her"
            if only
            else "alt på den står også på listen over"
        )
        yield Line(f"ANNEN LISTE, bekreftet {_confirmed(other.confirmed)}: {alone}", LOUD)
        yield from map(_entry, only)
    named = {other.list_id for other in medicines.other_lists}
    unnamed = [entry for entry in medicines.entries if entry.other_list_id and entry.other_list_id not in named]
    if unnamed:
        yield Line("ANNEN LISTE, ukjent hvem som har bekreftet den", LOUD)
    yield from map(_entry, unnamed)


def _confirmed(confirmed: common_pb2.Provenance) -> str:
    """Returns when a list was confirmed, by whom, and how long ago that is."""
    if not confirmed.recorded_at.seconds:
        return said_by(confirmed)
    now = datetime.now(UTC)
    days = (norwegian_date(now) - norwegian_date(confirmed.recorded_at.ToDatetime(tzinfo=UTC))).days
    ago = "i dag" if days == 0 else "i går" if days == 1 else f"for {days} dager siden"
    return f"{said_by(confirmed)} ({ago})" if days >= 0 else said_by(confirmed)


def _multidose(multidose: pb.Multidose) -> str:
    packed = day(multidose.last_packed)
    return together(
        together("multidose fra", multidose.pharmacy.name or "ukjent apotek", by=" "),
        f"sist pakket {packed}" if packed else "",
        "NYERE FORSLAG FRA APOTEKET" if multidose.HasField("proposals_sent") else "",
    )


def _entry(entry: pb.ListEntry) -> Row:
    status = words(pb.EntryStatus, entry.status)
    if entry.status == pb.ENTRY_STATUS_DISCONTINUED:
        status = together(status, day(entry.discontinuation.discontinued_at), by=" ")
    elif entry.status == pb.ENTRY_STATUS_ACTIVE and _later(entry.started):
        status = f"IKKE ENNÅ, fra {when(entry.started)}"
    elif entry.HasField("planned_end"):
        over = entry.planned_end.ToDatetime(tzinfo=UTC) <= datetime.now(UTC)
        status = f"{status}, {'OVER PLANLAGT SLUTT' if over else 'til'} {day(entry.planned_end)}"
    dose = doses(entry.dosages, missing=entry.dose_guidance or "DOSE IKKE OPPGITT")
    why = together(concept(entry.discontinuation.reason), entry.discontinuation.text)
    notes = together("multidose" if entry.multidose else "", why or entry.change_reason, entry.comment)
    return (status, medicine(entry.medication), dose, notes)


def _later(started: common_pb2.EventTime) -> bool:
    """Whether a use begins on a later day than today, as far as its date is known."""
    today = norwegian_date(datetime.now(UTC)).isoformat()
    begins = when(started) if not started.HasField("age_years") else ""
    return bool(begins) and begins > today[: len(begins)]


def _holds(prescription: pb.Prescription) -> bool:
    return prescription.state in _IN_FORCE or prescription.state not in pb.PrescriptionState.values()


def _on_list(prescription: pb.Prescription, content: pb.MedicationsSection) -> bool:
    """Whether an entry of the list says that it is on this prescription."""
    entry_id, source_id = prescription.header.id, prescription.header.provenance.source_id
    return any(
        (entry_id and each.prescription_id == entry_id) or (source_id and each.prescription_source_id == source_id)
        for each in content.medication_list.entries
    )


def _prescription(prescription: pb.Prescription) -> Row:
    state = words(pb.PrescriptionState, prescription.state)
    if prescription.HasField("source_record"):
        state = _source(prescription.source_record) or state
    locked = "LÅST AV PASIENTEN" if prescription.locked else ""
    return (
        together("forskrevet", day(prescription.prescribed_at), by=" "),
        medicine(prescription.medication),
        doses(prescription.dosages, missing=prescription.dose_guidance or "dose ikke oppgitt"),
        together(state, locked),
    )


def _source(record: pb.SourceRecord) -> str:
    """Returns what another source said of it: above all that it is not to be done."""
    said = f"kilden sier: {record.status}" if record.status else ""
    return together("SKAL IKKE GIS" if record.do_not_perform else "", said)


def _statement(statement: pb.MedicationStatement) -> Row:
    said = together("oppgitt", day(statement.asserted_at), by=" ")
    source = _source(statement.source_record)
    if statement.kind == pb.STATEMENT_KIND_NIL_KNOWN:
        return (said, "bruker ingen legemidler", "", source)
    if statement.kind == pb.STATEMENT_KIND_NOT_ASKED:
        return (said, "ingen har spurt om legemidler", "", source)
    used = "i bruk" if statement.in_use else "ikke i bruk"
    return (said, medicine(statement.medication), doses(statement.dosages, missing=""), together(used, source))


def medicine(medication: pb.Medication) -> str:
    """Returns name, strength and ATC code, with what is known of the code."""
    name = concept(medication.code) or medication.atc.display
    strength = "" if medication.strength in name else medication.strength
    atc = f"({coded(medication.atc)})" if medication.atc.code else ""
    if medication.atc.display and CONTRADICTORY in atc and medication.atc.display not in name:
        atc = f"({coded(medication.atc)}, {medication.atc.display})"
    return together(name or "legemiddel uten navn", strength, atc, by=" ")
