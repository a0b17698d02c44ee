"""Reads knowledge as people write and review it: a table of tab-separated lines, one row a line, each with its source.

The first line is `version`, a tab and the name of it. A line that begins with # is a remark. Then by kind, with codes
separated by spaces:

    substance    SYSTEM|CODE, or a name    ATC codes of what it is                               source
    allergy      ATC codes                 ATC codes that cross       severity  text  advice     source
    interaction  ATC codes                 ATC codes                  severity  text  advice     source
    duplicate    ATC codes of the group                               severity  text  advice     source
    condition    ICD-10 codes, or SYSTEM|CODE  ATC codes              severity  text  advice     source

A + among the ATC codes of a substance says that it holds others too, which nobody knows from the code.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from kjernejournal.common.v1.common_pb2 import Coding
from kjernejournal.medications.v1 import knowledge_pb2 as pb
from kjernejournal.medications.v1 import medications_pb2
from shared.codes.systems import ICD10

SHIPPED = Path(__file__).with_name("knowledge.tsv")
"""The small table that is part of this release."""
TEXTS = Path(__file__).with_name("knowledge_texts.tsv")
"""The words of its rules in both languages: code, Norwegian, English. What is not there is said as it stands."""

OTHERS = "+"
_SEVERITIES = {
    name.removeprefix("SEVERITY_").lower(): number
    for name, number in medications_pb2.Severity.items()
    if number != medications_pb2.SEVERITY_UNSPECIFIED
}
_COLUMNS = {"version": 2, "substance": 4, "allergy": 7, "interaction": 7, "duplicate": 6, "condition": 7}


class TableError(Exception):
    """A line that cannot be read; the text names it."""


def read(path: Path) -> pb.DrugKnowledge:
    """Returns the knowledge in a file. Raises TableError, OSError, UnicodeDecodeError."""
    return parse(path.read_text(encoding="utf-8").splitlines())


def parse(lines: Iterable[str]) -> pb.DrugKnowledge:
    """Returns the knowledge in these lines. Raises TableError for the first line that cannot be read."""
    table = pb.DrugKnowledge()
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        kind, *cells = (cell.strip() for cell in line.split("\t"))
        if _COLUMNS.get(kind) != len(cells) + 1:
            raise TableError(f"line {number}: {kind or 'nothing'} with {len(cells) + 1} columns is no row")
        try:
            _add(table, kind, cells)
        except KeyError as error:
            raise TableError(f"line {number}: {error.args[0]} is no severity") from None
    if not table.knowledge_version:
        raise TableError("the table has no version")
    return table


def _add(table: pb.DrugKnowledge, kind: str, cells: list[str]) -> None:
    match kind:
        case "version":
            table.knowledge_version = cells[0]
        case "substance":
            system, _, code = cells[0].rpartition("|")
            held = cells[1].split()
            table.substances.add(
                coding=Coding(system=system, code=code),
                atc=[each for each in held if each != OTHERS],
                source=cells[2],
                holds_others=OTHERS in held,
            )
        case "allergy":
            said = _said(cells[2:])
            table.cross_reactions.add(allergy_atc=cells[0].split(), medicine_atc=cells[1].split(), **said)
        case "interaction":
            table.interactions.add(first_atc=cells[0].split(), second_atc=cells[1].split(), **_said(cells[2:]))
        case "duplicate":
            table.therapeutic_groups.add(atc=cells[0].split(), **_said(cells[1:]))
        case _:
            conditions = [_condition(code) for code in cells[0].split()]
            table.condition_conflicts.add(conditions=conditions, atc=cells[1].split(), **_said(cells[2:]))


def _said(cells: list[str]) -> dict[str, object]:
    severity, text, advice, source = cells
    said: dict[str, object] = {"severity": _SEVERITIES[severity], "source": source}
    for name, english in (("text", text), ("advice", advice)):
        code, norwegian = texts().get(english, ("", english))
        said |= {name: norwegian, f"{name}_code": code, f"{name}_english": english if code else ""}
    return said


@cache
def texts() -> dict[str, tuple[str, str]]:
    """Returns code and Norwegian words by the English words."""
    lines = TEXTS.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return {english: (code, norwegian) for code, norwegian, english in rows}


def _condition(code: str) -> Coding:
    system, _, plain = code.rpartition("|")
    return Coding(system=system or ICD10, code=plain)
