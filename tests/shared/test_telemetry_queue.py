"""The exporting thread never holds up a request, counts what it loses, and survives a faulty exporter."""

import threading
from collections.abc import Sequence
from time import monotonic

import pytest

from shared.telemetry import Span, span
from shared.telemetry.export import Exporter
from tests.support.telemetry.spans import caught
from tests.support.waiting import until


class Gate:
    """A destination that holds every batch until it is opened, or breaks."""

    batch = 4

    def __init__(self) -> None:
        self.open = threading.Event()
        self.taken: list[Span] = []
        self.broken = False
        self.interrupted = False
        self.closed = False

    def send(self, spans: Sequence[Span]) -> int:
        self.open.wait(10)
        if self.broken:
            raise RuntimeError("secret 21875049123")
        self.taken.extend(spans)
        return 0

    def interrupt(self) -> None:
        self.interrupted = True

    def close(self) -> None:
        self.closed = True


def _spans(count: int) -> list[Span]:
    with caught() as ended:
        for _ in range(count):
            with span("x"):
                pass
    return ended


def test_a_stuck_destination_never_holds_up_a_request(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    exporter = Exporter(gate, capacity=100)
    spans = _spans(1000)
    begin = monotonic()
    for one in spans:
        exporter.put(one)
    assert monotonic() - begin < 5, "a request that was held up would wait for the gate"
    assert exporter.dropped == 900
    gate.open.set()
    exporter.stop()
    assert len(gate.taken) == 100
    assert gate.closed
    assert exporter.dropped == 900
    assert "900 spans dropped" in caplog.text


def test_stop_gives_up_after_two_seconds_and_counts_what_is_left() -> None:
    gate = Gate()
    exporter = Exporter(gate)
    for one in _spans(10):
        exporter.put(one)
    begin = monotonic()
    exporter.stop()
    assert 1.9 < monotonic() - begin < 2.6
    assert gate.interrupted
    assert exporter.dropped >= 6  # all but the batch that is stuck on its way
    gate.open.set()


def test_a_bug_in_the_exporter_ends_neither_thread_nor_text(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    gate.open.set()
    gate.broken = True
    exporter = Exporter(gate)
    for one in _spans(3):
        exporter.put(one)
    until(lambda: exporter.dropped == 3)
    gate.broken = False
    for one in _spans(2):
        exporter.put(one)
    until(lambda: len(gate.taken) == 2)
    exporter.stop()
    assert "RuntimeError" in caplog.text
    assert "21875049123" not in caplog.text


def test_spans_go_out_without_a_stop_and_the_thread_sleeps_between() -> None:
    gate = Gate()
    gate.open.set()
    exporter = Exporter(gate)
    exporter.put(_spans(1)[0])
    until(lambda: len(gate.taken) == 1)
    exporter.put(_spans(1)[0])
    until(lambda: len(gate.taken) == 2)
    exporter.stop()
    assert exporter.dropped == 0
