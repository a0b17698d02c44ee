"""What a person reads after an import: types, reasons, what changed, and a total that holds where sending failed."""

import io

import pytest
from rich.console import Console

from kj.feeds.import_report import FAILED, IMPORTED, FileReport, show, to_json
from kjernejournal.common.v1.common_pb2 import ImportCounts
from tests.kj.fhir_r4.bundles import mapped, whole


def report(name: str, status: str = IMPORTED) -> FileReport:
    made = mapped(whole())
    stored = {"visits": ImportCounts(created=1), "documents": ImportCounts(unchanged=1)}
    return FileReport(name, status, "", ["53848658681"], made.tally, stored, made.cuts)


def shown(*reports: FileReport) -> str:
    console = Console(file=io.StringIO(), width=120)
    show(list(reports), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO, see above
    return str(text)


@pytest.mark.parametrize("files", [1, 2, 5])
def test_people_see_types_reasons_and_what_changed(files: int) -> None:
    text = shown(*(report(f"/data/{number}.json") for number in range(files)), FileReport("refused.json"))
    assert f"{files} no register holds problems and diagnoses" in text
    assert f"{files} visits" in text
    assert "Registers" in text
    assert "refused.json" not in text  # standard error has it


def test_nothing_is_shown_when_all_was_refused() -> None:
    assert shown(FileReport("refused.json")) == ""


def test_the_total_counts_what_was_placed_even_where_sending_failed() -> None:
    told = to_json([report("a.json"), report("b.json", FAILED), FileReport("c.json")])
    assert told["total"]["resources"]["Encounter"] == {"in_bundle": 2, "placed": {"visits": 2}, "not_placed": {}}
    assert told["total"]["stored"]["visits"] == {
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "outdated": 0,
        "national_ids_replaced": 0,
    }
    assert told["total"]["patients"] == ["53848658681"]
