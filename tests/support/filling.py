"""Smallest requests that a descriptor allows, so that tests can call every rpc of the contract, later ones too."""

from typing import Any
from uuid import uuid4

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import PatientIdentifier


def least(message: Descriptor, patient: PatientIdentifier, *, client_streaming: bool = False) -> Message:
    """Returns a request with its required fields, about `patient`; the ids in it are nobody's."""
    made = GetMessageClass(message)()
    for field in message.fields:
        rules = field.GetOptions().Extensions[common_pb2.rules]
        kind = field.message_type
        is_patient = kind is not None and kind.full_name == PatientIdentifier.DESCRIPTOR.full_name
        if is_patient and not field.is_repeated:
            getattr(made, field.name).CopyFrom(patient)
        elif rules.required or (client_streaming and field.name in {"request_id", "document", "replaced_id"}):
            _fill(made, field, patient)
    return made


def _fill(made: Message, field: FieldDescriptor, patient: PatientIdentifier) -> None:
    value = _value(field, patient)
    if field.message_type is not None:
        (getattr(made, field.name).add() if field.is_repeated else getattr(made, field.name)).CopyFrom(value)
    elif field.is_repeated:
        getattr(made, field.name).append(value)
    else:
        setattr(made, field.name, value)


def _value(field: FieldDescriptor, patient: PatientIdentifier) -> Any:
    if field.message_type is not None:
        return least(field.message_type, patient)
    if field.enum_type is not None:
        return field.enum_type.values[1].number
    if field.type == FieldDescriptor.TYPE_STRING:
        rules = field.GetOptions().Extensions[common_pb2.rules]
        return str(uuid4()) if rules.uuid or field.name.endswith("_id") else "900000008"
    return b"x" if field.type == FieldDescriptor.TYPE_BYTES else 1
