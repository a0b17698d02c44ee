"""`kj load`: sends a synthetic population to the registers through the front door, as national registers' feeds do.

Who the people are follows from the seed alone. Their records are as of one day, which is kept in the local system's
data directory: loaded again tomorrow, the same people have the same records, and nothing changes. Of what another
gateway was sent nothing is kept: there --as-of names the day.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from time import monotonic
from typing import Annotated

import typer
from google.protobuf.message import Message
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from kj.calls.gateway import Gateway
from kj.calls.options import CaOption, FeedTokenFileOption, GatewayOption, open_gateway
from kj.errors import CommandError
from kj.feeds.feed import Feed, total
from kj.feeds.memory import Memory, memory_of
from kj.local.data_directory import DEFAULT, DataDirOption
from kj.synthetic.records.record import Record, records
from kjernejournal.common.v1.common_pb2 import ImportCounts
from shared.handling.identities import MARK

AT_ONCE = 1000
"""People who are held in memory: first all of them go to the patients service, then their entries to the registers."""

Part = Callable[[Record], Message | None]

CLINICAL: dict[str, tuple[Part, ...]] = {
    "critical_info": (Record.critical_info,),
    "medications": (Record.medications,),
    "visits": (Record.visits,),
    "documents": (Record.documents,),
    # An answer's versions come one after the other, as they were issued.
    "labs": (lambda record: record.earlier_labs(0), lambda record: record.earlier_labs(1), Record.labs),
    "vaccinations": (Record.vaccinations,),
    "own_registrations": (Record.own_registrations,),
}
"""What each register is sent of a person, a stream each in this order."""


@dataclass(frozen=True)
class Population:
    """The first people of a population: who they are follows from the seed, their records from the day as well."""

    size: int
    seed: int
    as_of: date


Progressed = Callable[[], object]


@dataclass
class Loaded:
    """What a load stored, by register."""

    patients: int = 0
    counts: dict[str, ImportCounts] = field(default_factory=dict)

    def add(self, register: str, counts: ImportCounts) -> None:
        """Adds what one more stream stored."""
        self.counts[register] = total([self.counts.get(register, ImportCounts()), counts])


def load(
    patients: Annotated[int, typer.Option("--patients", "-n", min=1, help="How many people.")] = 200,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another population.")] = 1,
    register: Annotated[
        list[str] | None, typer.Option(help="Fill only this register, beside the patients; may be repeated.")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of",
            formats=["%Y-%m-%d"],
            help="The day their records are as of. Default: today, or the first load's.",
        ),
    ] = None,
    data_dir: DataDirOption = DEFAULT,
    gateway: GatewayOption = None,
    ca: CaOption = None,
    token_file: FeedTokenFileOption = None,
) -> None:
    """Load a synthetic population; the same again changes nothing."""
    wanted = register or list(CLINICAL)
    if unknown := set(wanted) - set(CLINICAL):
        raise CommandError(f"There is no register {', '.join(sorted(unknown))}.", f"Registers: {', '.join(CLINICAL)}.")
    filled = open_gateway(data_dir, gateway, ca, token_file)
    for each in ("patients", *wanted):
        filled.credentials.feed(each)  # nothing is sent when a token is missing for some of it
    memory = memory_of(gateway, data_dir)
    day = memory.reference_day(as_of.date() if as_of else None)
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
        people = Population(patients, seed, day)
        loaded = asyncio.run(load_population(filled, memory, people, wanted, lambda: progress.advance(task)))
    _show(loaded, day, monotonic() - began)


async def load_population(
    gateway: Gateway,
    memory: Memory,
    population: Population,
    registers: Collection[str] = tuple(CLINICAL),
    progressed: Progressed = lambda: None,
) -> Loaded:
    """Sends people with their records in these registers; `progressed` is called for each person in each stream.

    Raises CommandError when the gateway does not answer or refuses something; doing it again goes on where it ended.
    """
    people = records(population.seed, population.size, population.as_of)
    loaded = Loaded()
    async with Feed.open(gateway, source_system="kj load", client="") as feed:
        while batch := list(islice(people, AT_ONCE)):
            await _send(feed, batch, registers, loaded, progressed)
            memory.remember((each.person.national_id for each in batch), source=f"population {population.seed}")
    return loaded


async def _send(
    feed: Feed, batch: list[Record], registers: Collection[str], loaded: Loaded, progressed: Progressed
) -> None:
    """Sends the patients, which every register must know first; then their entries, to the registers side by side."""

    def each(part: Part) -> Iterator[Message]:
        for record in batch:
            message = part(record)
            if message is not None:
                yield message
            progressed()

    async def all_of(register: str, parts: tuple[Part, ...]) -> None:
        for part in parts:
            loaded.add(register, await feed.send(register, each(part)))

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


def _show(loaded: Loaded, day: date, seconds: float) -> None:
    whole = total(loaded.counts.values())
    for register in ("patients", *CLINICAL):  # in this order, whichever was filled first
        if register not in loaded.counts:
            continue
        counts = loaded.counts[register]
        print(f"{register:18} {counts.created:8} new {counts.updated:8} changed {counts.unchanged:8} unchanged")
        if counts.outdated:
            print(f"{'':18} {counts.outdated:8} outdated: something later was there")
    if whole.national_ids_replaced:
        print(f"{whole.national_ids_replaced} national ids stood in free text, and were replaced by {MARK}")
    rate = loaded.patients / seconds * 60
    entries = whole.created + whole.updated + whole.unchanged
    print(f"{loaded.patients} people as of {day}, {entries} entries in {seconds:.1f} s ({rate:.0f} people a minute)")
