"""The front door as a person with grpcurl meets it: reflection, a summary, a stream, a write, a refusal."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gateway import contract
from tests.support.client import Client
from tests.support.patients import Patient
from tests.support.summaries import WHOLE
from tests.support.system import System

GRPCURL = Path(sys.executable).with_name("grpcurl")
TRIES = 20
"""A register that is late on a busy machine costs its section; asked again, it is there."""


def runs() -> bool:
    try:
        return subprocess.run([GRPCURL, "-version"], capture_output=True, check=False, timeout=120).returncode == 0
    except OSError:
        return False


pytestmark = pytest.mark.skipif(not runs(), reason="the grpcurl binary of the wheel does not run on this machine")


class Shell:
    """grpcurl with a caller's metadata."""

    def __init__(self, system: System, client: Client) -> None:
        self._address = system.local.gateway_address
        self._client = client

    def run(self, *verb: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        command = [str(GRPCURL), "-plaintext", *options, self._address, *verb]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    def call(self, rpc: str, request: dict[str, Any], **caller: Any) -> subprocess.CompletedProcess[str]:
        headers = [part for key, value in self._client.metadata(**caller) for part in ("-H", f"{key}: {value!s}")]
        return self.run(f"kjernejournal.{rpc}", options=("-emit-defaults", *headers, "-d", json.dumps(request)))


@pytest.fixture
def shell(system: System, client: Client) -> Shell:
    return Shell(system, client)


def test_it_lists_every_service_of_the_contract(shell: Shell) -> None:
    listed = shell.run("list").stdout.split()
    assert set(contract.service_names()) <= set(listed)
    assert "grpc.health.v1.Health" in listed


def test_it_describes_a_service_with_its_access_rules(shell: Shell) -> None:
    described = shell.run("describe", "kjernejournal.summary.v1.SummaryService")
    assert described.returncode == 0, described.stderr
    assert "returns ( .kjernejournal.summary.v1.GetPatientSummaryResponse )" in described.stdout
    assert "callers:CALLER_KIND_CITIZEN" in described.stdout


def until_complete(shell: Shell, rpc: str, patient: Patient) -> subprocess.CompletedProcess[str]:
    """Returns what the rpc prints of a patient, asked again while a register is late."""
    request = {"patient": {"national_id": patient.national_id}}
    for _ in range(TRIES):
        done = shell.call(f"summary.v1.SummaryService/{rpc}", request)
        if done.returncode != 0 or '"completeness": "COMPLETENESS_COMPLETE"' in done.stdout:
            return done
    return shell.call(f"summary.v1.SummaryService/{rpc}", request)


def test_a_summary(shell: Shell, patient: Patient) -> None:
    done = until_complete(shell, "GetPatientSummary", patient)
    assert done.returncode == 0, done.stderr
    reply = json.loads(done.stdout)
    assert reply["completeness"] == "COMPLETENESS_COMPLETE"
    assert {each["state"] for each in reply["sections"]} == {"SECTION_STATE_DATA"}


def test_a_stream_of_sections(shell: Shell, patient: Patient) -> None:
    done = until_complete(shell, "StreamPatientSummary", patient)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"state": "SECTION_STATE_DATA"') == len(WHOLE)
    assert '"completeness": "COMPLETENESS_COMPLETE"' in done.stdout


def test_a_write_and_its_retry(shell: Shell, patient: Patient) -> None:
    request = {
        "patient": {"national_id": patient.national_id},
        "request_id": str(uuid4()),
        "critical_info": {
            "category": "CATEGORY_DRUG_REACTION",
            "code": {"codings": [{"system": "http://www.whocc.no/atc", "code": "M01AE01", "display": "Ibuprofen"}]},
            "reaction": {"criticality": "CRITICALITY_HIGH", "certainty": "CERTAINTY_CONFIRMED"},
        },
    }
    first, again = (shell.call("critical_info.v1.CriticalInfoService/CreateCriticalInfo", request) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert again.stdout == first.stdout
    assert json.loads(first.stdout)["critical_info"]["header"]["version"] == 1


def test_a_refusal_with_its_reason(shell: Shell, patient: Patient) -> None:
    done = shell.call(
        "summary.v1.SummaryService/GetPatientSummary", {"patient": {"national_id": patient.national_id}}, basis=""
    )
    assert done.returncode != 0
    assert "Code: PermissionDenied" in done.stderr
    assert '"reason":"BASIS_MISSING"' in done.stderr.replace(" ", "")
    assert patient.national_id not in done.stderr
