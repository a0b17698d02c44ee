"""What a service refuses is relayed when it is of the contract; whatever else goes wrong there has a fixed text."""

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from tests.gateway.forwarding.calls import LIST, SECRET, asked, refused
from tests.support.gateway import Front
from tests.support.scripted.services import refusing, saying


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNIMPLEMENTED,
    ],
)
async def test_a_services_own_refusal_is_relayed_whole(front: Front, code: grpc.StatusCode) -> None:
    patient = front.people.add()
    info = error_details_pb2.ErrorInfo(
        reason="VERSION_BEHIND", domain="kjernejournal", metadata={"current_version": "4"}
    )
    front.registers["visits"].unary(LIST, refusing(code, "a higher version exists: 4", info))
    told = await refused(front, asked(patient))
    assert (told.code, told.reason) == (code, "VERSION_BEHIND")
    assert told.text == "a higher version exists: 4"
    assert told.details == {"current_version": "4"}
    assert told.trailers["trace-id"]


@pytest.mark.parametrize(
    "info",
    [
        None,
        error_details_pb2.ErrorInfo(reason="VERSION_BEHIND", domain="another.example"),
        error_details_pb2.ErrorInfo(reason="OF_A_NEWER_RELEASE", domain="kjernejournal"),
        b"\xff\xff garbage",
    ],
    ids=["no details", "foreign domain", "unknown reason", "garbage"],
)
@pytest.mark.parametrize("code", list(grpc.StatusCode), ids=lambda code: str(code.name))
async def test_nothing_that_is_not_ours_is_relayed(front: Front, code: grpc.StatusCode, info: Any) -> None:
    if code is grpc.StatusCode.OK:
        return
    patient = front.people.add()
    front.registers["visits"].unary(LIST, refusing(code, SECRET, info))
    told = await refused(front, asked(patient))
    assert SECRET not in told.text + repr(told.details)
    assert "asyncpg" not in repr(told)
    outages = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        # Ours, not the caller's: those have time left.
        assert told.short == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")
        assert told.details == {"unavailable": "TIMEOUT"}
    elif code in outages:
        assert told.short == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")
    else:
        assert told.short == ("INTERNAL", "INTERNAL")


async def test_an_exception_in_a_service_is_internal_with_a_fixed_text(front: Front) -> None:
    patient = front.people.add()

    async def broken(_: bytes, __: Any) -> bytes:
        raise ValueError(SECRET)

    front.registers["visits"].unary(LIST, broken)
    told = await refused(front, asked(patient))
    assert told.short == ("INTERNAL", "INTERNAL")
    assert told.text == "a fault in a service; its log names the trace id"


async def test_a_service_that_refuses_the_gateway_itself_is_our_fault(front: Front) -> None:
    """PEER_REFUSED is about the gateway's certificate, and says nothing to a caller."""
    patient = front.people.add()
    info = error_details_pb2.ErrorInfo(reason="PEER_REFUSED", domain="kjernejournal")
    front.registers["visits"].unary(LIST, refusing(grpc.StatusCode.PERMISSION_DENIED, "this peer may not call", info))
    assert (await refused(front, asked(patient))).short == ("INTERNAL", "INTERNAL")


@pytest.mark.parametrize("reply", [b"\x0a\xff\xff\xff\xff\x0f", b""], ids=["garbage", "nothing"])
async def test_a_reply_that_is_no_list_is_not_forwarded(front: Front, reply: bytes) -> None:
    """No bytes at all would read as an empty list; one that is empty says so in its window."""
    patient = front.people.add()
    front.registers["visits"].unary(LIST, saying(reply))
    assert (await refused(front, asked(patient))).short == ("INTERNAL", "INTERNAL")
    assert not front.log.records
