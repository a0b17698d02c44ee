"""What an entry that people put on the list says: which medicine, in words too, and how it is taken. Pure functions.

One that says neither is a riddle to the next reader. Where the one or the other is not known, the comment says why. An
entry that stood so already, as a feed has brought it, may be sent back.
"""

from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.list import said_doses
from shared.errors import Invalid

DISCONTINUED = pb.ENTRY_STATUS_DISCONTINUED

NO_NAME = "Kilden oppgir ikke navnet på legemidlet."
NO_DOSE = "Kilden oppgir ikke dosen."
"""The comments of a draft, in the language of the record."""


def check(entry: pb.ListEntry, before: pb.ListEntry | None, path: str) -> None:
    """Raises Invalid for an entry, new or changed, without a name or a dose, or whose dose contradicts itself."""
    if entry.status == DISCONTINUED or (before is not None and _use(before) == _use(entry)):
        return
    said_doses.check(entry.dosages, f"{path}.dosages")
    if entry.comment.strip():
        return
    if not has_name(entry):
        problem = "is required: the medicine in words; where nobody knows its name, comment says why"
        raise Invalid(f"{path}.medication.code.text", problem)
    if not has_dose(entry):
        raise Invalid(f"{path}.dosages", "is required: how it is taken; where nobody knows, comment says why")


def say_why_not(entry: pb.ListEntry) -> None:
    """Lets the comment of an entry say what its source does not, where it says nothing else."""
    if entry.comment.strip() or entry.status == DISCONTINUED:
        return
    missing = [NO_NAME] * (not has_name(entry)) + [NO_DOSE] * (not has_dose(entry))
    entry.comment = " ".join(missing)


def has_name(entry: pb.ListEntry) -> bool:
    """Whether the medicine is called anything, besides its code."""
    code = entry.medication.code
    called = [code.text, entry.medication.atc.display, *(each.display for each in code.codings)]
    return any(each.strip() for each in called)


def has_dose(entry: pb.ListEntry) -> bool:
    """Whether anything is said of how it is taken."""
    return any(each.ByteSize() for each in entry.dosages) or bool(
        entry.dose_guidance.strip() or entry.administration.strip()
    )


def _use(entry: pb.ListEntry) -> tuple[object, ...]:
    return entry.medication, list(entry.dosages), entry.dose_guidance, entry.administration, entry.status
