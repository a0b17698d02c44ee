"""Says of a coding whether its code is one that its system can hold, as far as can be said without the whole code list.

ATC: the groups of its second level, which are few and known. ICD-10, the Norwegian edition and WHO's: the form of its
codes and the chapters. Short lists: every code. Other systems are not looked at.

Source: the ATC index of WHOCC (2025), groups of the second level.
"""

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import Coding
from shared.codes import atc, closed_lists, icd10, meanings

_GROUPS = """
    A01 A02 A03 A04 A05 A06 A07 A08 A09 A10 A11 A12 A13 A14 A15 A16 B01 B02 B03 B05 B06 C01 C02 C03 C04 C05 C07 C08 C09
    C10 D01 D02 D03 D04 D05 D06 D07 D08 D09 D10 D11 G01 G02 G03 G04 H01 H02 H03 H04 H05 J01 J02 J04 J05 J06 J07 L01 L02
    L03 L04 M01 M02 M03 M04 M05 M09 N01 N02 N03 N04 N05 N06 N07 P01 P02 P03 R01 R02 R03 R05 R06 R07 S01 S02 S03 V01 V03
    V04 V06 V07 V08 V09 V10
"""
GROUPS = frozenset(_GROUPS.split())
"""Groups of ATC's second level."""
MAIN_GROUPS = frozenset(group[0] for group in GROUPS)


def verification(coding: Coding) -> "common_pb2.CodeVerification.ValueType":
    """Returns what is known of code and display together."""
    if meanings.other_codes(coding):
        return common_pb2.CODE_VERIFICATION_CONTRADICTORY
    if coding.code and atc.is_atc(coding.system) and not _is_atc(coding.code):
        return common_pb2.CODE_VERIFICATION_NOT_VERIFIED
    if coding.code and not icd10.may_be_code(coding.system, coding.code):
        return common_pb2.CODE_VERIFICATION_NOT_VERIFIED
    if closed_lists.is_unknown(coding):
        return common_pb2.CODE_VERIFICATION_NOT_VERIFIED
    return common_pb2.CODE_VERIFICATION_UNSPECIFIED


def _is_atc(code: str) -> bool:
    plain = atc.plain(code)
    if plain.startswith("Q"):  # groups for animals alone are not looked at
        return True
    return plain in MAIN_GROUPS or plain[:3] in GROUPS
