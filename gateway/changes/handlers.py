"""Serves ChangesService: checks who follows whom, and puts it on record; the stream itself is in `follower`."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import cast

from gateway.access.facts import SectionValue
from gateway.changes.followed import Followed
from gateway.changes.follower import Follower
from gateway.changes.outbox_reader import OutboxReader
from gateway.changes.places import ResumeTokens
from gateway.decided_call import Incoming
from gateway.front_door import Context, Handlers
from gateway.recorder import Recorder
from gateway.registers.backends import Backend
from gateway.registers.sources import BY_SECTION, SOURCES
from gateway.requests import parse
from gateway.steps import LOOK_AGAIN, Steps
from kjernejournal.changes.v1.changes_pb2 import WatchChangesRequest
from kjernejournal.common.v1 import common_pb2
from shared import national_id
from shared.errors import Invalid
from shared.handling.decoding import validate

MOST_PATIENTS = 2000
"""More than these the contract refuses; they are not looked at first."""


class Changes:
    """Serves followers."""

    def __init__(
        self,
        steps: Steps,
        recorder: Recorder,
        backends: Mapping[str, Backend],
        resume_keys: Sequence[bytes],
        *,
        look_again: float = LOOK_AGAIN,
    ) -> None:
        self._steps = steps
        self._recorder = recorder
        self._resume_keys = resume_keys
        self._look_again = look_again
        self._outboxes = {each.section: OutboxReader(each.section, backends[each.service]) for each in SOURCES}
        self._followers: set[Follower] = set()

    def handlers(self) -> dict[str, Handlers]:
        """Returns what serves ChangesService, by path."""
        return {"/kjernejournal.changes.v1.ChangesService/WatchChanges": Handlers(server_stream=self.watch)}

    def close(self) -> None:
        """Ends every stream: their followers open them again elsewhere."""
        for follower in self._followers:
            follower.close()
        for outbox in self._outboxes.values():
            outbox.close()

    async def watch(self, incoming: Incoming, data: bytes, _: Context) -> AsyncGenerator[bytes, None]:
        """Serves one follower's stream."""
        request = cast("WatchChangesRequest", parse(incoming.method, data))
        patients = self._patients(request)
        validate(request)
        sections, keys = _sections(request), _keys(request, patients)
        tokens = ResumeTokens(self._resume_keys, incoming.caller, patients)
        places = tokens.places_of(request.resume_token) if request.resume_token else {}
        whole = await self._steps.enter(incoming, None)
        followed = Followed(self._steps, self._recorder, whole, keys, sections)
        outboxes = {section: self._outboxes[section] for section in sections}
        follower = Follower(self._steps, self._recorder, whole, followed, outboxes, tokens, look_again=self._look_again)
        self._followers.add(follower)
        try:
            await follower.begin({section: place for section, place in places.items() if section in outboxes})
            async for message in follower.messages():
                yield message.SerializeToString()
        finally:
            self._followers.discard(follower)

    def _patients(self, request: WatchChangesRequest) -> list[str]:
        """Returns the national ids of the patients. Raises Invalid, for a reference from outside before all else."""
        return [
            self._steps.national_id_of(f"patients[{number}].patient", each.patient)
            for number, each in enumerate(request.patients[:MOST_PATIENTS])
        ]


def _keys(request: WatchChangesRequest, patients: Sequence[str]) -> dict[str, str]:
    """Returns the follower's name for each patient, by national id. Raises Invalid."""
    keys: dict[str, str] = {}
    for number, (patient, each) in enumerate(zip(patients, request.patients, strict=True)):
        if patient in keys:
            raise Invalid(f"patients[{number}].patient", "stands there twice")
        if any(national_id.in_text(each.key)):
            raise Invalid(f"patients[{number}].key", "must not be a national id")
        keys[patient] = each.key
    if len(set(keys.values())) < len(keys):
        raise Invalid("patients", "hold a key twice")
    return keys


def _sections(request: WatchChangesRequest) -> tuple[SectionValue, ...]:
    """Returns the sections that are followed, with the patient's own: what is decided there concerns all."""
    for number, section in enumerate(request.sections):
        if section not in BY_SECTION:
            raise Invalid(f"sections[{number}]", "is not a section of the summary")
    asked = {*request.sections, common_pb2.SECTION_PATIENT} if request.sections else set(BY_SECTION)
    return tuple(section for section in BY_SECTION if section in asked)
