"""The access log as a table for people."""

from collections.abc import Iterable, Iterator
from datetime import UTC

from rich.text import Text

from kj.show.columns import Row
from kj.show.norwegian import WORDS, words
from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1 import common_pb2
from shared.codes.personnel import PERSONNEL
from shared.errors import ReasonValue, reason_name
from shared.norwegian_time import norwegian_time

_OUTCOMES = {
    pb.ACCESS_OUTCOME_DISCLOSED: ("sett", ""),
    pb.ACCESS_OUTCOME_CHANGED: ("endret", "green"),
    pb.ACCESS_OUTCOME_DENIED: ("avslått", "yellow"),
    pb.ACCESS_OUTCOME_FAILED: ("feilet", "yellow"),
    pb.ACCESS_OUTCOME_PENDING: ("ikke kjent om det ble gjort", "yellow"),
}
_RELATIONS = {
    common_pb2.REPRESENTATION_SELF: "pasienten",
    common_pb2.REPRESENTATION_PARENT: "en forelder",
    common_pb2.REPRESENTATION_GUARDIAN: "en verge",
    common_pb2.REPRESENTATION_PROXY: "noen med fullmakt",
}
_KINDS = {
    common_pb2.CALLER_KIND_SYSTEM: "et fagsystem",
    common_pb2.CALLER_KIND_AUDITOR: "en kontrollør",
    common_pb2.CALLER_KIND_CITIZEN: "en innbygger",
}
_STATES = {
    "none_recorded": "ingenting registrert",
    "nil_known": "ingen kjente",
    "not_asked": "ingen har spurt",
    "older_only": "bare eldre",
    "withheld": "sperret",
    "not_authorized": "ikke for denne brukeren",
    "unavailable": "ikke tilgjengelig",
    "unspecified": "ukjent",
    "followed": "følges",
}
"""What a section was, where that is not that there were entries."""


def rows(accesses: Iterable[pb.Access], *, entries: bool) -> Iterator[Row]:
    """Yields one row an access: when, who, where, on what basis, what, how it ended, and its trace."""
    yield tuple(Text(title, "dim") for title in ("når", "hvem", "hvor", "grunnlag", "hva", "utfall", "sporing"))
    for access in accesses:
        yield (
            norwegian_time(access.occurred_at.ToDatetime(tzinfo=UTC)).strftime("%Y-%m-%d %H:%M:%S"),
            who(access),
            where(access),
            basis(access),
            "; ".join(what(access, entries=entries)),
            outcome(access),
            access.trace_id,
        )


def who(access: pb.Access) -> str:
    """Returns name and role of personnel; of others in words what they are, with the name of who acted for another."""
    if access.HasField("practitioner"):
        role = access.practitioner.role
        title = role.display or PERSONNEL.get(role.code, role.code)
        return f"{access.practitioner.name}, {title}" if title else access.practitioner.name
    what = _RELATIONS.get(access.representation) or _KINDS.get(access.caller_kind, "ukjent")
    return f"{access.acting_name}, {what}" if access.acting_name else what


def where(access: pb.Access) -> str:
    """Returns place and department by name, and of which business it is a part; numbers where there are no names."""
    place, business = access.point_of_care, access.legal_entity
    parts = [place.name or _numbered(place.number), place.department]
    if business.number != place.number or not place.name:
        parts.append(business.name or _numbered(business.number))
    return ", ".join(dict.fromkeys(filter(None, parts)))


def _numbered(number: str) -> str:
    return f"org.nr. {number}" if number else ""


def basis(access: pb.Access) -> Text:
    """Returns the basis in words and by its name; emergencies and openings of restricted information stand out."""
    given = common_pb2.AccessBasis.Name(access.ground.basis).removeprefix("ACCESS_BASIS_")
    said = words(common_pb2.AccessBasis, access.ground.basis)
    text = Text("" if given == "UNSPECIFIED" else f"{said} ({given})", style="bold red" if access.emergency else "")
    if access.restricted_opened:
        return Text(f"{text.plain}, åpnet det som er sperret", style="bold red")
    return text


def what(access: pb.Access, *, entries: bool) -> Iterator[str]:
    """Yields a line a section: how many entries were seen or written, or why none; with `entries`, each by its id."""
    for section in access.sections:
        name = words(common_pb2.Section, section.section)
        if section.decision != common_pb2.SECTION_DECISION_PERMIT:
            yield f"{name}: {words(common_pb2.SectionDecision, section.decision)}"
            continue
        state = "" if section.state in ("", "data") else f" ({_STATES.get(section.state, section.state)})"
        changed = " endret" if section.changed else ""
        opened = ", ÅPNET DET SOM ER SPERRET" if section.restricted_opened else ""
        count = "vist" if section.state == "data" and not section.entry_count else section.entry_count
        yield f"{name}: {count}{changed}{state}{opened}"
        if entries:
            yield from (f"{entry.id}" + (f" v{entry.version}" if entry.version else "") for entry in section.entries)
    if not access.sections:
        yield from (rpc.rsplit("/", 1)[-1] for rpc in access.rpcs)
    if access.record_was_merged:
        yield "journalen var slått sammen med en annens da"


def outcome(access: pb.Access) -> Text:
    """Returns how it ended, and why when it did not succeed."""
    word, style = _OUTCOMES.get(access.outcome, ("ukjent", "yellow"))
    return Text(f"{word}: {_reason(access.reason)}" if access.reason else word, style=style)


def _reason(reason: ReasonValue) -> str:
    """Returns why something was refused or failed, in words where there are some, and always by its name."""
    name = reason_name(reason)
    said = WORDS.get(f"ERROR_REASON_{name}")
    return f"{said} ({name})" if said else name
