"""What people see of the review queue."""

import pytest
from rich.console import Console

from kj.audit.reviews import reviews, rows
from kj.errors import CommandError
from kj.show import columns
from kj.show.norwegian import WORDS
from kjernejournal.audit.v1 import audit_pb2 as pb
from tests.kj.test_accesses import access


def test_people_see_who_where_why_and_what_was_found_in_norwegian() -> None:
    review = pb.Review(
        id="0f8fad5b-d9cb-469f-a165-70867728950e",
        access=access(),
        reasons=[pb.REVIEW_REASON_PATIENT_ASKED],
        verdict=pb.REVIEW_VERDICT_INQUIRY,
        comment="Spør avdelingen.",
        patient_text="Jeg var ikke der.",
        version=1,
    )
    console = Console(width=260)
    with console.capture() as captured:
        columns.show(list(rows([review])), console)
    for part in (
        "Ola Pleiersen, sykepleier",
        "Hjemmetjenesten vest",
        "pasienten har bedt om det: «Jeg var ikke der.»",
        "undersøkes: Spør avdelingen.",
        "0f8fad5b-d9cb-469f-a165-70867728950e",
    ):
        assert part in captured.get()


def test_every_reason_and_verdict_has_its_norwegian_words() -> None:
    assert {*pb.ReviewReason.keys(), *pb.ReviewVerdict.keys()} <= set(WORDS)


@pytest.mark.parametrize(
    "options, told",
    [
        ({"action": "close"}, "What is to be done"),
        ({"action": "judge"}, "What is to be done"),
        ({"action": "judge", "review_id": "x"}, "--verdict"),
        ({"reader": "doctor"}, "reviews no accesses"),
    ],
)
def test_what_makes_no_sense_is_told_before_anybody_is_called(options: dict[str, str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        reviews(**options)  # type: ignore[arg-type]  # strings
