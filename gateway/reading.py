"""Reads sections from a register. The one interface through which concurrent summaries can come to share a call."""

from collections.abc import Sequence
from typing import Any

from gateway.backends import Backend
from gateway.sources import Source
from kjernejournal.common.v1.common_pb2 import SectionQuery


class Reader:
    """Asks registers for sections, one call each time it is asked."""

    def __init__(self, backends: dict[str, Backend]) -> None:
        self._backends = backends

    async def read(self, source: Source, queries: Sequence[SectionQuery], seconds: float) -> dict[str, Any]:
        """The register's answers by access id. Raises grpc.aio.AioRpcError, or DecodeError when it sends garbage.

        An answer whose key nobody asked for is dropped: the one who asked is told that there is no answer.
        """
        request = source.proto.BatchGetSectionsRequest(queries=queries)
        backend = self._backends[source.service]
        reply = await backend.unary(source.path, request.SerializeToString(), caller=None, timeout=seconds)
        answers = source.proto.BatchGetSectionsResponse.FromString(reply).answers
        asked = {query.access_id for query in queries}
        return {answer.access_id: answer for answer in answers if answer.access_id in asked}
