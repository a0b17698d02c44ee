"""Critical information as rows for people: what it is, how dangerous, whether it holds, since when."""

from collections.abc import Iterable

from kj.show.columns import Line, Row
from kj.show.norwegian import day, words
from kj.show.values import concept, partial, said_by, together, when
from kjernejournal.common.v1 import common_pb2
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb


def critical_info(content: pb.CriticalInfoSection) -> Iterable[Row | Line]:
    """Yields every entry, as the register orders them: by danger. Then what was said of categories without entries."""
    for entry in content.critical_info:
        yield (
            words(pb.Category, entry.category),
            _what(entry),
            together(*_details(entry)),
            when(entry.event_time),
        )
    for absence in content.absences:
        if absence.category or content.critical_info:
            yield _absence(absence)


def _what(entry: pb.CriticalInfo) -> str:
    """Returns what the entry is about. What does not hold any more says so before its name."""
    named = together(concept(entry.code), entry.specification) or "ikke oppgitt hva"
    if entry.status == pb.STATUS_ACTIVE:
        return named
    ended = when(entry.ended) if entry.HasField("ended") else ""
    if entry.status == pb.STATUS_EXPIRED and entry.HasField("valid_until"):
        ended = partial(entry.valid_until)
    return f"{together(words(pb.Status, entry.status).upper(), ended, by=' ')}: {named}"


def _details(entry: pb.CriticalInfo) -> Iterable[str]:
    """Yields what the category has of its own, then the comment."""
    match entry.WhichOneof("details"):
        case "reaction":
            yield from _reaction(entry.reaction)
        case "anaesthesia":
            yield from _named("intubasjon", concept(entry.anaesthesia.intubation_grading))
            yield from _named("maskeventilering", concept(entry.anaesthesia.mask_ventilation))
        case "condition":
            yield entry.condition.info_text
        case "treatment":
            yield from _named("startet", when(entry.treatment.started))
        case "implant":
            yield from _named("satt inn", when(entry.implant.implanted))
        case "procedure_change":
            period = entry.procedure_change.period
            yield from _named("fra", day(period.start))
            yield from _named("til", day(period.end))
        case "treatment_decision":
            yield from _named("varighet", entry.treatment_decision.duration.display)
            yield from _named("begrunnelse", entry.treatment_decision.clinical_reason)
            yield from _named("mål", entry.treatment_decision.treatment_goal)
    if entry.status == pb.STATUS_ACTIVE and entry.HasField("valid_until"):
        yield f"varsles til {partial(entry.valid_until)}"
    yield entry.comment


def _reaction(reaction: pb.Reaction) -> Iterable[str]:
    """Yields how serious, how certain, and what happened."""
    if reaction.criticality:
        yield words(pb.Criticality, reaction.criticality)
    if reaction.severity:
        yield words(pb.ReactionSeverity, reaction.severity)
    if reaction.certainty:
        yield words(pb.Certainty, reaction.certainty)
    yield from map(concept, reaction.manifestations)
    if reaction.inactive_ingredient:
        yield "på et hjelpestoff"


def _named(name: str, value: str) -> Iterable[str]:
    if value:
        yield f"{name} {value}"


def _absence(absence: pb.CategoryAbsence) -> Line:
    about = f"i {words(pb.Category, absence.category)}" if absence.category else "i det hele"
    said = words(common_pb2.AbsenceKind, absence.kind)
    return Line(f"{about}: {said}, sagt {said_by(absence.header.provenance)}", "dim")
