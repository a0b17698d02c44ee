"""Reads the contract for the front door: every rpc by its path, its access rule, where patients and entries stand.

Worked out from the descriptors once, at start.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from gateway.access.facts import AccessRule
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.changes.v1 import changes_pb2
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CodedText, PatientIdentifier, Provenance
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import knowledge_pb2, medications_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.vaccinations.v1 import vaccinations_pb2
from kjernejournal.visits.v1 import visits_pb2

PROTOS = (
    summary_pb2,
    changes_pb2,
    critical_info_pb2,
    medications_pb2,
    knowledge_pb2,
    visits_pb2,
    documents_pb2,
    labs_pb2,
    vaccinations_pb2,
    own_registrations_pb2,
    patients_pb2,
    audit_pb2,
)
"""Every part of the contract that the front door serves. Package kjernejournal.<service>.v1 is served by the process
<service>; what is in GATEWAY by the gateway itself."""

SUMMARY = "summary"
CHANGES = "changes"
GATEWAY = frozenset({SUMMARY, CHANGES})

Step = tuple[str, bool]
"""A field on the way to a message, and whether it is repeated."""
Path = tuple[Step, ...]


@dataclass(frozen=True)
class Method:
    """One rpc."""

    path: str
    descriptor: MethodDescriptor
    service: str
    """The process that serves it."""
    rule: AccessRule
    request: type[Message]
    response: type[Message]
    patients: tuple[Path, ...]
    """Where the request names patients."""
    persons: tuple[Path, ...]
    """Where the request registers persons, with national ids of their own."""
    disclosed: tuple[Path, ...]
    """Where the reply holds messages with a disclosed id."""
    provenances: tuple[Path, ...]
    """Where the request says which source something comes from."""
    with_rights: tuple[Path, ...]
    """Where the request holds messages with fields that ask for a right of their own of a machine."""
    says_texts: bool = False
    """Whether the reply holds texts that the gateway puts in."""

    def patients_in(self, request: Message) -> list[tuple[str, PatientIdentifier]]:
        """Returns the patients that a request names, each with its path."""
        return [(where, each) for path in self.patients for where, each in walk(request, path)]

    def persons_in(self, request: Message) -> list[str]:
        """Returns a national id of each person that a request registers: the one in use."""
        found = (each for path in self.persons for _, each in walk(request, path))
        return [person.national_ids[0].value for person in found if person.national_ids]

    def disclosed_in(self, reply: Message) -> list[tuple[str, int]]:
        """Returns id and version of every entry and document in a reply; version 0 where there is none."""
        return disclosed(reply, self.disclosed)


@cache
def methods() -> Mapping[str, Method]:
    """Returns every rpc of the contract, by path. Raises ValueError for one without an access rule."""
    found = {}
    for proto in PROTOS:
        for service in proto.DESCRIPTOR.services_by_name.values():
            for descriptor in service.methods:
                method = _method(descriptor)
                found[method.path] = method
    return MappingProxyType(found)


def service_names() -> list[str]:
    """Returns the full names of every gRPC service in the contract."""
    return [service.full_name for proto in PROTOS for service in proto.DESCRIPTOR.services_by_name.values()]


def walk(message: Message, path: Path, where: str = "") -> Iterator[tuple[str, Any]]:
    """Yields every message that stands at `path`, each with its position in words."""
    if not path:
        yield where, message
        return
    (name, repeated), rest = path[0], path[1:]
    inside = f"{where}.{name}" if where else name
    if repeated:
        for position, each in enumerate(getattr(message, name)):
            yield from walk(each, rest, f"{inside}[{position}]")
    elif message.HasField(name):
        yield from walk(getattr(message, name), rest, inside)


def disclosed_paths(message: Descriptor) -> tuple[Path, ...]:
    """Returns where messages with a disclosed id stand inside `message`."""
    return tuple(_paths(message, _discloses))


def paths_to(message: Descriptor, kind: Descriptor) -> tuple[Path, ...]:
    """Returns where messages of one kind stand inside `message`."""
    return tuple(_paths(message, lambda each: each.full_name == kind.full_name))


def disclosed(message: Message, paths: tuple[Path, ...]) -> list[tuple[str, int]]:
    """Returns id and version of every entry at `paths`, each once: many results may be of one report."""
    found: dict[tuple[str, int], None] = {}
    for path in paths:
        for _, each in walk(message, path):
            found.update(dict.fromkeys(_entries(each)))
    return list(found)


@cache
def windows(message: Descriptor) -> tuple[str, ...]:
    """Returns the fields of a message that say how much of each of its lists there is."""
    kind = common_pb2.ListWindow.DESCRIPTOR.full_name
    return tuple(each.name for each in message.fields if each.message_type and each.message_type.full_name == kind)


def leave_out_withheld(message: Message) -> bool:
    """Takes out of a reply what says that entries were withheld. Returns whether there was anything.

    A part of the reply that says nothing else goes as a whole, such as a side of a comparison that was withheld.
    """
    found = False
    for name in windows(message.DESCRIPTOR):
        window = getattr(message, name)
        found |= window.withheld > 0
        window.ClearField("withheld")
    for name in _with_withheld(message.DESCRIPTOR):
        parts = getattr(message, name)
        said = [each for each in parts if each.withheld]
        found |= bool(said)
        for each in said:
            each.ClearField("withheld")
        kept = [each for each in parts if each not in said or each.left_out]
        del parts[:]
        parts.extend(kept)
    return found


@cache
def _with_withheld(message: Descriptor) -> tuple[str, ...]:
    """Returns the lists of a message whose items say how many entries were withheld on one side of a comparison."""
    kind = medications_pb2.NotCompared.DESCRIPTOR.full_name
    return tuple(each.name for each in message.fields if each.message_type and each.message_type.full_name == kind)


def withheld(message: Message) -> int:
    """Returns how many entries a register held back because the patient restricted them one by one."""
    return sum(getattr(message, name).withheld for name in windows(message.DESCRIPTOR))


def total(message: Message) -> int:
    """Returns how many entries there are of all lists of a section, shown and not."""
    return sum(getattr(message, name).total for name in windows(message.DESCRIPTOR))


def _method(descriptor: MethodDescriptor) -> Method:
    package = descriptor.containing_service.file.package
    return Method(
        path=f"/{descriptor.containing_service.full_name}/{descriptor.name}",
        descriptor=descriptor,
        service=package.split(".")[1],
        rule=AccessRule.from_method(descriptor),
        request=GetMessageClass(descriptor.input_type),
        response=GetMessageClass(descriptor.output_type),
        patients=tuple(_paths(descriptor.input_type, _is_patient)),
        persons=tuple(_paths(descriptor.input_type, _is_person)),
        disclosed=disclosed_paths(descriptor.output_type),
        provenances=tuple(_paths(descriptor.input_type, _is_provenance)),
        with_rights=tuple(_paths(descriptor.input_type, lambda message: bool(rights_of(message)))),
        says_texts=bool(paths_to(descriptor.output_type, CodedText.DESCRIPTOR)),
    )


def _is_patient(message: Descriptor) -> bool:
    return message.full_name == PatientIdentifier.DESCRIPTOR.full_name


def _is_person(message: Descriptor) -> bool:
    return message.full_name == patients_pb2.Person.DESCRIPTOR.full_name


def _is_provenance(message: Descriptor) -> bool:
    return message.full_name == Provenance.DESCRIPTOR.full_name


@cache
def rights_of(message: Descriptor) -> "dict[str, common_pb2.MachineRight.ValueType]":
    """Returns the fields of a message that ask for a right of their own of a machine, each with the right."""
    found = {each.name: each.GetOptions().Extensions[common_pb2.machine_right] for each in message.fields}
    return {name: right for name, right in found.items() if right}


def _discloses(message: Descriptor) -> bool:
    return bool(_id_fields(message))


@cache
def _id_fields(message: Descriptor) -> tuple[FieldDescriptor, ...]:
    return tuple(field for field in message.fields if field.GetOptions().Extensions[common_pb2.disclosed_id])


def _entries(message: Message) -> Iterator[tuple[str, int]]:
    for name, repeated, version in _id_names(message.DESCRIPTOR):
        value = getattr(message, name)
        for each in value if repeated else (value,):
            if each:
                yield each, getattr(message, version, 0)


@cache
def _id_names(message: Descriptor) -> tuple[tuple[str, bool, str], ...]:
    """Returns the fields with ids, each with the field that holds its version: `report_version` beside `report_id`."""
    found = []
    for field in _id_fields(message):
        own = f"{field.name.removesuffix('id')}version"
        found.append((field.name, field.is_repeated, own if own in message.fields_by_name else "version"))
    return tuple(found)


def _paths(message: Descriptor, wanted: Callable[[Descriptor], bool], above: tuple[str, ...] = ()) -> Iterator[Path]:
    """Yields paths to every message that `wanted` takes; a message is not followed into itself."""
    if wanted(message):
        yield ()
    if message.full_name in above:
        raise ValueError(f"{message.full_name} holds itself: its patients and entries could not be found")
    for field in message.fields:
        if field.message_type is None:
            continue
        for rest in _paths(field.message_type, wanted, (*above, message.full_name)):
            yield ((field.name, field.is_repeated), *rest)
