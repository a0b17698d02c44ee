"""Laboratory analyses of the population, by NLK code (Volven 7280), with the LOINC code that means the same beside it.

Adults' reference limits are rounded from those that Norwegian laboratories print; children get none.
"""

from dataclasses import dataclass
from functools import cache

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, Quantity
from kjernejournal.labs.v1 import labs_pb2 as pb
from shared.codes.systems import LOINC, NLK, UCUM

Limits = tuple[float | None, float | None]


@dataclass(frozen=True)
class Analysis:
    """An analysis whose result is a number. `unit` is UCUM."""

    key: str
    name: str
    nlk: str
    loinc: str
    unit: str
    women: Limits
    men: Limits
    digits: int = 0
    least: float = 0.0
    """What lies below is reported as less than this."""
    therapeutic: bool = False
    """The limits are what a treatment aims at."""

    def limits(self, *, woman: bool) -> Limits:
        """Returns the lower and upper limit of an adult; None: there is none."""
        return self.women if woman else self.men

    def written(self, value: float) -> str:
        """Returns the value as the laboratory prints it."""
        return f"{value:.{self.digits}f}"


def _analysis(
    key: str, name: str, nlk: str, loinc: str, unit: str, women: Limits, men: Limits | None = None, digits: int = 0
) -> Analysis:
    return Analysis(key, name, nlk, loinc, unit, women, men or women, digits)


ANALYSES = {
    each.key: each
    for each in (
        _analysis("hb", "B-Hemoglobin", "NOR05172", "718-7", "g/dL", (11.7, 15.3), (13.4, 17.0), 1),
        _analysis("leukocytes", "B-Leukocytter", "NPU02593", "6690-2", "10*9/L", (3.5, 10.0), digits=1),
        _analysis("platelets", "B-Trombocytter", "NPU03568", "777-3", "10*9/L", (165, 390), (145, 350)),
        _analysis("mcv", "Erc(B)-MCV", "NPU01944", "787-2", "fL", (82, 98)),
        _analysis("sodium", "P-Natrium", "NPU03429", "2951-2", "mmol/L", (137, 145)),
        _analysis("potassium", "P-Kalium", "NPU03230", "2823-3", "mmol/L", (3.5, 5.0), digits=1),
        _analysis("creatinine", "P-Kreatinin", "NPU04998", "14682-9", "umol/L", (45, 90), (60, 105)),
        Analysis("crp", "P-CRP", "NPU19748", "1988-5", "mg/L", (None, 5), (None, 5), 0, 5),
        _analysis("ferritin", "P-Ferritin", "NPU19763", "2276-4", "ug/L", (18, 240), (30, 400)),
        _analysis("hba1c", "Hb(B)-HbA1c", "NPU27300", "59261-8", "mmol/mol", (28, 42)),
        _analysis("cholesterol", "P-Kolesterol", "NPU01566", "14647-2", "mmol/L", (3.3, 6.9), digits=1),
        _analysis("hdl", "P-HDL-kolesterol", "NPU01567", "14646-4", "mmol/L", (1.0, 2.7), (0.8, 2.1), 1),
        _analysis("ldl", "P-LDL-kolesterol", "NPU01568", "22748-8", "mmol/L", (1.2, 4.7), digits=1),
        _analysis("triglycerides", "P-Triglyserid", "NPU04094", "14927-8", "mmol/L", (0.5, 2.6), digits=1),
        _analysis("tsh", "P-TSH", "NPU03577", "3016-3", "m[IU]/L", (0.5, 3.6), digits=2),
        Analysis("inr", "P-INR", "NPU01685", "6301-6", "{INR}", (2.0, 3.0), (2.0, 3.0), 1, therapeutic=True),
    )
}
"""By key."""


@cache
def concept(name: str, nlk: str = "", loinc: str = "") -> CodeableConcept:
    """Returns what was examined, by its codes; in words where NLK has none. The message is shared: do not change it."""
    codings = [Coding(system=NLK, code=nlk, display=name)] if nlk else []
    codings += [Coding(system=LOINC, code=loinc)] if loinc else []
    return CodeableConcept(codings=codings, text="" if nlk else name)


@cache
def reference(analysis: Analysis, *, woman: bool) -> pb.ReferenceRange:
    """Returns the limits as a message. It is shared: do not change it."""
    low, high = (
        Quantity(value=analysis.written(limit), system=UCUM, code=analysis.unit) if limit is not None else None
        for limit in analysis.limits(woman=woman)
    )
    kind = CodeableConcept(text="terapeutisk område") if analysis.therapeutic else None
    return pb.ReferenceRange(range=pb.ValueRange(low=low, high=high), type=kind)


def deviation(analysis: Analysis, value: float, *, woman: bool) -> "pb.Deviation.ValueType":
    """Returns above or below; unspecified within the limits, where laboratories report nothing."""
    low, high = analysis.limits(woman=woman)
    if high is not None and value > high:
        return pb.DEVIATION_ABOVE
    return pb.DEVIATION_BELOW if low is not None and value < low else pb.DEVIATION_UNSPECIFIED
