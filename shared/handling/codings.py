"""Marks each coding of a request with what is known of it: part of step 6, before service code sees it.

People are refused a code with the name of another one beside it: they can look what they meant. What feeds send is kept
as it came, with the mark; `shared/codes/meanings` says what it may mean. A mark that the caller sends is not kept.
"""

from google.protobuf.message import Message

from kjernejournal.common.v1.common_pb2 import CODE_VERIFICATION_CONTRADICTORY
from shared.codes import meanings
from shared.codes.marks import codings
from shared.codes.verification import verification
from shared.errors import Invalid


def mark(message: Message, *, people: bool) -> None:
    """Sets the mark of every coding. Raises Invalid with the field's path for a contradictory one that people wrote."""
    for path, coding in codings(message):
        coding.verification = verification(coding)
        if people and coding.verification == CODE_VERIFICATION_CONTRADICTORY:
            others = ", ".join(sorted(meanings.other_codes(coding)))
            raise Invalid(f"{path}display", f"is the name of {others}, another code: send the one that is meant")
