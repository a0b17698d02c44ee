"""`kj trace ID`: shows one request's way through the system, from the trace files of the local data directory."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from kj.calls.local_alone import LocalAlone, refuse_gateway
from kj.errors import CommandError
from kj.local.data_directory import DEFAULT, DataDirectory, DataDirOption
from kj.show.trace_files import read_trace
from kj.show.waterfall import waterfall
from shared.telemetry import parse_traceparent

_HEX_DIGITS = 32


def trace(
    trace_id: Annotated[
        str, typer.Argument(metavar="ID", help="32 hex digits, as `kj-trace-id` or a traceparent header gives them.")
    ],
    data_dir: DataDirOption = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="Print the spans as a JSON list, by start.")] = False,
    gateway: LocalAlone = None,
) -> None:
    """Draw the waterfall of one request: every section, call, query and audit commit.

    For the local system alone, from its trace files.
    """
    refuse_gateway(
        gateway,
        "kj trace reads the trace files of the local system: it has no --gateway.",
        "Traces of another gateway are in its operators' collector, by the same id.",
    )
    directory = DataDirectory.at(data_dir).traces
    wanted = _normal(trace_id)
    if not directory.is_dir():
        raise CommandError(f"There is no local system on {directory.parent}.", "Start one with: kj up --detach")
    found = read_trace(directory, wanted)
    if not found.spans:
        raise CommandError(
            f"No trace {wanted} in {directory}.",
            "Spans arrive there within a second of the reply; with a collector set, they are in the collector alone.",
        )
    if found.unreadable:
        print(f"{found.unreadable} lines that name this trace cannot be read.", file=sys.stderr)
    if as_json or not sys.stdout.isatty():
        print(json.dumps([span.as_json() for span in found.spans], indent=2))
    else:
        console = Console()
        console.print(waterfall(found.spans, console.width))


def _normal(trace_id: str) -> str:
    text = trace_id.strip().lower()
    if header := parse_traceparent(text):
        return header.trace_id
    text = text.replace("-", "")
    if len(text) != _HEX_DIGITS or not set(text) <= set("0123456789abcdef"):
        raise CommandError("A trace id has 32 hex digits.", "Every reply carries it, and `kj accesses` shows it.")
    return text
