"""The short code lists of laboratory answers, of which every code is known.

Source: HL7Norway/kodeverk, no-kodeverk-8202, -8239, -8244 and -8245 at 7eb5a16.
"""

from shared.codes import systems

VALUES = {
    systems.REPORT_TYPES: frozenset(
        {"BLD", "CLIN", "CT", "CYTO", "FARM", "HIST", "IMTR", "LAB", "MA", "MBIO", "MGEN", "MORS", "MPAT", "MR", "NUK"}
        | {"OBD", "PAT", "RAD", "RTG", "SCI", "UL", "AN"}
    ),
    systems.OPERATORS: frozenset({"EQ", "GE", "GT", "LE", "LT", "MG", "ML", "NE"}),
    systems.DEVIATIONS: frozenset("123"),
    systems.RESULT_STATUSES: frozenset(str(number) for number in range(1, 16)),
}
"""Lists so short that a code which is not in them is a slip of the source."""


def is_wrong(system: str, code: str) -> bool:
    """Whether a code is none of its list, of those that are known whole."""
    known = VALUES.get(systems.canonical(system))
    return known is not None and code not in known
