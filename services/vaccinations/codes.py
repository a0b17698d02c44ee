"""Codes of vaccines: which of them a reader's question finds. Pure functions.

Codes stand side by side as they came; nothing here makes one up. A vaccine from abroad keeps its own alone.
"""

from collections.abc import Sequence

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding
from shared.codes.sysvak import ATC, ATC_CODE
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
    if asked.system and _name(asked.system) != _name(coding.system):
        return False
    if coding.code == asked.code:
        return True
    group = ATC_CODE.fullmatch(asked.code)
    return coding.system in ATC and group is not None and coding.code.startswith(asked.code)


def _name(system: str) -> str:
    """One name for the systems that have several."""
    return "ATC" if system in ATC else system
