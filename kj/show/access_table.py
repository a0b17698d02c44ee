"""The access log as a table for people."""

from collections.abc import Iterable, Iterator
from datetime import UTC

from rich.table import Table
from rich.text import Text

from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1 import common_pb2
from shared.codes.personnel import PERSONNEL
from shared.errors import reason_name
from shared.norwegian_time import norwegian_time

_OUTCOMES = {
    pb.ACCESS_OUTCOME_DISCLOSED: ("seen", ""),
    pb.ACCESS_OUTCOME_CHANGED: ("changed", "green"),
    pb.ACCESS_OUTCOME_DENIED: ("refused", "yellow"),
    pb.ACCESS_OUTCOME_FAILED: ("failed", "yellow"),
    pb.ACCESS_OUTCOME_PENDING: ("not known whether it was made", "yellow"),
}
_RELATIONS = {
    common_pb2.REPRESENTATION_SELF: "the patient",
    common_pb2.REPRESENTATION_PARENT: "a parent",
    common_pb2.REPRESENTATION_GUARDIAN: "an appointed guardian",
    common_pb2.REPRESENTATION_PROXY: "somebody with a proxy",
}
_KINDS = {
    common_pb2.CALLER_KIND_SYSTEM: "a register's feed",
    common_pb2.CALLER_KIND_AUDITOR: "an auditor",
    common_pb2.CALLER_KIND_CITIZEN: "a citizen",
}


def table(accesses: Iterable[pb.Access], *, entries: bool) -> Table:
    """Returns one row an access: when, who, where, on what basis, what, how it ended, and its trace."""
    rows = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("when", "who", "where", "basis", "what", "outcome", "trace"):
        # A trace id that is cut or broken cannot be given to `kj trace`.
        rows.add_column(title, overflow="fold", no_wrap=title in ("when", "trace"))
    for access in accesses:
        rows.add_row(
            norwegian_time(access.occurred_at.ToDatetime(tzinfo=UTC)).strftime("%Y-%m-%d %H:%M:%S"),
            who(access),
            where(access),
            basis(access),
            Text("\n".join(what(access, entries=entries))),
            outcome(access),
            access.trace_id,
        )
    return rows


def who(access: pb.Access) -> str:
    """Returns name and role of personnel, and in words the kind of any other caller."""
    if access.HasField("practitioner"):
        role = access.practitioner.role
        title = role.display or PERSONNEL.get(role.code, role.code)
        return f"{access.practitioner.name}, {title}" if title else access.practitioner.name
    return _RELATIONS.get(access.representation) or _KINDS.get(access.caller_kind, "not known")


def where(access: pb.Access) -> str:
    """Returns the place, by name where it has one."""
    place = access.point_of_care
    named = place.name or place.number or access.legal_entity.name or access.legal_entity.number
    return f"{named}, {place.department}" if place.department else named


def basis(access: pb.Access) -> Text:
    """Returns the basis in law; emergencies and openings of restricted information stand out."""
    given = common_pb2.AccessBasis.Name(access.ground.basis).removeprefix("ACCESS_BASIS_")
    text = Text("" if given == "UNSPECIFIED" else given, style="bold red" if access.emergency else "")
    if access.restricted_opened:
        text.append("\nopened what is restricted", style="bold red")
    return text


def what(access: pb.Access, *, entries: bool) -> Iterator[str]:
    """Yields a line a section: how many entries were seen or written, or why none; with `entries`, each by its id."""
    for section in access.sections:
        name = common_pb2.Section.Name(section.section).removeprefix("SECTION_").lower().replace("_", " ")
        if section.decision != common_pb2.SECTION_DECISION_PERMIT:
            decision = common_pb2.SectionDecision.Name(section.decision).removeprefix("SECTION_DECISION_").lower()
            yield f"{name}: {'not opened' if decision == 'unspecified' else decision}"
            continue
        yield f"{name}: {section.entry_count}" + (" changed" if section.changed else "")
        if entries:
            yield from (f"  {entry.id}" + (f" v{entry.version}" if entry.version else "") for entry in section.entries)
    if not access.sections:
        yield from (rpc.rsplit("/", 1)[-1] for rpc in access.rpcs)


def outcome(access: pb.Access) -> Text:
    """Returns how it ended, and why when it did not succeed."""
    word, style = _OUTCOMES.get(access.outcome, ("not known", "yellow"))
    return Text(f"{word}: {reason_name(access.reason)}" if access.reason else word, style=style)
