"""Lays out rows for a terminal: no cell is cut, and words are broken at their blanks while there is room for that.

Where the longest words of all columns have no room side by side, the first cell of a row stands alone and the others
below it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

INDENT = 2
"""Cells before every row of a section."""
_GAP = 2
_UNDER = 4
"""Cells further in, of what stands below the first cell of its row, and of the rest of a long line."""

Row = tuple[str | Text, ...]


@dataclass(frozen=True)
class Line:
    """A line of its own among rows, such as one about those below it."""

    text: str
    style: str = ""


def show(rows: Sequence[Row | Line], console: Console) -> None:
    """Prints rows in one set of columns, and lines between them."""
    widths = _widths([row for row in rows if not isinstance(row, Line)], console.width - INDENT)
    for part in _parts(rows):
        if isinstance(part, Line):
            line(part.text, console, part.style)
        elif widths:
            console.print(_table(part, widths))
        else:
            for row in part:
                _show_under(row, console)


def line(text: str | Text, console: Console, style: str = "", indent: int = INDENT) -> None:
    """Prints one line; what does not fit stands below it, further in."""
    indent, under = min(indent, console.width // 3), min(_UNDER, console.width // 3)
    first = max(console.width - indent, 2)  # two: a wide character
    for number, each in enumerate(_lines(cell(text, style), console, first, max(first - under, 2))):
        console.print(Padding(each, (0, 0, 0, indent + (under if number else 0)), expand=False), soft_wrap=True)


def cell(text: str | Text, style: str = "") -> Text:
    """Returns a source's text as it stands: brackets are no markup in it, and no character moves the cursor."""
    if isinstance(text, Text):
        style, text = str(text.style), text.plain
    return Text("".join(char if char.isprintable() else " " for char in text), style=style)


def _lines(text: Text, console: Console, first: int, others: int) -> Iterator[Text]:
    lines = text.wrap(console, first)
    if not lines:
        return
    yield _stripped(lines[0])
    rest = Text(" ", style=text.style).join(map(_stripped, lines[1:]))
    yield from map(_stripped, rest.wrap(console, others) if len(lines) > 1 else ())


def _stripped(text: Text) -> Text:
    text.rstrip()
    return text


def _parts(rows: Iterable[Row | Line]) -> Iterator[list[Row] | Line]:
    """Yields runs of rows, and the lines between them."""
    run: list[Row] = []
    for row in rows:
        if isinstance(row, Line):
            if run:
                yield run
            run = []
            yield row
        else:
            run.append(row)
    if run:
        yield run


def _widths(rows: Sequence[Row], room: int) -> list[int]:
    """Returns the width of each column; nothing where the longest words have no room side by side."""
    columns = max(map(len, rows), default=0)
    texts = [[str(row[column]) for row in rows if column < len(row)] for column in range(columns)]
    wanted = [max(map(cell_len, each)) for each in texts]
    least = [max((cell_len(word) for text in each for word in text.split()), default=0) for each in texts]
    room -= _GAP * (columns - 1)
    if sum(wanted) <= room:
        return wanted
    if sum(least) > room:
        return []
    widths = least
    # What is left goes to whichever column lacks most, cell by cell: names and doses get more than dates.
    for _ in range(room - sum(least)):
        lacking = [each - width for each, width in zip(wanted, widths, strict=True)]
        widths[lacking.index(max(lacking))] += 1
    return widths


def _table(rows: Iterable[Row], widths: Sequence[int]) -> Padding:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, _GAP, 0, 0))
    for width in widths:
        table.add_column(width=width, overflow="fold")
    for row in rows:
        table.add_row(*map(cell, row))
    return Padding(table, (0, 0, 0, INDENT), expand=False)


def _show_under(row: Row, console: Console) -> None:
    line(row[0], console)
    for each in (each for each in row[1:] if str(each)):
        line(each, console, indent=INDENT + _UNDER)
