"""What may be in a report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kjernejournal.common.v1.common_pb2 import (
    QUANTITY_COMPARATOR_LESS,
    CodeableConcept,
    Coding,
    EventTime,
    Organisation,
    PartialDate,
    Period,
    Quantity,
)
from kjernejournal.labs.v1 import labs_pb2 as pb
from services.labs import checks, codes, hierarchy, model
from shared.codes import systems
from shared.codes.systems import DEVIATIONS, INTERPRETATIONS, LOINC, REPORT_TYPES, RESULT_STATUSES, UCUM, VOLVEN
from shared.convert import timestamp
from shared.errors import Invalid
from tests.services.labs.calls import TAKEN, concept, quantity, report, result

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = EventTime(instant=timestamp(NOW + timedelta(days=2)))
OTHER = quantity("14.0")


def checked(sent: pb.LabReport) -> pb.LabReport:
    """Returns the report as it would be stored."""
    model.complete(sent)
    checks.report(sent, NOW)
    return sent


def part(key: str = "", of: str = "") -> pb.Result:
    return result(key=key, part_of=of)


def range_of(low: Quantity | None, high: Quantity | None) -> pb.ValueRange:
    return pb.ValueRange(low=low, high=high)


@pytest.mark.parametrize(
    "wrong, field",
    [
        (report(effective=LATER), "effective.instant"),
        (report(effective=EventTime(date=PartialDate(year=1899))), "effective.date"),
        (report(effective=EventTime(age_years=-1)), "effective.age_years"),
        (report(issued=timestamp(datetime(1, 1, 1, tzinfo=UTC))), "issued"),
        (report(laboratory=Organisation(number="12345678")), "laboratory.number"),
        (report(requester=pb.Requester(organisation=Organisation(number="x"))), "requester.organisation.number"),
        (report(code=concept(Coding(system=REPORT_TYPES, code="XXX"))), "code.codings[0].code"),
        (report(categories=[concept(), concept(Coding(system=REPORT_TYPES))]), "categories[1].codings[0].code"),
        (
            report(conclusion_codes=[concept(Coding(system=RESULT_STATUSES, code="16"))]),
            "conclusion_codes[0].codings[0].code",
        ),
        (report(specimens=[pb.Specimen(collected=LATER)]), "specimens[0].collected.instant"),
        (report(identifiers=[Coding(system="urn:oid:1.2")]), "identifiers[0].code"),
        (report(confidentiality=[Coding(code="NORS")]), "confidentiality[0].system"),
        (report("", "NORS", citizen_view_from=timestamp(NOW)), "citizen_view_from"),
    ],
)
def test_a_report_that_breaks_a_rule_is_refused_by_field(wrong: pb.LabReport, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked(wrong)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "wrong, field",
    [
        (pb.Result(code=CodeableConcept()), "code"),
        (pb.Result(code=concept(Coding(system=LOINC))), "code"),
        (result(absent_reason=CodeableConcept(text="hemolyse")), "absent_reason"),
        (result(specimen=1), "specimen"),
        (result(specimen=-1), "specimen"),
        (result(effective=LATER), "effective.instant"),
        (result(method=concept(Coding(system=DEVIATIONS, code="4"))), "method.codings[0].code"),
        (result(quantity=Quantity(unit="g/dL")), "quantity.value"),
        (result(quantity=Quantity(value="1e31")), "quantity.value"),
        (result(quantity=Quantity(value="1", code="g/dL")), "quantity.system"),
        (result(quantity=Quantity(value="1", code="g / dL", system=UCUM)), "quantity.code"),
        (result(quantity=None, text=" "), "text"),
        (result(quantity=None, concept=CodeableConcept()), "concept"),
        (result(quantity=None, time=EventTime()), "time"),
        (result(quantity=None, period=Period()), "period"),
        (
            result(quantity=None, period=Period(start=timestamp(NOW), end=timestamp(TAKEN))),
            "period.end",
        ),
        (result(quantity=None, range=range_of(None, None)), "range"),
        (result(quantity=None, range=range_of(quantity("2"), quantity("1.9"))), "range.low"),
        (result(quantity=None, ratio=pb.Ratio(numerator=quantity("1"))), "ratio.denominator.value"),
        (
            result(
                reference_ranges=[
                    pb.ReferenceRange(range=range_of(None, Quantity(value="1", comparator=QUANTITY_COMPARATOR_LESS)))
                ]
            ),
            "reference_ranges[0].range.high.comparator",
        ),
        (
            result(reference_ranges=[pb.ReferenceRange(type=concept(Coding(system=DEVIATIONS, code="0")))]),
            "reference_ranges[0].type.codings[0].code",
        ),
        (
            result(deviation=pb.DEVIATION_BELOW, interpretations=[concept(Coding(system=DEVIATIONS, code="1"))]),
            "deviation",
        ),
        (
            result(deviation=pb.DEVIATION_ABOVE, interpretations=[concept(Coding(system=INTERPRETATIONS, code="N"))]),
            "deviation",
        ),
    ],
)
def test_a_result_that_breaks_a_rule_is_refused_by_field(wrong: pb.Result, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked(report(results=[result(), wrong]))
    assert refused.value.field == f"results[1].{field}"


@pytest.mark.parametrize(
    "value",
    [
        {"quantity": quantity("-0.50")},
        {"quantity": Quantity(value="5", comparator=QUANTITY_COMPARATOR_LESS, unit="stk")},
        {"quantity": Quantity(value="1", code="1", system="urn:oid:2.16.840.1.113883.6.8")},
        {"concept": CodeableConcept(text="Ikke påvist")},
        {"text": "Rikelig vekst"},
        {"range": range_of(None, quantity("5"))},
        {"range": range_of(quantity("200", "mg/L"), quantity("1", "g/L"))},
        {"time": EventTime(date=PartialDate(year=2026, month=9))},
        {"period": Period(start=timestamp(TAKEN))},
        {"ratio": pb.Ratio(numerator=quantity("1"), denominator=quantity("128"))},
        {"boolean": False},
        {"absent_reason": concept(Coding(system="http://terminology.hl7.org/CodeSystem/data-absent-reason"))},
        {},
    ],
)
def test_every_kind_of_value_is_kept_as_it_came(value: dict[str, object]) -> None:
    sent = result(**{"quantity": None, **value})
    stored = checked(report(results=[sent])).results[0]
    stored.ClearField("key")
    assert stored == sent


def test_codings_of_every_system_stand_side_by_side_as_the_source_wrote_them() -> None:
    systems = [VOLVEN + number for number in ("7280", "7010", "7270", "8340", "8351", "8352")] + [
        LOINC,
        "urn:oid:9.9",
        "",
    ]
    codings = [Coding(system=system, code=f" {number} a", display="x") for number, system in enumerate(systems)]
    stored = checked(report(results=[result(*codings)])).results[0]
    assert list(stored.code.codings) == codings


def test_keys_are_set_where_they_are_missing_and_never_twice() -> None:
    results = [part(), part("2"), part(), part("4"), part("1")]
    hierarchy.set_keys(results)
    assert [each.key for each in results] == ["3", "2", "5", "4", "1"]
    plain = [part() for _ in range(3)]
    hierarchy.set_keys(plain)
    assert [each.key for each in plain] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "results, field",
    [
        ([part("a"), part("a")], "results[1].key"),
        ([part("a", of="b")], "results[0].part_of"),
        ([part("a", of="a")], "results[0].part_of"),
        ([part("a", of="b"), part("b", of="c"), part("c", of="a")], "results[0].part_of"),
        ([part("x", of="a"), part("a", of="b"), part("b", of="a")], "results[0].part_of"),
        ([part("0"), *(part(str(n), of=str(n - 1)) for n in range(1, 9))], "results[8].part_of"),
    ],
)
def test_results_that_are_no_tree_are_refused(results: list[pb.Result], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked(report(results=results))
    assert refused.value.field == field


def test_eight_levels_are_taken_and_a_part_may_stand_before_its_whole() -> None:
    results = [part("0"), *(part(str(n), of=str(n - 1)) for n in range(1, 8))]
    checked(report(results=results))
    checked(report(results=results[::-1]))


@pytest.mark.parametrize(
    "system, code, deviation",
    [
        (DEVIATIONS, "1", pb.DEVIATION_ABOVE),
        ("http://helsedir.no/fhir/CodeSystem/no-kodeverk-8244", "2", pb.DEVIATION_BELOW),
        (DEVIATIONS, "3", pb.DEVIATION_OUTSIDE),
        (INTERPRETATIONS, "HH", pb.DEVIATION_ABOVE),
        ("http://terminology.hl7.org/CodeSystem/v2-0078", "L", pb.DEVIATION_BELOW),
        (INTERPRETATIONS, "N", pb.DEVIATION_NONE),
        (INTERPRETATIONS, "A", pb.DEVIATION_UNSPECIFIED),
        (INTERPRETATIONS, "POS", pb.DEVIATION_UNSPECIFIED),
        ("", "H", pb.DEVIATION_UNSPECIFIED),
    ],
)
def test_a_deviation_follows_from_what_the_source_says_and_from_nothing_else(
    system: str, code: str, deviation: pb.Deviation.ValueType
) -> None:
    sent = result(interpretations=[concept(Coding(system=system, code=code))])
    assert checked(report(results=[sent])).results[0].deviation == deviation


def test_a_deviation_that_says_less_than_the_interpretation_stays() -> None:
    high = [concept(Coding(system=INTERPRETATIONS, code="H"))]
    sent = result(deviation=pb.DEVIATION_OUTSIDE, interpretations=high)
    assert checked(report(results=[sent])).results[0].deviation == pb.DEVIATION_OUTSIDE


def test_a_deviation_beside_an_interpretation_that_may_say_more_stays() -> None:
    normal_but = [concept(Coding(system=INTERPRETATIONS, code="N"), Coding(system=INTERPRETATIONS, code="A"))]
    sent = result(deviation=pb.DEVIATION_OUTSIDE, interpretations=normal_but)
    assert checked(report(results=[sent])).results[0].deviation == pb.DEVIATION_OUTSIDE


def test_two_interpretations_that_differ_give_no_deviation() -> None:
    both = [concept(Coding(system=INTERPRETATIONS, code="H"), Coding(system=INTERPRETATIONS, code="L"))]
    assert not checked(report(results=[result(interpretations=both)])).results[0].deviation


def test_the_main_expertise_follows_from_a_report_type_that_is_one() -> None:
    for code, expertise in codes.EXPERTISES.items():
        typed = report(
            expertise=0, code=concept(Coding(system=LOINC, code="1"), Coding(system=REPORT_TYPES, code=code))
        )
        assert checked(typed).expertise == expertise
    assert not checked(report(expertise=0, code=concept(Coding(system=REPORT_TYPES, code="MBIO")))).expertise


def test_a_system_has_one_spelling_to_be_found_by() -> None:
    assert systems.canonical("http://helsedir.no/fhir/CodeSystem/no-kodeverk-7280") == systems.NLK
    assert systems.canonical("urn:oid:2.16.840.1.113883.6.1") == LOINC
    assert systems.canonical("urn:oid:1.2.3") == "urn:oid:1.2.3"
