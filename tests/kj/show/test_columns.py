"""Rows on a terminal: words stay whole while they fit, nothing is cut, at any width and with wide characters."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from kj.show.columns import Line, Row, line, show

CRITICAL: Row = ("legemiddelreaksjon", "Fenoksymetylpenicillin", "ALVORLIG, bekreftet, Anafylaksi", "2019-04-01")
LONG: Row = ("i bruk", "Hydroklortiazid/Amilorid filmdrasjert tablett 50 mg/5 mg", "1 tablett om morgenen", "")
WIDE: Row = ("i bruk", "漢字漢字漢字 漢字漢字漢字 10 mg", "1 tablett", "på morgenen 🩺")


def shown(*rows: Row | Line, width: int, colour: bool = False) -> str:
    out = io.StringIO()
    show(rows, Console(file=out, width=width, force_terminal=colour, color_system="truecolor" if colour else None))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 160])
@pytest.mark.parametrize("rows", [(CRITICAL,), (CRITICAL, LONG), (LONG, WIDE), (WIDE,)])
def test_no_word_is_broken_and_no_line_is_longer_than_the_terminal(rows: tuple[Row, ...], width: int) -> None:
    text = shown(*rows, width=width)
    assert all(cell_len(each) <= width for each in text.splitlines())
    words = set(text.split())
    assert {word for row in rows for each in row for word in str(each).split()} <= words


def test_what_has_no_room_side_by_side_stands_below_one_another() -> None:
    text = shown(CRITICAL, width=40)
    assert text.split() == " ".join(map(str, CRITICAL)).split()
    assert text.splitlines()[0].strip() == "legemiddelreaksjon"


def test_a_name_that_has_room_is_on_one_line() -> None:
    [row] = shown(LONG, width=160).splitlines()
    assert str(LONG[1]) in row


def test_lines_stand_between_the_rows_that_they_are_about() -> None:
    text = shown(Line("den første listen"), LONG, Line("den andre listen"), CRITICAL, width=120)
    assert text.index("første") < text.index("Hydroklortiazid") < text.index("andre") < text.index("penicillin")


def test_colour_is_for_terminals_and_markup_of_a_source_is_text() -> None:
    assert "\x1b" not in shown(Line("[red]a[/red]", "bold red"), width=80)
    with_colour = shown(Line("[red]a[/red]", "bold red"), width=80, colour=True)
    assert "\x1b[" in with_colour
    assert "[red]a[/red]" in with_colour


def test_a_long_line_goes_on_further_in() -> None:
    out = io.StringIO()
    line("IKKE KONTROLLERT: " + "ord " * 40, Console(file=out, width=60))
    first, *others = out.getvalue().splitlines()
    assert first.startswith("  IKKE")
    assert others
    assert all(each.startswith("      ord") for each in others)


CELL = st.text(max_size=60)


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=4), st.integers(10, 120))
def test_nothing_is_lost_whatever_a_source_writes(rows: list[Row], width: int) -> None:
    text = "".join(shown(*rows, width=width).split())
    for row in rows:
        for each in row:
            for char in str(each):
                if char.isprintable() and not char.isspace() and cell_len(char):
                    assert char in text
