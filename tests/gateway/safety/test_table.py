"""The table of knowledge as people write it."""

import re
from typing import Any

import pytest

from gateway.texts.catalogue import TEXTS
from kj.feeds.knowledge_table import SHIPPED, TableError, parse, read, texts
from kjernejournal.common.v1.common_pb2 import Coding
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.codes.systems import ICD10

VERSION = "version\t1"


def test_a_row_of_each_kind() -> None:
    table = parse(
        [
            VERSION,
            "# a remark",
            "",
            "substance\thttp://snomed.info/sct|373270004\tJ01C\tSNOMED CT",
            "substance\tpenicillin\tJ01C\tATC",
            "allergy\tJ01C J01D\tJ01C\tcaution\ttext\tadvice\tsource",
            "interaction\tB01AA03\tM01A\tavoid\ttext\t\tsource",
            "duplicate\tM01A\tinformation\ttext\tadvice\tsource",
            "condition\tD66 urn:oid:2.16.578.1.12.4.1.1.7170|B83\tM01A\tcontraindicated\ttext\tadvice\tsource",
        ]
    )
    assert table.knowledge_version == "1"
    assert [each.coding for each in table.substances] == [
        Coding(system="http://snomed.info/sct", code="373270004"),
        Coding(code="penicillin"),
    ]
    assert list(table.cross_reactions[0].allergy_atc) == ["J01C", "J01D"]
    assert (table.interactions[0].severity, table.interactions[0].advice) == (pb.SEVERITY_AVOID, "")
    assert table.therapeutic_groups[0].severity == pb.SEVERITY_INFORMATION
    assert [each.system for each in table.condition_conflicts[0].conditions] == [
        ICD10,
        "urn:oid:2.16.578.1.12.4.1.1.7170",
    ]


@pytest.mark.parametrize(
    "line, problem",
    [
        ("interaction\tB01AA03\tM01A\tavoid\ttext\tsource", "line 2: interaction with 6 columns is no row"),
        ("interactions\tB01AA03\tM01A\tavoid\ttext\tadvice\tsource", "line 2: interactions with 7 columns is no row"),
        ("duplicate\tM01A\tdeadly\ttext\tadvice\tsource", "line 2: 'deadly' is no severity"),
        ("\tM01A", "line 2: nothing with 2 columns is no row"),
    ],
)
def test_a_line_that_is_no_row_is_named(line: str, problem: str) -> None:
    with pytest.raises(TableError, match=re.escape(problem.replace("'", ""))):
        parse([VERSION, line])


def test_a_table_has_a_version() -> None:
    with pytest.raises(TableError, match="no version"):
        parse(["duplicate\tM01A\tavoid\ttext\tadvice\tsource"])


def test_each_row_that_comes_along_names_its_source_and_says_what_to_do() -> None:
    table = read(SHIPPED)
    rules: list[Any] = [
        *table.interactions,
        *table.cross_reactions,
        *table.therapeutic_groups,
        *table.condition_conflicts,
    ]
    assert len(rules) > 100
    assert all(row.source and row.text.endswith(".") and row.advice.endswith(".") for row in rules)
    assert all(row.source for row in table.substances)


def test_no_code_is_mapped_twice() -> None:
    codings = [(each.coding.system, each.coding.code.casefold()) for each in read(SHIPPED).substances]
    assert len(codings) == len(set(codings))


def test_every_row_that_comes_along_has_a_code_and_words_in_both_languages() -> None:
    table = read(SHIPPED)
    rules: list[Any] = [
        *table.interactions,
        *table.cross_reactions,
        *table.therapeutic_groups,
        *table.condition_conflicts,
    ]
    for row in rules:
        assert row.text_code.startswith("RULE_")
        assert row.advice_code.startswith("ADVICE_")
        assert "" not in (row.text, row.text_english, row.advice, row.advice_english)
        assert (row.text, row.advice) != (row.text_english, row.advice_english)


def test_a_code_of_words_is_not_used_twice_nor_by_the_gateway_itself() -> None:
    codes = [code for code, _ in texts().values()]
    assert len(codes) == len(set(codes))
    assert not set(codes) & TEXTS.keys()


def test_words_that_no_table_of_texts_holds_are_said_as_they_stand() -> None:
    [row] = parse([VERSION, "interaction\tB01AA03\tM01A\tavoid\tegne ord.\t\tsource"]).interactions
    assert (row.text, row.text_code, row.text_english, row.advice) == ("egne ord.", "", "", "")
