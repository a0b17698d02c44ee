"""Queues spans between requests and the exporting thread.

A request appends to a deque and goes on, whatever the collector or the disk is doing. The queue is bounded: what does
not fit is dropped and counted, and the count is logged. The thread sleeps until there is something to send, then
gathers for a moment.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from time import monotonic

from shared.telemetry.destinations import Destination, TraceFile
from shared.telemetry.meters import Meters, to_collector
from shared.telemetry.otlp import resource_of
from shared.telemetry.spans import Span, on_end

CAPACITY = 16_384

# Spans of one request end within milliseconds of each other; `kj trace` should find them when the reply has been read.
_GATHER_SECONDS = 0.2
_FLUSH_SECONDS = 2.0
_INTERRUPT_SECONDS = 0.3
_REPORT_EVERY_SECONDS = 10.0

_log = logging.getLogger(__name__)


class Exporter:
    """One thread that empties one queue into one destination."""

    def __init__(self, destination: Destination, capacity: int = CAPACITY) -> None:
        self._destination = destination
        self._stopping = threading.Event()
        self._capacity = capacity
        self._queue: deque[Span] = deque()
        self._wake = threading.Event()
        self._idle = False
        # One counter for each side, as += is not atomic between threads.
        self._overflowed = 0
        self._undelivered = 0
        self._reported = 0
        self._report_after = 0.0
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    def put(self, span: Span) -> None:
        """Takes an ended span, or counts it as dropped; never waits."""
        if len(self._queue) >= self._capacity:
            self._overflowed += 1
            return
        self._queue.append(span)
        if self._idle:
            self._wake.set()

    @property
    def dropped(self) -> int:
        """Returns how many spans did not fit into the queue or were not taken by the destination."""
        return self._overflowed + self._undelivered

    def stop(self) -> None:
        """Sends what is queued, for at most 2 seconds; what is left then is dropped."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(_FLUSH_SECONDS)
        if self._thread.is_alive():
            self._destination.interrupt()
            self._thread.join(_INTERRUPT_SECONDS)
        self._overflowed += len(self._queue)
        self._report(force=True)

    def _run(self) -> None:
        while self._queue or not self._stopping.is_set():
            self._idle = True
            # Looked at again after the flag: a span that came before it woke nobody.
            if not self._queue and not self._stopping.is_set():
                self._wake.wait()
            self._idle = False
            self._wake.clear()
            self._stopping.wait(_GATHER_SECONDS)
            while self._queue:
                self._send([self._queue.popleft() for _ in range(min(len(self._queue), self._destination.batch))])
                self._report()
        self._destination.close()

    def _send(self, spans: list[Span]) -> None:
        try:
            self._undelivered += self._destination.send(spans)
        except Exception as error:  # noqa: BLE001 - whatever it is, spans are lost and the thread goes on
            self._undelivered += len(spans)
            _log.warning("spans could not be exported: %s", type(error).__name__)

    def _report(self, *, force: bool = False) -> None:
        dropped, now = self.dropped, monotonic()
        if dropped > self._reported and (force or now >= self._report_after):
            _log.warning("%d spans dropped, %d since the process started", dropped - self._reported, dropped)
            self._reported, self._report_after = dropped, now + _REPORT_EVERY_SECONDS


class _Process:
    exporter: Exporter | None = None
    dropped_before = 0
    counted = False
    meters: Callable[[], Meters] | None = None
    """Makes the counters, at the first count; None: counts go nowhere."""


def configure(service: str, *, directory: Path | None, endpoint: str | None) -> None:
    """Starts exporting this process's spans, as `service`.

    `endpoint` is an OTLP/gRPC collector (`http://host:port`, `https://host:port` or `host:port`), from
    `OTEL_EXPORTER_OTLP_ENDPOINT`; it is preferred to `directory`, which gets OTLP JSON lines. Neither: spans are
    discarded. ValueError for a malformed endpoint or `OTEL_EXPORTER_OTLP_` variable, OSError for a directory that
    cannot be written.
    """
    stop()
    resource = resource_of(service)
    destination: Destination
    if endpoint:
        # Here, since most of what it loads serves nobody in a process that sends to no collector.
        from shared.telemetry.collector import Collector  # noqa: PLC0415  # as above

        destination = Collector(endpoint, resource)
        _Process.meters = cache(partial(to_collector, endpoint, resource))
    elif directory is not None:
        destination = TraceFile(directory, resource)
    else:
        return
    _Process.exporter = Exporter(destination)
    on_end(_Process.exporter.put)


def count(name: str, organisation: str) -> None:
    """Adds one to a metric, for an organisation's number; nowhere, without a collector."""
    if _Process.meters is not None:
        _Process.meters().count(name, organisation)
        _Process.counted = True


def measure(name: str, organisation: str, value: int) -> None:
    """Sets a metric to a value, for an organisation's number; nowhere, without a collector."""
    if _Process.meters is not None:
        _Process.meters().measure(name, organisation, value)
        _Process.counted = True


def stop() -> None:
    """Flushes, for at most 2 seconds, and discards spans from then on. Blocks: call it when the server has drained."""
    exporter, meters = _Process.exporter, _Process.meters
    if meters is not None and _Process.counted:
        meters().stop()
    _Process.meters, _Process.counted = None, False
    if exporter is None:
        return
    on_end(None)
    exporter.stop()
    _Process.exporter = None
    _Process.dropped_before += exporter.dropped


def dropped() -> int:
    """Returns the spans lost since the process started: the queue was full, or the destination did not take them."""
    return _Process.dropped_before + (_Process.exporter.dropped if _Process.exporter else 0)
