"""Answers of laboratories: by the register's rules, with codes of both systems, plausible by illness."""

from collections import Counter
from datetime import UTC, datetime

from kj.synthetic.catalogues.analyses import ANALYSES
from kj.synthetic.records.record import Record
from kjernejournal.labs.v1 import labs_pb2 as pb
from services.labs import checks, model
from shared.codes.systems import LOINC, NLK
from shared.errors import StateConflict
from tests.kj.synthetic.conftest import TODAY

NOW = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)


def reports(record: Record) -> list[pb.LabReport]:
    found = record.labs()
    return list(found.reports) if found is not None else []


def values(record: Record, key: str) -> list[float]:
    """Returns the values of one analysis, oldest first."""
    return [
        float(result.quantity.value) for report in reports(record) for result in report.results if result.key == key
    ]


def test_reports_keep_the_rules_of_their_register(told: list[Record]) -> None:
    for record in told:
        for report in reports(record):
            checks.report(report, NOW)


def test_every_number_has_both_codes_and_a_ucum_unit(told: list[Record]) -> None:
    seen = set()
    for record in told:
        for report in reports(record):
            for result in report.results:
                if result.HasField("quantity"):
                    seen.add(result.key)
                    assert [coding.system for coding in result.code.codings] == [NLK, LOINC]
                    assert result.quantity.system == "http://unitsofmeasure.org"
                    assert result.quantity.code == ANALYSES[result.key].unit
    assert seen == set(ANALYSES)


def test_parts_stand_below_their_heading(told: list[Record]) -> None:
    headings = 0
    for record in told:
        for report in reports(record):
            keys: set[str] = set()
            for result in report.results:
                assert not result.part_of or result.part_of in keys
                headings += result.WhichOneof("value") is None
                keys.add(result.key)
            assert len(keys) == len(report.results)
    assert headings > 50


def test_values_outside_their_limits_say_so(told: list[Record]) -> None:
    marks: Counter[int] = Counter()
    for record in told:
        for report in reports(record):
            for result in report.results:
                for reference in result.reference_ranges:
                    low, high = reference.range.low.value, reference.range.high.value
                    value = float(result.quantity.value)
                    above = bool(high) and value > float(high)
                    below = bool(low) and value < float(low) and not result.quantity.comparator
                    assert (result.deviation == pb.DEVIATION_ABOVE) is above
                    assert (result.deviation == pb.DEVIATION_BELOW) is below
                    marks[result.deviation] += 1
    outside = marks[pb.DEVIATION_ABOVE] + marks[pb.DEVIATION_BELOW]
    assert 0.03 < outside / sum(marks.values()) < 0.35


def test_diabetes_is_followed_over_years_and_warfarin_by_the_month(told: list[Record]) -> None:
    diabetics = [record for record in told if medicines(record) & {"A10BA02", "A10AE04", "A10AB05"}]
    trends = [values(record, "hba1c") for record in diabetics]
    assert sum(len(trend) >= 4 for trend in trends) > len(trends) / 2
    assert all(30 < value < 100 for trend in trends for value in trend)
    measured = [len(values(record, "inr")) for record in told if "B01AA03" in medicines(record)]
    assert max(measured) >= 10


def medicines(record: Record) -> set[str]:
    """Returns the ATC codes that somebody has prescriptions of."""
    found = record.medications()
    return {each.medication.atc.code for each in found.prescriptions} if found is not None else set()


def test_there_is_something_of_each_kind(told: list[Record]) -> None:
    everything = [report for record in told for report in reports(record)]
    assert {each.expertise for each in everything} == {1, 2, 3}
    kinds = Counter(each.code.codings[0].code for each in everything)
    assert min(kinds[code] for code in ("CLIN", "MBIO", "HIST", "CYTO", "RTG", "CT", "MR")) > 0
    marks = Counter(coding.code for each in everything for coding in each.confidentiality)
    assert min(marks["NORS"], marks["NORU"], marks["NORN_KUT"]) > 0
    found = Counter(each.results[0].concept.text for each in everything if each.code.codings[0].code == "MBIO")
    assert 0.05 < found["Påvist"] / sum(found.values()) < 0.4


def test_lives_go_from_preliminary_to_corrected_as_their_register_lets_them(told: list[Record]) -> None:
    lives = 0
    for record in told:
        for before, after in ((record.earlier_labs(0), record.earlier_labs(1)),):
            if before is None or after is None:
                continue
            now = {each.header.provenance.source_id: each for each in reports(record)}
            for first, second in zip(before.reports, after.reports, strict=True):
                last = now[first.header.provenance.source_id]
                assert [first.status, second.status, last.status] == [model.PRELIMINARY, model.FINAL, model.CORRECTED]
                assert first.issued.seconds < second.issued.seconds < last.issued.seconds
                for one, other in ((first, second), (second, last)):
                    model.check_step(one, other)
                assert model.order(last, first, known=False) < 0
                lives += 1
    assert lives >= 3


def test_a_step_back_is_none_that_the_register_takes(told: list[Record]) -> None:
    corrected = next(each for record in told for each in reports(record) if each.status == model.CORRECTED)
    earlier = pb.LabReport(status=model.PRELIMINARY)
    try:
        model.check_step(corrected, earlier)
    except StateConflict:
        return
    raise AssertionError("a corrected answer became preliminary")


def test_old_people_have_more_answers_than_children(told: list[Record]) -> None:
    young = [len(reports(each)) for each in told if each.person.age(TODAY) < 18]
    old = [len(reports(each)) for each in told if each.person.age(TODAY) > 70]
    assert sum(young) / len(young) * 3 < sum(old) / len(old) < 40
    assert max(map(len, map(reports, told))) <= 60
