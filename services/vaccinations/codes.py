"""Codes of vaccines: which of them a reader's question finds. Pure functions.

Codes stand side by side as they came; nothing here makes one up. A vaccine from abroad keeps its own alone.
"""

from collections.abc import Sequence

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding
from shared.codes import atc
from shared.codes.systems import canonical
from shared.errors import Invalid


def carries(vaccine: CodeableConcept, asked: Sequence[Coding]) -> bool:
    """Whether a vaccine carries one of the codes that were asked for."""
    return any(_answers(coding, each) for coding in vaccine.codings for each in asked)


def check_asked(asked: Sequence[Coding]) -> None:
    """Raises Invalid for a code to look for that is empty: it would be at the start of every ATC code."""
    for position, coding in enumerate(asked):
        if not coding.code:
            raise Invalid(f"codes[{position}].code", "is required")


def _answers(coding: Coding, asked: Coding) -> bool:
    if asked.system and canonical(asked.system) != canonical(coding.system):
        return False
    if coding.code == asked.code:
        return True
    group = atc.plain(asked.code)
    return atc.is_atc(coding.system) and bool(group) and atc.plain(coding.code).startswith(group)
