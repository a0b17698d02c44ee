"""The life of a report as rules."""

import pytest

from kjernejournal.common.v1.common_pb2 import Coding
from kjernejournal.labs.v1 import labs_pb2 as pb
from services.labs import model
from services.labs.model import FoundBy
from shared.codes.systems import LOINC
from shared.convert import timestamp
from shared.errors import Invalid, StateConflict
from tests.services.labs.calls import DAY, TAKEN, concept, report, result

STATUSES = [status for status in pb.ResultStatus.values() if status]
OPEN = {model.REGISTERED, model.PARTIAL, model.PRELIMINARY, model.UNKNOWN}
FIRM = {model.FINAL, model.AMENDED, model.CORRECTED, model.APPENDED}


@pytest.mark.parametrize("after", STATUSES)
@pytest.mark.parametrize("before", STATUSES)
def test_a_status_follows_another_as_the_table_says(before: int, after: int) -> None:
    allowed = after in model.NEXT_STATES[before]
    first, second = report(status=before), report(status=after)
    if allowed:
        model.check_step(first, second)
    else:
        with pytest.raises(StateConflict):
            model.check_step(first, second)
    # What the table is for, said another way.
    if before in FIRM:
        assert allowed == (after == model.CANCELLED or (after in FIRM and not (before != after == model.FINAL)))
    if before == model.CANCELLED:
        assert allowed == (after == model.CANCELLED)
    if before in OPEN and after in FIRM | {model.CANCELLED, before}:
        assert allowed


def test_entered_in_error_may_follow_every_status_and_nothing_follows_it() -> None:
    withdrawn = report(withdrawn=True)
    for status in STATUSES:
        model.check_step(report(status=status), withdrawn)
        with pytest.raises(StateConflict):
            model.check_step(withdrawn, report(status=status))
    model.check_step(withdrawn, report(withdrawn=True, comment="feil pasient"))


def test_what_cannot_follow_is_older_unless_it_says_that_it_is_newer() -> None:
    final = report(issued=timestamp(TAKEN + DAY))
    newer = report(status=model.PRELIMINARY, issued=timestamp(TAKEN + 2 * DAY))
    assert model.order(final, newer, known=False) > 0, "and is refused"
    assert model.order(final, newer, known=True) < 0
    assert model.order(final, report(status=model.PRELIMINARY, issued=timestamp(TAKEN + DAY)), known=False) < 0


def test_of_a_report_that_goes_on_the_status_says_it_whatever_the_time_of_issue() -> None:
    final = report(issued=timestamp(TAKEN + DAY))
    corrected = report(status=model.CORRECTED, issued=timestamp(TAKEN))
    assert model.order(final, corrected, known=False) > 0
    for one, day in ((final, 2), (corrected, 1)):
        one.header.provenance.changed_at.FromDatetime(TAKEN + day * DAY)
    assert model.order(final, corrected, known=False) < 0, "the source says itself which is later"


def test_a_late_version_of_the_same_stage_is_older() -> None:
    final = report(issued=timestamp(TAKEN + DAY))
    assert model.order(final, report(issued=timestamp(TAKEN)), known=False) < 0
    assert model.order(final, report(issued=timestamp(TAKEN + 2 * DAY)), known=False) > 0


def test_a_report_is_found_by_its_own_codes_and_those_of_its_results_where_they_stand() -> None:
    panel, gone = Coding(system=LOINC, code="58410-2"), Coding(system="urn:oid:9", code="x")
    sent = report(
        code=concept(panel, Coding(system=LOINC)),
        results=[result(), result(gone, status=model.CANCELLED), result(panel)],
    )
    found = model.found_by(sent)
    assert FoundBy(LOINC, "58410-2", model.ON_REPORT) in found
    assert FoundBy(LOINC, "58410-2", model.ON_RESULT) in found
    assert FoundBy("urn:oid:9", "x", model.ON_RESULT_THAT_HOLDS_NO_MORE) in found
    assert len(found) == 5
    cancelled = model.found_by(report(status=model.CANCELLED))
    assert {each.place for each in cancelled} == {model.ON_RESULT_THAT_HOLDS_NO_MORE}
    assert not model.found_by(report(withdrawn=True))


def test_a_code_is_asked_for_in_a_system_or_in_any() -> None:
    asked = model.asked_codes([Coding(code="718-7"), Coding(system="urn:oid:2.16.840.1.113883.6.1", code="2")] * 2)
    assert asked == [("", "718-7"), (LOINC, "2")]
    assert model.matches(concept(Coding(system="urn:oid:9", code="718-7")), asked)
    assert model.matches(concept(Coding(system=LOINC, code="2")), asked)
    assert not model.matches(concept(Coding(system="urn:oid:9", code="2")), asked)
    assert model.matches(concept(), [])
    with pytest.raises(Invalid):
        model.asked_codes([Coding(system=LOINC)])


def test_a_delay_ends_when_its_time_comes_or_a_doctor_says_so() -> None:
    delayed = report("", "NORU")
    assert model.is_delayed(delayed, TAKEN)
    assert model.is_delayed(report("", "NORU", citizen_view_from=timestamp(TAKEN + DAY)), TAKEN)
    assert not model.is_delayed(report("", "NORU", citizen_view_from=timestamp(TAKEN)), TAKEN)
    assert not model.is_delayed(report(), TAKEN)
    delayed.released.recorded_at.CopyFrom(timestamp(TAKEN))
    assert not model.is_delayed(delayed, TAKEN)
    with pytest.raises(StateConflict):
        model.check_release(delayed, TAKEN)
