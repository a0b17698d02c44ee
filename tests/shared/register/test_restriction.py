"""Volven 9603: which code acts on whom."""

import pytest

from kjernejournal.common.v1.common_pb2 import (
    CALLER_KIND_CITIZEN,
    CALLER_KIND_CLINICIAN,
    REPRESENTATION_PARENT,
    REPRESENTATION_PROXY,
    REPRESENTATION_SELF,
    CallerContext,
    Coding,
    Representation,
)
from shared.codes import closed_lists
from shared.codes.systems import CONFIDENTIALITY, RESTRICTIONS, names_of
from shared.errors import Denied, Invalid, NotFound
from shared.register import restriction
from shared.register.restriction import Mark, marks_of, view_of

PERSONNEL = CallerContext(kind=CALLER_KIND_CLINICIAN)
OPENED = CallerContext(kind=CALLER_KIND_CLINICIAN, elevated=True)


def citizen(representation: "Representation.ValueType") -> CallerContext:
    return CallerContext(kind=CALLER_KIND_CITIZEN, for_patient=True, representation=representation)


CALLERS = {
    "personnel": PERSONNEL,
    "opened": OPENED,
    "self": citizen(REPRESENTATION_SELF),
    "parent": citizen(REPRESENTATION_PARENT),
    "proxy": citizen(REPRESENTATION_PROXY),
    "citizen": CallerContext(kind=CALLER_KIND_CITIZEN),
    "for the patient": CallerContext(kind=CALLER_KIND_CLINICIAN, for_patient=True),
}
REFUSED = {
    "N": set(),
    "NORS": {"personnel"},
    "NORN_FORANS": {"parent", "proxy", "citizen", "for the patient"},
    "NORN_UNGDOM": {"self", "proxy", "citizen", "for the patient"},
}
"""The others refuse everybody who reads as, or for, the patient."""
CITIZENS = set(CALLERS) - {"personnel", "opened"}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("system", [*names_of(RESTRICTIONS), *names_of(CONFIDENTIALITY)])
@pytest.mark.parametrize("code", closed_lists.RESTRICTIONS)
def test_every_code_acts_on_its_side_alone_under_either_system(code: str, system: str, caller: str) -> None:
    codings = [Coding(system=CONFIDENTIALITY, code="R"), Coding(system=system, code=code)]
    restriction.check(codings)
    marks, view = marks_of(codings), view_of(CALLERS[caller])
    if caller not in REFUSED.get(code, CITIZENS):
        restriction.check_visible(marks, view)
        return
    with pytest.raises(Denied if caller == "personnel" else NotFound):
        restriction.check_visible(marks, view)


def test_several_codes_act_each_on_its_own() -> None:
    codings = [Coding(code=code) for code in ("NORS", "NORU", "NORN_FORANS")]
    assert marks_of(codings) == Mark.PERSONNEL_RESTRICTED | Mark.CITIZEN_DELAYED | Mark.PARENTS_REFUSED


@pytest.mark.parametrize(
    "field, coding",
    [
        ("confidentiality[0].system", Coding(code="NORS")),
        ("confidentiality[0].system", Coding(system="http://snomed.info/sct", code="NORS")),
        ("confidentiality[0].code", Coding(system=CONFIDENTIALITY, code="X")),
        ("confidentiality[0].code", Coding(system="urn:oid:2.16.578.1.12.4.1.1.9603", code="R")),
    ],
)
def test_a_restriction_that_is_not_understood_is_refused(field: str, coding: Coding) -> None:
    with pytest.raises(Invalid) as refused:
        restriction.check([coding])
    assert refused.value.field == field
