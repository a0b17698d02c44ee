"""What a section that has come is."""

import pytest

from gateway.sources import SOURCES
from kjernejournal.common.v1.common_pb2 import SECTION_CRITICAL_INFO, ListWindow
from kjernejournal.critical_info.v1.critical_info_pb2 import (
    CATEGORY_DRUG_REACTION,
    CATEGORY_UNSPECIFIED,
    AbsenceStatement,
    CriticalInfoSection,
)
from kjernejournal.summary.v1 import summary_pb2

NIL, NOT_ASKED = AbsenceStatement.KIND_NIL_KNOWN, AbsenceStatement.KIND_NOT_ASKED
Statement = tuple["AbsenceStatement.Kind.ValueType", int]


@pytest.mark.parametrize(
    "statements, total, state",
    [
        ([], 0, summary_pb2.SECTION_STATE_NONE_RECORDED),
        ([(NIL, CATEGORY_UNSPECIFIED)], 0, summary_pb2.SECTION_STATE_NIL_KNOWN),
        ([(NIL, CATEGORY_DRUG_REACTION)], 0, summary_pb2.SECTION_STATE_NONE_RECORDED),
        ([(NOT_ASKED, CATEGORY_DRUG_REACTION)], 0, summary_pb2.SECTION_STATE_NONE_RECORDED),
        ([(NIL, CATEGORY_DRUG_REACTION), (NOT_ASKED, CATEGORY_UNSPECIFIED)], 0, summary_pb2.SECTION_STATE_NOT_ASKED),
        ([(NOT_ASKED, CATEGORY_UNSPECIFIED), (NIL, CATEGORY_UNSPECIFIED)], 0, summary_pb2.SECTION_STATE_NOT_ASKED),
        ([(NIL, CATEGORY_UNSPECIFIED)], 1, summary_pb2.SECTION_STATE_DATA),
    ],
)
def test_a_statement_about_one_category_says_nothing_of_the_section(
    statements: list[Statement], total: int, state: int
) -> None:
    [source] = [each for each in SOURCES if each.section == SECTION_CRITICAL_INFO]
    section = CriticalInfoSection(
        absences=[AbsenceStatement(kind=kind, category=category) for kind, category in statements],  # type: ignore[arg-type]  # a plain number in the table
        window=ListWindow(total=total),
    )
    assert source.state(section) == state
