"""The traceparent header, judged as OpenTelemetry judges it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.telemetry import SpanContext, parse_traceparent, span, traceparent

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


def test_the_header_names_the_current_span() -> None:
    assert traceparent() == ""
    with span("x") as one:
        assert traceparent() == f"00-{one.context.trace_id}-{one.context.span_id}-01"
        assert parse_traceparent(traceparent()) == one.context


@pytest.mark.parametrize(
    "header",
    [
        f"00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-00",  # not sampled by the caller: recorded all the same
        f"00-{TRACE}-{SPAN}-ff",
        f"01-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-what-comes-later",
    ],
)
def test_valid_headers(header: str) -> None:
    assert parse_traceparent(header) == SpanContext(TRACE, SPAN)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "x",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-0",
        f"00-{TRACE}-{SPAN}",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}0-01",
        f"00_{TRACE}_{SPAN}_01",
        f"01-{TRACE}-{SPAN}-01more",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",
        f"00-{TRACE[:-1]}\u0661-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01-" + "x" * 600,
    ],
)
def test_malformed_headers(header: str | None) -> None:
    assert parse_traceparent(header) is None


_hex = st.sampled_from("0123456789abcdef")
_headers = st.builds(
    "-".join,
    st.tuples(
        st.one_of(st.sampled_from(["00", "01", "ff", "0", "FF"]), st.text(_hex, min_size=2, max_size=2)),
        st.one_of(st.just("0" * 32), st.text(_hex, min_size=31, max_size=33)),
        st.one_of(st.just("0" * 16), st.text(_hex, min_size=15, max_size=17)),
        st.sampled_from(["00", "01", "ff", "0", "zz", "01-", "01-x", "01x"]),
    ),
)


@given(_headers)
def test_the_verdict_is_opentelemetrys(header: str) -> None:
    theirs = get_current_span(TraceContextTextMapPropagator().extract({"traceparent": header})).get_span_context()
    ours = parse_traceparent(header)
    assert (ours is not None) == theirs.is_valid
    if ours is not None:
        assert (int(ours.trace_id, 16), int(ours.span_id, 16)) == (theirs.trace_id, theirs.span_id)
