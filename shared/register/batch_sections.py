"""The gateway's shared reads: many patients in one call, one answer each, under its own trace, keyed by access id."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from google.protobuf.message import Message

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import SectionFailure, SectionQuery
from shared import telemetry
from shared.errors import Invalid, KjernejournalError, Overloaded, TimedOut

Answer = TypeVar("Answer", bound=Message)
Section = TypeVar("Section", bound=Message)

LARGEST_SECTION = 2 * 1024 * 1024
"""Bytes. A larger one is reported as too large: the reader uses the section's List rpc."""


async def answer_each(
    queries: Iterable[SectionQuery],
    answer: Callable[..., Answer],
    read: Callable[[SectionQuery], Awaitable[Section]],
) -> list[Answer]:
    """Returns one answer for each query: the section that `read` gives, or why there is none. Our own bugs raise.

    Raises Invalid for a number of entries that is none.
    """
    answers = []
    for number, query in enumerate(queries):
        if query.max_entries < 0:
            raise Invalid(f"queries[{number}].max_entries", "must be 0 or more")
        if not query.caller.patient_refs:
            # Nobody's record would be an empty one, and read as "none recorded".
            answers.append(_failure(answer, query, common_pb2.UNAVAILABLE_REASON_ERROR))
            continue
        parent = telemetry.parse_traceparent(query.traceparent)
        with telemetry.span("read section", parent=parent, **{"kj.access_id": query.access_id}) as span:
            try:
                section = await read(query)
            except (KjernejournalError, TimeoutError) as error:
                span.fail("UNAVAILABLE")
                answers.append(_failure(answer, query, _reason(error)))
                continue
            if section.ByteSize() > LARGEST_SECTION:
                answers.append(_failure(answer, query, common_pb2.UNAVAILABLE_REASON_TOO_LARGE))
            else:
                answers.append(answer(access_id=query.access_id, section=section))
    return answers


def _failure(
    answer: Callable[..., Answer], query: SectionQuery, reason: "common_pb2.UnavailableReason.ValueType"
) -> Answer:
    return answer(access_id=query.access_id, failure=SectionFailure(reason=reason))


def _reason(error: Exception) -> "common_pb2.UnavailableReason.ValueType":
    if isinstance(error, TimedOut | TimeoutError):
        return common_pb2.UNAVAILABLE_REASON_TIMEOUT
    if isinstance(error, Overloaded):
        return common_pb2.UNAVAILABLE_REASON_OVERLOADED
    return common_pb2.UNAVAILABLE_REASON_ERROR
