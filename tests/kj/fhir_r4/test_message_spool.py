"""Messages of an import go out in streams: each patient once in one, none larger than a register takes."""

from collections.abc import Iterator

import pytest

from kj.fhir_r4 import message_spool
from kj.fhir_r4.message_spool import PLACES, MessageSpool
from kjernejournal.visits.v1.visits_pb2 import Visit

IDS = ["11111111111", "22222222222", "33333333333"]


@pytest.fixture
def box() -> Iterator[MessageSpool]:
    made = MessageSpool()
    yield made
    made.close()


def fill(box: MessageSpool, *sizes: tuple[int, int]) -> None:
    for number, (record, size) in enumerate(sizes):
        visit = Visit()
        visit.header.provenance.source_id = f"{number}".ljust(size, "x")
        box.add(record, visit, PLACES[Visit])


def sent(box: MessageSpool) -> list[list[tuple[str, list[str]]]]:
    return [
        [
            (part.patient.national_id, [each.header.provenance.source_id.rstrip("x") for each in part.visits])
            for part in stream
        ]
        for stream in box.streams("visits", IDS)
    ]


def test_each_patient_comes_once_in_a_stream(box: MessageSpool) -> None:
    fill(box, (1, 10), (0, 10), (1, 10), (2, 10))
    assert sent(box) == [[(IDS[0], ["1"]), (IDS[1], ["0", "2"]), (IDS[2], ["3"])]]


def test_what_is_too_much_for_one_message_goes_in_streams_of_its_own(
    box: MessageSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_spool, "FULL_MESSAGE", 100)
    fill(box, (0, 60), (0, 60), (0, 200), (1, 10), (2, 60), (2, 60))
    assert sent(box) == [
        [(IDS[0], ["0"])],
        [(IDS[0], ["1"])],
        [(IDS[0], ["2"]), (IDS[1], ["3"]), (IDS[2], ["4"])],
        [(IDS[2], ["5"])],
    ]


def test_no_more_entries_than_a_register_takes(box: MessageSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_spool, "MOST_ENTRIES", 2)
    fill(box, *[(0, 10)] * 5)
    assert sent(box) == [[(IDS[0], ["0", "1"])], [(IDS[0], ["2", "3"])], [(IDS[0], ["4"])]]


def test_a_register_without_entries_gets_no_stream(box: MessageSpool) -> None:
    assert sent(box) == []
    assert box.registers == []
