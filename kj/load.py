"""`kj load`: a synthetic population, sent to the registers through the front door as the national registers' feeds do.

Who the people are follows from the seed alone. Their records are told as of one day, which is kept in the data
directory: loaded again tomorrow, the same people have the same records, and nothing changes.
"""

import asyncio
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from time import monotonic
from typing import Annotated

import typer
from google.protobuf.message import Message
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from kj.errors import CommandError
from kj.feeds.feed import Feed, total
from kj.local.data_directory import DEFAULT, DataDirectory, DataDirOption
from kj.local.known_patients import remember
from kj.local.running import LocalSystem
from kj.local.state import write_private
from kj.synthetic.people.people import CENSUS
from kj.synthetic.records.record import Record, records
from kjernejournal.common.v1.common_pb2 import ImportCounts

AT_ONCE = 1000
"""People who are held in memory: first all of them go to the patients service, then their entries to the registers."""

Tell = Callable[[Record], Message | None]

CLINICAL: dict[str, tuple[Tell, ...]] = {
    "critical_info": (Record.critical_info,),
    "medications": (Record.medications,),
    "visits": (Record.visits,),
    "documents": (Record.documents,),
    # An answer's versions come one after the other, as they were issued.
    "labs": (lambda record: record.earlier_labs(0), lambda record: record.earlier_labs(1), Record.labs),
    "vaccinations": (Record.vaccinations,),
    "own_registrations": (Record.own_registrations,),
}
"""What each register is told of a person, a stream each in this order."""

Progressed = Callable[[], object]


@dataclass
class Loaded:
    """What a load stored, by register."""

    patients: int = 0
    counts: dict[str, ImportCounts] = field(default_factory=dict)

    def add(self, register: str, counts: ImportCounts) -> None:
        """One stream more."""
        self.counts[register] = total([self.counts.get(register, ImportCounts()), counts])


def load(
    patients: Annotated[int, typer.Option("--patients", "-n", min=1, help="How many people.")] = 200,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another population.")] = 1,
    register: Annotated[
        list[str] | None, typer.Option(help="Fill only this register, beside the patients; may be repeated.")
    ] = None,
    data_dir: DataDirOption = DEFAULT,
) -> None:
    """Load a synthetic population; the same again changes nothing."""
    wanted = register or list(CLINICAL)
    if unknown := set(wanted) - set(CLINICAL):
        raise CommandError(f"There is no register {', '.join(sorted(unknown))}.", f"Registers: {', '.join(CLINICAL)}.")
    system = LocalSystem.open(data_dir)
    began = monotonic()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not Console(stderr=True).is_terminal,
        transient=True,
    ) as progress:
        streams = 1 + sum(len(CLINICAL[each]) for each in wanted)
        task = progress.add_task(f"{patients} people", total=patients * streams)
        loaded = asyncio.run(load_population(system, patients, seed, wanted, lambda: progress.advance(task)))
    _tell(loaded, monotonic() - began)


async def load_population(
    system: LocalSystem,
    patients: int,
    seed: int = 1,
    registers: Collection[str] = tuple(CLINICAL),
    progressed: Progressed = lambda: None,
) -> Loaded:
    """Sends the first `patients` people of a population with their records in these registers; `progressed` is called
    for each person in each stream.

    Raises CommandError when the gateway does not answer or refuses something; doing it again goes on where it ended.
    """
    people = records(seed, patients, reference_day(system.directory))
    loaded = Loaded()
    async with Feed.open(system, source_system="kj load") as feed:
        while batch := list(islice(people, AT_ONCE)):
            await _send(feed, batch, registers, loaded, progressed)
            remember(system, (each.person.national_id for each in batch), source=f"population {seed}")
    return loaded


def reference_day(directory: DataDirectory) -> date:
    """The day as of which this directory's records are told: today at the first load, the same ever after."""
    path = directory.population_file
    try:
        return date.fromisoformat(json.loads(path.read_text())["as_of"])
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError):
        raise CommandError(f"{path} is damaged.", "Remove it; the population then gets records as of today.") from None
    today = datetime.now(UTC).date()
    if today <= CENSUS:
        raise CommandError(f"This machine's clock says {today}; the population is of {CENSUS}.", "Set the clock.")
    write_private(path, json.dumps({"as_of": today.isoformat()}) + "\n")
    return today


async def _send(
    feed: Feed, batch: list[Record], registers: Collection[str], loaded: Loaded, progressed: Progressed
) -> None:
    """Patients first: no register takes entries of somebody it does not know. Then the registers, side by side."""

    def each(tell: Tell) -> Iterator[Message]:
        for record in batch:
            message = tell(record)
            if message is not None:
                yield message
            progressed()

    async def all_of(register: str, tellers: tuple[Tell, ...]) -> None:
        for tell in tellers:
            loaded.add(register, await feed.send(register, each(tell)))

    loaded.add("patients", await feed.send("patients", each(Record.patient)))
    loaded.patients += len(batch)
    sending = [asyncio.create_task(all_of(register, CLINICAL[register])) for register in registers]
    try:
        await asyncio.gather(*sending)
    except BaseException:
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
        raise


def _tell(loaded: Loaded, seconds: float) -> None:
    whole = total(loaded.counts.values())
    for register in ("patients", *CLINICAL):  # in this order, whichever was filled first
        if register not in loaded.counts:
            continue
        counts = loaded.counts[register]
        print(f"{register:18} {counts.created:8} new {counts.updated:8} changed {counts.unchanged:8} unchanged")
    rate = loaded.patients / seconds * 60
    entries = whole.created + whole.updated + whole.unchanged
    print(f"{loaded.patients} people, {entries} entries in {seconds:.1f} s ({rate:.0f} people a minute)")
