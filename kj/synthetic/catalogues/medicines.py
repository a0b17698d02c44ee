"""Medicines of the population: real substances with their ATC codes, forms and strengths, and how they are taken."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Medicine:
    """A medicine as it is prescribed. `group` is its prescription group (reseptgruppe): A, B or C."""

    atc: str
    name: str
    form: str
    strengths: tuple[str, ...]
    dosage: str
    frequency: int = 1
    """Times a period; 0: when needed."""
    period: str = "d"
    """UCUM unit of the period."""
    group: str = "C"
    days: int = 365
    """How long one prescription is for: a year for regular treatment, less for a course."""

    @property
    def is_course(self) -> bool:
        """A few days, and not again."""
        return self.days <= 30

    @property
    def reit(self) -> int:
        """Dispensings after the first. Groups A and B have none."""
        return 3 if self.group == "C" and not self.is_course else 0

    @property
    def renewed_after(self) -> int:
        """Days after which the next prescription is written: when the last dispensing is due."""
        if self.is_course:
            return 100_000
        return self.days * self.reit // (self.reit + 1) + 10 if self.reit else self.days - 10

    def text(self, strength: str) -> str:
        """Returns name, form and strength, as a prescription shows it."""
        return f"{self.name} {self.form} {strength}"


def _regular(atc: str, name: str, form: str, strengths: str, dosage: str, frequency: int = 1) -> Medicine:
    return Medicine(atc, name, form, tuple(strengths.split("; ")), dosage, frequency)


def _when_needed(atc: str, name: str, form: str, strengths: str, dosage: str, group: str = "C") -> Medicine:
    return Medicine(
        atc, name, form, tuple(strengths.split("; ")), dosage, 0, group=group, days=365 if group == "C" else 120
    )


_ONE = "1 tablett daglig"
_MORNING = "1 tablett om morgenen"
_EVENING = "1 tablett om kvelden"
_TWICE = "1 tablett morgen og kveld"

MEDICINES = {
    "acetylsalisylsyre": _regular("B01AC06", "Acetylsalisylsyre", "enterotablett", "75 mg", _ONE),
    "adrenalin": _when_needed(
        "C01CA24", "Adrenalin", "injeksjonsvæske i ferdigfylt penn", "0,3 mg", "1 injeksjon ved alvorlig allergi"
    ),
    "alendronsyre": Medicine("M05BA04", "Alendronsyre", "tablett", ("70 mg",), "1 tablett hver uke", 1, "wk"),
    "allopurinol": _regular("M04AA01", "Allopurinol", "tablett", "100 mg; 300 mg", _ONE),
    "amlodipin": _regular("C08CA01", "Amlodipin", "tablett", "5 mg; 10 mg", _MORNING),
    "apiksaban": _regular("B01AF02", "Apiksaban", "tablett", "2,5 mg; 5 mg", _TWICE, 2),
    "atorvastatin": _regular("C10AA05", "Atorvastatin", "tablett", "20 mg; 40 mg; 80 mg", _EVENING),
    "budesonid/formoterol": _regular(
        "R03AK07", "Budesonid/formoterol", "inhalasjonspulver", "160/4,5 mikrog", "1 inhalasjon morgen og kveld", 2
    ),
    "cetirizin": _when_needed("R06AE07", "Cetirizin", "tablett", "10 mg", "1 tablett ved behov, høyst 1 daglig"),
    "donepezil": _regular("N06DA02", "Donepezil", "tablett", "5 mg; 10 mg", _EVENING),
    "empagliflozin": _regular("A10BK03", "Empagliflozin", "tablett", "10 mg; 25 mg", _MORNING),
    "enalapril": _regular("C09AA02", "Enalapril", "tablett", "5 mg; 10 mg; 20 mg", _MORNING),
    "escitalopram": _regular("N06AB10", "Escitalopram", "tablett", "10 mg; 20 mg", _MORNING),
    "fenoksymetylpenicillin": Medicine(
        "J01CE02", "Fenoksymetylpenicillin", "tablett", ("660 mg",), "1 tablett 4 ganger daglig i 7 dager", 4, days=10
    ),
    "folsyre": Medicine("B03BB01", "Folsyre", "tablett", ("1 mg",), "1 tablett daglig, ikke på metotreksatdagen"),
    "furosemid": _regular("C03CA01", "Furosemid", "tablett", "20 mg; 40 mg", _MORNING),
    "glyserolnitrat": _when_needed(
        "C01DA02", "Glyserolnitrat", "sublingvaltablett", "0,25 mg; 0,5 mg", "1 tablett under tungen ved brystsmerter"
    ),
    "ibuprofen": _when_needed("M01AE01", "Ibuprofen", "tablett", "400 mg; 600 mg", "1 tablett inntil 3 ganger daglig"),
    "insulin aspart": _regular(
        "A10AB05", "Insulin aspart", "injeksjonsvæske i penn", "100 E/ml", "Etter måling, til måltid", 3
    ),
    "insulin glargin": _regular(
        "A10AE04", "Insulin glargin", "injeksjonsvæske i penn", "100 E/ml", "20 enheter om kvelden"
    ),
    "kalsium/vitamin D": _regular("A12AX", "Kalsium/kolekalsiferol", "tyggetablett", "500 mg/20 mikrog", _ONE),
    "kandesartan": _regular("C09CA06", "Kandesartan", "tablett", "8 mg; 16 mg", _MORNING),
    "klopidogrel": _regular("B01AC04", "Klopidogrel", "tablett", "75 mg", _ONE),
    "lamotrigin": _regular("N03AX09", "Lamotrigin", "tablett", "100 mg; 200 mg", _TWICE, 2),
    "latanoprost": _regular("S01EE01", "Latanoprost", "øyedråper", "50 mikrog/ml", "1 dråpe i hvert øye om kvelden"),
    "levetiracetam": _regular("N03AX14", "Levetiracetam", "tablett", "500 mg; 750 mg", _TWICE, 2),
    "levodopa/karbidopa": _regular(
        "N04BA02", "Levodopa/karbidopa", "tablett", "100/25 mg", "1 tablett 3 ganger daglig", 3
    ),
    "levonorgestrel/etinyløstradiol": Medicine(
        "G03AA07",
        "Levonorgestrel/etinyløstradiol",
        "tablett",
        ("150/30 mikrog",),
        "1 tablett daglig i 21 dager",
        days=1095,
    ),
    "levotyroksin": _regular("H03AA01", "Levotyroksin", "tablett", "50 mikrog; 75 mikrog; 100 mikrog", _MORNING),
    "losartan": _regular("C09CA01", "Losartan", "tablett", "50 mg; 100 mg", _MORNING),
    "metformin": _regular("A10BA02", "Metformin", "tablett", "500 mg; 850 mg", _TWICE, 2),
    "metoprolol": _regular("C07AB02", "Metoprolol", "depottablett", "25 mg; 50 mg; 100 mg", _MORNING),
    "metotreksat": Medicine("L04AX03", "Metotreksat", "tablett", ("2,5 mg",), "6 tabletter én gang i uken", 1, "wk"),
    "metylfenidat": Medicine(
        "N06BA04", "Metylfenidat", "depottablett", ("18 mg", "36 mg", "54 mg"), _MORNING, group="A", days=90
    ),
    "mirtazapin": _regular("N06AX11", "Mirtazapin", "tablett", "15 mg; 30 mg", _EVENING),
    "oksazepam": _when_needed("N05BA04", "Oksazepam", "tablett", "10 mg; 15 mg", "1 tablett ved uro", "B"),
    "oksykodon": Medicine("N02AA05", "Oksykodon", "depottablett", ("5 mg", "10 mg"), _TWICE, 2, group="A", days=60),
    "pantoprazol": _regular("A02BC02", "Pantoprazol", "enterotablett", "20 mg; 40 mg", _MORNING),
    "paracetamol": _when_needed("N02BE01", "Paracetamol", "tablett", "500 mg; 1 g", "1 tablett inntil 4 ganger daglig"),
    "paracetamol/kodein": _when_needed(
        "N02AJ06", "Paracetamol/kodein", "tablett", "400/30 mg", "1 tablett inntil 3 ganger daglig", "B"
    ),
    "pivmecillinam": Medicine(
        "J01CA08", "Pivmecillinam", "tablett", ("200 mg",), "1 tablett 3 ganger daglig i 3 dager", 3, days=10
    ),
    "prednisolon": _regular("H02AB06", "Prednisolon", "tablett", "5 mg", _MORNING),
    "ramipril": _regular("C09AA05", "Ramipril", "tablett", "2,5 mg; 5 mg; 10 mg", _MORNING),
    "salbutamol": _when_needed("R03AC02", "Salbutamol", "inhalasjonsaerosol", "0,1 mg/dose", "1-2 doser ved tung pust"),
    "semaglutid": Medicine(
        "A10BJ06", "Semaglutid", "injeksjonsvæske i penn", ("0,5 mg", "1 mg"), "1 dose i uken", 1, "wk"
    ),
    "sertralin": _regular("N06AB06", "Sertralin", "tablett", "50 mg; 100 mg", _MORNING),
    "simvastatin": _regular("C10AA01", "Simvastatin", "tablett", "20 mg; 40 mg", _EVENING),
    "spironolakton": _regular("C03DA01", "Spironolakton", "tablett", "25 mg", _MORNING),
    "sumatriptan": _when_needed("N02CC01", "Sumatriptan", "tablett", "50 mg", "1 tablett ved migreneanfall"),
    "tamsulosin": _regular("G04CA02", "Tamsulosin", "depotkapsel", "0,4 mg", "1 kapsel daglig"),
    "tiotropium": _regular("R03BB04", "Tiotropium", "inhalasjonsvæske", "2,5 mikrog/dose", "2 doser om morgenen"),
    "warfarin": _regular("B01AA03", "Warfarin", "tablett", "2,5 mg", "Etter INR"),
    "zopiklon": _when_needed("N05CF01", "Zopiklon", "tablett", "3,75 mg; 5 mg", "1 tablett ved søvnløshet", "B"),
}
"""By substance. ATC as the WHO's index has it; groups as the Norwegian Medical Products Agency's."""
