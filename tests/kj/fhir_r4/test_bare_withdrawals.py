"""What is taken back by its id alone, as sources do: nothing else of it need be said."""

import pytest

from kj.fhir_r4.mapping import NO_LONGER, WITHDRAWN
from tests.kj.fhir_r4.bundles import coded, reasons, record_of, resource

CVX = "http://hl7.org/fhir/sid/cvx"


@pytest.mark.parametrize(
    "kind",
    [
        *("MedicationRequest", "MedicationDispense", "MedicationStatement", "Encounter", "Device", "Procedure"),
        *("DeviceUseStatement", "Immunization", "DocumentReference", "DiagnosticReport", "Observation"),
    ],
)
def test_an_id_and_entered_in_error_take_the_entry_back(kind: str) -> None:
    taken_back = resource(kind, "x", status="entered-in-error")
    assert reasons(taken_back) == {NO_LONGER if kind == "Encounter" else WITHDRAWN: 1}


def test_a_contact_that_is_cancelled_after_all_is_withdrawn() -> None:
    [visit] = record_of(resource("Encounter", "x", status="cancelled")).visits.visits
    assert visit.withdrawn
    assert visit.header.provenance.source_id == "Encounter/x"


def test_an_id_and_entered_in_error_take_back_that_none_were_known() -> None:
    """What was said under the id is not repeated: it may have been an entry, or that there are none."""
    shots = record_of(resource("Immunization", "x", status="entered-in-error")).vaccinations
    assert [(each.header.provenance.source_id, each.withdrawn) for each in shots.absences] == [("Immunization/x", True)]
    used = record_of(resource("MedicationRequest", "x", status="entered-in-error")).medications
    assert [(each.header.provenance.source_id, each.source_record.status) for each in used.statements] == [
        ("MedicationRequest/x", "entered-in-error")
    ]
    told = resource("Immunization", "x", status="entered-in-error", vaccineCode=coded("207", "", CVX))
    assert not record_of(told).vaccinations.absences
