"""What comes of comparing one property of two medicines."""

from enum import IntEnum


class Outcome(IntEnum):
    """From least alike to most alike."""

    DIFFERENT = 0
    UNKNOWN = 1
    """Both say something, and it cannot be compared."""
    SILENT = 2
    """One of them says nothing of it."""
    EQUAL = 3


DIFFERENT, UNKNOWN, SILENT, EQUAL = Outcome
