"""What a bundle says of implants that are no longer there: procedures that took one out, and uses that ended.

Known before anything is mapped, since the entry of the implant may come before or after.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from kj.fhir_r4.bundle.bundle import Bundle
from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import BadField
from kj.fhir_r4.bundle.resource import Resource
from kj.fhir_r4.bundle.times import When, period, when
from kj.fhir_r4.reading.datatypes import concept, concepts
from kj.fhir_r4.reading.modifiers import of_resource
from kj.fhir_r4.resources.implant_kinds import SINGLE, implant_kind, removed_kind, side_of
from kj.fhir_r4.resources.implants import decide_procedure
from kjernejournal.common.v1.common_pb2 import CodeableConcept
from shared.convert import moment


class Done(NamedTuple):
    """An implant of this kind was put in or taken out then."""

    kind: str
    side: str
    """left, right; "": not said."""
    at: When


@dataclass
class _Patient:
    insertions: list[Done] = field(default_factory=list)
    removals: list[Done] = field(default_factory=list)


class Use(NamedTuple):
    """How long a device was used."""

    over: bool
    began: When | None
    ended: When | None


class Removals:
    """Implants that were taken out, by patient, and devices whose use is over."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._patients: dict[int, _Patient] = {}
        self._uses: dict[int, list[tuple[str, Use, Node]]] = {}
        for resource in _readable(bundle, "Procedure"):
            with suppress(BadField):  # which is named when the procedure is mapped
                self._take_procedure(resource)
        for resource in _readable(bundle, "DeviceUseStatement"):
            with suppress(BadField):
                self._take_use(resource)

    def removed(self, resource: Resource, subject: str, code: CodeableConcept | None, done: When | None) -> When | None:
        """Returns when this implant was taken out again; None: nothing says so for sure.

        Of two implants of one kind that a removal does not distinguish, neither is taken to be the one.
        """
        kind, side = implant_kind(code), side_of(code, _sites(resource.node))
        known = self._patients.get(self._patient(resource, subject))
        if not kind or known is None:
            return None
        later = [each for each in known.removals if each.kind == kind and _fits(each.side, side)]
        later = [each for each in later if done is None or each.at.first() > done.first()]
        if done is None:
            put_in = [each.at.first() for each in known.insertions if each.kind == kind and _fits(each.side, side)]
            later = [each for each in later if not any(at >= each.at.first() for at in put_in)]
        sure = [each for each in later if self._is_sure(known, each, side)]
        return min((each.at for each in sure), key=When.first, default=None)

    def use(self, device: Resource, now: datetime) -> Use | None:
        """Returns the use of a device, as its statements say; None: there is none. It is over when all of them are."""
        found = [
            each._replace(over=each.over or _has_come(node, now))
            for status, each, node in self._uses.get(device.position, [])
            if status != "entered-in-error"
        ]
        if not found:
            return None
        began = min((each.began for each in found if each.began), key=When.first, default=None)
        over = [each for each in found if each.over]
        if len(over) < len(found):
            return Use(False, began, None)
        return Use(True, began, max((each.ended for each in over if each.ended), key=When.first, default=None))

    def _is_sure(self, known: _Patient, removal: Done, side: str) -> bool:
        if removal.kind in SINGLE or (removal.side and removal.side == side):
            return True
        before = [
            each
            for each in known.insertions
            if each.kind == removal.kind and each.at.first() < removal.at.first() and _fits(each.side, removal.side)
        ]
        return len(before) < 2

    def _take_procedure(self, resource: Resource) -> None:
        node = resource.node
        code, at = concept(node.apart().child("code")), performed(node)
        if at is None or node.text("status") != "completed":
            return
        known = self._patients.setdefault(self._patient(resource, "subject"), _Patient())
        side = side_of(code, _sites(node))
        if kind := removed_kind(code):
            known.removals.append(Done(kind, side, at))
        if (kind := implant_kind(code)) and decide_procedure(code, "completed").lasting is not None:
            known.insertions.append(Done(kind, side, at))

    def _take_use(self, resource: Resource) -> None:
        node = resource.node
        found = self._bundle.resolve(node.child("device"), resource)
        if found is not None and found.position >= 0:
            status = node.text("status")
            self._uses.setdefault(found.position, []).append((status, use_of(node), node))

    def _patient(self, resource: Resource, subject: str) -> int:
        found = self._bundle.resolve(resource.node.child(subject), resource)
        return found.position if found is not None else -1


def _readable(bundle: Bundle, kind: str) -> Iterator[Resource]:
    """Yields the resources of a type that no modifier turns into something else."""
    return (each for each in bundle.of_type(kind) if not of_resource(each))


def use_of(node: Node) -> Use:
    """Returns how long a DeviceUseStatement says that its device was used, whatever the day is."""
    span = node.child("timingPeriod")
    began = when(node, "timingDateTime") or (when(span, "start") if span else None)
    over = node.text("status") in ("completed", "stopped")
    stated = period(span)
    ended = when(span, "end") if span is not None and stated is not None and stated.HasField("end") else None
    return Use(over, began, ended)


def is_over(node: Node, now: datetime) -> bool:
    """Whether the use of a device is over, by its status or because its end has come."""
    return use_of(node).over or _has_come(node, now)


def performed(node: Node) -> When | None:
    """Returns when a procedure was done, or began."""
    span = node.child("performedPeriod")
    return when(node, "performedDateTime") or (when(span, "start") if span else None)


def _has_come(node: Node, now: datetime) -> bool:
    span = period(node.child("timingPeriod"))
    return bool(span and span.HasField("end") and moment(span.end) <= now)


def _fits(one: str, other: str) -> bool:
    return not one or not other or one == other


def _sites(node: Node) -> Iterable[CodeableConcept]:
    value = node.value.get("bodySite")
    if isinstance(value, list):
        return concepts(node.apart().children("bodySite"))
    made = concept(node.apart().child("bodySite")) if isinstance(value, dict) else None
    return [made] if made else []
