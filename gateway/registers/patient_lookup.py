"""Does step 3, whom: asks the patients service for the references and facts of people, by national id."""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import grpc
from google.protobuf.message import DecodeError

from gateway.access.facts import BirthDate, CareRelation, PatientFacts
from gateway.registers.backends import Backend
from gateway.registers.breaker import PATIENCE, Breaker
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.patients.v1.patients_pb2 import PatientResolution, ResolvePatientsRequest, ResolvePatientsResponse
from shared import deadline
from shared.block_promise import BLOCK_HOLDS_WITHIN
from shared.convert import moment
from shared.errors import Reason, TimedOut, Unavailable

PATH = "/kjernejournal.patients.v1.PatientsService/ResolvePatients"
BUDGET = 2.0
"""Seconds, at most: without the answer nothing goes on."""
FRESH_TRIES = 3
"""Questions for facts that are fresh, before a patients service that answers too late for it counts as away."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The answer to one question about persons."""

    asked_at: float
    """Monotonic time of the question."""
    by_id: dict[str, PatientResolution]

    @property
    def fresh(self) -> bool:
        """Whether these facts may still decide a release."""
        return time.monotonic() - self.asked_at <= BLOCK_HOLDS_WITHIN

    def refs(self, person: str | None) -> tuple[str, ...]:
        """Returns every reference of a person, the canonical one first; none for somebody who is not known."""
        found = self.by_id.get(person or "")
        return tuple(found.patient_refs) if found else ()

    def facts(self, person: str) -> PatientFacts | None:
        """Returns the facts of a patient; None: no such patient."""
        found = self.by_id.get(person)
        if found is None or found.state != patients_pb2.RESOLUTION_STATE_REGISTERED:
            return None
        return _facts(found)


class PatientLookup:
    """Asks the patients service."""

    def __init__(self, patients: Backend) -> None:
        self._patients = patients
        self._breaker = Breaker()

    async def resolve_fresh(self, national_ids: Sequence[str]) -> Resolved:
        """Returns the same, fresh enough for a release. Raises Unavailable when it comes too late for that."""
        hurried = deadline.callers_own(FRESH_TRIES * BLOCK_HOLDS_WITHIN)
        for _ in range(FRESH_TRIES):
            began = time.monotonic()
            try:
                resolved = await self.resolve(national_ids, seconds=BLOCK_HOLDS_WITHIN)
            except Unavailable:
                if time.monotonic() - began < BLOCK_HOLDS_WITHIN / 2:
                    raise  # it is not late but away, and was asked twice
            else:
                if resolved.fresh:
                    return resolved
        if hurried and not deadline.inside(math.inf):
            raise _hurried()
        raise _unavailable()

    async def resolve(self, national_ids: Sequence[str], *, seconds: float = BUDGET) -> Resolved:
        """Returns what is known of these persons now. Raises Unavailable when no answer comes in that time, and at once
        when none came the last times; TimedOut when the caller has set less."""
        if not self._breaker.admits():
            raise _unavailable()
        asked_at, waits = time.monotonic(), deadline.inside(seconds)
        hurried = deadline.callers_own(seconds)
        request = ResolvePatientsRequest(national_ids=sorted(set(national_ids)))
        try:
            reply = await self._patients.read(PATH, request.SerializeToString(), caller=None, timeout=waits)
            self._breaker.answered()
            answer = ResolvePatientsResponse.FromString(reply)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                self._breaker.answered()
                raise _unavailable() from None
            if waits >= PATIENCE:
                self._breaker.timed_out()
            raise (_hurried() if hurried else _unavailable()) from None
        except DecodeError:
            raise _unavailable() from None
        found = {each.national_id: each for each in answer.patients}
        if len(found) != len(answer.patients):
            raise _unavailable()  # two answers about one person: which of them holds?
        if not all(person in found and _says_who(found[person]) for person in request.national_ids):
            raise _unavailable()
        return Resolved(asked_at, found)


def _says_who(answer: PatientResolution) -> bool:
    """Whether the answer can be relied on: a record without a reference would be an empty one."""
    if answer.state == patients_pb2.RESOLUTION_STATE_REGISTERED:
        return bool(answer.patient_refs) and answer.HasField("facts")
    return answer.state != patients_pb2.RESOLUTION_STATE_UNSPECIFIED


def _facts(found: PatientResolution) -> PatientFacts:
    facts = found.facts
    # Parents of a young child see when at least one of them is registered at the child's address; then both do.
    guardians = frozenset(
        each.patient_ref
        for each in facts.guardians
        if each.kind == patients_pb2.GUARDIAN_KIND_PARENTAL_RESPONSIBILITY and facts.parents_at_address
    )
    appointed = frozenset(
        each.patient_ref
        for each in facts.guardians
        if each.kind == patients_pb2.GUARDIAN_KIND_APPOINTED and patients_pb2.GUARDIAN_AREA_PERSONAL in each.areas
    )
    return PatientFacts(
        refs=tuple(found.patient_refs),
        reservation=facts.reserved,
        portal_reservation=facts.portal_reserved,
        blocked_hpr_numbers=frozenset(facts.blocked_hpr_numbers),
        restricted_sections=frozenset(facts.restricted_sections),
        single_entries_restricted=frozenset(facts.sections_with_restricted_entries),
        birth_date=BirthDate.known_in_part(facts.birth_date.year, facts.birth_date.month, facts.birth_date.day),
        guardians=guardians,
        appointed=appointed,
        proxies=_areas_of(facts.proxies),
        gp_hpr_numbers=frozenset((*facts.gp_hpr_numbers, *facts.gp_substitute_hpr_numbers)),
        address_protection=facts.address_protection != patients_pb2.ADDRESS_PROTECTION_UGRADERT,
        deceased=facts.deceased,
        care_relations=frozenset(
            CareRelation(each.legal_entity, each.organisation, moment(each.until)) for each in facts.care_relations
        ),
    )


def _areas_of(proxies: Iterable[patients_pb2.ProxyFact]) -> dict[str, frozenset[int]]:
    """Returns what each proxy may do. One person may hold several grants: each reference of the patient has its own."""
    areas: dict[str, frozenset[int]] = {}
    for each in proxies:
        areas[each.patient_ref] = areas.get(each.patient_ref, frozenset()).union(each.areas)
    return areas


def _hurried() -> TimedOut:
    return TimedOut(Reason.ERROR_REASON_DEADLINE_EXCEEDED, "the deadline passed while the patient was looked up")


def _unavailable() -> Unavailable:
    return Unavailable(
        Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "the patient's identity cannot be looked up now: try again"
    )
