"""The catalogue of what critical information can be about: real codes with their Norwegian names."""

from dataclasses import dataclass

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from shared.codes.systems import ATC, ICD10


@dataclass(frozen=True)
class Finding:
    """One thing to know of a patient. Without a code it stands in words, as specification."""

    category: "pb.Category.ValueType"
    display: str
    code: str = ""
    weight: float = 1
    allergen: "pb.AllergenKind.ValueType" = pb.ALLERGEN_KIND_UNSPECIFIED
    mechanical: bool = False
    youngest: int = 0
    months: int = 0
    """How long it holds; 0: without end."""
    illness: str = ""
    """Goes with this illness; otherwise drawn."""

    def concept(self) -> CodeableConcept | None:
        """Returns the code, where there is one."""
        if not self.code:
            return None
        system = ATC if self.category == pb.CATEGORY_DRUG_REACTION else ICD10
        return CodeableConcept(codings=[Coding(system=system, code=self.code, display=self.display)])


def _drug(display: str, code: str, weight: float = 1) -> Finding:
    return Finding(pb.CATEGORY_DRUG_REACTION, display, code, weight, pb.ALLERGEN_KIND_MEDICATION)


def _other(display: str, allergen: "pb.AllergenKind.ValueType", weight: float = 1) -> Finding:
    return Finding(pb.CATEGORY_OTHER_ALLERGY, display, "", weight, allergen)


def _condition(display: str, code: str, weight: float = 1, illness: str = "") -> Finding:
    return Finding(pb.CATEGORY_CRITICAL_CONDITION, display, code, weight, illness=illness)


def _treatment(display: str, months: int, illness: str = "", weight: float = 1) -> Finding:
    return Finding(pb.CATEGORY_ONGOING_TREATMENT, display, "", weight, months=months, illness=illness)


def _implant(display: str, weight: float, youngest: int, *, mechanical: bool = True, illness: str = "") -> Finding:
    return Finding(pb.CATEGORY_IMPLANT, display, "", weight, mechanical=mechanical, youngest=youngest, illness=illness)


FINDINGS = (
    _drug("Fenoksymetylpenicillin", "J01CE02", 8),
    _drug("Amoksicillin", "J01CA04", 5),
    _drug("Sulfametoksazol og trimetoprim", "J01EE01", 4),
    _drug("Acetylsalisylsyre", "N02BA01", 3),
    _drug("Ibuprofen", "M01AE01", 3),
    _drug("Kodein", "R05DA04", 2),
    _drug("Morfin", "N02AA01", 2),
    _drug("Klorheksidin", "D08AC02", 2),
    _drug("Lidokain", "N01BB02", 1),
    _drug("Joheksol", "V08AB02", 2),
    _drug("Suksameton", "M03AB01", 1),
    _other("Peanøtt", pb.ALLERGEN_KIND_FOOD, 3),
    _other("Skalldyr", pb.ALLERGEN_KIND_FOOD, 2),
    _other("Egg", pb.ALLERGEN_KIND_FOOD, 1),
    _other("Lateks", pb.ALLERGEN_KIND_ENVIRONMENT, 3),
    _other("Vepsestikk", pb.ALLERGEN_KIND_ENVIRONMENT, 3),
    Finding(pb.CATEGORY_INTUBATION_PROBLEM, "Trang larynksinngang", weight=1, youngest=16),
    Finding(pb.CATEGORY_OTHER_ANAESTHESIA_PROBLEM, "Malign hypertermi som følge av anestesi", "T88.3", 0.7),
    _condition("Medfødt faktor VIII-mangel", "D66", 1),
    _condition("Von Willebrands sykdom", "D68.0", 1),
    _condition("Primær binyrebarksvikt", "E27.1", 1.5),
    _condition("Forstyrrelser i komplementsystemet", "D84.1", 0.7),
    _condition("Myasthenia gravis", "G70.0", 0.8),
    _condition("Annen porfyri", "E80.2", 0.6),
    _condition("Diabetes mellitus type 1 uten komplikasjoner", "E10.9", illness="diabetes type 1"),
    _condition("Uspesifisert epilepsi", "G40.9", illness="epilepsi"),
    _treatment("Cytostatikabehandling", 6, "kreft"),
    _treatment("Immundempende behandling", 24, "revmatoid artritt"),
    _treatment("Blodfortynnende behandling", 36, "atrieflimmer"),
    _treatment("Hemodialyse", 24, weight=0.8),
    _implant("Pacemaker", 3, 60, illness="atrieflimmer"),
    _implant("Hjertestarter (ICD)", 1.5, 45),
    _implant("Mekanisk hjerteventil", 1.5, 45),
    _implant("Hofteprotese", 3, 55),
    _implant("Cochleaimplantat", 0.7, 2),
    _implant("Ventrikuloperitoneal shunt", 0.6, 0),
    _implant("Nyretransplantat", 1, 20, mechanical=False),
    Finding(pb.CATEGORY_LIFE_PROLONGING_TREATMENT, "Ikke intensivbehandling", weight=1.5, youngest=80, months=12),
    Finding(pb.CATEGORY_PROCEDURE_CHANGE, "Blodtrykk måles ikke på venstre arm", weight=1, youngest=40),
    Finding(pb.CATEGORY_INFECTION, "Kronisk virushepatitt B uten hepatitt D", "B18.1", 1.2),
    Finding(pb.CATEGORY_INFECTION, "Kronisk virushepatitt C", "B18.2", 1),
    Finding(pb.CATEGORY_INFECTION, "Uspesifisert HIV-sykdom", "B24", 0.6),
    Finding(pb.CATEGORY_TREATMENT_DECISION, "HLR minus", weight=1, youngest=85),
)

MANIFESTATIONS = ("Anafylaksi", "Urtikaria", "Angioødem", "Utslett", "Bronkospasme", "Kvalme og oppkast")
"""What happened, in words: the code list (Volven 7497) is not open."""
