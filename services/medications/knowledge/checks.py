"""What knowledge may be loaded: each check raises Invalid with the row and field that break a rule. Pure functions.

A wrong code would be a check that is never made, and nobody would see it: so a table is taken whole or not at all.
"""

import re
from collections.abc import Iterable

from kjernejournal.medications.v1 import knowledge_pb2 as pb
from shared.codes import atc
from shared.codes.icd10 import is_icd10
from shared.errors import Invalid

_ICD10 = re.compile(r"[A-Z]\d\d(\.\d{1,2})?", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def knowledge(table: pb.DrugKnowledge) -> int:
    """Returns how many rows the table has. Raises Invalid."""
    if not _VERSION.fullmatch(table.knowledge_version):
        raise Invalid("knowledge_version", "must be letters, digits, dots, hyphens and underscores")
    for number, code in enumerate(table.substances):
        path = f"substances[{number}]"
        if not code.coding.code.strip():
            raise Invalid(f"{path}.coding.code", "is required")
        if atc.is_atc(code.coding.system):
            _atc([code.coding.code], f"{path}.coding.code")
        _atc(code.atc, f"{path}.atc")
    for number, cross in enumerate(table.cross_reactions):
        _atc(cross.allergy_atc, f"cross_reactions[{number}].allergy_atc")
        _atc(cross.medicine_atc, f"cross_reactions[{number}].medicine_atc")
    for number, interaction in enumerate(table.interactions):
        _atc(interaction.first_atc, f"interactions[{number}].first_atc")
        _atc(interaction.second_atc, f"interactions[{number}].second_atc")
    for number, group in enumerate(table.therapeutic_groups):
        _atc(group.atc, f"therapeutic_groups[{number}].atc")
    for number, conflict in enumerate(table.condition_conflicts):
        _condition(conflict, f"condition_conflicts[{number}]")
    rows = (
        len(table.cross_reactions)
        + len(table.interactions)
        + len(table.therapeutic_groups)
        + len(table.condition_conflicts)
    )
    if not rows:
        raise Invalid("interactions", "the knowledge holds no rule")
    return rows + len(table.substances)


def _atc(codes: Iterable[str], path: str) -> None:
    for position, code in enumerate(codes):
        if not code or atc.substance(code) != code:  # rules are about substances, in capitals
            raise Invalid(f"{path}[{position}]", "is not an ATC code")


def _condition(conflict: pb.ConditionConflict, path: str) -> None:
    _atc(conflict.atc, f"{path}.atc")
    for position, coding in enumerate(conflict.conditions):
        if not coding.system or not coding.code:
            raise Invalid(f"{path}.conditions[{position}]", "needs a system and a code")
        if is_icd10(coding.system) and not _ICD10.fullmatch(coding.code):
            raise Invalid(f"{path}.conditions[{position}].code", "is not an ICD-10 code")
