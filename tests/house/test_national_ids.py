"""The contract marks every field in which a national id may stand, and nothing else may hold one."""

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.contract import methods
from kjernejournal.common.v1 import common_pb2


def request_fields(message: Descriptor, above: frozenset[str] = frozenset()) -> Iterator[FieldDescriptor]:
    """Yields every field of a request and of what it holds."""
    for field in message.fields:
        yield field
        if field.message_type is not None and field.message_type.full_name not in above:
            yield from request_fields(field.message_type, above | {message.full_name})


def test_every_field_for_a_national_id_is_marked_and_says_so_in_its_name() -> None:
    fields = {
        each.full_name: each for method in methods().values() for each in request_fields(method.descriptor.input_type)
    }
    strings = {name: each for name, each in fields.items() if each.type == FieldDescriptor.TYPE_STRING}
    marked = {name for name, each in strings.items() if each.GetOptions().Extensions[common_pb2.rules].national_id}
    named = {name for name in strings if "national_id" in name.rpartition(".")[2]}
    assert marked == named | {"kjernejournal.patients.v1.NationalId.value"}
    assert len(marked) > 5
