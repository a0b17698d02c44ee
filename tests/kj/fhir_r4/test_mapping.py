"""A whole bundle: everything is placed or explained, and the same bundle gives the same messages."""

import copy
import os
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kj.fhir_r4.bundle.refusals import Refused
from kj.fhir_r4.resources.national_ids import AssignedIds
from kj.fhir_r4.tally import Tally, Unexplained
from tests.kj.fhir_r4.bundles import NOW, bundle, mapped, patient, resource, whole


def test_one_of_everything_goes_where_it_belongs() -> None:
    tally = mapped(whole()).tally
    placed = {name: dict(row.placed) for name, row in tally.rows.items() if row.placed}
    assert placed == {
        "Patient": {"patients": 1},
        "AllergyIntolerance": {"critical_info": 1},
        "Encounter": {"visits": 1},
        "DocumentReference": {"documents": 1},
        "MedicationRequest": {"prescriptions": 1},
        "MedicationDispense": {"dispensings": 1},
        "MedicationStatement": {"statements": 1},
        "Device": {"critical_info": 1},
        "Procedure": {"critical_info": 1},
        "DiagnosticReport": {"lab reports": 1},
        "Observation": {"lab results": 1},
        "Immunization": {"vaccinations": 1},
        "RelatedPerson": {"own_registrations": 1},
    }
    assert {name for name, row in tally.rows.items() if row.not_placed} == {
        "Procedure",
        "Condition",
        "Claim",
    }


def test_the_same_bundle_gives_the_same_messages_at_any_time() -> None:
    ids = AssignedIds()
    [first] = mapped(whole(), ids).records
    [later] = mapped(whole(), ids, NOW + timedelta(days=400)).records
    assert first == later


def test_every_entry_names_its_source() -> None:
    [record] = mapped(whole()).records
    medicines = record.medications
    headers = [
        *(each.header for each in record.critical_info.critical_info),
        *(each.header for each in record.visits.visits),
        *(each.document.header for each in record.documents.documents),
        *(each.header for each in medicines.prescriptions),
        *(each.header for each in medicines.dispensings),
        *(each.header for each in medicines.statements),
        *(each.header for each in record.labs.reports),
        *(each.header for each in record.vaccinations.vaccinations),
        *(each.header for each in record.own_registrations.registrations),
    ]
    assert len({each.provenance.source_id for each in headers}) == len(headers) == 11
    assert all(each.provenance.HasField("recorded_at") for each in headers)


def test_a_type_that_nobody_knows_is_explained_too() -> None:
    row = mapped(bundle(patient(), resource("Zebra", "z"))).tally.rows["Zebra"]
    assert row.not_placed == {"no register holds this type": 1}


def test_what_is_not_explained_is_an_error_of_ours() -> None:
    tally = Tally()
    tally.found("Encounter")
    with pytest.raises(Unexplained, match="Encounter: 1 in the bundle, 0 placed or explained"):
        tally.check()


JUNK: list[Any] = [
    None, "", 0, -1, 10**12, 10**30, True, [], {}, [None], [{}], ["x"], {"x": 1}, "x" * 5000, [[]], "#",
    "2020-13-45", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31", "Patient/", "urn:uuid:",
    {"coding": [{"system": "urn:oid:2.16.578.1.12.4.1.1.8202", "code": "x"}]}, {"value": 1, "comparator": "<"}, " ",
    [{"reference": "Observation/obs"}], {"reference": "DiagnosticReport/rep"}, {"value": "x"}, 1.5, "1899", "2999",
    {"coding": [{}]}, {"coding": "x"}, {"reference": "#"}, {"start": "2020", "end": "2019"}, "entered-in-error",
]  # fmt: skip


def spots(value: Any) -> list[tuple[Any, Any]]:
    """Returns every place in a bundle that holds a value."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [spot for key in keys for spot in spots(value[key])]


@settings(max_examples=int(os.environ.get("KJ_DAMAGES", "300")), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(JUNK)), min_size=1, max_size=4))
def test_a_damaged_bundle_is_refused_or_explained_whole(damage: list[tuple[int, Any]]) -> None:
    value = whole()
    for position, junk in damage:
        places = spots(value)
        if places:
            holder, key = places[position % len(places)]
            holder[key] = copy.deepcopy(junk)
    try:
        made = mapped(value)
    except Refused:
        return
    counted = Counter({name: row.in_bundle for name, row in made.tally.rows.items()})
    assert counted == Counter(each["resource"]["resourceType"] for each in value["entry"])
