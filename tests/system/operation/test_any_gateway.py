"""`kj` from elsewhere: a gateway over TLS, by its address, an authority and tokens in files, with no local system.

The gateway is a process of its own, in front of the services of the tests' system.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from kj import application
from kj.calls.options import FED
from kj.calls.remote_gateway import remote_gateway
from kj.errors import CommandError
from kj.feeds.feed import MOST_PATIENTS, Feed
from kj.local.programs import GATEWAY, ROOT, SERVICES, Program, gateway_program
from kj.token import mint_for
from kjernejournal.patients.v1 import patients_pb2
from tests.kj.fhir_r4.bundles import whole, written
from tests.services.patients.people import new_id, person
from tests.support.patients import Patient
from tests.support.system import System, eventually
from tests.system.operation.test_tls import free_port, listening


@dataclass(frozen=True)
class Elsewhere:
    """A folder with an authority and tokens, from which a gateway is called."""

    folder: Path
    address: str
    issuer: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def token(self, kind: str, *, file: str = "", **who: Any) -> str:
        """Writes a new token to a file, named as the kind unless it is named, and returns the file's name."""
        path = self.folder / (file or kind)
        path.touch(mode=0o600)
        path.write_text(mint_for(kind, self.issuer, **who))
        return path.name

    def kj(self, command: str, *arguments: str, token_files: tuple[str, ...]) -> Any:
        """Returns what a command prints into a pipe, run in this process; from JSON where it is that."""
        files = [word for name in token_files for word in ("--token-file", name)]
        printed = io.StringIO()
        with chdir(self.folder), redirect_stdout(printed):
            application(command)(
                [command, *arguments, "--gateway", self.address, "--ca", "ca.pem", *files], standalone_mode=False
            )
        return json.loads(printed.getvalue()) if printed.getvalue().startswith("{") else printed.getvalue()

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs it in a process of its own, as a person would; for how it fails."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KJ_")}
        path = os.pathsep.join([str(ROOT), str(ROOT / "protos" / "gen")])
        return subprocess.run(
            [sys.executable, "-m", "kj", command, *arguments, "--gateway", self.address],
            env={**inherited, "PYTHONPATH": path},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
async def elsewhere(system: System, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Elsewhere]:
    folder = tmp_path_factory.mktemp("elsewhere")
    address = f"localhost:{free_port()}"
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued = authority.issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    services = [Program(name, (), system.local.service_address(name), {}) for name in SERVICES]
    issuer = system.local.issuer_directory
    program = gateway_program(address, services=services, jwks=issuer / "jwks.json", traces=folder)
    certificate = {f"KJ_TLS_{name}": str(folder / "server.pem") for name in ("CERT", "KEY", "CA")}
    with (
        (folder / GATEWAY).open("w") as log,
        subprocess.Popen(
            program.command, env={**program.environment(), **certificate}, cwd=ROOT, stdout=log, stderr=log
        ) as process,
    ):
        try:
            await eventually(lambda: listening(address), 30.0)
            yield Elsewhere(folder, address, issuer)
        finally:
            process.terminate()


def test_a_bundle_is_imported_and_read_back_with_tokens_from_files(elsewhere: Elsewhere) -> None:
    value = whole()
    value["entry"][0]["resource"]["identifier"][0]["value"] = "imported from elsewhere"
    bundle = written(elsewhere.folder, "whole.json", value)
    people = f"patients={elsewhere.token('system', client='patients', file='people')}"
    feeds = (elsewhere.token("system", client="import"), people, "medications=system")
    report = elsewhere.kj("import", str(bundle), token_files=feeds)["files"][0]
    assert report["status"] == "imported"
    assert sum(each["created"] for each in report["stored"].values()) == 12
    again = elsewhere.kj("import", str(bundle), token_files=feeds)["files"][0]
    assert again["patients"] == report["patients"], "without any memory of the first"
    assert {(each["created"], each["updated"]) for each in again["stored"].values()} == {(0, 0)}
    doctor = (elsewhere.token("doctor"),)
    [patient] = report["patients"]
    summary = elsewhere.kj("summary", patient, "--basis", "AKUTT", token_files=doctor)
    assert summary["completeness"] == "COMPLETENESS_COMPLETE"
    checked = elsewhere.kj("check", patient, "--basis", "AKUTT", "--atc", "J01CA04", token_files=doctor)
    assert "CHECK_KIND_ALLERGY_CLASS" in {each["kind"] for each in checked["findings"]}
    assert left_behind(elsewhere) == set()


def test_a_population_is_loaded_and_nothing_stays_on_this_machine(elsewhere: Elsewhere) -> None:
    arguments = ("-n", "3", "--seed", "77", "--register", "visits", "--as-of", "2026-11-01")
    people = f"patients={elsewhere.token('system', client='patients', file='people')}"
    token = (elsewhere.token("system", client="import"), people)
    assert "3 people as of 2026-11-01" in elsewhere.kj("load", *arguments, token_files=token)
    again = elsewhere.kj("load", *arguments, token_files=token)
    assert all(" 0 new" in line and " 0 changed" in line for line in again.splitlines()[:-1])
    assert left_behind(elsewhere) == set()


def test_drug_knowledge_is_loaded_but_shown_of_the_local_system_alone(elsewhere: Elsewhere) -> None:
    token = (f"medications={elsewhere.token('system', client='knowledge')}",)
    assert "is in force already" in elsewhere.kj("knowledge", "load", token_files=token)
    for arguments in ((), ("load", "--if-none")):
        with pytest.raises(CommandError, match="shown of the local system alone"):
            elsewhere.kj("knowledge", *arguments, token_files=token)


def test_citizens_read_who_opened_their_record(elsewhere: Elsewhere, patient: Patient) -> None:
    doctor = (elsewhere.token("doctor"),)
    elsewhere.kj("summary", patient.national_id, "--basis", "AKUTT", token_files=doctor)
    own = (elsewhere.token("citizen", national_id=patient.national_id),)
    accesses = elsewhere.kj("accesses", patient.national_id, token_files=own)["accesses"]
    assert any(each["ground"].get("basis") == "ACCESS_BASIS_AKUTT" for each in accesses)


def test_a_refusal_names_neither_patient_nor_token(elsewhere: Elsewhere, patient: Patient) -> None:
    token = elsewhere.token("doctor")
    done = elsewhere.run("summary", patient.national_id, "--ca", "ca.pem", "--token-file", token)
    assert done.returncode == 1
    assert "Refused, PERMISSION_DENIED: an access basis is needed: SAMTYKKE" in done.stderr
    assert "(BASIS_MISSING)" in done.stderr
    assert "Its trace: " in done.stderr
    assert patient.national_id not in done.stderr
    assert "eyJ" not in done.stderr


def test_an_authority_that_is_not_named_is_not_trusted(elsewhere: Elsewhere) -> None:
    trustme.CA().cert_pem.write_to_path(str(elsewhere.folder / "other.pem"))
    done = elsewhere.run("summary", "1", "--ca", "other.pem", "--token-file", elsewhere.token("doctor"))
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith(f"kj: The gateway at {elsewhere.address} has a certificate of an authority that is not")
    assert second == "    Name its authority with --ca FILE."


async def test_an_import_goes_on_with_a_token_that_is_renewed(elsewhere: Elsewhere) -> None:
    file = elsewhere.folder / elsewhere.token("system", client="population")

    def patients() -> Iterator[patients_pb2.ImportedPatient]:
        for number in range(3 * MOST_PATIENTS):
            if number == MOST_PATIENTS:
                elsewhere.token("system", client="patients")
            yield patients_pb2.ImportedPatient(person=person(new_id()))

    gateway = remote_gateway(elsewhere.address, elsewhere.ca, [str(file)], FED)
    async with Feed.open(gateway) as feed:
        counts = await feed.send("patients", patients())
    assert (counts.batches, counts.created) == (3, 3 * MOST_PATIENTS)


def left_behind(elsewhere: Elsewhere) -> set[str]:
    """Returns the state of a local system that a command has made where it was run."""
    return {path.name for path in elsewhere.folder.iterdir() if path.name.startswith(".")}
