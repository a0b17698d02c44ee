"""The short code lists of laboratory answers, of which every code is known.

Source: HL7Norway/kodeverk, no-kodeverk-8202, -8239, -8244 and -8245 at 7eb5a16.
"""

from shared.codes import systems

VALUES = {
    systems.REPORT_TYPES: {
        "BLD": "Bildediagnostikk",
        "CLIN": "Medisinsk biokjemi",
        "CT": "Computertomografi",
        "CYTO": "Cytologi",
        "FARM": "Klinisk farmakologi",
        "HIST": "Histologi",
        "IMTR": "Immunologi og transfusjonsmedisin",
        "LAB": "Laboratoriemedisin",
        "MA": "Mammografi",
        "MBIO": "Medisinsk mikrobiologi",
        "MGEN": "Medisinsk genetikk",
        "MORS": "Mors",
        "MPAT": "Molekylærpatologi",
        "MR": "Magnettomografi",
        "NUK": "Nukleærmedisin",
        "OBD": "Obduksjon",
        "PAT": "Patologi",
        "RAD": "Radiologi",
        "RTG": "Røntgen",
        "SCI": "Scintigrafi",
        "UL": "Ultralyd",
        "AN": "Annet",
    },
    systems.OPERATORS: {
        "EQ": "Lik",
        "GE": "Større eller lik",
        "GT": "Større enn",
        "LE": "Mindre eller lik",
        "LT": "Mindre enn",
        "MG": "Mye større enn",
        "ML": "Mye mindre enn",
        "NE": "Ikke lik",
    },
    systems.DEVIATIONS: {
        "1": "Over øvre referansegrense",
        "2": "Under nedre referansegrense",
        "3": "Utenfor referansegrensene",
    },
    systems.RESULT_STATUSES: {
        "1": "Revidert",
        "2": "Foreløpig",
        "3": "Endelig",
        "4": "Tillegg",
        "5": "Henvisning registrert",
        "6": "Prosedyrer registrert/planlagt",
        "7": "Tildelt time",
        "8": "Undersøkelse gjennomført",
        "9": "Diktert",
        "10": "Skrevet (usignert svar foreligger)",
        "11": "Signert",
        "12": "Korrigert (usignert tilleggsbeskrivelse foreligger)",
        "13": "Signert korrigert/tilleggsbeskrivelse foreligger",
        "14": "Undersøkelse slettet",
        "15": "I prosess",
    },
}
"""Names by code, of lists so short that a code which is not in them is a slip of the source."""


def is_wrong(system: str, code: str) -> bool:
    """Whether a code is none of its list, of those that are known whole."""
    known = VALUES.get(systems.canonical(system))
    return known is not None and code not in known
