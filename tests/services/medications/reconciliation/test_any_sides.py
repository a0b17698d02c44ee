"""Whatever the sides hold, every entry is in one item, and the draft can be sent."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Provenance
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import checks
from services.medications.list import rules
from services.medications.reconciliation import sources
from shared.convert import timestamp
from tests.services.medications.feed import NOW, medicine
from tests.services.medications.list.lists import ended, entry
from tests.services.medications.reconciliation.planted import DOUBTFUL, MISSING, SAME
from tests.services.medications.reconciliation.sides import dispensed, listed, prescribed, reconcile

_TEXTS = st.sampled_from(["", "Paracet", "Paracet 500 mg", "Lipitor 20 mg tablett", "Noe uten navn", "Vitamin D"])
_ATCS = st.sampled_from(["", "N02BE01", "N02BE", "C10AA05", "A12AX"])
_DOSES = st.sampled_from(["", "1 tablett daglig", "ved behov", "2"])
_IDS = st.sampled_from(["", "", "a", "b"])


@st.composite
def _medicines(draw: st.DrawFn) -> pb.Medication:
    atc, text = draw(_ATCS), draw(_TEXTS)
    made = medicine(atc, text or "x") if atc else pb.Medication(code=CodeableConcept(text=text or "x"))
    made.strength = draw(st.sampled_from(["", "500 mg", "0,5 g", "1 g", "sterk"]))
    return made


@st.composite
def _entries(draw: st.DrawFn) -> pb.ListEntry:
    made = entry(
        id=str(draw(st.uuids())),
        medication=draw(_medicines()),
        dosages=[pb.Dosage(text=draw(_DOSES))],
        treatment_id=draw(_IDS),
        prescription_source_id=draw(_IDS),
        status=draw(st.sampled_from([pb.ENTRY_STATUS_ACTIVE, pb.ENTRY_STATUS_PAUSED])),
    )
    return ended(made, draw(st.integers(0, 200))) if draw(st.booleans()) else made


@st.composite
def _prescriptions(draw: st.DrawFn) -> pb.Prescription:
    source = draw(st.sampled_from(["a", "b", "c", "d"]))
    made = prescribed(source, draw(st.integers(0, 400)), medication=draw(_medicines()), treatment_id=draw(_IDS))
    made.header.id = str(draw(st.uuids()))
    return made


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.none() | st.lists(_entries(), max_size=6, unique_by=lambda each: each.id),
    st.lists(_entries(), max_size=6, unique_by=lambda each: each.id),
    st.lists(_prescriptions(), max_size=5, unique_by=lambda each: each.header.id),
)
def test_every_entry_of_every_side_is_in_one_item_and_the_draft_can_be_sent(
    on_list: list[pb.ListEntry] | None, incoming: list[pb.ListEntry], prescriptions: list[pb.Prescription]
) -> None:
    shown = [each for each in on_list or [] if rules.is_shown(each, NOW)]
    medicines = None if on_list is None else listed(*shown)
    given_out = [dispensed(f"d{each.header.provenance.source_id}", "a", 2) for each in prescriptions]
    items, draft = reconcile(medicines, *incoming, prescriptions=prescriptions, dispensings=given_out)
    gathered = sources.gathered(prescriptions, given_out, [], medicines, incoming, NOW)
    there = sorted((side.source, side.entry_id) for item in items for side in item.group.sides)
    assert there == sorted((side.source, side.entry_id) for side in gathered.sides)
    assert {each.id for each in shown} <= {each.id for each in draft.entries}
    stood = {each.id: each for each in shown}
    for item in items:
        first = item.group.first
        if item.difference in (DOUBTFUL, SAME, MISSING) and first.source == sources.LISTED:
            [drafted] = [each for each in draft.entries if each.id == first.entry_id]
            assert drafted.medication == stood[first.entry_id].medication
            assert (drafted.status, list(drafted.dosages)) == (
                stood[first.entry_id].status,
                list(stood[first.entry_id].dosages),
            )
    sent = pb.MedicationList(entries=draft.entries)
    checks.medication_list(sent, NOW)
    rules.next_list(medicines or pb.MedicationList(), sent, Provenance(recorded_at=timestamp(NOW)), NOW, {})
    rules.check_prescriptions(draft.entries, prescriptions)
