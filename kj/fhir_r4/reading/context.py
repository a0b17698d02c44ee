"""What the mapping of one resource can ask: its references, the time, and the header of what it becomes."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from kj.fhir_r4.bundle.bundle import Bundle
from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import NotPlaced
from kj.fhir_r4.bundle.resource import Resource, called
from kj.fhir_r4.bundle.times import AHEAD, When, when
from kj.fhir_r4.reading import datatypes, security_labels
from kj.fhir_r4.reading.modifiers import of_resource
from kjernejournal.common.v1.common_pb2 import (
    CodeableConcept,
    Coding,
    EntryHeader,
    Organisation,
    Practitioner,
    Provenance,
)
from shared.codes.personnel import ROLE_SYSTEM
from shared.codes.systems import canonical
from shared.convert import timestamp

PLACES = ("Organization", "Location", "HealthcareService")
"""Types that are read as an organisation or a part of it."""
_SUBSTANCE = ("Medication", "Substance", "Device")
"""Types that say what an entry is about, not who or where."""
_KIND = re.compile(r"(?:^|/)([A-Z][A-Za-z]{1,63})(?:/[A-Za-z0-9.-]{1,64}(?:/_history/[^/]*)?|\?.*)?$")


@dataclass(frozen=True)
class Context:
    """One resource in its bundle."""

    bundle: Bundle
    resource: Resource
    system: str
    """The source: the system that identifies the patient."""
    since: datetime
    """When the patient was first imported: stands in the place of a time of recording where the source states none."""
    now: datetime
    labels: list[Coding] = field(default_factory=list)
    """Restrictions of this resource and of every resource that its entry was made from."""

    @property
    def node(self) -> Node:
        """The resource's JSON."""
        return self.resource.node

    def find(self, reference: Node | None) -> Resource | None:
        """Returns what a reference points at, in this bundle; its security labels restrict the entry too.

        What carries a modifier is not read. Raises NotPlaced where it is what the entry is about.
        """
        found = self.bundle.resolve(reference, self.resource)
        if found is not None and (reason := of_resource(found)) and found.type != "Patient":
            if found.type in _SUBSTANCE:
                raise NotPlaced(f"refers to what {reason}")
            return None
        if found is not None and found.type != "Patient":
            self.labels.extend(security_labels.labels(found.node))
        return found

    def target(self, name: str) -> Node | None:
        """Returns the resource that the reference in a field points at."""
        found = self.find(self.node.child(name))
        return found.node if found else None

    def concept_of(self, concept: str, reference: str) -> CodeableConcept | None:
        """Returns a CodeableConcept of the resource itself, else one of what it refers to.

        That is the `code` of the resource referred to, else the reference's display.
        """
        made = datatypes.concept(self.node.child(concept))
        if made is not None:
            return made
        target, named = self.target(reference), self.node.child(reference)
        made = datatypes.concept(target.child("code")) if target else None
        if made is None and named is not None and named.text("display"):
            made = CodeableConcept(text=named.text("display", 2000))
        return made

    def practitioner(self, reference: Node | None) -> Practitioner | None:
        """Returns the person behind a reference, or behind the role it points at; None: it is no person."""
        found = self.find(reference)
        if found is not None and found.type == "PractitionerRole":
            person = found.node.child("practitioner")
            behind = self.bundle.resolve(person, found)
            made = datatypes.practitioner(person or reference, behind.node if behind else None)
            roles = [each for one in datatypes.concepts(found.node.children("code")) for each in one.codings]
            if made is not None and roles:
                made.role.CopyFrom(next((each for each in roles if canonical(each.system) == ROLE_SYSTEM), roles[0]))
            return made
        if kind_of(reference, found) in (*PLACES, "Patient", "Device"):
            return None
        return datatypes.practitioner(reference, found.node if found else None)

    def organisation(self, reference: Node | None) -> Organisation | None:
        """Returns the organisation or place behind a reference, or behind the role it points at; None: neither."""
        found = self.find(reference)
        if found is not None and found.type == "PractitionerRole":
            role = found.node.child("organization")
            behind = self.bundle.resolve(role, found)
            return datatypes.organisation(role, behind.node if behind else None)
        if kind_of(reference, found) not in (*PLACES, ""):
            return None
        return datatypes.organisation(reference, found.node if found else None)

    def header(
        self,
        recorded: When | None,
        *,
        recorder: Practitioner | None = None,
        organisation: Organisation | None = None,
        of_patient: bool = False,
    ) -> EntryHeader:
        """Returns the entry's header: who recorded it, when, and its identifier at the source.

        Where the resource states no time, the bundle's is taken. Where that has none either, the time of the first
        import stands there, the same on each import, and the entry says that its time is not known.
        """
        put_together = self._past(self.bundle.time())
        stated = self._past(recorded) or put_together
        changed = changed_at(self.node, self.now) or (put_together.first() if put_together else None)
        return EntryHeader(
            provenance=Provenance(
                recorder=recorder,
                organisation=organisation,
                recorded_at=timestamp(stated.first() if stated else self.since),
                on_behalf_of="patient" if of_patient else "",
                source_system=self.system,
                source_id=called(self.resource),
                changed_at=timestamp(changed) if changed else None,
                time_unknown=stated is None and changed is None,
            )
        )

    def _past(self, time: When | None) -> When | None:
        """Returns a time at which something may have been recorded; None: it is to come."""
        return time if time is not None and time.first() <= self.now + AHEAD else None

    def is_patient(self, name: str) -> bool:
        """Whether the reference in a field is to a patient: they said it themselves."""
        reference = self.node.child(name)
        found = self.find(reference)
        if found is not None:
            return found.type == "Patient"
        return reference is not None and "Patient/" in reference.text("reference")

    def recorded(self, *names: str) -> When | None:
        """Returns the first of these times that the resource states."""
        return when(self.node, *names)

    def recorded_start(self, name: str) -> When | None:
        """Returns when the period in a field began."""
        span = self.node.child(name)
        return when(span, "start") if span else None

    def identifiers(self) -> list[Coding]:
        """Returns at most 20 of the resource's identifiers that have a value."""
        stated = [each for each in self.node.children("identifier") if each.text("value")]
        nodes = self.node.most(stated, 20, "identifier")
        return [Coding(system=each.text("system"), code=each.text("value", 100)) for each in nodes]


def changed_at(node: Node, now: datetime) -> datetime | None:
    """Returns when the source last changed a resource; None: it does not say, or says a time to come."""
    meta = node.child("meta")
    changed = when(meta, "lastUpdated") if meta else None
    return changed.first() if changed is not None and changed.first() <= now + AHEAD else None


def kind_of(reference: Node | None, found: Resource | None) -> str:
    """Returns the type of what a reference points at, also where that is not in the bundle; "": it does not say."""
    if found is not None:
        return found.type
    if reference is None:
        return ""
    stated = reference.text("type") or reference.text("reference")
    told = _KIND.search(stated)
    return told[1] if told else ""
