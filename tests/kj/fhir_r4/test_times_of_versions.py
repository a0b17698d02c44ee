"""How old a version is: its own time of change, the bundle's, its own recording; what has none says so."""

from kj.fhir_r4.resources.national_ids import AssignedIds
from kjernejournal.common.v1.common_pb2 import Provenance
from shared.convert import moment
from tests.kj.fhir_r4.bundles import NOW, Json, allergy, bundle, mapped, patient

MADE = "2025-06-01T10:00:00Z"


def source(sent: Json, **of_bundle: str) -> Provenance:
    """Returns the provenance of the one entry."""
    [whole] = mapped(bundle(patient(), sent, **of_bundle), AssignedIds(), NOW).records
    [entry] = whole.critical_info.critical_info
    return entry.header.provenance


def test_what_states_no_time_says_that_its_time_is_not_known() -> None:
    untimed = source(allergy(recordedDate=None))
    assert untimed.time_unknown
    assert not untimed.HasField("changed_at")
    assert moment(untimed.recorded_at) == NOW


def test_a_time_of_its_own_or_of_its_bundle_is_a_time() -> None:
    for sent, of_bundle in (
        (allergy(recordedDate="2024"), {}),
        (allergy(recordedDate=None), {"timestamp": MADE}),
        (allergy(recordedDate=None, meta={"lastUpdated": MADE}), {}),
    ):
        assert not source(sent, **of_bundle).time_unknown


def test_a_version_is_as_old_as_its_last_change_else_as_its_bundle() -> None:
    """The status of an allergy of 2024 changes: the day on which it was recorded does not."""
    own = source(allergy(recordedDate="2024", meta={"lastUpdated": "2025-01-01T00:00:00Z"}), timestamp=MADE)
    assert own.changed_at.ToJsonString() == "2025-01-01T00:00:00Z"
    bundles = source(allergy(recordedDate="2024"), timestamp=MADE)
    assert bundles.changed_at.ToJsonString() == MADE
    assert bundles.recorded_at.ToJsonString() == "2024-01-01T00:00:00Z"
    assert not source(allergy(recordedDate="2024")).HasField("changed_at")


def test_a_patient_without_a_time_states_none() -> None:
    [untimed] = mapped(bundle(patient())).records
    assert not untimed.patient.person.HasField("changed_at")
    [timed] = mapped(bundle(patient(), timestamp=MADE)).records
    assert timed.patient.person.changed_at.ToJsonString() == MADE
