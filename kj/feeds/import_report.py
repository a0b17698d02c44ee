"""Reports what an import did, for people and for pipes."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from kj.fhir_r4.tally import Tally
from kjernejournal.common.v1.common_pb2 import ImportCounts
from shared.handling.identities import MARK
from shared.register.bulk_import import add

IMPORTED, CHECKED, REFUSED, FAILED, SKIPPED = "imported", "checked", "refused", "failed", "skipped"

FEW = 3
"""Up to so many files, each is shown by resource type; more are a line each, and the types in total."""


_LOOK: Any = {"title_justify": "left", "title_style": "bold", "box": None, "pad_edge": False}


@dataclass
class FileReport:
    """One file."""

    file: str
    status: str = REFUSED
    """imported; checked (a dry run); refused: nothing of it was sent; failed: the system did not take all of it;
    skipped: it holds nothing of any patient."""
    reason: str = ""
    patients: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    stored: dict[str, ImportCounts] = field(default_factory=dict)
    """What each register said that it did."""
    beside: Counter[str] = field(default_factory=Counter)
    """Entries and states that come from parts of resources: contacts of a Patient, statements of an empty section."""
    cuts: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    """Patients who could not be read, while others of the file could."""

    def as_json(self) -> dict[str, Any]:
        """Returns the file's part of `--json`."""
        return {
            "file": self.file,
            "status": self.status,
            "reason": self.reason,
            "patients": self.patients,
            "resources": self.tally.as_json(),
            "beside": dict(self.beside),
            "stored": _stored_json(self.stored),
            "cut": dict(self.cuts),
        }


def total_of(files: list[FileReport]) -> FileReport:
    """Returns the sum of all files; a refused file adds nothing, since nothing of it is counted."""
    whole = FileReport("total")
    for each in files:
        whole.patients = list(dict.fromkeys([*whole.patients, *each.patients]))
        whole.tally.add(each.tally)
        whole.beside.update(each.beside)
        whole.cuts.update(each.cuts)
        for register, counts in each.stored.items():
            sums = whole.stored.setdefault(register, ImportCounts())
            add(sums, counts)
    return whole


def to_json(files: list[FileReport]) -> dict[str, Any]:
    """Returns `{files: [...], total: {...}}`.

    in_bundle = placed + not_placed for every type of every file.
    """
    total = total_of(files).as_json()
    return {
        "files": [each.as_json() for each in files],
        "total": {name: total[name] for name in ("patients", "resources", "beside", "stored", "cut")},
    }


def show(files: list[FileReport], console: Console) -> None:
    """Prints the tables for people."""
    taken = [each for each in files if each.status in (IMPORTED, CHECKED, FAILED)]
    if len(taken) > FEW:
        console.print(_by_file(taken))
    else:
        for each in taken if len(taken) > 1 else ():
            console.print(_by_type(each, each.file))
    for each in files:
        if each.status == SKIPPED:
            console.print(f"{each.file}: skipped: {each.reason}")
    if not taken:
        return
    whole = total_of(taken)
    console.print(_by_type(whole, "Total" if len(taken) > 1 else taken[0].file))
    for what, count in sorted(whole.beside.items()):
        console.print(f"{count} beside: {what}")
    if whole.stored:
        console.print(_by_register(whole))
    for what, count in sorted(whole.cuts.items()):
        console.print(f"[yellow]{count} cut:[/yellow] {what}")


def _by_file(files: list[FileReport]) -> Table:
    sent = any(each.stored for each in files)
    counts = ("in bundle", "placed", "not placed", *(("new", "changed", "unchanged", "outdated") if sent else ()))
    table = Table(title="Files", **_LOOK)
    table.add_column("file", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("patients")
    for column in counts:
        table.add_column(column, justify="right")
    for each in files:
        table.add_row(Path(each.file).name, "\n".join(each.patients), *map(str, _sums(each)[: len(counts)]))
    return table


def _sums(report: FileReport) -> tuple[int, ...]:
    rows, stored = report.tally.rows.values(), report.stored.values()
    return (
        sum(row.in_bundle for row in rows),
        sum(row.placed.total() for row in rows),
        sum(row.not_placed.total() for row in rows),
        sum(counts.created for counts in stored),
        sum(counts.updated for counts in stored),
        sum(counts.unchanged for counts in stored),
        sum(counts.outdated for counts in stored),
    )


def _by_type(report: FileReport, title: str) -> Table:
    table = Table(title=title, **_LOOK)
    table.add_column("resource type")
    table.add_column("in bundle", justify="right")
    table.add_column("placed", no_wrap=True)
    table.add_column("not placed, and why")
    for name, row in sorted(report.tally.rows.items()):
        table.add_row(name, str(row.in_bundle), _counted(row.placed), _counted(row.not_placed))
    return table


def _by_register(report: FileReport) -> Table:
    table = Table(title="Registers", **_LOOK)
    table.add_column("register")
    for column in ("new", "changed", "unchanged", "outdated"):
        table.add_column(column, justify="right")
    for name, counts in report.stored.items():
        table.add_row(name, str(counts.created), str(counts.updated), str(counts.unchanged), str(counts.outdated))
    replaced = sum(counts.national_ids_replaced for counts in report.stored.values())
    if replaced:
        table.caption = f"{replaced} national ids stood in free text, and were replaced by {MARK}"
    return table


def _counted(counts: Counter[str]) -> str:
    return "\n".join(f"{count} {name}" for name, count in counts.most_common())


def _stored_json(stored: dict[str, ImportCounts]) -> dict[str, dict[str, int]]:
    return {
        name: {
            "created": counts.created,
            "updated": counts.updated,
            "unchanged": counts.unchanged,
            "outdated": counts.outdated,
            "national_ids_replaced": counts.national_ids_replaced,
        }
        for name, counts in stored.items()
    }
