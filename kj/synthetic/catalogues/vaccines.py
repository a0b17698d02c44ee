"""Vaccines of the population: SYSVAK code where it is known for certain, else ATC alone."""

from dataclasses import dataclass
from functools import cache

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding
from shared.codes.systems import ATC
from shared.codes.sysvak import SYSVAK


@dataclass(frozen=True)
class Vaccine:
    """A vaccine. The digits of a SYSVAK code are the last two of the ATC code, or of the one it had before."""

    name: str
    atc: str
    sysvak: str = ""
    product: str = ""
    manufacturer: str = ""
    diseases: tuple[str, ...] = ()

    @property
    def concept(self) -> CodeableConcept:
        """Returns its codes side by side. The message is shared: do not change it."""
        return _concept(self)


@cache
def _concept(vaccine: Vaccine) -> CodeableConcept:
    codings = [Coding(system=ATC, code=vaccine.atc, display=vaccine.name)]
    if vaccine.sysvak:
        codings.insert(0, Coding(system=SYSVAK, code=vaccine.sysvak, display=vaccine.name))
    return CodeableConcept(codings=codings)


_DTP = ("Difteri", "Stivkrampe", "Kikhoste")

TUBERCULOSIS = Vaccine("Tuberkulose", "J07AN01", "BCG01", "BCG-vaksine", "", ("Tuberkulose",))
WHOLE_CELL = Vaccine("Difteri, stivkrampe, kikhoste", "J07AJ51", diseases=_DTP)
POLIO = Vaccine("Poliomyelitt", "J07BF03", diseases=("Poliomyelitt",))
HIB = Vaccine("Haemophilus influenzae B", "J07AG01", diseases=("Haemophilus influenzae B",))
FIVE = Vaccine(
    "Difteri, stivkrampe, kikhoste, polio, Hib",
    "J07CA06",
    "KOM06",
    "Infanrix-Polio+Hib",
    "GlaxoSmithKline",
    (*_DTP, "Poliomyelitt", "Haemophilus influenzae B"),
)
SIX = Vaccine(
    "Difteri, stivkrampe, kikhoste, polio, Hib, hepatitt B",
    "J07CA09",
    "KOM09",
    "Infanrix hexa",
    "GlaxoSmithKline",
    (*_DTP, "Poliomyelitt", "Haemophilus influenzae B", "Hepatitt B"),
)
BOOSTER = Vaccine(
    "Difteri, stivkrampe, kikhoste, polio",
    "J07CA02",
    "KOM02",
    "Boostrix Polio",
    "GlaxoSmithKline",
    (*_DTP, "Poliomyelitt"),
)
PNEUMOCOCCI = Vaccine("Pneumokokkonjugat", "J07AL02", "", "Prevenar 13", "Pfizer", ("Pneumokokksykdom",))
PNEUMOCOCCI_OLD = Vaccine(
    "Pneumokokkpolysakkarid", "J07AL01", "", "Pneumovax", "Merck Sharp & Dohme", ("Pneumokokksykdom",)
)
ROTAVIRUS = Vaccine("Rotavirus", "J07BH01", "", "Rotarix", "GlaxoSmithKline", ("Rotavirussykdom",))
MMR = Vaccine(
    "Meslinger, kusma, røde hunder",
    "J07BD52",
    "MMR52",
    "M-M-RVAXPRO",
    "Merck Sharp & Dohme",
    ("Meslinger", "Kusma", "Røde hunder"),
)
HPV_FOUR = Vaccine("Humant papillomavirus", "J07BM01", "HPV01", "Gardasil", "Merck Sharp & Dohme", ("HPV-infeksjon",))
HPV_TWO = Vaccine("Humant papillomavirus", "J07BM02", "HPV02", "Cervarix", "GlaxoSmithKline", ("HPV-infeksjon",))
PANDEMIC = Vaccine("Pandemisk influensa", "J07BB02", "", "Pandemrix", "GlaxoSmithKline", ("Influensa",))
INFLUENZA = Vaccine("Influensa", "J07BB02", "", "VaxigripTetra", "Sanofi", ("Influensa",))
INFLUENZA_OLD = Vaccine("Influensa, adjuvantert", "J07BB02", "AII02", "Fluad Tetra", "Seqirus", ("Influensa",))
COVID = Vaccine("Covid-19, mRNA", "J07BX03", "BNT03", "Comirnaty", "Pfizer/BioNTech", ("Covid-19",))
COVID_NEWER = Vaccine("Covid-19, mRNA", "J07BN01", "BNT03", "Comirnaty", "Pfizer/BioNTech", ("Covid-19",))
HEPATITIS_A = Vaccine("Hepatitt A", "J07BC02", "", "Havrix", "GlaxoSmithKline", ("Hepatitt A",))
TYPHOID = Vaccine("Tyfoidfeber", "J07AP03", "TYF03", "Typhim Vi", "Sanofi", ("Tyfoidfeber",))
YELLOW_FEVER = Vaccine("Gulfeber", "J07BL01", "", "Stamaril", "Sanofi", ("Gulfeber",))
TICKS = Vaccine("Skogflåttencefalitt", "J07BA01", "", "TicoVac", "Pfizer", ("Skogflåttencefalitt",))
