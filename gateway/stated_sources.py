"""Reads in a machine's request what it says in whose name: sources and fields that the table of clients must allow."""

from google.protobuf.message import Message

from gateway.access.clients import Client
from gateway.contract import Method, rights_of, walk
from shared.errors import Denied, Reason


def overstepping(method: Method, client: Client, request: Message) -> Denied | None:
    """Returns the refusal of a request that speaks for a source, or says something, that is not this client's to say.

    It names the first such field.
    """
    for path in method.provenances:
        for where, provenance in walk(request, path):
            if provenance.source_system and not client.speaks_for(provenance.source_system):
                return Denied(
                    Reason.ERROR_REASON_SOURCE_SYSTEM_REFUSED,
                    "this client may not speak for that source system",
                    field=f"{where}.source_system",
                )
    for path in method.with_rights:
        for where, message in walk(request, path):
            for name, right in rights_of(message.DESCRIPTOR).items():
                if _holds(message, name) and not client.may(right, method.rule.section):
                    return Denied(
                        Reason.ERROR_REASON_CLIENT_NOT_REGISTERED,
                        "this client is not registered for this field",
                        field=f"{where}.{name}" if where else name,
                    )
    return None


def _holds(message: Message, name: str) -> bool:
    if message.DESCRIPTOR.fields_by_name[name].is_repeated:
        return bool(getattr(message, name))
    return message.HasField(name)
