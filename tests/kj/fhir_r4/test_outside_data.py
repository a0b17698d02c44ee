"""Bundles that others made. They lie beside the checkout on some machines and are never part of it."""

import bz2
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kj.fhir_r4.bundle.refusals import Refused, Skipped
from kj.fhir_r4.resources.national_ids import AssignedIds
from tests.kj.fhir_r4.bundles import OUTSIDE, Wholes, gathered

needs_data = pytest.mark.skipif(not OUTSIDE.is_dir(), reason=f"no FHIR data of others at {OUTSIDE}")
pytestmark = needs_data

HOSPITALS = "0-hospitalInformation"


def patients() -> list[Path]:
    return sorted(path for path in (OUTSIDE / "synthea-r4").glob("*.bz2") if not path.name.startswith(HOSPITALS))


def imported(path: Path, ids: AssignedIds) -> Wholes:
    with path.open("rb") as file:
        return gathered(file, ids)


def resources(path: Path) -> list[dict[str, Any]]:
    data = bz2.decompress(path.read_bytes()) if path.suffix == ".bz2" else path.read_bytes()
    return [each["resource"] for each in json.loads(data)["entry"]]


def in_file(path: Path) -> Counter[str]:
    return Counter(each["resourceType"] for each in resources(path))


def shown(made: Wholes) -> Counter[str]:
    """Returns what the lists will show, counted in the messages themselves."""
    counts: Counter[str] = Counter()
    for record in made.records:
        counts["reports"] += len(record.labs.reports)
        counts["results"] += sum(bool(each.source_id) for report in record.labs.reports for each in report.results)
        counts["vaccinations"] += len(record.vaccinations.vaccinations)
        counts["own_registrations"] += len(record.own_registrations.registrations)
        counts["documents"] += len(record.documents.documents)
        counts["visits"] += len(record.visits.visits)
    return counts


def test_every_resource_of_every_synthea_patient_is_placed_or_explained() -> None:
    ids, placed, lists = AssignedIds(), Counter[str](), Counter[str]()
    for path in patients():
        made = imported(path, ids)
        assert {name: row.in_bundle for name, row in made.tally.rows.items()} == in_file(path)
        assert len(made.records) == 1
        assert made.cuts.keys() <= {  # Synthea's patients have maiden names and phones at home
            "names of patients beyond the first",
            "telecom of a patient: only one mobile phone is held",
        }
        lists += shown(made)
        for row in made.tally.rows.values():
            placed += row.placed
    assert len(ids.known) == 24
    assert len({each.national_id for each in ids.known.values()}) == 24
    assert placed == {
        "patients": 24,
        "critical_info": 24,
        "documents": 1187,
        "visits": 1187,
        "prescriptions": 1434,
        "lab reports": 621,
        "lab results": 4367,
        "lab results: reports of their own": 437,
        "vaccinations": 318,
    }
    assert lists == {
        "reports": 621 + 437,
        "results": 4367 + 437,
        "vaccinations": 318,
        "own_registrations": 24,
        "documents": 1187,
        "visits": 1187,
    }


def test_no_value_of_a_laboratory_answer_is_lost() -> None:
    for path in patients()[:6]:
        made = imported(path, AssignedIds())
        results = {
            each.source_id: each for report in made.records[0].labs.reports for each in report.results if each.source_id
        }
        for resource in resources(path):
            result = results.get(f"Observation/{resource.get('id')}")
            if resource["resourceType"] != "Observation" or result is None:
                continue
            assert [each.code for each in result.code.codings] == [each["code"] for each in resource["code"]["coding"]]
            if "valueQuantity" in resource:
                assert float(result.quantity.value) == resource["valueQuantity"]["value"]
                assert result.quantity.code == resource["valueQuantity"]["code"]
            elif "valueCodeableConcept" in resource:
                assert result.concept.codings[0].code == resource["valueCodeableConcept"]["coding"][0]["code"]


def test_the_same_patients_in_another_order_get_the_same_numbers() -> None:
    some = patients()[:6]
    forward, backward = AssignedIds(), AssignedIds()
    for path in some:
        imported(path, forward)
    for path in reversed(some):
        imported(path, backward)
    assert {key: each.national_id for key, each in forward.known.items()} == {
        key: each.national_id for key, each in backward.known.items()
    }


def test_the_batch_of_hospitals_is_skipped() -> None:
    [path] = (OUTSIDE / "synthea-r4").glob(f"{HOSPITALS}*")
    with pytest.raises(Skipped, match="nothing of a patient"):
        imported(path, AssignedIds())


def test_every_patient_summary_imports_or_is_refused_with_a_reason() -> None:
    refused: dict[str, str] = {}
    placed, beside, why = Counter[str](), Counter[str](), Counter[str]()
    for path in sorted((OUTSIDE / "ips").glob("*.json")):
        try:
            made = imported(path, AssignedIds())
        except Refused as refusal:
            refused[path.name] = str(refusal)
            continue
        assert {name: row.in_bundle for name, row in made.tally.rows.items()} == in_file(path)
        beside += made.beside
        for row in made.tally.rows.values():
            placed += row.placed
            why += row.not_placed
    assert list(refused) == ["US_MEDITECH_ips_1.json"]
    assert "searchset" in refused["US_MEDITECH_ips_1.json"]
    assert placed["statements"] == 51
    assert placed["vaccinations"] == 13
    assert placed["lab results"] + placed["lab results: reports of their own"] == 81
    assert placed["own_registrations"] == 1
    assert beside == {
        "contacts of patients": 8,
        "languages of patients": 2,
        "statements of absence: critical_info": 4,
        "statements of absence: medications": 3,
        "statements of absence: vaccinations": 1,
        "statements of absence in sections that no register holds": 3,
        "sections of a document with text alone: no register holds it": 2,
    }
    assert not [reason for reason in why if "contract" in reason]


def test_the_searchset_too_could_be_read_if_it_were_a_collection(tmp_path: Path) -> None:
    """It is one page of an answer, so it is refused; what is in it is understood all the same."""
    value = json.loads((OUTSIDE / "ips" / "US_MEDITECH_ips_1.json").read_bytes())
    path = tmp_path / "collection.json"
    path.write_text(json.dumps({**value, "type": "collection"}))
    rows = imported(path, AssignedIds()).tally.rows
    assert rows["DiagnosticReport"].placed == {"lab reports": 7}
    assert rows["Immunization"].placed == {"vaccinations": 11}
