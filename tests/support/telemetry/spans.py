"""Spans under test: caught in this process, or read from the files that other processes wrote."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kj.show.trace_files import SpanRecord, spans_of
from shared.telemetry import Span
from shared.telemetry.spans import on_end


@contextmanager
def caught() -> Iterator[list[Span]]:
    """Yields the spans that end in this process meanwhile, in the order they end."""
    spans: list[Span] = []
    before = on_end(spans.append)
    try:
        yield spans
    finally:
        on_end(before)


def load(directory: Path) -> list[SpanRecord]:
    """Returns every span in the directory's files; a line that cannot be read fails the test."""
    return [
        span
        for path in sorted(directory.glob("*.jsonl"))
        for line in path.read_bytes().splitlines()
        for span in spans_of(line)
    ]


def by_trace(spans: Sequence[SpanRecord]) -> dict[str, list[SpanRecord]]:
    traces: dict[str, list[SpanRecord]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    return traces


def assert_whole(spans: Sequence[SpanRecord | Span], *, caller: str = "") -> None:
    """Fails unless the spans are one trace with one root, and every other span's parent is among them.

    `caller` is the span id that a test sent in its own traceparent: the root's parent, which nobody recorded.
    """
    facts = [_facts(span) for span in spans]
    assert facts, "no spans"
    traces = {trace_id for trace_id, _, _, _ in facts}
    assert len(traces) == 1, f"{len(traces)} traces"
    ids = Counter(span_id for _, span_id, _, _ in facts)
    twice = [span_id for span_id, times in ids.items() if times > 1]
    assert not twice, f"recorded more than once: {twice}"
    roots = [name for _, _, parent_id, name in facts if parent_id == caller]
    orphans = [f"{name} (parent {parent_id})" for _, _, parent_id, name in facts if parent_id not in {*ids, caller}]
    assert not orphans, f"spans whose parent is not there: {orphans}"
    assert len(roots) == 1, f"roots: {roots}"


def _facts(span: SpanRecord | Span) -> tuple[str, str, str, str]:
    if isinstance(span, Span):
        return (*span.context, span.parent_id, span.name)
    return span.trace_id, span.span_id, span.parent_id, span.name
