"""Bundles that others made. They lie beside the checkout on some machines and are never part of it."""

from collections import Counter
from pathlib import Path

import pytest

from gateway.fhir.identity import Register
from gateway.fhir.mapping import Mapped, map_bundle
from gateway.fhir.reading import read
from gateway.fhir.reasons import Refused
from tests.fhir.bundles import NOW, OUTSIDE

needs_data = pytest.mark.skipif(not OUTSIDE.is_dir(), reason=f"no FHIR data of others at {OUTSIDE}")
pytestmark = needs_data

HOSPITALS = "0-hospitalInformation"


def patients() -> list[Path]:
    return sorted(path for path in (OUTSIDE / "synthea-r4").glob("*.bz2") if not path.name.startswith(HOSPITALS))


def imported(path: Path, register: Register) -> Mapped:
    with path.open("rb") as file:
        return map_bundle(read(file), register, NOW)


def in_file(path: Path) -> Counter[str]:
    with path.open("rb") as file:
        return Counter(each["resource"]["resourceType"] for each in read(file)["entry"])


def test_every_resource_of_every_synthea_patient_is_placed_or_explained() -> None:
    register, placed, not_placed = Register(), Counter[str](), Counter[str]()
    for path in patients():
        made = imported(path, register)
        assert {name: row.in_bundle for name, row in made.tally.rows.items()} == in_file(path)
        assert len(made.records) == 1
        assert not made.cuts
        for name, row in made.tally.rows.items():
            placed[name] += row.placed.total()
            not_placed[name] += row.not_placed.total()
    assert len(register.known) == 24
    assert len({each.national_id for each in register.known.values()}) == 24
    assert {name: count for name, count in placed.items() if count} == {
        "Patient": 24,
        "AllergyIntolerance": 11,
        "DocumentReference": 1187,
        "Encounter": 1187,
        "MedicationRequest": 1434,
        "Procedure": 13,
    }
    assert not_placed["DiagnosticReport"] == 1808
    assert not_placed["Encounter"] == not_placed["MedicationRequest"] == not_placed["DocumentReference"] == 0


def test_the_same_patients_in_another_order_get_the_same_numbers() -> None:
    some = patients()[:6]
    forward, backward = Register(), Register()
    for path in some:
        imported(path, forward)
    for path in reversed(some):
        imported(path, backward)
    assert {key: each.national_id for key, each in forward.known.items()} == {
        key: each.national_id for key, each in backward.known.items()
    }


def test_the_batch_of_hospitals_is_refused() -> None:
    [path] = (OUTSIDE / "synthea-r4").glob(f"{HOSPITALS}*")
    with pytest.raises(Refused, match="type: a bundle of type batch is not imported"):
        imported(path, Register())


def test_every_patient_summary_imports_or_is_refused_with_a_reason() -> None:
    refused = {}
    statements = 0
    for path in sorted((OUTSIDE / "ips").glob("*.json")):
        try:
            made = imported(path, Register())
        except Refused as refusal:
            refused[path.name] = str(refusal)
            continue
        assert {name: row.in_bundle for name, row in made.tally.rows.items()} == in_file(path)
        statements += made.tally.rows.get("MedicationStatement", made.tally.rows["Patient"]).placed["statements"]
    assert list(refused) == ["US_MEDITECH_ips_1.json"]
    assert "searchset" in refused["US_MEDITECH_ips_1.json"]
    assert statements == 51
