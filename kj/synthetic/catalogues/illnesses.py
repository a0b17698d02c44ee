"""The catalogue of illnesses: they explain people's medicines, visits, documents and critical information.

The register holds no problem list, and none is sent: illnesses show as indications and as places that were visited.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Illness:
    """An illness with how common it is, by age: (age, share) points; in between by straight lines."""

    name: str
    icpc: str
    """ICPC-2, the code of its indications."""
    indication: str
    shares: tuple[tuple[int, float], ...]
    medicines: tuple[str, ...]
    """Each person gets one to `most` of these."""
    most: int = 1
    always: tuple[str, ...] = ()
    department: str = "medicine"
    """Which part of a hospital sees people for it."""
    visits: float = 0.3
    """Contacts with specialist care in a year."""
    women: bool | None = None
    """Only women, or only men."""

    def share(self, age: int) -> float:
        """Returns the share of people of this age who have it, from 0 to 1."""
        before = (0, 0.0)
        for point in self.shares:
            if age < point[0]:
                return before[1] + (point[1] - before[1]) * (age - before[0]) / (point[0] - before[0])
            before = point
        return before[1]


ILLNESSES = (
    Illness(
        "hypertensjon",
        "K86",
        "mot høyt blodtrykk",
        ((35, 0), (50, 0.15), (70, 0.42), (90, 0.5)),
        ("losartan", "kandesartan", "enalapril"),
        1,
        ("amlodipin",),
        visits=0.05,
    ),
    Illness(
        "hyperlipidemi",
        "T93",
        "mot høyt kolesterol",
        ((40, 0), (60, 0.18), (75, 0.28), (90, 0.2)),
        ("atorvastatin", "simvastatin"),
        visits=0.02,
    ),
    Illness(
        "iskemisk hjertesykdom",
        "K76",
        "mot hjertesykdom",
        ((45, 0), (65, 0.07), (80, 0.2), (100, 0.25)),
        ("klopidogrel", "glyserolnitrat", "ramipril"),
        2,
        ("acetylsalisylsyre", "metoprolol"),
        "heart",
        0.6,
    ),
    Illness(
        "atrieflimmer",
        "K78",
        "mot hjerteflimmer",
        ((50, 0), (65, 0.04), (80, 0.16), (95, 0.22)),
        ("apiksaban", "apiksaban", "warfarin"),
        1,
        ("metoprolol",),
        "heart",
        0.5,
    ),
    Illness(
        "hjertesvikt",
        "K77",
        "mot hjertesvikt",
        ((60, 0), (75, 0.05), (90, 0.14)),
        ("ramipril", "spironolakton", "empagliflozin"),
        2,
        ("furosemid",),
        "heart",
        1.2,
    ),
    Illness(
        "diabetes type 2",
        "T90",
        "mot diabetes",
        ((35, 0), (55, 0.05), (75, 0.13), (95, 0.12)),
        ("empagliflozin", "semaglutid", "insulin glargin"),
        1,
        ("metformin",),
        visits=0.4,
    ),
    Illness(
        "diabetes type 1",
        "T89",
        "mot diabetes",
        ((3, 0), (15, 0.004), (60, 0.006)),
        ("insulin glargin",),
        1,
        ("insulin aspart",),
        visits=2.0,
    ),
    Illness(
        "kols",
        "R95",
        "mot kols",
        ((50, 0), (65, 0.05), (80, 0.1)),
        ("tiotropium", "budesonid/formoterol", "salbutamol"),
        3,
        (),
        "lungs",
        0.9,
    ),
    Illness(
        "astma",
        "R96",
        "mot astma",
        ((3, 0.02), (10, 0.07), (40, 0.06), (80, 0.05)),
        ("budesonid/formoterol",),
        1,
        ("salbutamol",),
        "lungs",
        0.2,
    ),
    Illness(
        "hypotyreose", "T86", "mot lavt stoffskifte", ((20, 0), (50, 0.05), (75, 0.1)), ("levotyroksin",), visits=0.1
    ),
    Illness(
        "depresjon",
        "P76",
        "mot depresjon",
        ((14, 0), (25, 0.05), (50, 0.07), (85, 0.08)),
        ("escitalopram", "sertralin", "mirtazapin"),
        department="psychiatry",
        visits=0.8,
    ),
    Illness(
        "søvnvansker",
        "P06",
        "mot søvnvansker",
        ((25, 0), (50, 0.04), (75, 0.12), (90, 0.16)),
        ("zopiklon", "oksazepam"),
        visits=0.0,
    ),
    Illness(
        "adhd",
        "P81",
        "mot ADHD",
        ((6, 0), (12, 0.04), (30, 0.02), (60, 0)),
        ("metylfenidat",),
        visits=0.8,
        department="psychiatry",
    ),
    Illness(
        "smerter",
        "L18",
        "mot smerter",
        ((20, 0.02), (50, 0.08), (75, 0.2), (90, 0.3)),
        ("paracetamol", "ibuprofen", "paracetamol/kodein"),
        2,
        (),
        "orthopaedics",
        0.4,
    ),
    Illness(
        "refluks",
        "D84",
        "mot sure oppstøt",
        ((25, 0), (55, 0.08), (80, 0.14)),
        ("pantoprazol",),
        visits=0.1,
        department="surgery",
    ),
    Illness(
        "allergisk rhinitt",
        "R97",
        "mot allergi",
        ((5, 0.02), (20, 0.1), (60, 0.05), (90, 0.02)),
        ("cetirizin",),
        visits=0.02,
    ),
    Illness(
        "migrene",
        "N89",
        "mot migrene",
        ((12, 0), (30, 0.06), (60, 0.03), (80, 0)),
        ("sumatriptan",),
        department="nerves",
        visits=0.1,
    ),
    Illness(
        "osteoporose",
        "L95",
        "mot beinskjørhet",
        ((55, 0), (75, 0.15), (90, 0.22)),
        ("alendronsyre",),
        1,
        ("kalsium/vitamin D",),
        "orthopaedics",
        0.3,
        women=True,
    ),
    Illness(
        "revmatoid artritt",
        "L88",
        "mot leddgikt",
        ((25, 0), (60, 0.012), (80, 0.015)),
        ("metotreksat", "prednisolon"),
        2,
        ("folsyre",),
        "rheumatism",
        1.8,
    ),
    Illness(
        "epilepsi",
        "N88",
        "mot epilepsi",
        ((1, 0.004), (60, 0.007), (85, 0.012)),
        ("lamotrigin", "levetiracetam"),
        department="nerves",
        visits=0.8,
    ),
    Illness(
        "parkinson",
        "N87",
        "mot Parkinsons sykdom",
        ((60, 0), (85, 0.03)),
        ("levodopa/karbidopa",),
        department="nerves",
        visits=1.2,
    ),
    Illness("demens", "P70", "mot demens", ((68, 0), (80, 0.08), (95, 0.35)), ("donepezil",), visits=0.3),
    Illness(
        "glaukom",
        "F93",
        "mot grønn stær",
        ((50, 0), (75, 0.05), (90, 0.08)),
        ("latanoprost",),
        department="eyes",
        visits=0.8,
    ),
    Illness(
        "prostata",
        "Y85",
        "mot vannlatingsbesvær",
        ((50, 0), (75, 0.18), (90, 0.22)),
        ("tamsulosin",),
        women=False,
        department="surgery",
    ),
    Illness("gikt", "T92", "mot gikt", ((35, 0), (70, 0.05)), ("allopurinol",), women=False, visits=0.05),
    Illness(
        "prevensjon",
        "W11",
        "prevensjon",
        ((15, 0), (18, 0.3), (35, 0.2), (45, 0.03), (48, 0)),
        ("levonorgestrel/etinyløstradiol",),
        women=True,
        visits=0.0,
    ),
    Illness(
        "kreft",
        "A79",
        "mot smerter",
        ((30, 0), (60, 0.02), (80, 0.06)),
        ("oksykodon", "paracetamol"),
        2,
        department="surgery",
        visits=5.0,
    ),
)
