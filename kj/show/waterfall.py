"""Draws a trace: a tree by parent, each span a bar where and as long as it ran."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from kj.show.trace_files import SpanRecord

_PACKAGE = re.compile(r"^kjernejournal\.\w+\.v\d+\.")
# Below this width there is no column for the start: the bar shows it.
_ROOMY = 110
_FEWEST_BAR_CELLS = 16
_MOST_BAR_CELLS = 60
_TIME_CELLS = 10
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SAID = ("kj.state", "kj.reason", "kj.decision")
_COUNTED = ("kj.rows", "kj.entries", "kj.batch.size", "kj.audit.index")
_COLOURS = {"server": "cyan", "client": "blue", "internal": "green"}


def waterfall(spans: Sequence[SpanRecord], width: int = 120) -> RenderableType:
    """Returns the picture of one trace's spans, for a terminal of `width` columns.

    A span whose parent is not among them says so on a line of its own, and once more below.
    """
    begin = min(span.start_ns for span in spans)
    length = max(max(span.end_ns for span in spans) - begin, 1)
    roomy = width >= _ROOMY
    cells = min(width // 5, _MOST_BAR_CELLS) if roomy else _FEWEST_BAR_CELLS
    table = _table(roomy, cells, max(len(span.service) for span in spans))
    warnings: list[Text] = []
    for indent, span, orphaned in _in_tree_order(spans):
        if orphaned:
            warning = f"parent not found: {span.parent_id}"
            table.add_row(Text(f"✗ {warning}", style="bold red"))
            warnings.append(Text(f"{warning}, of {_short(span)} in {span.service}", style="bold red"))
        times = [_milliseconds(span.start_ns - begin)] if roomy else []
        table.add_row(
            Text(indent + _short(span)),
            Text(span.service, style="dim"),
            *times,
            _milliseconds(span.end_ns - span.start_ns),
            _bar(span, begin, length, cells),
            _status(span),
        )
    services = len({span.service for span in spans})
    facts = f"  {len(spans)} spans, {services} services, {_milliseconds(length)}"
    return Group(Text.assemble(("trace ", "dim"), (spans[0].trace_id, "bold"), (facts, "dim")), table, *warnings)


def _table(roomy: bool, cells: int, service_width: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    table.add_column("span", no_wrap=True, overflow="ellipsis", ratio=3)
    table.add_column("service", no_wrap=True, width=service_width)
    if roomy:
        table.add_column("start", justify="right", no_wrap=True, width=_TIME_CELLS)
    table.add_column("time", justify="right", no_wrap=True, width=_TIME_CELLS)
    table.add_column("", no_wrap=True, width=cells)
    table.add_column("status", no_wrap=True, overflow="ellipsis", ratio=2 if roomy else 1)
    return table


def _short(span: SpanRecord) -> str:
    """Returns `SummaryService/GetPatientSummary` of the rpc's full name: the service column shows the package."""
    return _PACKAGE.sub("", span.name)


def callers_own(span: SpanRecord) -> bool:
    """Whether the parent is the outside caller's span, which is recorded with the caller and not here."""
    return span.service == "gateway" and span.kind == "server"


def _in_tree_order(spans: Sequence[SpanRecord]) -> Iterator[tuple[str, SpanRecord, bool]]:
    """Yields each span with its indent and whether its parent is missing; parents first, siblings by start."""
    ids = {span.span_id for span in spans}
    children: dict[str, list[SpanRecord]] = defaultdict(list)
    tops: list[SpanRecord] = []
    for span in spans:
        if span.parent_id in ids and span.parent_id != span.span_id:
            children[span.parent_id].append(span)
        else:
            tops.append(span)
    waiting = [(0, span, bool(span.parent_id) and not callers_own(span)) for span in reversed(tops)]
    drawn: set[str] = set()
    while waiting:
        depth, span, orphaned = waiting.pop()
        drawn.add(span.span_id)
        yield "  " * depth, span, orphaned
        waiting.extend((depth + 1, child, False) for child in reversed(children[span.span_id]))
    # Spans that are each other's parents hang from no top; nothing of a trace goes undrawn.
    yield from (("", span, True) for span in spans if span.span_id not in drawn)


def _milliseconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:.2f} ms"


def _bar(span: SpanRecord, begin: int, length: int, cells: int) -> Text:
    # In eighths of a cell; the shortest span still shows one.
    first = (span.start_ns - begin) * cells // length
    first = min(first, cells - 1)
    eighths = max(1, round((span.end_ns - span.start_ns) * cells * 8 / length))
    eighths = min(eighths, (cells - first) * 8)
    whole, part = divmod(eighths, 8)
    blocks = "█" * whole + (_EIGHTHS[part] if part else "")
    return Text(" " * first + blocks, style=_COLOURS.get(span.kind, "green") if span.ok else "red")


def _status(span: SpanRecord) -> Text:
    words = [str(span.attributes[key]) for key in _SAID if key in span.attributes]
    counts = [f"{key.removeprefix('kj.')}={span.attributes[key]}" for key in _COUNTED if key in span.attributes]
    said = " ".join(words + counts)
    if span.ok:
        return Text.assemble(("ok ", "green"), (said, "dim"))
    return Text.assemble((f"{span.attributes.get('error.type', 'ERROR')} ", "bold red"), (said, "dim"))
