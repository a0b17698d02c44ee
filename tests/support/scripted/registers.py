"""What registers may answer to a summary's question: every state they can state, and every way to give no answer."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2

from gateway.registers.sources import SOURCES, Source
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import (
    ABSENCE_KIND_NIL_KNOWN,
    ABSENCE_KIND_NOT_ASKED,
    AbsenceKind,
    EntryHeader,
    ListWindow,
    SectionFailure,
    SectionQuery,
    StatedAbsence,
)
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2 as medicines
from kjernejournal.own_registrations.v1 import own_registrations_pb2 as own
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.vaccinations.v1 import vaccinations_pb2
from kjernejournal.visits.v1 import visits_pb2
from shared.register.batch_sections import LARGEST_SECTION, answer_each
from tests.support.scripted.services import Unary, refusing, saying

BY_SERVICE = {source.service: source for source in SOURCES}

_HEADER = EntryHeader(id="00000000-0000-4000-8000-000000000001", version=1)
_ONE, _NOTHING, _HIDDEN = ListWindow(returned=1, total=1), ListWindow(), ListWindow(withheld=2)
_NIL = StatedAbsence(header=_HEADER, kind=common_pb2.ABSENCE_KIND_NIL_KNOWN)
_NOT_ASKED = StatedAbsence(header=_HEADER, kind=common_pb2.ABSENCE_KIND_NOT_ASKED)


def _medicines(window: ListWindow = _NOTHING, **fields: Any) -> medicines.MedicationsSection:
    return medicines.MedicationsSection(
        prescriptions_window=window, dispensings_window=_NOTHING, statements_window=_NOTHING, **fields
    )


def _critical_info(*said: "AbsenceKind.ValueType") -> ki.CriticalInfoSection:
    return ki.CriticalInfoSection(
        window=_NOTHING, absences=[ki.CategoryAbsence(header=_HEADER, kind=each) for each in said]
    )


CONTENT: dict[str, dict[str, Message]] = {
    "critical_info": {
        "DATA": ki.CriticalInfoSection(critical_info=[ki.CriticalInfo(header=_HEADER)], window=_ONE, active=1),
        "NONE_RECORDED": _critical_info(),
        "NIL_KNOWN": _critical_info(ABSENCE_KIND_NIL_KNOWN),
        "NOT_ASKED": _critical_info(ABSENCE_KIND_NOT_ASKED),
    },
    "medications": {
        "DATA": _medicines(_ONE, prescriptions=[medicines.Prescription(header=_HEADER)]),
        "NONE_RECORDED": _medicines(),
        "NIL_KNOWN": _medicines(stated_absence=medicines.STATEMENT_KIND_NIL_KNOWN),
        "NOT_ASKED": _medicines(stated_absence=medicines.STATEMENT_KIND_NOT_ASKED),
        "WITHHELD": _medicines(_HIDDEN),
    },
    "visits": {
        "DATA": visits_pb2.VisitsSection(visits=[visits_pb2.Visit(header=_HEADER)], window=_ONE),
        "NONE_RECORDED": visits_pb2.VisitsSection(window=_NOTHING),
        "OLDER_ONLY": visits_pb2.VisitsSection(window=ListWindow(total=2, older_exist=True)),
    },
    "documents": {
        "DATA": documents_pb2.DocumentsSection(documents=[documents_pb2.Document(header=_HEADER)], window=_ONE),
        "NONE_RECORDED": documents_pb2.DocumentsSection(window=_NOTHING),
        "WITHHELD": documents_pb2.DocumentsSection(window=_HIDDEN),
    },
    "labs": {
        "DATA": labs_pb2.LabsSection(reports=[labs_pb2.LabReport(header=_HEADER)], window=_ONE),
        "NONE_RECORDED": labs_pb2.LabsSection(window=_NOTHING),
        "NIL_KNOWN": labs_pb2.LabsSection(window=_NOTHING, absence=_NIL),
        "NOT_ASKED": labs_pb2.LabsSection(window=_NOTHING, absence=_NOT_ASKED),
        "WITHHELD": labs_pb2.LabsSection(window=_HIDDEN),
    },
    "vaccinations": {
        "DATA": vaccinations_pb2.VaccinationsSection(
            vaccinations=[vaccinations_pb2.Vaccination(header=_HEADER)], window=_ONE
        ),
        "NONE_RECORDED": vaccinations_pb2.VaccinationsSection(window=_NOTHING),
        "NIL_KNOWN": vaccinations_pb2.VaccinationsSection(window=_NOTHING, absence=_NIL),
        "NOT_ASKED": vaccinations_pb2.VaccinationsSection(window=_NOTHING, absence=_NOT_ASKED),
    },
    "own_registrations": {
        "DATA": own.OwnRegistrationsSection(registrations=[own.OwnRegistration(header=_HEADER)], window=_ONE),
        "NONE_RECORDED": own.OwnRegistrationsSection(window=_NOTHING),
    },
    "patients": {
        "DATA": patients_pb2.PatientSection(version=1),
        "NONE_RECORDED": patients_pb2.PatientSection(),
    },
}
"""Each state that a register states by itself, with the section that states it."""


def stating(source: Source, section: Message) -> Unary:
    """Returns a register that answers every query with this section."""

    async def answer(data: bytes, _: Any) -> bytes:
        return _reply(source, data, lambda query: {"access_id": query.access_id, "section": section})

    return answer


def failing(source: Source, reason: "common_pb2.UnavailableReason.ValueType") -> Unary:
    """Returns a register that answers every query with this failure."""

    async def answer(data: bytes, _: Any) -> bytes:
        failure = SectionFailure(reason=reason)
        return _reply(source, data, lambda query: {"access_id": query.access_id, "failure": failure})

    return answer


def of_somebody_else(source: Source) -> Unary:
    """Returns a register that answers with a section under a key that nobody asked for."""
    section = CONTENT[source.service]["DATA"]

    async def answer(data: bytes, _: Any) -> bytes:
        return _reply(source, data, lambda query: {"access_id": query.access_id[::-1], "section": section})

    return answer


def oversize(source: Source, entries_that_fit: int = 0) -> Unary:
    """Returns a register that answers as ours do, whose section is too large with more entries than these."""

    async def read(query: SectionQuery) -> Any:
        section: Any = type(CONTENT[source.service]["DATA"])()
        section.CopyFrom(CONTENT[source.service]["DATA"])
        if query.max_entries > entries_that_fit:
            section.MergeFromString(_padding(LARGEST_SECTION))
        elif hasattr(section, "window"):
            section.window.CopyFrom(ListWindow(returned=query.max_entries, total=700, older_exist=True))
        return section

    async def answer(data: bytes, _: Any) -> bytes:
        queries = source.proto.BatchGetSectionsRequest.FromString(data).queries
        answers = await answer_each(queries, source.proto.SectionAnswer, read)
        return bytes(source.proto.BatchGetSectionsResponse(answers=answers).SerializeToString())

    return answer


def heavy(source: Source, size: int) -> Unary:
    """Returns a register whose section has an entry and about so many bytes."""
    section: Any = type(CONTENT[source.service]["DATA"])()
    section.CopyFrom(CONTENT[source.service]["DATA"])
    section.MergeFromString(_padding(size))
    return stating(source, section)


async def frozen(_: bytes, __: Any) -> bytes:
    """Gives no answer for longer than anybody waits."""
    await asyncio.sleep(30)
    return b""


async def crashing(_: bytes, __: Any) -> bytes:
    """Fails by a fault of the register's own."""
    raise RuntimeError("asyncpg: relation entries does not exist")


def _info(reason: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain="kjernejournal")


FAULTS: dict[str, tuple[Callable[[Source], Unary], str]] = {
    "frozen": (lambda _: frozen, "UNAVAILABLE TIMEOUT"),
    "slow inside": (
        lambda source: failing(source, common_pb2.UNAVAILABLE_REASON_TIMEOUT),
        "UNAVAILABLE TIMEOUT",
    ),
    "crash": (lambda _: crashing, "UNAVAILABLE ERROR"),
    "down": (lambda _: refusing(grpc.StatusCode.UNAVAILABLE, "", None), "UNAVAILABLE ERROR"),
    "garbage": (lambda _: saying(b"\x0a\xff\xff\xff\xff\x0f"), "UNAVAILABLE ERROR"),
    "nothing at all": (lambda _: saying(b""), "UNAVAILABLE ERROR"),
    "another's": (of_somebody_else, "UNAVAILABLE ERROR"),
    "denied": (
        lambda _: refusing(grpc.StatusCode.PERMISSION_DENIED, "this peer may not call", _info("PEER_REFUSED")),
        "UNAVAILABLE ERROR",
    ),
    "error inside": (lambda source: failing(source, common_pb2.UNAVAILABLE_REASON_ERROR), "UNAVAILABLE ERROR"),
    "shedding": (
        lambda _: refusing(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls at once", _info("OVERLOADED")),
        "UNAVAILABLE OVERLOADED",
    ),
    "oversize": (oversize, "UNAVAILABLE TOO_LARGE"),
}
"""Ways to give no answer, each with what the summary says then."""


def _reply(source: Source, data: bytes, fields: Callable[[SectionQuery], dict[str, Any]]) -> bytes:
    queries = source.proto.BatchGetSectionsRequest.FromString(data).queries
    answers = [source.proto.SectionAnswer(**fields(query)) for query in queries]
    return bytes(source.proto.BatchGetSectionsResponse(answers=answers).SerializeToString())


def _padding(size: int) -> bytes:
    """Returns a field that nobody knows, of so many bytes."""
    length = bytes([*(size >> shift & 127 | 128 for shift in (0, 7, 14)), size >> 21])
    return b"\xc2\x3e" + length + bytes(size)
