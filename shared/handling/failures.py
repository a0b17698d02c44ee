"""Step 2: whatever a call raises becomes a status with a fixed text; details of our own faults go to the log alone."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.rpc import status_pb2

from shared import telemetry
from shared.errors import KjernejournalError, Overloaded, Reason, TimedOut, Unavailable

log = logging.getLogger(__name__)

STATUS_DETAILS = "grpc-status-details-bin"
RETRY_PUSHBACK = "grpc-retry-pushback-ms"
"""Trailing metadata by which gRPC's own retries know when to come back (gRPC proposal A6)."""
ABORT_SECONDS = 5.0
"""A status goes out behind the messages before it. Who takes none of them in this time is let go without it."""


class _Fault(KjernejournalError):
    """A bug of ours: INTERNAL, with the trace id."""


@asynccontextmanager
async def as_status(context: "grpc.aio.ServicerContext[Any, Any]", span: telemetry.Span) -> AsyncIterator[None]:
    """Ends the call with the status of what the block raises. A call that the caller has cancelled just ends."""
    try:
        yield
    except grpc.aio.AbortError:
        raise
    except (Exception, asyncio.CancelledError) as error:
        refusal = refusal_of(error, span, cancelled_by_peer=context.cancelled())
        if refusal is None:
            raise
        span.fail(refusal.code.name)
        span.set("kj.reason", Reason.Name(refusal.reason))
        await abort(context, refusal)


def refusal_of(error: BaseException, span: telemetry.Span, *, cancelled_by_peer: bool) -> KjernejournalError | None:
    """Returns the refusal that the caller gets for `error`; None: the caller is gone, let it pass."""
    if isinstance(error, KjernejournalError):
        return error
    if isinstance(error, TimeoutError):
        return TimedOut(Reason.ERROR_REASON_DEADLINE_EXCEEDED, "the deadline passed")
    if isinstance(error, asyncio.CancelledError):
        # A handler that raises CancelledError of its own would send no status: the client would hang to its deadline.
        task = asyncio.current_task()
        if cancelled_by_peer or (task is not None and task.cancelling()):
            return None
        return Unavailable(Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "the call was interrupted: try again")
    log.error("a call failed", exc_info=error)
    return _Fault(
        Reason.ERROR_REASON_INTERNAL,
        "a fault in the service; its log names this trace id",
        trace_id=span.context.trace_id,
    )


async def abort(context: "grpc.aio.ServicerContext[Any, Any]", refusal: KjernejournalError) -> None:
    """Ends the call with `refusal`, keeping the trailing metadata that is set already."""
    status: status_pb2.Status = refusal.status()
    trailing = [*(context.trailing_metadata() or ()), (STATUS_DETAILS, status.SerializeToString())]
    if isinstance(refusal, Overloaded):
        trailing.append((RETRY_PUSHBACK, str(refusal.retry_ms)))
    await end(context, refusal.code, refusal.text, tuple(trailing))


async def end(
    context: "grpc.aio.ServicerContext[Any, Any]",
    code: grpc.StatusCode,
    text: str,
    trailing: tuple[tuple[str, str | bytes], ...] = (),
) -> None:
    """Ends the call with a status, whether or not its caller takes what is before it."""
    try:
        async with asyncio.timeout(ABORT_SECONDS):
            await context.abort(code, text, trailing)
    except TimeoutError:
        raise asyncio.CancelledError from None  # grpc still sends it, if the caller ever takes what is before it
