"""FEST's interactions: what becomes a row, what does not and why, and files that are made to do harm."""

import io
import time
import tracemalloc
from pathlib import Path

import pytest

from gateway.safety.knowledge import Knowledge
from kj.feeds.fest_interactions import NAMESPACE, FestInteractions, parse, read
from kj.feeds.knowledge_table import SHIPPED, TableError
from kj.feeds.knowledge_table import read as read_table
from kjernejournal.medications.v1 import medications_pb2
from services.medications.knowledge import checks
from tests.gateway.safety.patients import Made, kinds

M30 = Path(__file__).with_name("m30.xml")


def of(text: str) -> FestInteractions:
    return parse(io.BytesIO(text.encode()))


def test_an_interaction_is_a_row_for_each_two_groups_with_its_words_and_where_it_stands() -> None:
    found = read(M30)
    assert found.fetched == "2026-11-30T06:00:00"
    pairs = [(list(row.first_atc), list(row.second_atc), row.severity) for row in found.rows]
    avoid, caution = medications_pb2.SEVERITY_AVOID, medications_pb2.SEVERITY_CAUTION
    assert pairs == [
        (["A16AX01", "A16AX02"], ["A07BC05"], avoid),
        (["A16AX01"], ["S01ED01"], caution),
        (["A16AX01"], ["D06BX01"], caution),
        (["S01ED01"], ["D06BX01"], caution),
    ]
    first = found.rows[0]
    assert first.text == "Økt fare for blødning. Gjelder: Ved gjentatt bruk"
    assert first.advice == "Velg et annet legemiddel."
    assert first.source == (
        "FEST (DMP) ID_00000000-0000-4000-8000-000000000011; En prøvekilde 2026; https://example.org/kilde"
    )


def test_what_becomes_no_row_is_counted() -> None:
    assert read(M30).left_out == {
        "interactions that need no action": 1,
        "interactions no longer in force": 1,
        "interactions without ATC codes on both sides": 1,
        "substances without an ATC code": 2,
        "not assessed by DMP": 1,
    }


def test_its_rows_keep_the_contract_and_are_found_in_a_patient() -> None:
    table = read_table(SHIPPED)
    table.interactions.extend(read(M30).rows)
    assert checks.knowledge(table)
    made = Made()
    made.prescribed("A16AX02")
    made.prescribed("A07BC05")
    assert kinds(made.checked()) == []
    assert kinds(made.checked(knowledge=Knowledge(table))) == ["INTERACTION"]


@pytest.mark.parametrize(
    "relevance, severity",
    [
        ('V="1" DN="Bør unngås"', "AVOID"),
        ('V="9" DN="Bør ikke kombineres"', "AVOID"),
        ('V="1"', "AVOID"),
        ('V="2"', "CAUTION"),
        ('V="9" DN="Noe nytt"', "CAUTION"),
        ('V="3" DN="Noe nytt"', "CAUTION"),
        ("", "CAUTION"),
    ],
)
def test_a_relevance_that_is_not_known_is_not_less_than_precautions(relevance: str, severity: str) -> None:
    text = M30.read_text(encoding="utf-8").replace('V="2" DN="Forholdsregler bør tas"', relevance)
    [row] = [row for row in of(text).rows if list(row.second_atc) == ["S01ED01"]]
    assert row.severity == medications_pb2.Severity.Value(f"SEVERITY_{severity}")


def test_a_group_of_more_codes_than_a_row_holds_becomes_several_rows() -> None:
    many = "".join(f'<Substans><Atc V="N03AX{number:02}"/></Substans>' for number in range(100))
    many += '<Substans><Atc V="N03AA02"/></Substans>'
    text = M30.read_text(encoding="utf-8").replace(
        '<Substans><Substans>D</Substans><Atc V="S01ED01"/></Substans>', many
    )
    rows = [row for row in of(text).rows if list(row.first_atc) == ["A16AX01"] and row.second_atc[0].startswith("N03A")]
    assert sorted(len(row.second_atc) for row in rows) == [1, 100]


BOMB = '<?xml version="1.0"?><!DOCTYPE FEST [<!ENTITY a "aaaaaaaaaa">%s]><FEST>&z;</FEST>'
LAUGHS = "".join(
    f'<!ENTITY {name} "{("&" + before + ";") * 10}">' for before, name in zip("abcdefgh", "bcdefghz", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB % LAUGHS,
        '<!DOCTYPE FEST SYSTEM "file:///etc/passwd"><FEST/>',
        '<!DOCTYPE FEST [<!ENTITY x SYSTEM "file:///etc/passwd">]><FEST><HentetDato>&x;</HentetDato></FEST>',
        "<FEST>" + "<a>" * 100_000,
        f"<FEST><KatInteraksjon><OppfInteraksjon>{'x' * 1_000_000}</OppfInteraksjon></KatInteraksjon></FEST>",
    ],
)
def test_a_file_that_is_made_to_do_harm_is_refused_at_once(text: str) -> None:
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(TableError):
            of(text)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "text, problem",
    [
        ("", "not well-formed"),
        ("<FEST>", "not well-formed"),
        ("<Bundle/>", "not FEST"),
        (f'<FEST xmlns="{NAMESPACE}"/>', "no interactions"),
    ],
)
def test_what_is_not_fest_is_named(text: str, problem: str) -> None:
    with pytest.raises(TableError, match=problem):
        of(text)
