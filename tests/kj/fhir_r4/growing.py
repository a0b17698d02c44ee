"""Bundles of any size, made resource by resource, and what reading one costs in memory."""

import base64
import json
import random
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from kj.fhir_r4.mapping import map_bundle
from kj.fhir_r4.resources.national_ids import AssignedIds
from tests.kj.fhir_r4.bundles import Json, coded, document, encounter, observation, patient, report, request

PANEL = 8
_NOISE = random.Random(7)


def visits_and_answers(number: int) -> Iterator[Json]:
    """Yields a visit with its note, a prescription and a panel of answers, one of many of the patient."""
    about = {"subject": {"reference": f"Patient/p{number % 20}"}}
    text = base64.b64encode(_NOISE.randbytes(1500)).decode()
    yield encounter(f"e{number}", **about)
    yield document(f"d{number}", content=[{"attachment": {"contentType": "text/plain", "data": text}}], **about)
    yield request(f"r{number}", **about, note=[{"text": "Tas med rikelig vann. " * 10}])
    names = [f"o{number}-{each}" for each in range(PANEL)]
    for each in names:
        yield observation(each, **about, note=[{"text": "Prøven er tatt fastende. " * 5}])
    yield report(f"rep{number}", **about, result=[{"reference": f"Observation/{each}"} for each in names])


def small_answers(number: int) -> Iterator[Json]:
    """Yields one of the smallest resources that are placed: a file can hold the most of these."""
    yield {
        "resourceType": "Observation",
        "id": str(number),
        "status": "final",
        "category": [coded("laboratory", "", "http://terminology.hl7.org/CodeSystem/observation-category")],
        "code": {"text": "Hb"},
        "subject": {"reference": "Patient/p0"},
        "effectiveDateTime": "2020-03-04",
        "valueInteger": number % 200,
    }


def scans(number: int) -> Iterator[Json]:
    """Yields a document of a megabyte."""
    text = base64.b64encode(_NOISE.randbytes(1024 * 1024)).decode()
    about = {"subject": {"reference": f"Patient/p{number % 20}"}}
    yield document(f"d{number}", content=[{"attachment": {"contentType": "application/pdf", "data": text}}], **about)


KINDS: dict[str, Callable[[int], Iterator[Json]]] = {
    each.__name__: each for each in (visits_and_answers, small_answers, scans)
}


def write(path: Path, kind: str, size: int) -> None:
    """Writes a collection of about `size` bytes about twenty patients."""
    with path.open("w") as file:
        written = file.write('{"resourceType": "Bundle", "type": "collection", "entry": [')
        people: Iterator[Json] = (patient(f"p{each}", f"{each}") for each in range(20))
        separator = ""
        number = 0
        while written < size:
            for each in [*people, *KINDS[kind](number)]:
                url = f"http://hospital.example/fhir/{each['resourceType']}/{each['id']}"
                written += file.write(separator + json.dumps({"fullUrl": url, "resource": each}))
                separator = ","
            number += 1
        file.write("]}")


def _kilobytes(name: str) -> int:
    [line] = [each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith(name)]
    return int(line.split()[1])


def main(path: Path) -> None:
    """Maps the file and takes everything out again, as sending does. Prints the growth in kB and what was placed."""
    idle = _kilobytes("VmRSS")
    placed = 0
    with path.open("rb") as file, map_bundle(file, AssignedIds(), datetime.now(UTC)) as mapped:
        for register in mapped.messages.registers:
            for stream in mapped.streams(register):
                placed += sum(part.ByteSize() > 0 for part in stream)
        counts = {name: row.placed.total() for name, row in mapped.tally.rows.items()}
    print(json.dumps({"grown_kb": _kilobytes("VmHWM") - idle, "idle_kb": idle, "messages": placed, "placed": counts}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
