"""`kj summary`: what it asks for, in whose name, and what it prints."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

import kj.summary as command
from gateway.access.jwks import JwksSource
from gateway.access.tokens import TokenVerifier
from kj.errors import CommandError
from kj.local.issuer import AUDIENCE, ensure_issuer
from kj.local.local_system import LocalSystem
from kj.local.programs import ISSUER
from kjernejournal.common.v1 import common_pb2
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryRequest, GetPatientSummaryResponse, SummarySection
from tests.services.patients.people import new_id
from tests.support.scripted.services import Call, Service, listening, refusing, saying

REPLY = GetPatientSummaryResponse(
    access_id="access-1",
    completeness=summary_pb2.COMPLETENESS_CRITICAL_MISSING,
    sections=[
        SummarySection(
            section=common_pb2.SECTION_MEDICATIONS,
            state=summary_pb2.SECTION_STATE_UNAVAILABLE,
            unavailable_reason=common_pb2.UNAVAILABLE_REASON_TIMEOUT,
        )
    ],
)


@dataclass(frozen=True)
class _System:
    """A local system, as far as the command looks at it."""

    gateway_address: str
    issuer_directory: Path


@dataclass(frozen=True)
class Local:
    service: Service
    issuer: Path

    async def summary(self, national_id: str, **options: Any) -> Call:
        """Runs the command, in a thread as it has a loop of its own; the call that the gateway saw."""
        await asyncio.to_thread(command.summary, national_id, **options)
        return self.service.calls[-1]


@pytest.fixture
async def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Local]:
    ensure_issuer(tmp_path)
    service = Service()
    service.unary(command.PATH, saying(REPLY))
    async with listening(service) as address:
        monkeypatch.setattr(LocalSystem, "open", lambda _: _System(address, tmp_path))
        yield Local(service, tmp_path)


async def caller(local: Local, call: Call) -> Any:
    """Returns whom the gateway takes the caller for."""
    source = JwksSource(str(local.issuer / "jwks.json"))
    return await TokenVerifier(source, issuer=ISSUER, audience=AUDIENCE).verify(tuple(call.metadata.items()))


async def test_a_doctor_asks_as_the_acute_chain_does(local: Local) -> None:
    patient = new_id()
    call = await local.summary(patient)
    assert GetPatientSummaryRequest.FromString(call.messages[0]).patient.national_id == patient
    assert call.metadata["access-basis"] == "UNNTAK"
    assert (await caller(local, call)).role == "LE"


@pytest.mark.parametrize("kind", ["nurse", "vernepleier"])
async def test_home_care_and_nursing_homes_need_no_consent(local: Local, kind: str) -> None:
    for service in (None, "home-care", "nursing-home"):
        call = await local.summary(new_id(), kind=kind, service=service)
        assert call.metadata["access-basis"] == "UNNTAK"


async def test_others_ask_for_consent_and_citizens_need_none(local: Local) -> None:
    patient = new_id()
    assert (await local.summary(patient, kind="psychologist")).metadata["access-basis"] == "SAMTYKKE"
    assert (await local.summary(patient, kind="nurse", service="other")).metadata["access-basis"] == "SAMTYKKE"
    call = await local.summary(patient, kind="citizen")
    assert "access-basis" not in call.metadata
    assert (await caller(local, call)).national_id == patient, "the patient's own"
    assert (await local.summary(patient, basis="AKUTT")).metadata["access-basis"] == "AKUTT"


async def test_a_pipe_gets_the_reply_as_it_came(local: Local, capsys: pytest.CaptureFixture[str]) -> None:
    await local.summary(new_id(), as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert printed["completeness"] == "COMPLETENESS_CRITICAL_MISSING"
    assert printed["sections"][0]["unavailable_reason"] == "UNAVAILABLE_REASON_TIMEOUT"


async def test_a_person_sees_first_what_is_missing(local: Local, capsys: pytest.CaptureFixture[str]) -> None:
    await local.summary(new_id(), as_text=True)
    printed = capsys.readouterr().out
    assert printed.strip().startswith("KRITISK INFORMASJON ELLER LEGEMIDLER MANGLER")
    assert "IKKE TILGJENGELIG (registeret svarte ikke i tide): ukjent, ikke ingen" in printed
    assert "sporing" in printed
    assert "innsyn access-1" in printed


async def test_a_refusal_is_told_in_a_persons_words(local: Local) -> None:
    info = error_details_pb2.ErrorInfo(reason="BASIS_REFUSED", domain="kjernejournal")
    refusal = refusing(grpc.StatusCode.PERMISSION_DENIED, "this access basis is not open to this caller here", info)
    local.service.unary(command.PATH, refusal)
    with pytest.raises(CommandError) as told:
        await local.summary(new_id())
    assert "PERMISSION_DENIED" in told.value.what
    assert "BASIS_REFUSED" in told.value.what


async def test_no_answer_is_not_an_empty_summary(local: Local, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nobody(_: object) -> _System:
        return _System("unix:/tmp/kj-nobody-here.sock", tmp_path)

    monkeypatch.setattr(LocalSystem, "open", nobody)
    with pytest.raises(CommandError, match="does not answer"):
        await local.summary(new_id())
