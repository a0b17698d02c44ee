"""Reports by code, period and expertise, and the trend of one analysis."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import Coding, EventTime
from kjernejournal.labs.v1 import labs_pb2 as pb
from shared.codes.systems import LOINC, NLK
from shared.convert import timestamp
from tests.services.labs.calls import (
    DAY,
    ELEVATED,
    HAEMOGLOBIN,
    SARS_COV_2,
    TAKEN,
    Labs,
    concept,
    new_ref,
    quantity,
    report,
    result,
)
from tests.support.service import details_of, reason_of

NOT_DETECTED = {"quantity": None, "text": "Ikke påvist"}


def ids(response: pb.ListLabReportsResponse) -> list[str]:
    return [each.header.provenance.source_id for each in response.reports]


async def test_sars_cov_2_is_found_by_norwegian_and_by_foreign_codes(labs: Labs) -> None:
    nlk, loinc = SARS_COV_2
    ref = new_ref()
    await labs.load(
        ref,
        report("both", results=[result(), result(nlk, loinc, **NOT_DETECTED)]),
        report("nlk", taken=TAKEN + DAY, results=[result(nlk, **NOT_DETECTED)]),
        report("loinc", taken=TAKEN + 2 * DAY, results=[result(loinc, **NOT_DETECTED)]),
        report("panel", taken=TAKEN + 3 * DAY, code=concept(loinc), results=[]),
        report("none", taken=TAKEN + 4 * DAY),
    )
    found = await labs.listed(ref, codes=SARS_COV_2)
    assert ids(found) == ["panel", "loinc", "nlk", "both"]
    assert (found.window.returned, found.window.total, found.window.older_exist) == (4, 4, False)
    assert ids(await labs.listed(ref, codes=[nlk])) == ["nlk", "both"]
    assert ids(await labs.listed(ref, codes=[Coding(code=loinc.code)])) == ["panel", "loinc", "both"]
    by_oid = Coding(system="urn:oid:2.16.840.1.113883.6.1", code=loinc.code, display="anything", version="1")
    assert ids(await labs.listed(ref, codes=[by_oid])) == ["panel", "loinc", "both"]
    assert not ids(await labs.listed(ref, codes=[Coding(system=NLK, code=loinc.code)]))


async def test_pages_and_counts_are_right_under_every_filter(labs: Labs) -> None:
    ref = new_ref()
    expertises = [pb.EXPERTISE_LABORATORY, pb.EXPERTISE_PATHOLOGY, pb.EXPERTISE_IMAGING, pb.EXPERTISE_UNSPECIFIED]
    analyses = [HAEMOGLOBIN, SARS_COV_2, (*HAEMOGLOBIN, *SARS_COV_2)]
    await labs.load(
        ref,
        *(
            report(
                f"r{n}",
                taken=TAKEN + n * DAY,
                expertise=expertises[n % 4],
                results=[result(*analyses[n % 3], **NOT_DETECTED)],
            )
            for n in range(48)
        ),
    )
    for asked, fits in (({}, lambda n: True), ({"codes": SARS_COV_2}, lambda n: n % 3 > 0)):
        for kinds in ([], [pb.EXPERTISE_PATHOLOGY], [pb.EXPERTISE_IMAGING, pb.EXPERTISE_LABORATORY]):
            for before in (None, 40):
                for since in (None, 7, 30):
                    question: dict[str, Any] = {**asked, "expertises": kinds, "page_size": 5}
                    if before:
                        question["before"] = timestamp(TAKEN + before * DAY)
                    if since:
                        question["since"] = timestamp(TAKEN + since * DAY)
                    whole = [
                        n
                        for n in reversed(range(before or 48))
                        if fits(n) and (not kinds or expertises[n % 4] in kinds)
                    ]
                    inside = [n for n in whole if n >= (since or 0)]
                    seen: list[str] = []
                    token = ""
                    while True:
                        page = await labs.listed(ref, page_token=token, **question)
                        seen += ids(page)
                        token = page.next_page_token
                        assert (page.window.returned, page.window.total) == (len(page.reports), len(whole))
                        assert page.window.older_exist == (len(seen) < len(whole))
                        if not token:
                            break
                    assert seen == [f"r{n}" for n in inside]


async def test_a_token_belongs_to_its_question(labs: Labs) -> None:
    ref = new_ref()
    await labs.load(ref, *(report(f"r{n}") for n in range(3)))
    token = (await labs.listed(ref, page_size=1)).next_page_token
    assert (await labs.listed(ref, page_size=2, page_token=token)).window.returned == 2
    for other in ({"codes": [HAEMOGLOBIN[0]]}, {"expertises": [1]}, {"before": timestamp(TAKEN + DAY)}):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await labs.listed(ref, page_token=token, **other)
        assert reason_of(refused.value) == "INVALID_PAGE_TOKEN"


async def test_a_code_that_is_none_is_refused(labs: Labs) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await labs.listed(new_ref(), codes=[HAEMOGLOBIN[0], Coding(system=LOINC)])
    assert details_of(refused.value)["field"] == "codes[1].code"


async def test_the_trend_of_an_analysis_holds_every_result_that_holds_once(labs: Labs) -> None:
    ref = new_ref()
    own_time = EventTime(instant=timestamp(TAKEN + 2 * DAY + timedelta(hours=3)))
    cancelled = result(status=pb.RESULT_STATUS_CANCELLED, key="x")
    other = result(*SARS_COV_2, **NOT_DETECTED)
    await labs.load(
        ref,
        report("a"),
        report("b", taken=TAKEN + DAY, status=pb.RESULT_STATUS_CANCELLED),
        report("c", taken=TAKEN + 2 * DAY, results=[other, result(effective=own_time), cancelled]),
        report("d", taken=TAKEN + 3 * DAY, results=[other]),
        report("e", taken=TAKEN + 4 * DAY, results=[cancelled], code=concept(*HAEMOGLOBIN)),
        report("f", taken=TAKEN + 5 * DAY, results=[]),
    )
    found = await labs.results(ref, codes=[HAEMOGLOBIN[1]])
    assert [each.effective for each in found.results] == [own_time, EventTime(instant=timestamp(TAKEN))]
    assert (found.window.returned, found.window.total) == (2, 2)
    [newest, _] = found.results
    assert (newest.result.key, newest.report_status, newest.report_version) == ("2", pb.RESULT_STATUS_FINAL, 1)
    assert newest.laboratory.number == "100100673"
    [whole] = [each for each in (await labs.listed(ref)).reports if each.header.id == newest.report_id]
    assert whole.results[1] == newest.result
    everything = await labs.results(ref)
    assert (len(everything.results), everything.window.total) == (4, 3)
    assert (await labs.listed(ref, codes=HAEMOGLOBIN)).window.total == 4


async def test_a_trend_pages_by_report(labs: Labs) -> None:
    ref = new_ref()
    await labs.load(
        ref,
        *(
            report(f"r{n}", taken=TAKEN + n * DAY, results=[result(quantity=quantity(str(n))), result(key="again")])
            for n in range(5)
        ),
    )
    first = await labs.results(ref, codes=HAEMOGLOBIN, page_size=3)
    rest = await labs.results(ref, codes=HAEMOGLOBIN, page_size=3, page_token=first.next_page_token)
    assert [len(page.results) for page in (first, rest)] == [6, 4]
    assert [page.window.returned for page in (first, rest)] == [3, 2]
    assert [each.result.quantity.value for each in [*first.results, *rest.results][::2]] == ["4", "3", "2", "1", "0"]


async def test_the_codes_of_the_version_that_is_shown_are_searched(labs: Labs) -> None:
    ref = new_ref()
    first = await labs.record(ref, report("a", status=pb.RESULT_STATUS_PRELIMINARY))
    await labs.record(ref, report("a", results=[result(*SARS_COV_2, **NOT_DETECTED)]))
    assert not ids(await labs.listed(ref, codes=HAEMOGLOBIN))
    assert ids(await labs.listed(ref, codes=SARS_COV_2)) == ["a"]
    then = first.stored_at
    assert ids(await labs.listed(ref, codes=HAEMOGLOBIN, as_of=then)) == ["a"]
    assert not ids(await labs.listed(ref, codes=SARS_COV_2, as_of=then))
    assert len((await labs.results(ref, codes=HAEMOGLOBIN, as_of=then)).results) == 1


async def test_a_count_of_what_is_withheld_tells_nothing_of_what_is_in_it(labs: Labs) -> None:
    ref = new_ref()
    await labs.load(ref, report("a"), report("b", "NORS", results=[result(*SARS_COV_2, **NOT_DETECTED)]))
    for filters in (
        {},
        {"codes": SARS_COV_2},
        {"codes": HAEMOGLOBIN},
        {"expertises": [3]},
        {"before": timestamp(TAKEN)},
    ):
        assert (await labs.listed(ref, **filters)).window.withheld == 1
    assert ids(await labs.listed(ref, codes=SARS_COV_2)) == []
    assert not (await labs.results(ref, codes=SARS_COV_2)).results
    assert ids(await labs.listed(ref, codes=SARS_COV_2, by=ELEVATED)) == ["b"]
    assert len((await labs.results(ref, codes=SARS_COV_2, by=ELEVATED)).results) == 1


async def test_long_reports_make_short_pages_and_short_sections(labs: Labs) -> None:
    ref = new_ref()
    long = [result(key=f"k{n}", comment=f"{n} " * 500) for n in range(400)]
    await labs.load(ref, *(report(f"r{n}", taken=TAKEN + n * DAY, results=long) for n in range(10)))
    first = await labs.listed(ref)
    assert 1 <= len(first.reports) < 10
    assert first.ByteSize() < 5 * 1024 * 1024
    seen, token = ids(first), first.next_page_token
    while token:
        page = await labs.listed(ref, page_token=token)
        seen, token = seen + ids(page), page.next_page_token
    assert seen == [f"r{n}" for n in reversed(range(10))]
    section = await labs.section(ref)
    assert 1 <= section.window.returned < section.window.total == 10
    assert section.window.older_exist
    assert section.ByteSize() < 2 * 1024 * 1024
