"""`kj import FILE...`: sends FHIR R4 bundles of other systems into the registers.

A file is read, mapped and checked whole before anything of it is sent; a refused one leaves nothing behind, and the
others go on. A field that cannot be what it says keeps its resource out, which is named with the field's path; the rest
of the file is kept. The file is refused where the bundle itself is broken: no JSON, no such bundle, another version of
FHIR, an entry without a resource, no patient who can be read. What is sent again changes nothing. Entries stand in
temporary files meanwhile: memory does not grow with the size of a file.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from kj.calls.gateway import Gateway
from kj.calls.options import CaOption, FeedTokenFileOption, GatewayOption, open_gateway
from kj.errors import CommandError
from kj.feeds.feed import Feed, total
from kj.feeds.import_report import CHECKED, FAILED, IMPORTED, SKIPPED, FileReport, show, to_json
from kj.feeds.memory import Memory, memory_of
from kj.fhir_r4.bundle.refusals import Failed, Refused, Skipped
from kj.fhir_r4.mapped import Mapped
from kj.fhir_r4.mapping import map_bundle
from kj.fhir_r4.message_spool import PATIENTS
from kj.fhir_r4.resources.national_ids import AssignedIds
from kj.fhir_r4.resources.unplaced import TOLD
from kj.local.data_directory import DEFAULT, DataDirOption


def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Bundles: .json or .json.bz2.")],
    data_dir: DataDirOption = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="Counts by file and resource type.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read, map and count; send nothing.")] = False,
    gateway: GatewayOption = None,
    ca: CaOption = None,
    token_file: FeedTokenFileOption = None,
) -> None:
    """Import FHIR R4 transaction, collection and document bundles.

    A field that is wrong keeps its resource out, which is named as not placed with the field's path; the rest of the
    file is kept. A file is refused where the bundle itself is broken, is of another version of FHIR, or has no patient
    who can be read. Files of organisations and practitioners alone are skipped with a note. What was cut or left out is
    counted. Exit code 1 when a file was refused or failed, or a patient of a file was left out.
    """
    filled = None if dry_run else open_gateway(data_dir, gateway, ca, token_file)
    reports = asyncio.run(_run(files, filled, memory_of(gateway, data_dir)))
    if as_json or not sys.stdout.isatty():
        print(json.dumps(to_json(reports), indent=2, ensure_ascii=False))
    else:
        show(reports, Console())
    wrong = [each for each in reports if each.status not in (IMPORTED, CHECKED, SKIPPED)]
    for each in wrong:
        print(f"kj: {each.file}: {each.status}: {each.reason}", file=sys.stderr)
    left_out = [(each.file, reason) for each in reports for reason in each.left_out]
    for file, reason in left_out:
        print(f"kj: {file}: a patient was left out: {reason}", file=sys.stderr)
    if wrong or left_out:
        raise typer.Exit(1)


async def _run(files: list[Path], gateway: Gateway | None, memory: Memory) -> list[FileReport]:
    """Sends each file to the gateway; None: a dry run."""
    reports = []
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("Importing", total=len(files))
        if gateway is None:
            for path in files:
                reports.append(check(path, memory.look()))
                progress.advance(task)
            return reports
        async with Feed.open(gateway, source_system="kj import") as feed:
            for path in files:
                reports.append(await send(path, feed, memory))
                progress.advance(task)
    return reports


def check(path: Path, ids: AssignedIds) -> FileReport:
    """Does all but the sending, for a dry run; no patient is given an id for good."""
    report = FileReport(str(path))
    try:
        with _mapped(path, ids) as mapped:
            _fill(report, mapped)
    except Skipped as skipped:
        _skip(report, skipped)
    except Refused as refusal:
        report.reason = str(refusal)
    except Failed as failure:
        report.status, report.reason = FAILED, str(failure)
    else:
        report.status = CHECKED
    return report


async def send(path: Path, feed: Feed, memory: Memory) -> FileReport:
    """Imports one file: patients first, since no register takes entries of somebody unknown."""
    report = FileReport(str(path))
    try:
        with memory.assigning(path) as ids:
            mapped = _mapped(path, ids)
    except Skipped as skipped:
        return _skip(report, skipped)
    except Refused as refusal:
        report.reason = str(refusal)
        return report
    except Failed as failure:
        report.status, report.reason = FAILED, str(failure)
        return report
    with mapped:
        _fill(report, mapped)
        try:
            report.stored[PATIENTS] = await feed.send(PATIENTS, mapped.messages.patients())
        except CommandError as error:
            report.status, report.reason = FAILED, _words(error)
            return report
        memory.remember(report.patients, source=path.name)
        # A register that refuses something, such as a report older than the one it has, keeps nothing from the others.
        refused = []
        for name in mapped.messages.registers:
            try:
                counts = [await feed.send(name, stream) for stream in mapped.streams(name)]
            except CommandError as error:
                refused.append(_words(error))
            else:
                report.stored[name] = total(counts)
    report.status, report.reason = (FAILED, " ".join(refused)) if refused else (IMPORTED, "")
    return report


def _skip(report: FileReport, skipped: Skipped) -> FileReport:
    report.status, report.reason = SKIPPED, str(skipped)
    for name, count in skipped.counts.items():
        for _ in range(count):
            report.tally.found(name)
            report.tally.not_placed(name, TOLD)
    return report


def _words(error: CommandError) -> str:
    return " ".join(filter(None, (error.what, error.next_step)))


def _fill(report: FileReport, mapped: Mapped) -> None:
    report.patients = mapped.national_ids
    report.tally = mapped.tally
    report.beside = mapped.beside
    report.cuts = mapped.cuts
    report.left_out = mapped.refused


def _mapped(path: Path, ids: AssignedIds) -> Mapped:
    try:
        with path.open("rb") as file:
            return map_bundle(file, ids, datetime.now(UTC))
    except OSError as error:
        raise Refused("", f"it cannot be read: {error.strerror}") from None
