"""Coded texts: every code has both languages, and words reach every place of a reply."""

import re
from string import Formatter

import pytest

from gateway.registers.sources import SOURCES
from gateway.summary.handlers import explained
from gateway.texts.catalogue import TEXTS, coded, put_texts
from gateway.texts.languages import Language
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CodedText
from kjernejournal.medications.v1 import medications_pb2 as pb
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import Coverage, GetPatientSummaryResponse, SummarySection
from services.medications.reconciliation.explanation_codes import Says


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("code", TEXTS)
def test_both_languages_say_something_and_name_the_same_values(code: str) -> None:
    norwegian, english = TEXTS[code]
    assert norwegian.strip()
    assert english.strip()
    assert placeholders(norwegian) == placeholders(english)
    assert re.fullmatch(r"[A-Z0-9_]+", code)


@pytest.mark.parametrize("language, place", [(Language.NORWEGIAN, 0), (Language.ENGLISH, 1)])
def test_what_feeds_a_section_is_said_by_code_and_in_words(language: Language, place: int) -> None:
    reply = GetPatientSummaryResponse(sections=[SummarySection(coverage=source.coverage) for source in SOURCES])
    put_texts(reply, language)
    said = [each for section in reply.sections for each in (*section.coverage.sources, *section.coverage.missing)]
    assert len(said) > 20
    assert {each.text for each in said} == {TEXTS[each.code][place] for each in said}


def test_the_table_of_registers_itself_stays_without_words() -> None:
    assert not any(each.text for source in SOURCES for each in source.coverage.sources)


def test_every_state_and_every_reason_has_a_text() -> None:
    states, reasons = summary_pb2.SectionState.values(), common_pb2.UnavailableReason.values()
    for state in states:
        for reason in reasons if state == summary_pb2.SECTION_STATE_UNAVAILABLE else reasons[:1]:
            assert explained(SummarySection(state=state, unavailable_reason=reason)).explanation.code in TEXTS


def test_a_code_of_a_newer_release_keeps_its_words() -> None:
    coverage = Coverage(sources=[CodedText(code="SOURCE_OF_TOMORROW", text="fra i morgen")])
    put_texts(coverage, Language.ENGLISH)
    assert coverage.sources[0].text == "fra i morgen"


def test_a_code_that_no_table_holds_is_found_where_it_is_made() -> None:
    with pytest.raises(KeyError):
        coded("SOURCE_OF_TOMORROW")


@pytest.mark.parametrize("code", Says)
def test_what_a_reconciliation_says_has_a_text(code: str) -> None:
    assert code in TEXTS


def test_every_side_and_every_field_of_a_reconciliation_has_a_text() -> None:
    names = [*pb.ReconciliationSource.keys(), *pb.ComparedField.keys()]
    assert [name for name in names if name not in TEXTS] == [
        "RECONCILIATION_SOURCE_UNSPECIFIED",
        "COMPARED_FIELD_UNSPECIFIED",
    ]


@pytest.mark.parametrize(
    "language, words",
    [
        (
            Language.NORWEGIAN,
            [
                "På legemiddellisten, på den medbrakte listen og forskrevet.",
                "Ikke på legemiddellisten eller på den medbrakte listen.",
                "På den medbrakte listen, med avvik: styrke og dose.",
                "Ingen liste er brakt med.",
            ],
        ),
        (
            Language.ENGLISH,
            [
                "On the medication list, on the list brought along and prescribed.",
                "Not on the medication list or on the list brought along.",
                "On the list brought along, differing: strength and dose.",
                "No list was brought along.",
            ],
        ),
    ],
)
def test_a_reconciliation_is_in_words_in_the_callers_language(language: Language, words: list[str]) -> None:
    lists = "RECONCILIATION_SOURCE_MEDICATION_LIST,RECONCILIATION_SOURCE_INCOMING"
    item = pb.ReconciledItem(
        explanations=[
            CodedText(code="RECONCILED_ON", values={"sides": f"{lists},RECONCILIATION_SOURCE_PRESCRIBED"}),
            CodedText(code="RECONCILED_NOT_ON", values={"sides": lists}),
            CodedText(
                code="RECONCILED_DIFFERS",
                values={
                    "side": "RECONCILIATION_SOURCE_INCOMING",
                    "fields": "COMPARED_FIELD_STRENGTH,COMPARED_FIELD_DOSE",
                },
            ),
        ]
    )
    reason = CodedText(code="NOT_COMPARED_NOTHING_BROUGHT")
    reply = pb.ReconcileMedicationsResponse(items=[item], not_compared=[pb.NotCompared(reason=reason)])
    put_texts(reply, language)
    said = [*reply.items[0].explanations, reply.not_compared[0].reason]
    assert [each.text for each in said] == words


def test_a_side_of_a_newer_release_leaves_the_code_without_words() -> None:
    item = pb.ReconciledItem(explanations=[CodedText(code="RECONCILED_ON", values={"sides": "SOURCE_OF_TOMORROW"})])
    put_texts(item, Language.ENGLISH)
    assert not item.explanations[0].text
