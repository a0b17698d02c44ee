"""DiagnosticReport, and Observations that no report holds -> the register of laboratory answers."""

from collections.abc import Iterable, Iterator

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import BadField, NotPlaced
from kj.fhir_r4.bundle.resource import Resource, called
from kj.fhir_r4.bundle.times import When, check_plausible, when
from kj.fhir_r4.reading import security_labels
from kj.fhir_r4.reading.context import Context, kind_of
from kj.fhir_r4.reading.datatypes import concept, concepts, notes
from kj.fhir_r4.reading.modifiers import modifier
from kj.fhir_r4.resources.labs import expertise
from kj.fhir_r4.resources.labs.report_graph import MOST_RESULTS, ReportGraph
from kj.fhir_r4.resources.labs.results import MOST_TEXT, STATUSES, happened, issued, result, unread
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, Organisation, Practitioner
from kjernejournal.labs.v1.labs_pb2 import (
    EXPERTISE_UNSPECIFIED,
    RESULT_STATUS_UNKNOWN,
    Expertise,
    LabReport,
    Requester,
    Result,
    Specimen,
)
from shared.codes import laboratory

DEEPEST = 8
"""Levels of parts that the register takes, the topmost included."""
TOO_DEEP = f"has results in more than {DEEPEST} levels"
MOST_SPECIMENS = 100

WITHDRAWN = "is entered in error"


def map_report(context: Context, graph: ReportGraph) -> LabReport:
    """Returns a report with all its results; one that the source has withdrawn is marked as withdrawn.

    Raises NotPlaced for what cannot be kept whole: more results or levels than the register takes, or a restriction
    that it does not know.
    """
    node = context.node
    parts = _Parts(context, graph)
    performers = node.children("performer")
    withdrawn = node.text("status") == "entered-in-error"
    if not withdrawn:
        parts.take(graph.members(context.resource, "result"), "")
        withdrawn = _is_empty(context, graph, parts.results)
        if not performers:
            performers = parts.performers()
    interpreters = [*node.children("resultsInterpreter"), *performers]
    made = LabReport(
        code=concept(node.child("code")),
        categories=node.most(concepts(node.children("category")), 10, "category"),
        laboratory=_laboratory(context, performers),
        interpreter=next(filter(None, map(context.practitioner, interpreters)), None),
        conclusion=node.text("conclusion", MOST_TEXT),
        conclusion_codes=node.most(concepts(_conclusions(node)), 50, "conclusionCode"),
        comment=notes(node, MOST_TEXT),
        identifiers=context.identifiers(),
        expertise=expertise.of_categories(concepts(node.children("category"))),
        withdrawn=withdrawn,
    )
    _ask(context, made)
    if made.expertise == EXPERTISE_UNSPECIFIED:
        made.expertise = expertise.of_code(made.code) or parts.expertise
    _finish(context, made, parts)
    for each in node.children("result"):
        found = context.bundle.resolve(each, context.resource)
        if found is None:
            node.cuts["results that are not in the bundle"] += 1
        elif not graph.is_of(context.resource, found):
            node.cuts["results that are about somebody else, or no Observations"] += 1
    return made


def _is_empty(context: Context, graph: ReportGraph, results: list[Result]) -> bool:
    """Whether a report says nothing any longer: all of its results are entered in error, and it has no other words."""
    node = context.node
    if results or node.text("conclusion") or _conclusions(node) or node.children("presentedForm"):
        return False
    found = list(graph.members(context.resource, "result"))
    return bool(found) and all(each.node.text("status") == "entered-in-error" for each in found)


def map_observation(context: Context, graph: ReportGraph) -> LabReport:
    """Returns a report of one result and its members, for a laboratory answer that no report holds."""
    node = context.node
    parts = _Parts(context, graph)
    withdrawn = node.text("status") == "entered-in-error"
    if not withdrawn:
        parts.take([context.resource], "")
    performers = node.children("performer")
    made = LabReport(
        code=concept(node.child("code")),
        categories=node.most(concepts(node.children("category")), 10, "category"),
        expertise=graph.expertise(context.resource),
        laboratory=_laboratory(context, performers),
        interpreter=next(filter(None, map(context.practitioner, performers)), None),
        identifiers=context.identifiers(),
        withdrawn=withdrawn,
    )
    _ask(context, made)
    _finish(context, made, parts)
    return made


class _Parts:
    """The results of a report and the specimens that they came from, in the order of the report."""

    def __init__(self, context: Context, graph: ReportGraph) -> None:
        self.results: list[Result] = []
        self.specimens: list[Specimen] = []
        self.expertise: Expertise.ValueType = EXPERTISE_UNSPECIFIED
        """That of the first result which shows one, by its category or its code."""
        self._context = context
        self._graph = graph
        self._time = happened(context.node)
        self._keys: set[str] = set()
        self._performers: list[tuple[Result, list[Node]]] = []
        """Who made each result that says so."""
        self._visited: set[tuple[int, str]] = set()
        self._positions: dict[tuple[int, str], int] = {}
        self._specimens(context.node.value.get("specimen"), context.node, context.resource)

    def take(self, observations: Iterable[Resource], part_of: str, level: int = 0) -> None:
        """Adds these results, and what they have as parts: members and components."""
        for observation in observations:
            if level == DEEPEST:
                raise NotPlaced(TOO_DEEP)
            name = (observation.position, "" if observation.position >= 0 else observation.id)
            node = observation.node
            if name in self._visited or node.text("status") == "entered-in-error":
                continue
            self._visited.add(name)
            self._context.labels.extend(security_labels.labels(node))
            try:
                made, components = self._read(observation)
            except (BadField, NotPlaced) as error:
                if observation.position == self._context.resource.position:
                    raise  # what stands by itself is not placed
                made, components = unread(node, str(error)), []
                self._graph.left_out[observation.position] = str(error)
            made.key, made.part_of = self._key(observation.id), part_of
            made.source_id = called(observation)[:300]
            self._add(made, node)
            if performers := node.children("performer"):
                self._performers.append((made, performers))
            if level + 1 == DEEPEST and components:
                raise NotPlaced(TOO_DEEP)
            for part, component in components:
                part.key, part.part_of = self._key(""), made.key
                self._add(part, component)
            self.take(self._graph.members(observation, "hasMember"), made.key, level + 1)

    def performers(self) -> list[Node]:
        """Returns who made the results, where the report names nobody and all of them name the same.

        Where they differ, each result says it in its comment.
        """
        names = [self._named(each) for _, each in self._performers]
        if len(set(names)) == 1:
            return self._performers[0][1]
        for (made, performers), name in zip(self._performers, names, strict=True):
            if name:
                told = "\n".join(filter(None, [made.comment, f"Utført av: {name}"]))
                made.comment = performers[0].cut(told, MOST_TEXT, "performer")
        return []

    def _named(self, performers: list[Node]) -> str:
        found = [self._context.organisation(each) or self._context.practitioner(each) for each in performers]
        return ", ".join(each.name for each in found if each is not None and each.name)

    def _read(self, observation: Resource) -> tuple[Result, list[tuple[Result, Node]]]:
        """Returns an Observation as a result, and its components. Raises BadField or NotPlaced for what it cannot."""
        node = observation.node
        if reason := modifier(node.value):
            raise NotPlaced(reason)
        made = result(node)
        components = [(result(each), each) for each in node.children("component")]
        node.children("hasMember")
        for each, _ in [(made, node), *components]:
            _check_result(each)
        shown = expertise.of_categories(concepts(node.children("category"))) or expertise.of_code(made.code)
        self.expertise = self.expertise or shown
        made.specimen = self._specimens(node.value.get("specimen"), node, observation)
        time = happened(node)
        check_plausible([time] if time else [], self._context.now)
        if time is not None and time != self._time:
            made.effective.CopyFrom(time.event())
        return made, components

    def _add(self, made: Result, node: Node) -> None:
        if not made.code.codings and not made.code.text:
            made.code.text = "not stated"
            node.cuts["results without a code"] += 1
        if len(self.results) == MOST_RESULTS:
            raise NotPlaced(f"has more than {MOST_RESULTS} results")
        self.results.append(made)

    def _key(self, wanted: str) -> str:
        key, number = wanted, len(self.results)
        while not key or len(key) > 100 or key in self._keys:  # a source may call one of its own "#3"
            number += 1
            key = f"#{number}"
        self._keys.add(key)
        return key

    def _specimens(self, value: object, node: Node, source: Resource) -> int:
        """Takes the specimens that a field names. Returns the position of the first, counted from 1."""
        references = node.children("specimen") if isinstance(value, list) else [node.child("specimen")]
        positions = [self._specimen(each, source) for each in references if each is not None]
        return next(filter(None, positions), 0)

    def _specimen(self, reference: Node, source: Resource) -> int:
        found = self._context.bundle.resolve(reference, source)
        if found is None or found.type != "Specimen":
            name, made = (-2, reference.text("display")), Specimen()
            if not name[1]:
                return 0
            made.type.text = reference.text("display", 2000)
        else:
            self._context.labels.extend(security_labels.labels(found.node))
            name, made = (found.position, found.id), _specimen(found.node, self._context)
        if name not in self._positions:
            if len(self.specimens) == MOST_SPECIMENS:
                return 0
            self.specimens.append(made)
            self._positions[name] = len(self.specimens)
        return self._positions[name]


def _specimen(node: Node, context: Context) -> Specimen:
    collection = node.child("collection")
    span = collection.child("collectedPeriod") if collection else None
    collected: When | None = None
    if collection is not None:
        collected = when(collection, "collectedDateTime") or (when(span, "start") if span else None)
    try:
        check_plausible([collected] if collected else [], context.now)
    except NotPlaced:
        node.cuts["times of specimens before 1900 or in the future"] += 1
        collected = None
    return Specimen(
        type=concept(node.child("type")),
        body_site=concept(collection.child("bodySite")) if collection else None,
        collected=collected.event() if collected else None,
        comment=notes(node, 2000),
    )


def _finish(context: Context, made: LabReport, parts: _Parts) -> None:
    node = context.node
    time, published = happened(node), issued(node)
    specimens = [each for one in parts.specimens for each in (one.type, one.body_site)]
    _check_lists([made.code, *made.categories, *made.conclusion_codes, *specimens])
    made.status = STATUSES.get(node.text("status"), RESULT_STATUS_UNKNOWN)
    made.results.extend(parts.results)
    made.specimens.extend(parts.specimens)
    if time is not None:
        made.effective.CopyFrom(time.event())
    if published is not None:
        made.issued.CopyFrom(published)
    stated = when(node, "issued") or time
    check_plausible(filter(None, (stated, time)), context.now)
    made.confidentiality.extend(security_labels.carried(context.labels))
    made.header.CopyFrom(context.header(stated, recorder=made.interpreter, organisation=made.laboratory))
    for name in ("interpreter", "laboratory"):
        if not getattr(made, name).ListFields():
            made.ClearField(name)
            getattr(made.header.provenance, "recorder" if name == "interpreter" else "organisation").Clear()


def _check_result(made: Result) -> None:
    found = [made.code, made.method, made.body_site, made.concept, made.absent_reason, *made.interpretations]
    _check_lists([*found, *(each.type for each in made.reference_ranges)])


def _check_lists(concepts_: Iterable[CodeableConcept]) -> None:
    """Raises NotPlaced for a code that its list does not have, where the register knows the list whole."""
    if any(laboratory.is_wrong(each.system, each.code) for one in concepts_ for each in one.codings):
        raise NotPlaced("has a code that its list of Volven does not have")


def _laboratory(context: Context, performers: list[Node]) -> Organisation | None:
    """Returns the first performer that is known to be an organisation, else one whose name may be a person's."""
    known = [each for each in performers if kind_of(each, context.find(each))]
    others = [each for each in performers if each not in known]
    return next(filter(None, map(context.organisation, [*known, *others])), None)


def _conclusions(node: Node) -> list[Node]:
    return node.children("conclusionCode") or node.children("codedDiagnosis")


def _ask(context: Context, made: LabReport) -> None:
    """Adds who asked, as the requests of the report say, and the identifiers of those requests."""
    identifiers: list[Coding] = list(made.identifiers)
    person: Practitioner | None = None
    place: Organisation | None = None
    for reference in context.node.children("basedOn"):
        order = context.find(reference)
        identifiers += _names(reference, order)
        requester = order.node.child("requester") if order is not None else None
        if order is not None and requester is not None:
            asking = Context(context.bundle, order, context.system, context.since, context.now, context.labels)
            person = person or asking.practitioner(requester)
            place = place or asking.organisation(requester)
    if person or place:
        made.requester.CopyFrom(Requester(practitioner=person, organisation=place))
    del made.identifiers[:]
    made.identifiers.extend({(each.system, each.code): each for each in identifiers}.values())
    del made.identifiers[20:]


def _names(reference: Node, order: Resource | None) -> Iterator[Coding]:
    nodes = order.node.children("identifier") if order is not None else []
    one = reference.child("identifier")
    for each in [*nodes, *([one] if one else [])]:
        if each.text("value"):
            yield Coding(system=each.text("system"), code=each.text("value", 100))


def is_answer(node: Node) -> bool:
    """Whether a DiagnosticReport is an answer: of a laboratory, pathology or imaging, or with results or a conclusion.

    A text alone, whose category is none of these, is a note.
    """
    if node.children("result") or node.text("conclusion") or _conclusions(node):
        return True
    categories = concepts(node.children("category"))
    code: CodeableConcept | None = concept(node.child("code"))
    if expertise.of_categories(categories) or expertise.of_code(code):
        return True
    return not node.children("presentedForm")
