"""Keeps whom a follower follows: every reference of each patient, and who is left out now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from gateway.access.facts import SectionValue
from gateway.decided_call import DecidedCall
from gateway.recorder import Recorder
from gateway.steps import MOST_RESOLVED, Steps
from kjernejournal.audit.v1.audit_pb2 import AuditRecord

LOOKED_AT = MOST_RESOLVED
"""Patients at whom one look of those that are made now and then looks: the next ones in turn."""


class Followed:
    """The patients of one stream."""

    def __init__(
        self,
        steps: Steps,
        recorder: Recorder,
        whole: DecidedCall,
        keys: Mapping[str, str],
        sections: Sequence[SectionValue],
    ) -> None:
        self.keys = keys
        """The follower's own name for each patient, by national id."""
        self._steps = steps
        self._recorder = recorder
        self._whole = whole
        self._sections = sections
        self._refs: dict[str, tuple[str, ...]] = {}
        self._patients: dict[str, list[str]] = {}
        self._permitted: dict[str, bool] = {}
        self._without_relation: set[str] = set()
        self._turn = list(keys)
        self.unknown = frozenset(keys)
        """Who has no reference yet: what is stored for them cannot be known for theirs."""

    @property
    def refs(self) -> Iterable[str]:
        """Returns every reference of everybody."""
        return self._patients.keys()

    @property
    def without_relation(self) -> tuple[str, ...]:
        """Returns the follower's names for those to whom its organisation has no care relation, in order.

        It is the organisation's own fact, whatever the patient has decided: nothing else may go into it.
        """
        return tuple(sorted(self.keys[patient] for patient in self._without_relation))

    def of(self, ref: str) -> Sequence[str]:
        """Returns the patients whom a reference belongs to: after a merge two may be one."""
        return self._patients.get(ref, ())

    async def look_at_all(self) -> None:
        """Puts on record who is followed and who is left out."""
        for start in range(0, len(self._turn), LOOKED_AT):
            await self.look_at(self._turn[start : start + LOOKED_AT])

    async def look_again(self) -> None:
        """Looks at the next ones in turn, who are unknown first."""
        unknown = self.unknown
        self._turn.sort(key=lambda patient: patient not in unknown)
        patients, rest = self._turn[:LOOKED_AT], self._turn[LOOKED_AT:]
        await self.look_at(patients)
        self._turn = rest + patients

    async def look_at(self, patients: Sequence[str]) -> list[DecidedCall]:
        """Decides the calls about these patients on facts of now. Whoever comes in or falls out is on record first."""
        decided_calls = await self._steps.decide_each(self._whole.incoming, patients)
        decided_calls = [replace(each, access_id=self._whole.access_id) for each in decided_calls]
        turned = [each for each in decided_calls if self._permitted.get(each.patient or "") != each.decision.permitted]
        if turned:
            await self._recorder.record([self._record(each) for each in turned])
        self._permitted.update((each.patient or "", each.decision.permitted) for each in decided_calls)
        now = datetime.now(UTC)
        treated = {each.patient or "" for each in decided_calls if each.has_care_relation(now)}
        self._without_relation = (self._without_relation | set(patients)) - treated
        refs = {each.patient or "": each.refs for each in decided_calls}
        if not refs.items() <= self._refs.items():
            self._refs.update(refs)
            self._index()
        return decided_calls

    def _record(self, decided: DecidedCall) -> AuditRecord:
        refusal = decided.decision.refusal()
        if refusal is None:
            return decided.follow(self._sections)
        return decided.denial(refusal.reason, refusal.code.value[0])

    def _index(self) -> None:
        self.unknown = frozenset(patient for patient in self.keys if not self._refs.get(patient))
        self._patients = {}
        for patient, refs in self._refs.items():
            for ref in refs:
                self._patients.setdefault(ref, []).append(patient)
