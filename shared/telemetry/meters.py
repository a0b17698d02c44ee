"""Counts and measures what operators are to hear of, as OpenTelemetry metrics, where an OTLP collector is set.

Nothing is made before the first count: most processes never have one.
"""

from typing import Any

METER = "kjernejournal"


class Meters:
    """Counters and gauges of this process, by name."""

    def __init__(self, reader: Any, resource: Any) -> None:
        """Takes a metric reader of the SDK."""
        from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415 -- most processes never need it

        self._provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._counters: dict[str, Any] = {}
        self._gauges: dict[str, Any] = {}

    def count(self, name: str, organisation: str) -> None:
        """Adds one to a counter, for an organisation's number."""
        if name not in self._counters:
            self._counters[name] = self._provider.get_meter(METER).create_counter(name)
        self._counters[name].add(1, {"kj.organisation": organisation})

    def measure(self, name: str, organisation: str, value: int) -> None:
        """Sets a gauge, for an organisation's number."""
        if name not in self._gauges:
            self._gauges[name] = self._provider.get_meter(METER).create_gauge(name)
        self._gauges[name].set(value, {"kj.organisation": organisation})

    def stop(self) -> None:
        """Sends what was counted, for at most 2 seconds."""
        self._provider.shutdown(timeout_millis=2000)


def to_collector(endpoint: str, resource: Any) -> Meters:
    """Returns counters that a collector gets every minute."""
    # Here, since it serves nobody in a process that never counts.
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter  # noqa: PLC0415  # as above
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415  # as above

    scheme, _, address = endpoint.rpartition("://")
    exporter = OTLPMetricExporter(endpoint=f"{scheme or 'http'}://{address}", insecure=scheme != "https")
    return Meters(PeriodicExportingMetricReader(exporter, export_interval_millis=60_000), resource)
