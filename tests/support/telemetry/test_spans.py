"""The detector of broken traces finds what it is for."""

import pytest

from shared import telemetry
from shared.telemetry import Span, SpanContext
from tests.support.telemetry.spans import assert_whole, caught


def _three() -> list[Span]:
    with caught() as spans, telemetry.span("root"), telemetry.span("section"), telemetry.span("query"):
        pass
    return spans


def test_a_whole_trace_passes() -> None:
    assert_whole(_three())


def test_a_planted_orphan_is_found_by_name() -> None:
    spans = _three()
    spans[0].parent_id = "00000000000000aa"
    with pytest.raises(AssertionError, match=r"query \(parent 00000000000000aa\)"):
        assert_whole(spans)


def test_a_lost_middle_span_is_found() -> None:
    query, _section, root = _three()
    with pytest.raises(AssertionError, match="query"):
        assert_whole([query, root])


def test_a_second_root_is_found() -> None:
    spans = _three()
    spans[1].parent_id = ""
    with pytest.raises(AssertionError, match="roots"):
        assert_whole(spans)


def test_two_traces_are_found() -> None:
    with pytest.raises(AssertionError, match="2 traces"):
        assert_whole(_three() + _three())


def test_a_span_recorded_twice_is_found() -> None:
    spans = _three()
    with pytest.raises(AssertionError, match="more than once"):
        assert_whole([*spans, spans[0]])


def test_the_callers_own_span_may_be_elsewhere() -> None:
    caller = SpanContext("1" * 32, "2" * 16)
    with caught() as spans, telemetry.span("root", parent=caller), telemetry.span("section"):
        pass
    assert_whole(spans, caller=caller.span_id)
    with pytest.raises(AssertionError, match="root"):
        assert_whole(spans)
