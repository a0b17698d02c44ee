"""Two medicines compared, each test named after its rule."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import pytest

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, Quantity
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.reconciliation import amounts, comparing, forms
from services.medications.reconciliation.comparing import Basis, Compared
from services.medications.reconciliation.likeness import DIFFERENT, EQUAL, SILENT, UNKNOWN, Outcome
from shared.codes.systems import ATC

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def drug(atc: str = "C07AB02", text: str = "", form: str = "", **fields: Any) -> pb.Medication:
    made = pb.Medication(code=CodeableConcept(text=text), **fields)
    if atc:
        made.atc.CopyFrom(Coding(system=ATC, code=atc))
    if form:
        made.form.text = form
    return made


def compared(
    one: pb.Medication, other: pb.Medication, dose: Iterable[pb.Dosage] = (), other_dose: Iterable[pb.Dosage] = ()
) -> Compared:
    """Compares both ways round, which must come out the same."""
    mine, theirs = comparing.comparable(one, list(dose)), comparing.comparable(other, list(other_dose))
    found = comparing.compare(mine, theirs)
    assert comparing.compare(theirs, mine) == found
    return found


def dosed(one: pb.Dosage, *other: pb.Dosage) -> Outcome:
    """Returns the outcome for the dose, of one line against others."""
    return compared(drug(), drug(), [one], other).dose


def taken(value: str = "1", unit: str = "tablett", times: int = 1, of: str = "d", **fields: Any) -> pb.Dosage:
    timing = pb.Timing(frequency=times, period="1", period_unit=of)
    made = pb.Dosage(timing=timing, **fields)
    made.doses.add().dose.CopyFrom(Quantity(value=value, unit=unit))
    return made


def test_generic_equivalents_are_the_same() -> None:
    one = drug(text="Selo-Zok 50 mg", form="Depottablett", strength="50 mg")
    other = drug(text="Metoprolol Sandoz 50 mg", form="depottabletter".removesuffix("er"), strength="0,05 g")
    found = compared(one, other)
    assert (found.substance, found.strength, found.form) == (EQUAL, EQUAL, EQUAL)


def test_another_atc_code_is_another_substance_whatever_the_name() -> None:
    assert compared(drug("C07AB02", "Metoprolol"), drug("C07AB03", "Metoprolol")).substance is DIFFERENT


def test_a_group_of_substances_does_not_tell_which_one_it_is() -> None:
    assert compared(drug("C07AB"), drug("C07AB02")).substance is UNKNOWN
    assert compared(drug("C07AB"), drug("C10AA05")).substance is DIFFERENT
    one, other = drug("A12AX", "Calcigran Forte 500 mg/20 mikrog"), drug("A12AX", "Calcigran Forte tyggetablett")
    assert compared(one, other).substance is EQUAL, "the group and the name, where the substance has no code of its own"


def test_the_same_coding_is_the_same_substance_without_an_atc_code() -> None:
    coded = drug("", "Metformin")
    coded.code.codings.add(system=RXNORM, code="860975")
    again = drug("", "Another name")
    again.code.codings.add(system=RXNORM, code="860975")
    found = compared(coded, again)
    assert (found.substance, found.basis) == (EQUAL, Basis.CODING)
    local = drug("", "Metformin")
    local.code.codings.add(system="http://a.hospital.example/codes", code="860975")
    assert compared(local, local).substance is UNKNOWN, "nobody else's codes are known"


def test_a_name_says_that_it_may_be_the_same_never_that_it_is() -> None:
    found = compared(drug(text="Metoprolol depottablett 50 mg"), drug("", "METOPROLOL 100 mg"))
    assert (found.substance, found.basis) == (UNKNOWN, Basis.NAME)
    assert compared(drug(text="Vitamin D 20 mikrog"), drug("", "Kalsium")).basis is Basis.NONE


@pytest.mark.parametrize(
    "one,other,outcome",
    [
        ("500 mg", "0,5 g", EQUAL),
        ("0.5 mg", "500 µg", EQUAL),
        ("500 mikrog", "0,5 mg", EQUAL),
        ("25 mikrog/dose", "25 mikrogram", EQUAL),
        ("100 mg/5 ml", "20 mg/ml", EQUAL),
        ("100 E/ml", "100 IE/ml", EQUAL),
        ("400/30 mg", "400 mg/30 mg", EQUAL),
        ("30 mg/400 mg", "400 mg + 30 mg", EQUAL),
        ("50 mg", "100 mg", DIFFERENT),
        ("5 mg", "5 g", DIFFERENT),
        ("10 mg/ml", "10 mg/5 ml", DIFFERENT),
        ("400/30 mg", "500/30 mg", DIFFERENT),
        ("10 mg/ml", "10 mg", UNKNOWN),
        ("500 mg/30 mg", "500 mg", UNKNOWN),
        ("100 IE", "100 mg", UNKNOWN),
        ("sterk", "svak", UNKNOWN),
        ("sterk", "Sterk", EQUAL),
        ("500 mg", "", SILENT),
        ("", "", EQUAL),
    ],
)
def test_strengths_are_converted_exactly(one: str, other: str, outcome: Outcome) -> None:
    assert compared(drug(strength=one), drug(strength=other)).strength is outcome


def test_a_third_of_a_milligram_is_no_rounding() -> None:
    assert amounts.parsed("1 mg/3 ml") == (amounts.Strength("g", "ml", Fraction(1, 3000)),)
    assert amounts.number("1e999999") is None
    assert amounts.number("NaN") is None


def test_strength_as_a_quantity_compares_with_strength_in_words() -> None:
    part = pb.Ingredient(
        strength_numerator=Quantity(value="500", code="mg", system="http://unitsofmeasure.org"),
        strength_denominator=Quantity(value="1", code="{tbl}"),
    )
    assert compared(drug(ingredients=[part]), drug(strength="0,5 g")).strength is EQUAL
    excipient = pb.Ingredient(active=False, strength_numerator=Quantity(value="3", unit="g"))
    assert compared(drug(ingredients=[part, excipient]), drug(text="Paracet tablett 500 mg")).strength is EQUAL


def test_a_value_with_a_comparator_is_not_a_plain_one() -> None:
    less = Quantity(value="500", unit="mg", comparator=common_pb2.QUANTITY_COMPARATOR_LESS)
    part = pb.Ingredient(strength_numerator=less)
    assert compared(drug(ingredients=[part]), drug(strength="500 mg")).strength is UNKNOWN


def test_coated_and_plain_tablets_are_one_form_and_depot_is_another() -> None:
    assert compared(drug(form="Tablett, filmdrasjert"), drug(form="tablett")).form is EQUAL
    assert compared(drug(form="Kapsel, hard"), drug(form="Oral Capsule")).form is EQUAL
    assert compared(drug(form="Depottablett"), drug(form="tablett")).form is DIFFERENT
    assert compared(drug(form="Enterotablett"), drug(form="tablett")).form is DIFFERENT
    assert compared(drug(form="noe annet"), drug(form="tablett")).form is UNKNOWN
    assert compared(drug(), drug(form="tablett")).form is SILENT
    assert forms.named("tablett og kapsel") == "", "which one it is cannot be told"


def test_two_tablets_once_are_not_one_tablet_twice() -> None:
    assert dosed(taken("2"), taken(times=2)) is DIFFERENT


def test_one_in_the_morning_and_one_in_the_evening_is_one_twice_a_day() -> None:
    morning, evening = taken(), taken()
    morning.timing.when.append("MORN")
    evening.timing.when.append("EVE")
    assert dosed(taken(times=2), morning, evening) is EQUAL
    assert dosed(morning, evening) is DIFFERENT


def test_once_a_week_is_not_once_a_day() -> None:
    """Methotrexate: the slip that has killed."""
    monday = pb.Dosage(timing=pb.Timing(days_of_week=["mon"]))
    monday.doses.add().dose.CopyFrom(Quantity(value="1", unit="tablett"))
    assert dosed(taken(of="wk"), taken()) is DIFFERENT
    assert dosed(monday, taken(of="wk")) is EQUAL
    assert dosed(monday, taken()) is DIFFERENT


def test_every_twelve_hours_is_twice_a_day() -> None:
    twelve = taken()
    twelve.timing.period, twelve.timing.period_unit = "12", "h"
    assert dosed(twelve, taken(times=2)) is EQUAL


def test_when_needed_is_not_regularly() -> None:
    assert dosed(taken(as_needed=True), taken(as_needed=False)) is DIFFERENT
    assert dosed(taken(as_needed=False), taken()) is EQUAL
    assert dosed(taken(as_needed=True), taken()) is UNKNOWN
    assert dosed(pb.Dosage(text="1 tablett", as_needed=True), pb.Dosage(text="1 tablett", as_needed=False)) is DIFFERENT


def test_units_of_doses_are_converted_and_pieces_weighed() -> None:
    assert dosed(taken("500", "mg"), taken("0.5", "g")) is EQUAL
    one, other = drug(strength="250 mg"), drug(strength="250 mg")
    assert compared(one, other, [taken("2")], [taken("500", "mg")]).dose is EQUAL
    assert compared(one, other, [taken("2")], [taken("250", "mg")]).dose is DIFFERENT
    assert dosed(taken("2"), taken("500", "mg")) is UNKNOWN, "what a tablet holds is not known"


def test_a_step_dosage_is_not_its_first_step() -> None:
    steps = [taken("1", sequence=1), taken("2", sequence=2)]
    found = compared(drug(), drug(), steps, [taken("1", sequence=1)])
    assert found.dose is DIFFERENT
    assert compared(drug(), drug(), steps, [taken("1", sequence=3), taken("2", sequence=4)]).dose is EQUAL


def test_the_same_words_are_the_same_dose_and_other_words_are_not_known_to_be_another() -> None:
    assert dosed(pb.Dosage(text="1 tablett  Daglig."), pb.Dosage(text="1 tablett daglig")) is EQUAL
    assert dosed(pb.Dosage(text="1 tablett daglig"), pb.Dosage(text="En om dagen")) is UNKNOWN
    assert dosed(pb.Dosage(text="1 tablett daglig"), taken()) is UNKNOWN


def test_structure_goes_before_words() -> None:
    assert dosed(taken(text="som før"), taken(times=2, text="som før")) is DIFFERENT
    assert dosed(taken(text="hver dag"), taken(text="daglig")) is EQUAL


def test_a_course_of_a_number_of_times_is_not_compared_with_one_without() -> None:
    course = taken()
    course.timing.count = 7
    assert dosed(course, taken()) is UNKNOWN
    assert dosed(course, course) is EQUAL
    until = taken()
    until.timing.bounds.end.FromSeconds(1_800_000_000)
    assert dosed(until, taken()) is UNKNOWN


def test_what_is_written_alike_is_the_same_understood_or_not() -> None:
    coded = pb.Dosage()
    coded.timing.code.codings.add(system="urn:oid:2.16.578.1.12.4.1.1.8325", code="4")
    other = pb.Dosage()
    other.timing.code.codings.add(system="urn:oid:2.16.578.1.12.4.1.1.8325", code="5")
    assert dosed(coded, coded) is EQUAL
    assert dosed(coded, other) is UNKNOWN


def test_short_doses_compare_by_their_code() -> None:
    once, twice = [pb.Dosage(short_dose=Coding(system="urn:oid:1.2", code=code)) for code in ("1", "2")]
    assert dosed(once, once) is EQUAL
    assert dosed(once, twice) is DIFFERENT


def test_what_one_does_not_say_is_no_difference() -> None:
    assert compared(drug(), drug(), [taken()], []).dose is SILENT
    assert compared(drug(), drug()).dose is EQUAL
