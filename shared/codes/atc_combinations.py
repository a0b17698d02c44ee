"""Knows which ATC codes name combinations of several substances, by ATC's own rules and the names of its groups.

A code of one substance says what the medicine is. A code of a combination does so only to who knows its substances.

Source: WHOCC, Guidelines for ATC classification, "Combination products": numbers 20 and 30 for substances of the same
fourth level, 50 and more for those with others, 70 and more with psycholeptics; and the groups below, whose names say
that they hold combinations. Written from the index of 2025, and compared with parts of that of April 2026.
"""

from shared.codes.atc import WHOLE

_GROUPS = (
    # Stomach, bowel, diabetes, vitamins
    *(
        "A02AD",
        "A02BD",
        "A03C",
        "A03D",
        "A03E",
        "A05C",
        "A09AC",
        "A10BD",
        "A11A",
        "A11B",
        "A11CB",
        "A11DB",
        "A11E",
        "A11GB",
        "A11JA",
    ),
    *("A11JB", "A11JC", "A12AX"),
    # Blood, heart and circulation
    *("B03AD", "B03AE", "C01EX", "C02L", "C02N", "C03E", "C07B", "C07C", "C07D", "C07E", "C07F", "C08G", "C09B"),
    *("C09D", "C10B"),
    # Skin
    *("D06C", "D07B", "D07C", "D07X", "D10AA"),
    # Hormones, urinary organs
    *("G01B", "G02AC", "G02BB", "G03AA", "G03AB", "G03CC", "G03E", "G03F", "G03HB", "H02BX"),
    # Infections, cancer
    *("J01CR", "J01EE", "J01RA", "J04AM", "J05AR", "L01XY", "P01BF"),
    # Muscles, nerves
    *("M01B", "M05BB", "N01AG", "N02AG", "N02AJ", "N05CB", "N05CX", "N06C"),
    # Breathing, eyes and ears
    *("R01AB", "R03AH", "R03AK", "R03AL", "R03CK", "R03DB", "R05F", "R05X", "R06AK", "S01C", "S01BB", "S02C", "S03C"),
)
"""Groups of combinations, by their names."""
_CODES = frozenset(
    {
        *("A02AA10", "A02AB10", "A02AC10", "A02AF01", "A02AF02", "A06AD10", "A16AX29", "A16AX30", "B05BA10"),
        *("C05AX03", "C09XA52", "G01AE10", "G04BX17", "N04BA02", "N04BA03", "N04BA05", "N04BA06", "N04BA07", "R05CA10"),
        "R05CB10",
    }
)
"""Combinations with another number."""
_ONE_SUBSTANCE = frozenset(
    {
        *("A03AA30", "A03AD30", "A03AX30", "A11HA30", "A12AA30", "B02BD30", "D08AH30", "D08AK30", "D08AL30", "G01AC30"),
        *("G03CA57", "J04AB30", "M03BX30", "N03AA30", "N03AX30", "N04AC30", "S01XA20", "V03AB20"),
    }
)
"""Codes whose number is that of a combination, and which are none, such as thrombin, dexpanthenol, conjugated
estrogens."""
_LONG_GROUPS = ("J07", "L01EX", "L01FX", "L01XC", "L01XE", "L01XX", "L04A", "V08", "V09", "V10")
"""Groups with so many substances that the numbers of combinations are used up for single ones; and vaccines and
substances for diagnosis, which are numbered in another way."""
_SAME_LEVEL = frozenset({"20", "30"})
_WITH_OTHERS = "50"


def is_combination(code: str) -> bool:
    """Whether a code of people's medicines, in capitals, names a combination or a group of combinations."""
    if code.startswith(_GROUPS) or code in _CODES:
        return True
    if len(code) != WHOLE or code in _ONE_SUBSTANCE or code.startswith(_LONG_GROUPS):
        return False
    number = code[-2:]
    return number in _SAME_LEVEL or number >= _WITH_OTHERS
