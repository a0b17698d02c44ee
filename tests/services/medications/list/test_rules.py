"""The rules of the medication list, each test named after its rule."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from kjernejournal.common.v1.common_pb2 import Coding, Practitioner, Provenance
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import model
from services.medications.list import rules
from shared.codes.systems import ITEM_GROUPS
from shared.convert import timestamp
from shared.errors import Invalid
from tests.services.medications.feed import medicine
from tests.services.medications.list.lists import changed, ended, entry

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
AUTHOR = Provenance(recorder=Practitioner(hpr_number="9144900"), recorded_at=timestamp(NOW))
EARLIER = Provenance(recorder=Practitioner(hpr_number="222200068"), recorded_at=timestamp(NOW - timedelta(days=9)))


def following(
    before: list[pb.ListEntry], *sent: pb.ListEntry, registered: dict[str, Provenance] | None = None
) -> list[pb.ListEntry]:
    after = rules.next_list(
        pb.MedicationList(entries=before), pb.MedicationList(entries=sent), AUTHOR, NOW, registered or {}
    )
    return list(after.entries)


def discontinued(at: datetime, **fields: Any) -> pb.ListEntry:
    found = ended(entry(**fields))
    found.discontinuation.discontinued_at.CopyFrom(timestamp(at))
    return found


@pytest.mark.parametrize(
    "at, now, shown",
    [
        (datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 4, 1, 21, 59, tzinfo=UTC), True),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 4, 1, 22, tzinfo=UTC), False),
        (datetime(2026, 1, 1, 23, 30, tzinfo=UTC), datetime(2026, 4, 1, 22, tzinfo=UTC), True),
    ],
    ids=["the 90th day, to its end in Norway", "the 91st", "discontinued after midnight in Norway"],
)
def test_a_discontinued_entry_stays_for_90_days(at: datetime, now: datetime, shown: bool) -> None:
    assert rules.is_shown(discontinued(at), now) is shown


def test_an_active_entry_stays() -> None:
    assert rules.is_shown(entry(), NOW + timedelta(days=9999))


def test_what_left_after_90_days_need_not_be_sent_and_is_not_kept() -> None:
    gone = discontinued(NOW - timedelta(days=91))
    assert following([gone]) == []
    assert following([gone], gone) == []


def test_what_was_discontinued_long_ago_and_is_news_is_kept_in_the_version_that_tells_it() -> None:
    one = entry()
    [told] = following([one], changed(discontinued(NOW - timedelta(days=200)), id=one.id))
    assert told.status == rules.DISCONTINUED


@pytest.mark.parametrize(
    "field, bad",
    [
        ("medication", {"medication": medicine("J07BB02", "Influensavaksine")}),
        ("medication", {"medication": medicine("V06DB", "Næringsdrikk")}),
        ("item_group", {"item_group": Coding(system=ITEM_GROUPS, code="A", display="Annet")}),
        ("reimbursement.paragraph", {"reimbursement": pb.Reimbursement(paragraph="5")}),
        ("reimbursement.paragraph", {"reimbursement": pb.Reimbursement(paragraph="§ 6")}),
        ("supply", {"supply": pb.SUPPLY_WITHOUT_PRESCRIPTION, "prescription_source_id": "r1"}),
    ],
    ids=["vaccine", "nutrition", "other goods group", "consumable", "nutrition by paragraph", "supplement prescribed"],
)
def test_no_vaccines_nutrition_or_consumables(field: str, bad: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        following([], entry(), entry(**bad))
    assert refused.value.field == f"entries[1].{field}"
    old = entry(**bad)
    assert following([old], ended(old)), "what another source has put there can be ended"


def test_a_supplement_is_of_goods_group_l_and_without_prescription() -> None:
    group = Coding(system=ITEM_GROUPS, code="L", display="Legemiddel")
    assert following([], entry(item_group=group, supply=pb.SUPPLY_WITHOUT_PRESCRIPTION))


def test_the_id_of_an_entry_is_one_for_ever_in_capitals_too() -> None:
    one = entry()
    [first] = following([], changed(one, id=one.id.upper()))
    assert first.id == one.id
    [second] = following([first], changed(one, id=one.id.upper()))
    assert second == first


def test_an_entry_that_comes_back_was_registered_when_it_was() -> None:
    one = entry()
    [back] = following([], one, registered={one.id: EARLIER})
    assert (back.registered, back.last_changed) == (EARLIER, AUTHOR)


def test_a_discontinuation_can_be_undone() -> None:
    one = entry()
    [after] = following([ended(one)], one)
    assert after.status == rules.ACTIVE
    assert after.last_changed == AUTHOR


@pytest.mark.parametrize(
    "change",
    [
        {"status": pb.ENTRY_STATUS_PAUSED},
        {"dosages": [pb.Dosage(text="2 tabletter")]},
        {"comment": "Tas med mat"},
        {"guardian_reservation": True},
        {"prescription_source_id": "r9"},
    ],
)
def test_every_attribute_that_somebody_states_counts_as_a_change(change: dict[str, Any]) -> None:
    one = entry()
    assert rules.really_changed(one, changed(one, **change))


@pytest.mark.parametrize("same", [{"last_changed": AUTHOR}, {"registered": AUTHOR}, {"change_reason": "Smerter"}])
def test_what_the_system_sets_and_the_words_alone_are_no_change(same: dict[str, Any]) -> None:
    one = entry()
    assert not rules.really_changed(one, changed(one, **same))


def held(**fields: Any) -> pb.Prescription:
    found = pb.Prescription(**{"state": model.DISPENSABLE, **fields})
    found.header.id = str(uuid4())
    return found


def test_discontinuing_recalls_the_prescriptions_of_the_treatment_but_none_that_is_in_use() -> None:
    ending, going_on = entry(treatment_id="t1"), entry(treatment_id="t2")
    prescriptions = [held(treatment_id="t1"), held(treatment_id="t1"), held(treatment_id="t2"), held()]
    found = rules.recalled_with([ending], [ended(ending), going_on], prescriptions)
    assert [each for each, _ in found] == prescriptions[:2]
    going_on.treatment_id = "t1"
    assert not rules.recalled_with([ending], [ended(ending), going_on], prescriptions)


@pytest.mark.parametrize("state", [model.FINISHED, model.RECALLED, model.NOT_OF_THE_REGISTER])
def test_what_is_finished_recalled_or_of_another_source_is_not_recalled(
    state: "pb.PrescriptionState.ValueType",
) -> None:
    ending = entry(treatment_id="t1")
    assert not rules.recalled_with([ending], [ended(ending)], [held(state=state, treatment_id="t1")])


def test_only_this_sending_discontinues() -> None:
    one, two = entry(), entry()
    assert rules.discontinued_now([ended(one), two], [ended(one), ended(two)]) == [ended(two)]


def test_a_paused_entry_keeps_its_prescription() -> None:
    one = entry(treatment_id="t1")
    assert not rules.discontinued_now([one], [changed(one, status=pb.ENTRY_STATUS_PAUSED)])
