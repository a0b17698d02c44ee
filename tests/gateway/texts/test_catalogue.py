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
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import Coverage, GetPatientSummaryResponse, SummarySection


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
