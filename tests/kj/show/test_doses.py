"""Doses in words: what a source wrote, and what only stands in numbers; nothing of how it is given is left out."""

import pytest

from kj.show.doses import doses
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Quantity
from kjernejournal.medications.v1.medications_pb2 import Dosage, DoseAndRate, Timing


@pytest.mark.parametrize(
    "dosages, words",
    [
        ([], "ikke oppgitt"),
        ([Dosage(text="1 tablett daglig")], "1 tablett daglig"),
        ([Dosage(text="1 tablett", as_needed=True)], "1 tablett, ved behov"),
        ([Dosage(text="1 tablett ved behov", as_needed=True)], "1 tablett ved behov"),
        (
            [Dosage(text="2 mg", as_needed=True, as_needed_for=CodeableConcept(text="uro"))],
            "2 mg, ved behov uro",
        ),
        (
            [
                Dosage(
                    text="2 mg", max_dose=Quantity(value="8", unit="mg"), max_dose_period=Quantity(value="24", unit="h")
                )
            ],
            "2 mg, høyst 8 mg per 24 h",
        ),
        ([Dosage(sequence=1, text="10 mg"), Dosage(sequence=2, text="5 mg")], "10 mg; deretter 5 mg"),
        ([Dosage(sequence=1, text="10 mg"), Dosage(sequence=1, text="5 mg")], "10 mg; 5 mg"),
        ([Dosage(sequence=2, text="5 mg"), Dosage(sequence=1, text="10 mg")], "10 mg; deretter 5 mg"),
        (
            [
                Dosage(
                    doses=[DoseAndRate(dose=Quantity(value="5", unit="mg"))],
                    timing=Timing(frequency=2, period="1", period_unit="d"),
                )
            ],
            "5 mg, 2 ganger per dag",
        ),
        (
            [Dosage(timing=Timing(frequency=1, period="1", period_unit="wk", days_of_week=["mon"]))],
            "1 gang per uke, mandag",
        ),
        ([Dosage(timing=Timing(frequency=1, period="6", period_max="8", period_unit="h"))], "1 gang per 6 til 8 timer"),
        ([Dosage(timing=Timing(times_of_day=["08:00:00", "20:00:00"]))], "08:00, 20:00"),
        ([Dosage()], "ikke oppgitt"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_dose_in_words(dosages: list[Dosage], words: str) -> None:
    assert doses(dosages, missing="ikke oppgitt") == words
