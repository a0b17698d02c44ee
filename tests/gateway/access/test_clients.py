"""The operator's table of clients: what a machine may do is what it is registered for, and nothing else."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway import contract
from gateway.access.clients import FEEDS, RIGHTS, Client, read_clients
from gateway.access.facts import Caller, CareRelation, Decision, PatientFacts
from gateway.access.policy import decide, decide_without_patient
from gateway.contract import Method
from kj.local.clients import table
from kj.local.programs import ROOT
from kjernejournal.common.v1 import common_pb2 as common
from shared.errors import reason_name
from tests.gateway.access.cases import PATIENT
from tests.gateway.access.issuing import NOW

ORGANISATION = "100100010"
OPEN = {
    path.rpartition(".")[2]: method
    for path, method in contract.methods().items()
    if common.CALLER_KIND_SYSTEM in method.rule.callers
}
TREATED = CareRelation(ORGANISATION, ORGANISATION, NOW + timedelta(days=1))
FACTS = PatientFacts(refs=PATIENT, care_relations=frozenset({TREATED}))
NO_RECORD = None
EVERY = pytest.mark.parametrize("rpc", list(OPEN))

NATIONAL = {
    "PatientsService/RegisterPatient": "population",
    "PatientsService/BulkImport": "population",
    "PatientsService/AssignGeneralPractitioner": "general_practitioners",
    "PatientsService/MergePatients": "merges",
    "PatientsService/UnmergePatients": "merges",
}


def client(**fields: Any) -> Client:
    return Client(client_id="a", organisation=ORGANISATION, **fields)


def asks(rpc: str, registered: Client | None, facts: PatientFacts | None = FACTS) -> Decision:
    """Returns what is decided of a machine's call about a patient, or about none where the rpc is bound to none."""
    method = OPEN[rpc]
    caller = Caller(
        kind=common.CALLER_KIND_SYSTEM, client=registered, legal_entity=ORGANISATION, organisation=ORGANISATION
    )
    if not method.patients:
        return decide_without_patient(caller, common.ACCESS_BASIS_UNSPECIFIED, method.rule)
    return decide(caller, common.ACCESS_BASIS_UNSPECIFIED, facts, method.rule, NOW)


def needed(method: Method) -> dict[str, Any]:
    """Returns the least registration for an rpc."""
    if method.rule.machine_right == common.MACHINE_RIGHT_FEED:
        return {"feeds": [name for name, section in FEEDS.items() if section == method.rule.section]}
    return {"rights": [name for name, right in RIGHTS.items() if right == method.rule.machine_right]}


@EVERY
@pytest.mark.parametrize("facts", [FACTS, NO_RECORD], ids=["a record", "none"])
def test_an_unknown_client_may_do_nothing_and_learns_nothing(rpc: str, facts: PatientFacts | None) -> None:
    decision = asks(rpc, None, facts)
    assert (decision.outcome.name, reason_name(decision.reason)) == ("DENY", "CLIENT_NOT_REGISTERED")


@EVERY
def test_a_client_that_is_registered_for_all_else_is_refused(rpc: str) -> None:
    least = needed(OPEN[rpc])
    all_else = client(
        feeds=[name for name in FEEDS if name not in least.get("feeds", ())],
        rights=[name for name in RIGHTS if name not in least.get("rights", ())],
        source_systems=["whatever there is"],
    )
    assert reason_name(asks(rpc, all_else).reason) == "CLIENT_NOT_REGISTERED"


@EVERY
def test_a_client_that_is_registered_for_it_alone_may(rpc: str) -> None:
    assert asks(rpc, client(**needed(OPEN[rpc]))).permitted


@EVERY
def test_every_rpc_for_machines_says_what_a_machine_must_be_registered_for(rpc: str) -> None:
    assert OPEN[rpc].rule.machine_right != common.MACHINE_RIGHT_UNSPECIFIED
    assert list(needed(OPEN[rpc]).values()) != [[]]


def test_who_people_are_and_whose_patients_is_for_the_national_feeds_alone() -> None:
    rights = {value: name for name, value in RIGHTS.items()}
    found = {rpc: rights.get(method.rule.machine_right) for rpc, method in OPEN.items() if "PatientsService" in rpc}
    assert found == NATIONAL


def test_a_right_that_is_not_stated_is_no_right() -> None:
    method = next(iter(OPEN.values()))
    rule = replace(method.rule, machine_right=common.MACHINE_RIGHT_UNSPECIFIED)
    everything = client(feeds=list(FEEDS), rights=list(RIGHTS))
    caller = Caller(kind=common.CALLER_KIND_SYSTEM, client=everything)
    assert not decide(caller, common.ACCESS_BASIS_UNSPECIFIED, FACTS, rule, NOW).permitted


def test_a_client_is_known_by_its_id_and_its_organisation() -> None:
    registered = read_clients(json.dumps({"clients": [{"client_id": "a", "organisation": ORGANISATION}]}))
    assert registered.of("a", ORGANISATION) is not None
    assert registered.of("a", "100100673") is None
    assert registered.of("", ORGANISATION) is None


@pytest.mark.parametrize(
    "row, where",
    [
        ({"client_id": "a"}, "clients.0.organisation"),
        ({"client_id": "", "organisation": ORGANISATION}, "clients.0.client_id"),
        ({"client_id": "a", "organisation": "123456789"}, "clients.0.organisation"),
        ({"client_id": "a", "organisation": ORGANISATION, "feeds": ["visit"]}, "'visit'"),
        ({"client_id": "a", "organisation": ORGANISATION, "feeds": ["patient"]}, "'patient'"),
        ({"client_id": "a", "organisation": ORGANISATION, "rights": ["feed"]}, "'feed'"),
        ({"client_id": "a", "organisation": ORGANISATION, "rights": "merges"}, "clients.0.rights"),
        *(
            ({"client_id": "a", "organisation": ORGANISATION, "source_systems": ["*"], "rights": [each]}, "clients.0")
            for each in ("population", "general_practitioners", "merges")
        ),
        ({"client_id": "a", "organisation": ORGANISATION, "reads": True}, "clients.0.reads"),
    ],
)
def test_a_wrong_row_is_refused_with_its_place(row: dict[str, Any], where: str) -> None:
    with pytest.raises(ValueError, match=where):
        read_clients(json.dumps({"clients": [row]}))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"clients": {}}'])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- whatever it says, no table is made of it
        read_clients(text)


def test_two_rows_about_one_client_are_refused() -> None:
    row = {"client_id": "a", "organisation": ORGANISATION}
    with pytest.raises(ValueError, match="twice"):
        read_clients(json.dumps({"clients": [row, row]}))


def test_the_local_overlay_registers_the_local_issuers_machines() -> None:
    assert (ROOT / "k8s/overlays/local/clients.json").read_text() == table()


def test_the_local_issuers_table_is_one() -> None:
    local = read_clients(table())
    load = local.of("kj-local-visits", ORGANISATION)
    assert load is not None
    assert load.speaks_for("Norsk pasientregister")
    assert not load.speaks_for("SYSVAK")
    assert {common.SECTION_VISITS} == load.feeds


def test_no_machine_of_the_operators_example_speaks_for_any_source() -> None:
    written = (ROOT / "k8s/README.md").read_text()
    [example] = [part.partition("```")[0] for part in written.split("```json") if '"client_id"' in part]
    rows = json.loads(example)["clients"]
    read_clients(example)
    assert not any("*" in row.get("source_systems", ()) for row in rows)


def test_the_one_who_moves_records_says_nothing_of_people() -> None:
    moves = read_clients(table()).of("kj-local-import", ORGANISATION)
    assert moves is not None
    assert moves.speaks_for("whatever a file names")
    assert not moves.rights
