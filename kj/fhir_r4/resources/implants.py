"""Device and Procedure -> critical information, categories 7 (implant) and 6 (ongoing treatment), decided by code.

Most procedures are over when they are done, and most devices are equipment. What stays in the body, and treatment that
goes on, is what somebody has to know in an emergency. The decision is a pure function of the codes and the state, and
gives its rule:

- a code of the tables below (SNOMED CT, NCSP), which are not complete and need not be;
- else the name that a coding displays, by the words below, in English as international bundles have it, and Norwegian;
- else nothing: the resource is counted with that reason, not guessed at.

An implant that a later procedure of the same bundle took out has ended, and does not stand as active.
"""

import re
from enum import Enum
from typing import NamedTuple

from kj.fhir_r4.resources.implant_kinds import longest, names, ncsp, snomed
from kjernejournal.common.v1.common_pb2 import CodeableConcept


class Lasting(Enum):
    """What stays after a procedure, or what a device is."""

    MECHANICAL_IMPLANT = "implant"
    TRANSPLANT = "transplant"
    TREATMENT = "treatment"


class Decision(NamedTuple):
    """What it is; None: neither an implant nor ongoing treatment. `rule` says which rule decided, or why not."""

    lasting: Lasting | None
    rule: str


_PROCEDURES = {
    "65200003": Lasting.MECHANICAL_IMPLANT,  # insertion of intrauterine contraceptive device
    "46706006": Lasting.MECHANICAL_IMPLANT,  # replacement of contraceptive intrauterine device
    "169553002": Lasting.MECHANICAL_IMPLANT,  # insertion of subcutaneous contraceptive
    "307280005": Lasting.MECHANICAL_IMPLANT,  # implantation of cardiac pacemaker
    "447365002": Lasting.MECHANICAL_IMPLANT,  # insertion of biventricular implantable cardioverter defibrillator
    "36969009": Lasting.MECHANICAL_IMPLANT,  # placement of stent in coronary artery
    "609588000": Lasting.MECHANICAL_IMPLANT,  # total knee replacement
    "52734007": Lasting.MECHANICAL_IMPLANT,  # total replacement of hip
    "88039007": Lasting.TRANSPLANT,  # lung
    "70536003": Lasting.TRANSPLANT,  # kidney
    "18027006": Lasting.TRANSPLANT,  # liver
    "32413006": Lasting.TRANSPLANT,  # heart
    "23719005": Lasting.TRANSPLANT,  # bone marrow
    "265764009": Lasting.TREATMENT,  # renal dialysis
    "302497006": Lasting.TREATMENT,  # haemodialysis
    "71192002": Lasting.TREATMENT,  # peritoneal dialysis
    "367336001": Lasting.TREATMENT,  # chemotherapy
    "108290001": Lasting.TREATMENT,  # radiation oncology and/or radiotherapy
    "33195004": Lasting.TREATMENT,  # external beam radiation therapy
    "180256009": Lasting.TREATMENT,  # subcutaneous immunotherapy
    "86553008": Lasting.TREATMENT,  # immunosuppressive therapy
}
_DEVICES = {
    "72506001": Lasting.MECHANICAL_IMPLANT,  # implantable defibrillator
    "706004007": Lasting.MECHANICAL_IMPLANT,  # implantable cardiac pacemaker
    "14106009": Lasting.MECHANICAL_IMPLANT,  # cardiac pacemaker
    "705643001": Lasting.MECHANICAL_IMPLANT,  # coronary artery stent
    "65818007": Lasting.MECHANICAL_IMPLANT,  # stent
    "43252007": Lasting.MECHANICAL_IMPLANT,  # cochlear prosthesis
    "268460000": Lasting.MECHANICAL_IMPLANT,  # intrauterine contraceptive device
    "360066001": Lasting.MECHANICAL_IMPLANT,  # left ventricular assist device
    "69805005": Lasting.TREATMENT,  # insulin pump
    "702172008": Lasting.TREATMENT,  # home continuous positive airway pressure unit
}
_NCSP = {
    **dict.fromkeys(("FPE10", "FPE20", "FPE26"), Lasting.MECHANICAL_IMPLANT),  # permanent pacemaker
    "FPG": Lasting.MECHANICAL_IMPLANT,  # defibrillator
    "FNG05": Lasting.MECHANICAL_IMPLANT,  # stent in coronary artery
    **dict.fromkeys(("FKD", "FMD"), Lasting.MECHANICAL_IMPLANT),  # prosthesis of mitral and aortic valve
    **dict.fromkeys(("NBB", "NBC", "NFB", "NFC", "NGB", "NGC"), Lasting.MECHANICAL_IMPLANT),  # shoulder, hip, knee
    **dict.fromkeys(("FQA", "FQB", "GDG", "JJC", "KAS10", "KAS20"), Lasting.TRANSPLANT),  # heart, lung, liver, kidney
}
"""Beginnings of codes of NCSP, as Norwegian hospitals write them."""

_NOT_LASTING = re.compile(
    r"\b(remov|explant|extract|check|evaluat|assess|interrogat|consult|refer|plan|counsel|screen|test|imaging"
    r"|education|history of|status|temporary"
    r"|fjern|uttak|eksplant|ekstraksjon|kontroll|vurdering|utredning|henvis|temporær|midlertidig)",
    re.IGNORECASE,
)
_TRANSPLANT = re.compile(
    r"\b(transplant\b|transplantation of|(?:nyre|lever|hjerte|lunge|pankreas|beinmarg|stamcelle)transplantasjon"
    r"|transplantasjon av (?:nyre|lever|hjerte|lunge|pankreas|beinmarg|stamceller))",
    re.IGNORECASE,
)
_IMPLANT_PROCEDURE = re.compile(
    r"\b(implantation of|implantasjon av"
    r"|insertion of (?:\S+ ){0,4}(?:pacemaker|stent|shunt|implant|intrauterine|defibrillator|prosthesis)"
    r"|innsett\w* av (?:\S+ ){0,4}(?:pacemaker|stent|shunt|implantat|spiral|hjertestarter|\w*protese)"
    r"|(?:hip|knee|shoulder|valve) (?:joint )?replacement|replacement of (?:\S+ ){0,2}(?:hip|knee|shoulder|valve))",
    re.IGNORECASE,
)
_IMPLANT_DEVICE = re.compile(
    r"\b(implant|pacemaker|stent\b|shunt\b|intrauterine|cochlear|neurostimulator|(?:heart|cardiac|aortic|mitral) valve"
    r"|(?:hip|knee|shoulder|joint) prosthesis|vascular graft|aneurysm clip"
    r"|hjerteklaff|(?:hofte|kne|skulder|ledd)protese|kobberspiral|hormonspiral)",
    re.IGNORECASE,
)
_TREATMENT = re.compile(
    r"\b(dialysis|chemotherapy|radiotherapy|radiation therapy|immunosuppress|immunotherapy|anticoagulation therapy"
    r"|home oxygen|insulin pump|continuous positive airway|hemodialyse|dialyse|cellegift|strålebehandling"
    r"|insulinpumpe)",
    re.IGNORECASE,
)

_NOT_DONE = frozenset({"preparation", "not-done", "entered-in-error", "unknown"})
_GOING_ON = frozenset({"in-progress", "on-hold"})


def decide_procedure(code: CodeableConcept | None, status: str) -> Decision:
    """Decides whether a procedure left something in the body, or is ongoing treatment. Sources: the tables above."""
    if status in _NOT_DONE:
        return Decision(None, "was not done, or is not known to be")
    lasting, rule = _by_table(code, _PROCEDURES)
    if lasting is None:
        lasting = longest(_NCSP, ncsp(code))
    if lasting is None:
        lasting, rule = _by_name(code, _IMPLANT_PROCEDURE)
    if lasting is None and ncsp(code) and not any(names(code)):
        return Decision(None, "has a code of NCSP that is not known here, and no name: it may be an implant")
    if lasting is None:
        return Decision(None, "is neither an implant nor ongoing treatment: no register holds procedures")
    if lasting is Lasting.TREATMENT and status not in _GOING_ON:
        return Decision(None, "is treatment that is over: no register holds procedures")
    return Decision(lasting, rule)


def decide_device(code: CodeableConcept | None) -> Decision:
    """Decides whether a device of a patient is an implant or gives ongoing treatment."""
    lasting, rule = _by_table(code, _DEVICES)
    if lasting is None:
        lasting, rule = _by_name(code, _IMPLANT_DEVICE)
    if lasting is None:
        return Decision(None, "is neither an implant nor ongoing treatment: no register holds equipment")
    return Decision(lasting, rule)


def _by_table(code: CodeableConcept | None, table: dict[str, Lasting]) -> tuple[Lasting | None, str]:
    found = next((table[each] for each in snomed(code) if each in table), None)
    return found, "by code"


def _by_name(code: CodeableConcept | None, implant: re.Pattern[str]) -> tuple[Lasting | None, str]:
    for name in names(code):
        if _NOT_LASTING.search(name):
            continue
        for pattern, lasting in (
            (_TRANSPLANT, Lasting.TRANSPLANT),
            (implant, Lasting.MECHANICAL_IMPLANT),
            (_TREATMENT, Lasting.TREATMENT),
        ):
            if pattern.search(name):
                return lasting, "by name"
    return None, ""
