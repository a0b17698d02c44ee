"""`kj trace` shows a trace as a tree or as JSON, and says what is missing from it."""

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import pytest
from rich.console import Console

from kj.errors import CommandError
from kj.show.trace_files import SpanRecord, read_trace
from kj.show.waterfall import waterfall
from kj.trace import trace
from shared import telemetry
from shared.telemetry import SpanContext, SpanKind, span
from tests.support.telemetry.spans import assert_whole

ROOT = Path(__file__).resolve().parents[2]
UNKNOWN = "4bf92f3577b34da6a3ce929d0e0e4736"


@contextmanager
def _service(data_dir: Path, name: str) -> Iterator[None]:
    telemetry.configure(name, directory=data_dir / "traces", endpoint=None)
    try:
        yield
    finally:
        telemetry.stop()


@pytest.fixture
def recorded(tmp_path: Path) -> SpanContext:
    """The root of one request through two services, among others, in the data directory at `tmp_path`."""
    with _service(tmp_path, "gateway"):
        for _ in range(3):
            with span("other request", SpanKind.SERVER):
                pass
        with span("SummaryService/GetPatientSummary", SpanKind.SERVER) as root:
            with span("section visits", **{"kj.state": "data"}) as section:
                sleep(0.002)
            with span("section documents", **{"kj.state": "unavailable"}) as failed:
                failed.fail("DEADLINE_EXCEEDED")
    with (
        _service(tmp_path, "visits"),
        span("VisitsService/List", SpanKind.SERVER, parent=section.context),
        span("SQL list_visits", SpanKind.CLIENT) as query,
    ):
        query.set("kj.rows", 3)
    return root.context


def _kj_trace(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}"}
    command = [sys.executable, "-m", "kj", "trace", *arguments]
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)


def _drawn(spans: Sequence[SpanRecord]) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(waterfall(spans, 160))
    return console.export_text()


def _record(span_id: str, parent_id: str, *, service: str = "visits", kind: str = "internal") -> SpanRecord:
    return SpanRecord(
        trace_id=UNKNOWN,
        span_id=span_id,
        parent_id=parent_id,
        service=service,
        name=f"span {span_id}",
        kind=kind,
        start_ns=int(span_id, 16),
        end_ns=int(span_id, 16) + 1,
        ok=True,
        attributes={},
        links=(),
    )


def test_a_pipe_gets_the_spans_as_json(recorded: SpanContext, tmp_path: Path) -> None:
    ran = _kj_trace(recorded.trace_id, "--data-dir", str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    spans = json.loads(ran.stdout)
    assert [(one["service"], one["name"], one["ok"]) for one in spans] == [
        ("gateway", "SummaryService/GetPatientSummary", True),
        ("gateway", "section visits", True),
        ("gateway", "section documents", False),
        ("visits", "VisitsService/List", True),
        ("visits", "SQL list_visits", True),
    ]
    assert spans[4]["attributes"] == {"kj.rows": 3}
    assert_whole(read_trace(tmp_path / "traces", recorded.trace_id).spans)


def test_a_terminal_gets_the_waterfall(recorded: SpanContext, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "kj", "trace", recorded.trace_id.upper(), "--data-dir", str(tmp_path)]
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}", "COLUMNS": "160", "TERM": "xterm"}
    with subprocess.Popen(command, env=environment, cwd="/", stdout=theirs) as process:
        os.close(theirs)
        text = _read_all(ours)
    os.close(ours)
    assert process.returncode == 0
    assert "5 spans, 2 services" in text
    assert "SQL list_visits" in text
    assert any(bar in text for bar in "▏▎▍▌▋▊▉█"), "on a busy machine a span may be long and its bar short"
    assert "not found" not in text


def _read_all(terminal: int) -> str:
    read = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux's way to say that the other side of a terminal is closed
            return read.decode()
        read += part


def test_the_drawing_is_a_tree_by_parent(recorded: SpanContext, tmp_path: Path) -> None:
    drawn = _drawn(read_trace(tmp_path / "traces", recorded.trace_id).spans)
    names = [line.split("  gateway")[0].split("  visits")[0].rstrip() for line in drawn.splitlines()[2:]]
    assert names == [
        "SummaryService/GetPatientSummary",
        "  section visits",
        "    VisitsService/List",
        "      SQL list_visits",
        "  section documents",
    ]
    assert "DEADLINE_EXCEEDED unavailable" in drawn
    assert "ok rows=3" in drawn


def test_a_missing_parent_is_named() -> None:
    drawn = _drawn([_record("01", ""), _record("02", "77"), _record("03", "02")])
    assert "parent not found: 77" in drawn
    assert "parent not found: 77, of span 02 in visits" in drawn
    assert drawn.index("not found: 77") < drawn.index("span 02") < drawn.index("  span 03")


def test_the_callers_own_span_is_not_missed() -> None:
    assert "not found" not in _drawn([_record("01", "77", service="gateway", kind="server"), _record("02", "01")])


def test_spans_in_a_circle_are_drawn_too() -> None:
    drawn = _drawn([_record("01", "02"), _record("02", "01"), _record("03", "03")])
    assert all(f"span 0{number}" in drawn for number in (1, 2, 3))


@pytest.mark.parametrize("form", ["{0}", "00-{0}-00f067aa0ba902b7-01"])
def test_an_unknown_trace_is_a_clear_message(form: str, recorded: SpanContext, tmp_path: Path) -> None:
    ran = _kj_trace(form.format(UNKNOWN), "--data-dir", str(tmp_path))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert f"No trace {UNKNOWN} in {tmp_path}" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_no_data_directory_is_no_local_system(tmp_path: Path) -> None:
    ran = _kj_trace(UNKNOWN, "--data-dir", str(tmp_path / "none"))
    assert ran.returncode == 1
    assert "There is no local system on" in ran.stderr


def test_traces_of_another_gateway_are_not_looked_for(recorded: SpanContext, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="it has no --gateway"):
        trace(recorded.trace_id, tmp_path, gateway="gateway.example:443")


def test_what_is_no_trace_id_is_said(tmp_path: Path) -> None:
    ran = _kj_trace("xyz", "--data-dir", str(tmp_path))
    assert ran.returncode == 1
    assert "32 hex digits" in ran.stderr


def test_a_torn_line_is_counted_and_the_rest_is_read(recorded: SpanContext, tmp_path: Path) -> None:
    (tmp_path / "traces" / "audit-1.jsonl").write_text(f'{{"resourceSpans":[{{"traceId":"{recorded.trace_id}"\n')
    ran = _kj_trace(recorded.trace_id, "--data-dir", str(tmp_path))
    assert len(json.loads(ran.stdout)) == 5
    assert "1 lines that name this trace cannot be read" in ran.stderr
