"""The same dose another way, elsewhere on the body or with other words beside it is not the same treatment."""

from typing import Any

import pytest

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, Period, Quantity
from kjernejournal.medications.v1 import medications_pb2 as pb
from tests.services.medications.list.lists import changed, entry
from tests.services.medications.reconciliation.planted import CHANGED, DOUBTFUL, SAME
from tests.services.medications.reconciliation.sides import listed, prescribed, reconcile

ROUTE, SITE = pb.COMPARED_FIELD_ROUTE, pb.COMPARED_FIELD_SITE
INSTRUCTIONS, DOSE = pb.COMPARED_FIELD_INSTRUCTIONS, pb.COMPARED_FIELD_DOSE
SNOMED = "http://snomed.info/sct"


def taken(**fields: Any) -> pb.Dosage:
    dose = pb.DoseAndRate(dose=Quantity(value="15", unit="mg"))
    timing = pb.Timing(frequency=1, period="1", period_unit="wk")
    return pb.Dosage(**{"doses": [dose], "timing": timing, **fields})


def coded(code: str, display: str = "") -> CodeableConcept:
    return CodeableConcept(codings=[Coding(system=SNOMED, code=code, display=display)])


def worded(text: str) -> CodeableConcept:
    return CodeableConcept(text=text)


def from_day(seconds: int) -> pb.Timing:
    bounds = Period(start={"seconds": seconds})  # type: ignore[arg-type]  # made of a dict
    return pb.Timing(frequency=1, period="1", period_unit="wk", bounds=bounds)


@pytest.mark.parametrize(
    "one, other, field",
    [
        ({"route": worded("peroralt")}, {"route": worded("subkutant")}, ROUTE),
        ({"route": coded("47625008")}, {"route": coded("72607000")}, ROUTE),
        ({"route": worded("intravenøst")}, {"route": coded("72607000", "Intrathecal route")}, ROUTE),
        ({"text": "15 mg po"}, {"text": "15 mg sc"}, ROUTE),
        ({"text": "15 mg p.o."}, {"text": "15 mg s.c."}, ROUTE),
        ({"text": "15 mg i.v."}, {"text": "15 mg intratekalt"}, ROUTE),
        ({"site": worded("høyre øye")}, {"site": worded("venstre øye")}, SITE),
        ({"site": coded("1290041000", "Entire left eye")}, {"site": worded("høyre øye")}, SITE),
        ({"text": "1 dråpe i høyre øye"}, {"text": "1 dråpe i begge øyne"}, SITE),
        ({"as_needed_for": worded("smerter")}, {"as_needed_for": worded("uro")}, INSTRUCTIONS),
        ({"as_needed_for": coded("22253000")}, {"as_needed_for": coded("48694002")}, INSTRUCTIONS),
        ({"instructions": [worded("tas fastende")]}, {"instructions": [worded("tas med mat")]}, INSTRUCTIONS),
        ({}, {"instructions": [worded("tas med mat")]}, INSTRUCTIONS),
        ({"timing": from_day(1_700_000_000)}, {"timing": from_day(1_800_000_000)}, DOSE),
        ({}, {"timing": from_day(1_800_000_000)}, DOSE),
    ],
)
def test_what_differs_besides_the_dose_is_named_and_is_not_the_same(
    one: dict[str, Any], other: dict[str, Any], field: int
) -> None:
    on_list = entry(dosages=[taken(**one)])
    [item] = reconcile(listed(on_list), changed(on_list, dosages=[taken(**other)]))[0]
    assert item.difference in (CHANGED, DOUBTFUL)
    assert field in item.fields


def test_a_known_difference_is_taken_over_by_the_draft_and_an_unknown_one_is_not() -> None:
    by_mouth = entry(dosages=[taken(route=worded("peroralt"))])
    brought = changed(by_mouth, dosages=[taken(route=worded("subkutant"))])
    items, draft = reconcile(listed(by_mouth), brought)
    assert items[0].difference == CHANGED
    assert draft.entries[0].dosages[0].route.text == "subkutant"
    odd = entry(dosages=[taken(route=worded("via port"))])
    items, draft = reconcile(listed(odd), changed(odd, dosages=[taken(route=worded("via sonde"))]))
    assert items[0].difference == DOUBTFUL
    assert list(draft.entries) == [odd]


@pytest.mark.parametrize(
    "one, other",
    [
        ({"route": worded("Oralt")}, {"route": worded("per os")}),
        ({"route": coded("26643006", "Oral route")}, {"text": "15 mg po"}),
        ({"route": coded("26643006")}, {"route": coded("26643006", "Oral")}),
        ({}, {"route": worded("peroralt")}),
        ({"site": worded("begge øyne")}, {"site": worded("høyre og venstre øye")}),
        ({"instructions": [worded("Tas med  mat")]}, {"instructions": [worded("tas med mat")]}),
        ({"timing": from_day(1_700_000_000)}, {"timing": from_day(1_700_000_000), "text": "en gang i uken"}),
    ],
)
def test_the_same_way_in_other_words_is_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    on_list = entry(dosages=[taken(**one)])
    [item] = reconcile(listed(on_list), changed(on_list, dosages=[taken(**other)]))[0]
    assert (item.difference, item.fields) == (SAME, set())


def test_right_goes_with_right_and_left_with_left() -> None:
    right, left = (entry(dosages=[taken(site=worded(f"{side} øye"))]) for side in ("høyre", "venstre"))
    brought = [entry(dosages=[taken(site=worded(f"{side} øye"))]) for side in ("venstre", "høyre")]
    items, _ = reconcile(listed(right, left), *brought)
    assert [item.difference for item in items] == [SAME, SAME]


def test_what_a_prescription_does_not_say_beside_the_dose_is_no_difference() -> None:
    on_list = entry(dosages=[taken(instructions=[worded("tas med mat")], as_needed_for=worded("smerter"))])
    items, _ = reconcile(listed(on_list), prescriptions=[prescribed(dosages=[taken()])])
    assert [item.difference for item in items] == [SAME]


@pytest.mark.parametrize(
    "one, other",
    [
        ({"text": "1 dråpe h. øye"}, {"text": "1 dråpe v. øye"}),
        ({"text": "1 x 1", "patient_instruction": "før mat"}, {"text": "1 x 1", "patient_instruction": "etter mat"}),
    ],
)
def test_an_eye_in_short_and_what_is_said_to_the_patient_are_compared(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    on_list = entry(dosages=[taken(**one)])
    [item] = reconcile(listed(on_list), changed(on_list, dosages=[taken(**other)]))[0]
    assert item.difference in (CHANGED, DOUBTFUL)
