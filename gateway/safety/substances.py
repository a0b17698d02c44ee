"""What a medicine is, as far as its entry says: ATC codes, other codings that the knowledge maps, or a name."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.access.facts import SectionValue
from gateway.safety.knowledge import Codes, Knowledge
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, Provenance
from kjernejournal.medications.v1.medications_pb2 import Evidence, Medication
from shared.codes.atc import is_atc


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the record that speaks of a substance or a condition; without an id, a candidate of the request."""

    section: SectionValue
    entry_id: str
    version: int
    concept: CodeableConcept
    provenance: Provenance | None = None

    def evidence(self) -> Evidence:
        """Returns the entry as a finding names it."""
        return Evidence(
            section=self.section,
            entry_id=self.entry_id,
            version=self.version,
            concept=self.concept,
            provenance=self.provenance,
        )


def codes_of(medication: Medication, knowledge: Knowledge) -> Codes:
    """Returns the ATC codes of a medicine and of what it consists of; none: its substance is not known."""
    return knowledge.codes(_codings(medication), medication.code.text, *_names(medication))


def concept_of(medication: Medication) -> CodeableConcept:
    """Returns the medicine as a finding shows it: its ATC code first."""
    if not medication.atc.code:
        return medication.code
    concept = CodeableConcept(codings=[medication.atc], text=medication.code.text or medication.atc.display)
    concept.codings.extend(coding for coding in medication.code.codings if not is_atc(coding.system))
    return concept


def words(concept: CodeableConcept) -> str:
    """Returns a concept in a few words, for the text of a finding."""
    displays = (coding.display or coding.code for coding in concept.codings)
    return concept.text or next((each for each in displays if each), "a medicine without a name")


def _codings(medication: Medication) -> Iterator[Coding]:
    if medication.atc.code:
        yield medication.atc
    yield from medication.code.codings
    for ingredient in medication.ingredients:
        if not ingredient.HasField("active") or ingredient.active:
            yield from ingredient.substance.codings


def _names(medication: Medication) -> Iterator[str]:
    for ingredient in medication.ingredients:
        if not ingredient.HasField("active") or ingredient.active:
            yield ingredient.substance.text
