"""Which Observation belongs to which report: the graph of a bundle's laboratory answers, known before any is mapped.

A report holds what its `result` names and what those name as members, down to the last. What no report holds is a
report of its own with its members under it, where it is a laboratory answer. Members may form rings; each Observation
is visited once.
"""

from array import array
from collections.abc import Iterator
from contextlib import suppress

from kj.fhir_r4.bundle.bundle import Bundle
from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import BadField
from kj.fhir_r4.bundle.resource import Resource
from kj.fhir_r4.reading.datatypes import concept, concepts
from kj.fhir_r4.resources.labs import expertise
from kjernejournal.labs.v1.labs_pb2 import EXPERTISE_UNSPECIFIED, Expertise
from shared.codes.systems import OBSERVATION_CATEGORIES, canonical

RESULTS_SECTION = "30954-2"
"""LOINC code of a document's section of results."""

MOST_RESULTS = 2000
"""Results of one report, as the register takes them."""
_NOBODY, _CONTAINED = 2**32 - 1, -1

NO_REGISTER = {
    "vital-signs": "no register holds vital signs",
    "survey": "no register holds answers to surveys",
    "social-history": "no register holds social history",
    "exam": "no register holds findings of examinations",
    "procedure": "no register holds observations of procedures",
    "therapy": "no register holds observations of therapies",
    "activity": "no register holds activity",
}
"""By FHIR's observation-category."""
NOT_A_LABORATORY = "does not say that it is a laboratory answer"


class ReportGraph:
    """Who holds which Observation. Four bytes an entry."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._holders = array("I", [_NOBODY]) * len(bundle)
        self._holding = bytearray(len(bundle))
        self.left_out: dict[int, str] = {}
        """Why Observations are not among the results of the report that holds them, by their position."""
        self._in_results: set[int] = set()
        with suppress(BadField):
            self._in_results.update(self._section())
        for report in bundle.of_type("DiagnosticReport"):
            self._hold(report, "result")
        for observation in bundle.of_type("Observation"):
            if self._holders[observation.position] == _NOBODY and not bundle.is_again(observation):
                self._hold(observation, "hasMember")
        self._find_outermost()

    def holder(self, observation: Resource) -> int:
        """Returns the position of the report or panel that holds an Observation; its own where nothing does."""
        found = self._holders[observation.position]
        return observation.position if found == _NOBODY else found

    def holds(self, resource: Resource) -> bool:
        """Whether it is a report or panel that holds something."""
        return bool(self._holding[resource.position])

    def held(self) -> Iterator[tuple[int, int]]:
        """Yields the position of every Observation that another resource holds, and of its holder."""
        for position, found in enumerate(self._holders):
            if found != _NOBODY:
                yield position, found

    def expertise(self, observation: Resource) -> "Expertise.ValueType":
        """Returns the expertise of an Observation that no report holds; unspecified: it is no laboratory answer.

        Its category decides; where it has none, a code of a laboratory's own system, a specimen, or its place in a
        document's section of results.
        """
        node = observation.node
        categories = concepts(node.children("category"))
        found = expertise.of_categories(categories)
        if found == EXPERTISE_UNSPECIFIED and not _category(node):
            found = expertise.of_code(concept(node.child("code")))
            if found == EXPERTISE_UNSPECIFIED and (node.has("specimen") or observation.position in self._in_results):
                found = expertise.LAB
        return found

    def members(self, resource: Resource, field: str) -> Iterator[Resource]:
        """Yields the Observations of the same patient that a report or panel names, as far as it can be read."""
        with suppress(BadField):
            for reference in resource.node.children(field)[: MOST_RESULTS + 1]:
                found = self._bundle.resolve(reference, resource)
                if found is not None and self.is_of(resource, found):
                    yield found

    def is_of(self, resource: Resource, found: Resource) -> bool:
        """Whether what a report or panel names is an Observation, and of its own patient as far as it says whose."""
        if found.type != "Observation":
            return False
        of = _subject(self._bundle, found)
        return of is None or of == _subject(self._bundle, resource)

    def _hold(self, holder: Resource, field: str) -> None:
        waiting = [(holder, field)]
        while waiting:
            resource, name = waiting.pop()
            for found in self.members(resource, name):
                if found.position in (_CONTAINED, holder.position):
                    continue
                if self._holders[found.position] == _NOBODY:
                    self._holders[found.position] = holder.position
                    waiting.append((found, "hasMember"))

    def _find_outermost(self) -> None:
        """Replaces each holder by the outermost one. Every holder came after what it holds, so there is no ring."""
        for each in range(len(self._holders)):
            path, position = [], each
            while self._holders[position] != _NOBODY:
                path.append(position)
                position = self._holders[position]
            if path:
                self._holding[position] = 1
            for held in path:
                self._holders[held] = position

    def _section(self) -> Iterator[int]:
        first = self._bundle.composition
        for section in first.node.children("section") if first else []:
            code = concept(section.child("code"))
            if first and code and any(each.code == RESULTS_SECTION for each in code.codings):
                for reference in section.children("entry"):
                    found = self._bundle.resolve(reference, first)
                    if found is not None and found.position >= 0:
                        yield found.position


def why_not(observation: Node) -> str:
    """Returns why an Observation that is no laboratory answer is in no register."""
    found = _category(observation)
    return NO_REGISTER.get(found, NOT_A_LABORATORY)


def _category(node: Node) -> str:
    for made in concepts(node.children("category")):
        for each in made.codings:
            if canonical(each.system) == OBSERVATION_CATEGORIES:
                return each.code
    return ""


def _subject(bundle: Bundle, resource: Resource) -> int | None:
    """Returns the position of the patient; None: it names none; -1: not in the bundle."""
    try:
        node = resource.node.child("subject")
        if node is None:
            return None
        found = bundle.resolve(node, resource)
    except BadField:
        return -1
    return found.position if found is not None else -1
