"""Spans in files: OTLP as lines of JSON, whole after a stop, bounded in size."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shared import telemetry
from shared.telemetry import Span, SpanContext, SpanKind, span
from shared.telemetry.collector import readable
from shared.telemetry.destinations import TraceFile
from shared.telemetry.otlp import JsonLines, resource_of
from tests.support.telemetry.spans import assert_whole, caught, load


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    yield
    telemetry.stop()


def _some_spans(count: int = 3) -> list[Span]:
    with caught() as ended:
        for number in range(count):
            with span("request", SpanKind.SERVER, **{"rpc.method": "ListVisits"}) as one:
                one.set("kj.rows", number)
                one.links.append(SpanContext("ab" * 16, "cd" * 8))
                with span("SQL list_visits", SpanKind.CLIENT, **{"kj.bytes": 0.5, "kj.decision": True}) as two:
                    two.fail("57014")
    return ended


def test_spans_are_in_the_file_after_stop(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "traces"
    telemetry.configure("visits", directory=directory, endpoint=None)
    with span("request", SpanKind.SERVER, **{"kj.section": "visits"}), span("query"):
        pass
    telemetry.stop()
    spans = load(directory)
    assert_whole(spans)
    assert {one.service for one in spans} == {"visits"}
    assert [(one.name, one.kind, one.attributes) for one in spans] == [
        ("query", "internal", {}),
        ("request", "server", {"kj.section": "visits"}),
    ]
    (path,) = directory.iterdir()
    assert path.name == f"visits-{os.getpid()}.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_line_is_otlp_json() -> None:
    """Read through the protobuf definition, a line is what the collector is sent, but for whose parent is remote."""
    spans = _some_spans()
    resource = resource_of("visits")
    line = json.loads(JsonLines(resource).encode(spans))
    sent = encode_spans([readable(each, resource) for each in spans])
    for each in sent.resource_spans[0].scope_spans[0].spans:
        each.ClearField("flags")
        for link in each.links:
            link.ClearField("flags")
        if not each.status.code:
            each.ClearField("status")  # unset or empty: both say nothing
    assert json_format.ParseDict(_hex_to_base64(line), ExportTraceServiceRequest()) == sent
    first = line["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert first["traceId"] == spans[0].context.trace_id
    assert first["status"] == {"code": 2}


def _hex_to_base64(value: Any) -> Any:
    """Undoes OTLP/JSON's one difference from protobuf's JSON."""
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key.lower().endswith("id") else _hex_to_base64(item)
            for key, item in value.items()
        }
    return [_hex_to_base64(item) for item in value] if isinstance(value, list) else value


def test_canaries_do_not_reach_the_file(tmp_path: Path) -> None:
    telemetry.configure("visits", directory=tmp_path, endpoint=None)
    with span("SQL find 21875049123") as one:
        one.set("kj.reason", "Kari Canary Nordmann")
        one.set("kj.rows", 21875049123)
        one.attributes["patient.name"] = "canary"
        one.fail("canary text of an error 21875049123")
    with pytest.raises(ValueError, match="canary"), span("request"):
        raise ValueError("canary 21875049123")
    telemetry.stop()
    (path,) = tmp_path.iterdir()
    written = path.read_text()
    assert written.count("[refused]") == 4
    assert "anary" not in written
    assert "21875049123" not in written


def test_a_full_file_becomes_the_older_one(tmp_path: Path) -> None:
    file = TraceFile(tmp_path, resource_of("visits"), rotate_at=20_000)
    for _ in range(100):
        assert file.send(_some_spans()) == 0
    file.close()
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {f"visits-{os.getpid()}.jsonl", f"visits-{os.getpid()}.1.jsonl"}
    assert all(0 < size <= 20_000 for size in sizes.values())
    assert load(tmp_path)


def test_a_torn_line_does_not_spoil_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = TraceFile(tmp_path, resource_of("visits"))
    real = os.write
    monkeypatch.setattr(os, "write", lambda where, data: real(where, data[:100]))
    assert file.send(_some_spans()) == 6
    monkeypatch.undo()
    assert file.send(_some_spans()) == 0
    file.close()
    (path,) = tmp_path.iterdir()
    torn, whole = path.read_bytes().splitlines()
    assert len(torn) == 100
    assert json.loads(whole)


def test_a_full_disk_loses_spans_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = telemetry.dropped()
    (tmp_path / f"visits-{os.getpid()}.jsonl").symlink_to("/dev/full")
    telemetry.configure("visits", directory=tmp_path, endpoint=None)
    with span("request"):
        pass
    telemetry.stop()
    assert telemetry.dropped() == before + 1
    assert "could not be exported: OSError" in caplog.text
    assert "1 spans dropped" in caplog.text


def test_files_of_earlier_processes_go_when_they_take_too_much(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for age, name in enumerate(
        [f"visits-{ended.pid}.jsonl", f"visits-{ended.pid}.1.jsonl", f"visits-{os.getppid()}.jsonl"]
    ):
        path = tmp_path / name
        path.write_bytes(b"x" * 600)
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    (tmp_path / f"audit-{ended.pid}.jsonl").write_bytes(b"x" * 6000)
    TraceFile(tmp_path, resource_of("visits"), rotate_at=1000).close()
    assert {path.name for path in tmp_path.iterdir()} == {
        f"visits-{ended.pid}.jsonl",  # the newest stays
        f"visits-{os.getppid()}.jsonl",  # its process is alive
        f"audit-{ended.pid}.jsonl",  # another service's
        f"visits-{os.getpid()}.jsonl",
    }


def test_without_a_destination_spans_are_discarded_silently(caplog: pytest.LogCaptureFixture) -> None:
    before = telemetry.dropped()
    telemetry.configure("visits", directory=None, endpoint=None)
    with span("request"):
        pass
    telemetry.stop()
    assert telemetry.dropped() == before
    assert not caplog.text


def test_the_instance_may_be_named_from_outside_and_the_service_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resource_of("visits").attributes["service.instance.id"] == str(os.getpid())
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=visits-7d9f,k8s.namespace.name=kj")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "everything")
    assert dict(resource_of("visits").attributes) == {
        "service.name": "visits",
        "service.instance.id": "visits-7d9f",
        "k8s.namespace.name": "kj",
    }
