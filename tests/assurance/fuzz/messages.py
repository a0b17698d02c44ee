"""Random messages that follow the contract: mostly what a caller could mean, here and there what nobody should send."""

import random
from collections.abc import Iterable, Sequence
from typing import Any, cast
from uuid import UUID

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import PatientIdentifier

CANARY = "kanarifugl"
"""Stands in hostile texts: a status that repeats it repeats what the caller sent."""

HOSTILE = (
    "",
    "\0",
    f"{CANARY}\0{CANARY}",
    "\ud7ff\ue000\uffff\U0010ffff",
    f"\u202e{CANARY}\u2066\u200f",
    "Zalgo" + "\u0301" * 60,
    f"'; DROP TABLE entries; -- {CANARY}",
    "' OR 1=1 --",
    "%s%n{0}${jndi:ldap://x}",
    "../../../../etc/passwd",
    "<script>alert(1)</script>",
    "NaN",
    "Infinity",
    "-1",
    "1e400",
    "00000000000",
    "99999999999",
    "٠١٢٣٤٥٦٧٨٩٠",
    "urn:oid:",
    "urn:oid:2.16.578.1.12.4.1.1.9060",
    "\ufeff",
    "\r\n\t\x1b[31m",
    "\x7f\x80\x85",
    CANARY * 20,
    "é" * 3_999,
    "x" * 4_000,
    "x" * 4_001,
)
NUMBERS = (0, 1, -1, 2, 7, 99, 100, 255, 500, 501, 9999, 10_000, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1, -(2**63))
SECONDS = (0, -1, 1_700_000_000, -62_135_596_800, -62_135_596_801, 253_402_300_799, 253_402_300_800, 2**62, -(2**63))
_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
DEEPEST = 6
_IDS = frozenset({"id", "request_id", "replaced_id"})


class Messages:
    """Makes messages of one test case. `examples` are good ones: their parts are used again in what is made.

    `ids` are those of entries that the patients have.
    """

    def __init__(
        self,
        rng: random.Random,
        examples: "Examples",
        patients: Sequence[PatientIdentifier],
        ids: Sequence[str],
    ) -> None:
        self._rng = rng
        self._examples = examples
        self._patients = patients
        self._ids = ids

    def make(self, kind: Descriptor) -> Message:
        """Returns a request of this type."""
        made = self._message(kind, 0)
        if self._rng.random() < 0.3:
            self._damage(made)
        return made

    def copy(self, example: Message) -> Message:
        """Returns a good message about a patient of this case, with ids of its own."""
        made = type(example)()
        made.CopyFrom(example)
        self._name_patients(made)
        for field, value in made.ListFields():
            if field.name in _IDS and value:
                setattr(made, field.name, self._uuid())
        return made

    def _message(self, kind: Descriptor, depth: int) -> Message:
        known = self._examples.of(kind)
        if kind.full_name == PatientIdentifier.DESCRIPTOR.full_name:
            return self._patient()
        if known and self._rng.random() < (0.8 if depth else 0.5):
            made = self.copy(self._rng.choice(known))
            if self._rng.random() < 0.1:
                self._damage(made)
            return made
        made = GetMessageClass(kind)()
        for field in kind.fields:
            required = field.GetOptions().Extensions[common_pb2.rules].required
            if (required and self._rng.random() < 0.97) or self._rng.random() < 0.35 / (depth + 1):
                self._fill(made, field, depth)
        return made

    def _patient(self) -> PatientIdentifier:
        if self._rng.random() < 0.95:
            return self._rng.choice(self._patients)
        if self._rng.random() < 0.5:
            return PatientIdentifier(national_id=self._text(11))
        return PatientIdentifier(patient_ref=self._rng.choice([self._uuid(), self._text(36)]))

    def _name_patients(self, message: Message) -> None:
        """Replaces an example's patient by one of the case's own."""
        for field, value in message.ListFields():
            if field.message_type is None:
                continue
            for each in cast("Iterable[Message]", value) if field.is_repeated else (value,):
                if isinstance(each, PatientIdentifier):
                    each.CopyFrom(self._rng.choice(self._patients))
                else:
                    self._name_patients(each)

    def _damage(self, message: Message) -> None:
        """Gives one field, somewhere inside, another value or none."""
        holders = [message, *_inside(message)]
        holder = self._rng.choice(holders)
        fields = cast("Sequence[FieldDescriptor]", holder.DESCRIPTOR.fields)
        if not fields:
            return
        field = self._rng.choice(fields)
        if self._rng.random() < 0.2:
            holder.ClearField(field.name)
        else:
            self._fill(holder, field, DEEPEST - 2)

    def _fill(self, message: Message, field: FieldDescriptor, depth: int) -> None:
        if depth >= DEEPEST and field.message_type is not None:
            return
        if not field.is_repeated:
            self._set(message, field, depth)
            return
        values: Any = getattr(message, field.name)
        for _ in range(self._count(field)):
            if field.message_type is not None:
                values.add().CopyFrom(self._message(field.message_type, depth + 1))
            else:
                values.append(self._scalar(field))

    def _set(self, message: Message, field: FieldDescriptor, depth: int) -> None:
        if field.message_type is not None:
            getattr(message, field.name).CopyFrom(self._message(field.message_type, depth + 1))
        else:
            setattr(message, field.name, self._scalar(field))

    def _count(self, field: FieldDescriptor) -> int:
        """Returns how many elements a list gets; now and then one more than the contract allows."""
        if self._rng.random() < 0.02:
            return (field.GetOptions().Extensions[common_pb2.rules].max_items or 1000) % 1200 + 1
        return self._rng.choice((0, 1, 1, 1, 2, 3))

    def _scalar(self, field: FieldDescriptor) -> Any:
        if field.enum_type is not None:
            known = [value.number for value in field.enum_type.values]
            return self._rng.choice(known) if self._rng.random() < 0.9 else self._rng.choice((-1, 99, 2**31 - 1))
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
                return self._rng.randbytes(self._rng.choice((0, 1, 16, 32, 33, 1000)))
            case FieldDescriptor.CPPTYPE_STRING:
                return self._string(field)
            case FieldDescriptor.CPPTYPE_BOOL:
                return self._rng.random() < 0.5
            case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
                return self._rng.choice((0.0, -1.0, 1e308, float("nan"), float("inf")))
            case _:
                return self._number(field)

    def _number(self, field: FieldDescriptor) -> int:
        least, most = _RANGES[field.cpp_type]
        holder = field.containing_type
        if holder is not None and holder.full_name == "google.protobuf.Timestamp" and field.name == "seconds":
            return self._rng.choice((*SECONDS, self._rng.randrange(0, 2_000_000_000)))
        if self._rng.random() < 0.5:
            return self._rng.randrange(0, 12)
        return min(max(self._rng.choice(NUMBERS), least), most)

    def _string(self, field: FieldDescriptor) -> str:
        rules = field.GetOptions().Extensions[common_pb2.rules]
        if (rules.uuid or field.name.endswith("_id") or field.name == "id") and self._rng.random() < 0.85:
            return self._uuid()
        if field.name.endswith("national_id") and self._rng.random() < 0.8:
            return self._rng.choice(self._examples.national_ids)
        if field.name == "page_token" and self._rng.random() < 0.8:
            return self._rng.choice(("", "", "", "3"))
        return self._text(rules.max_length or 4000)

    def _uuid(self) -> str:
        if self._rng.random() < 0.6:
            return self._rng.choice(self._ids)
        return str(UUID(int=self._rng.getrandbits(128), version=4))

    def _text(self, longest: int) -> str:
        if self._rng.random() < 0.5:
            return self._rng.choice(HOSTILE)
        if self._rng.random() < 0.3:
            return "æ" * (longest + self._rng.choice((-1, 0, 1)))
        return "".join(self._rng.choices("abc æøå 0123456789.:-/", k=self._rng.randrange(0, min(longest, 40) + 1)))


class Examples:
    """Good messages, by type, with everything that stands inside them; national ids of persons that exist.

    `streams` are whole client streams, by the type of their messages.
    """

    def __init__(
        self,
        messages: Iterable[Message],
        streams: Iterable[Sequence[Message]],
        national_ids: Sequence[str],
    ) -> None:
        self.national_ids = national_ids
        self.streams = {stream[0].DESCRIPTOR.full_name: stream for stream in streams}
        self._by_type: dict[str, list[Message]] = {}
        for message in messages:
            for each in (message, *_inside(message)):
                self._by_type.setdefault(each.DESCRIPTOR.full_name, []).append(each)

    def of(self, kind: Descriptor) -> list[Message]:
        return self._by_type.get(kind.full_name, [])


def _inside(message: Message) -> list[Message]:
    """Returns every message that stands somewhere inside."""
    found: list[Message] = []
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for each in cast("Iterable[Message]", value) if field.is_repeated else (value,):
            found.append(each)
            found.extend(_inside(each))
    return found
