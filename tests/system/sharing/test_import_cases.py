"""The cases of an import, sent through a real system: each file is taken, and withdrawals reach every register."""

import pytest

from tests.kj.fhir_r4.test_cases import CASES, REFUSED, files
from tests.support.client import Client
from tests.support.system import System
from tests.system.sharing.test_import import LISTS, imported, listed


async def test_every_case_is_taken_and_what_is_withdrawn_is_in_no_list(system: System, client: Client) -> None:
    if not CASES.is_dir():
        pytest.skip(f"no cases at {CASES}")
    taken = [each for each in files() if each.stem not in (*REFUSED, "withdrawal-1", "withdrawal-2")]
    assert len(taken) >= 50
    told = imported(system, *taken)
    assert {each["status"] for each in told["files"]} == {"imported"}
    first = imported(system, CASES / "withdrawal-1.json")["files"][0]
    [national_id] = first["patients"]
    before = {name: len(await listed(client, national_id, name)) for name in LISTS}
    assert all(before.values())
    imported(system, CASES / "withdrawal-2.json")
    for name in set(LISTS) - {"critical_info"}:
        assert await listed(client, national_id, name) == [], name
    imported(system, CASES / "withdrawal-1.json")  # once more: older than what stands
    for name in set(LISTS) - {"critical_info"}:
        assert await listed(client, national_id, name) == [], name
    assert await listed(client, national_id, "critical_info") == []
