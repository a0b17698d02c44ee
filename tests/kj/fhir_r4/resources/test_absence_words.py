"""What words say of nothing being there, in more languages than are read: never an entry that names the nothing."""

import pytest

from kj.fhir_r4.resources.absence_words import ALLERGIES, DEVICES, MEDICINES, VACCINES, Said, Words
from kjernejournal.common.v1.common_pb2 import CodeableConcept


def says(words: Words, text: str) -> Said | None:
    return words.say(CodeableConcept(text=text))


@pytest.mark.parametrize(
    "words, text",
    [
        (ALLERGIES, "Inga kjende allergiar"),
        (ALLERGIES, "Inga kända läkemedelsallergier"),
        (ALLERGIES, "Ingen kendte allergier"),
        (MEDICINES, "Inga läkemedel"),
        (VACCINES, "Ingen vaksiner"),
    ],
)
def test_none_is_understood_in_the_languages_of_the_neighbours(words: Words, text: str) -> None:
    assert says(words, text) is Said.NONE


@pytest.mark.parametrize(
    "words, text",
    [
        *(
            (ALLERGIES, each)
            for each in ("Keine bekannten Allergien", "Pas d'allergie connue", "Nessuna allergia nota")
        ),
        *((ALLERGIES, each) for each in ("Allergies: none known", "Not allergic", "NKA - no known allergies", "Nei")),
        *((MEDICINES, each) for each in ("Keine Medikamente", "Aucun traitement", "Medication: none")),
        *((VACCINES, each) for each in ("Not vaccinated", "Unvaccinated", "Aucun vaccin")),
        *((DEVICES, each) for each in ("No pacemaker", "Uten pacemaker", "Keine Implantate")),
    ],
)
def test_words_that_name_nothing_are_no_entry(words: Words, text: str) -> None:
    assert says(words, text) is Said.UNSURE


@pytest.mark.parametrize(
    "words, text",
    [
        *((ALLERGIES, each) for each in ("Ikke gi penicillin", "Nikkel", "Never give NSAIDs", "Not to have codeine")),
        *((ALLERGIES, each) for each in ("Nonoksynol", "Keinohr", "Ingefær", "No known allergies except latex")),
        *((ALLERGIES, each) for each in ("Keine Allergien außer Penicillin", "Aucune allergie sauf latex")),
        *((MEDICINES, each) for each in ("Nitroglyserin", "Singulair", "Sinemet")),
        (DEVICES, "Pacemaker"),
    ],
)
def test_a_warning_in_words_is_never_read_as_none(words: Words, text: str) -> None:
    assert says(words, text) is None
