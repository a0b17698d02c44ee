"""Security labels (meta.security) of any resource: a restriction that a register cannot keep is never dropped.

Documents and laboratory answers know restrictions (Volven 9603) and carry them. For every other register a restricted
resource stays outside, with its reason: what is shown too widely cannot be taken back.
"""

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import NotPlaced, Refused
from kj.fhir_r4.reading.datatypes import coding
from kjernejournal.common.v1.common_pb2 import Coding
from shared.codes import closed_lists
from shared.codes.systems import ACT_REASONS, CONFIDENTIALITY, RESTRICTIONS, canonical

OPEN = frozenset("ULMN")
"""Confidentiality that any register of health keeps: unrestricted, low, moderate, normal."""
MOST_LABELS = 20
"""Labels that an entry has room for."""
_ABOUT_THE_DATA = frozenset({"HTEST"})
"""Test data: no restriction."""

_WHOLE = "restricts the whole bundle, which the registers cannot keep"
UNKNOWN = "carries a restriction that is not understood"
CANNOT_KEEP = "carries a restriction that its register cannot keep"


def labels(node: Node) -> list[Coding]:
    """Returns the labels of a resource that restrict it, or may."""
    meta = node.child("meta")
    found = [coding(each) for each in meta.children("security")] if meta else []
    return [each for each in found if not _is_open(each)]


def check_open(found: list[Coding]) -> None:
    """Raises NotPlaced when there is a label, for a register that keeps no restrictions."""
    if found:
        raise NotPlaced(CANNOT_KEEP if all(map(is_understood, found)) else UNKNOWN)


def carried(found: list[Coding]) -> list[Coding]:
    """Returns the labels as documents and laboratory answers take them, each once.

    Raises NotPlaced for one that is not understood, and for more than there is room for: none would be kept.
    """
    if not all(map(is_understood, found)):
        raise NotPlaced(UNKNOWN)
    made: dict[tuple[str, str], Coding] = {}
    for each in found:
        found_as = (canonical(each.system), each.code)
        made.setdefault(found_as, Coding(system=each.system, code=each.code, display=each.display))
    if len(made) > MOST_LABELS:
        raise NotPlaced(f"carries more than {MOST_LABELS} restrictions")
    return list(made.values())


def check_whole(bundle: Node, composition: Node | None) -> None:
    """Raises Refused when the bundle, or the Composition of a document, is restricted as a whole.

    Its parts say nothing of that restriction, and most registers could not keep it.
    """
    if labels(bundle) or (composition is not None and labels(composition)):
        raise Refused("meta.security", _WHOLE)
    if composition is not None and composition.text("confidentiality") not in ("", *OPEN):
        raise Refused(composition.at("confidentiality"), _WHOLE)


def is_understood(label: Coding) -> bool:
    """Whether it is one of Volven 9603, under its own name or HL7's, or of HL7 v3 Confidentiality."""
    if canonical(label.system) == CONFIDENTIALITY:
        return label.code in closed_lists.RESTRICTIONS or label.code in OPEN | {"R", "V"}
    return canonical(label.system) == RESTRICTIONS and label.code in closed_lists.RESTRICTIONS


def _is_open(label: Coding) -> bool:
    if canonical(label.system) == CONFIDENTIALITY:
        return label.code in OPEN
    if canonical(label.system) == RESTRICTIONS:
        return label.code == "N"
    return canonical(label.system) == ACT_REASONS and label.code in _ABOUT_THE_DATA
