"""Reads sections from a register. The one interface through which concurrent summaries can come to share a call."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from gateway.contract import windows
from gateway.registers.backends import Backend
from gateway.registers.sources import Source
from kjernejournal.common.v1.common_pb2 import SectionQuery


class SectionReader:
    """Asks registers for sections, one call each time it is used."""

    def __init__(self, backends: dict[str, Backend]) -> None:
        self._backends = backends

    async def read(self, source: Source, queries: Sequence[SectionQuery], seconds: float) -> dict[str, Any]:
        """Returns the register's answers by access id. Raises grpc.aio.AioRpcError, BreakerOpen when it was not asked,
        or DecodeError for garbage. Less time than its budget says nothing about the register.

        An answer whose key nobody asked for is dropped, and so are two answers to one question and a section that does
        not say how much there is: the one who asked is left without an answer.
        """
        request = source.proto.BatchGetSectionsRequest(queries=queries)
        backend = self._backends[source.service]
        reply = await backend.guarded_read(
            source.path, request.SerializeToString(), caller=None, timeout=seconds, patience=source.budget
        )
        answers = source.proto.BatchGetSectionsResponse.FromString(reply).answers
        times = Counter(answer.access_id for answer in answers)
        asked = {query.access_id for query in queries}
        return {
            answer.access_id: answer
            for answer in answers
            if answer.access_id in asked and times[answer.access_id] == 1 and _is_whole(answer)
        }


def says_how_much(message: Message) -> bool:
    """Whether each list in the message comes with its window. Without, it would read as empty and may be anything: no
    bytes at all are a message too."""
    return all(message.HasField(name) for name in windows(message.DESCRIPTOR))


def _is_whole(answer: Any) -> bool:
    return not answer.HasField("section") or says_how_much(answer.section)
