"""What is taken back by its id alone, as sources do: nothing else of it need be said."""

import pytest

from kj.fhir_r4.mapping import NO_LONGER, WITHDRAWN
from tests.kj.fhir_r4.bundles import reasons, record_of, resource


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
