"""Says of a coding whether its code is one that is positively known, and whether its display is another code's name.

ATC: the groups of the first two levels, and codes and groups below them as far as our own tables name them. ICD-10, the
Norwegian edition and WHO's: few codes. Short lists: every code. A code that is not there may be one all the same, and
may be invented. Other systems are not looked up.
"""

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import Coding
from shared.codes import atc, atc_known, closed_lists, icd10, meanings


def verification(coding: Coding) -> "common_pb2.CodeVerification.ValueType":
    """Returns what is known of code and display together."""
    if meanings.other_codes(coding):
        return common_pb2.CODE_VERIFICATION_CONTRADICTORY
    known = _is_known(coding)
    if known is None:
        return common_pb2.CODE_VERIFICATION_UNSPECIFIED
    return common_pb2.CODE_VERIFICATION_VERIFIED if known else common_pb2.CODE_VERIFICATION_NOT_VERIFIED


def _is_known(coding: Coding) -> bool | None:
    """Whether the code is in a list of its system; None where there is no code, or no list of the system."""
    if not coding.code.strip():
        return None
    if atc.is_atc(coding.system):
        return atc_known.is_known(atc.substance(coding.code))
    if icd10.has_list(coding.system):
        return icd10.is_known(coding.code)
    return closed_lists.is_known(coding)
