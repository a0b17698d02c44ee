"""Codes of what a reconciliation says. The gateway puts the words in, in the caller's language."""

from enum import StrEnum, auto


class Says(StrEnum):
    """What is said of a medicine, of a draft, or of what was not compared; the value is the name."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[str]) -> str:
        return name

    RECONCILED_ON = auto()
    """Values: `sides`."""
    RECONCILED_NOT_ON = auto()
    """Values: `sides`."""
    RECONCILED_DIFFERS = auto()
    """Values: `side`, `fields`."""
    RECONCILED_PAUSED = auto()
    """Values: `side`."""
    RECONCILED_DISCONTINUED = auto()
    """Values: `side`."""

    DANGER_WEEKLY_AND_DAILY = auto()

    DOUBT_SEVERAL_FIT = auto()
    DOUBT_NAME_ALONE = auto()
    DOUBT_OTHER_SUBSTANCE = auto()
    DOUBT_ONE_SUBSTANCE = auto()
    DOUBT_DISCONTINUED_UNDER_ANOTHER_CODE = auto()
    DOUBT_DISCONTINUED_AND_IN_USE = auto()
    DOUBT_TWO_LISTS_DIFFER = auto()
    DOUBT_NOT_COMPARABLE = auto()
    """Values: `fields`."""
    DOUBT_USE_NOT_KNOWN = auto()
    DOUBT_DISPENSED_AND_RECALLED = auto()
    DOUBT_SUPPLY_NOT_KNOWN = auto()
    DOUBT_WORDS_ALONE = auto()
    DOUBT_CODED_OTHERWISE = auto()

    DRAFT_KEPT = auto()
    DRAFT_KEPT_OTHER_CONTRADICTS_ITSELF = auto()
    DRAFT_RECALLS = auto()
    DRAFT_WITHOUT = auto()
    DRAFT_WITHOUT_GOODS = auto()
    DRAFT_WITHOUT_OLDER = auto()
    DRAFT_WITHOUT_CONTRADICTORY = auto()
    DRAFT_WITHOUT_LONG_DISCONTINUED = auto()

    NOT_COMPARED_LOCKED = auto()
    NOT_COMPARED_PRESCRIBED = auto()
    NOT_COMPARED_DISPENSED = auto()
    NOT_COMPARED_STATED = auto()
    NOT_COMPARED_NO_LIST = auto()
    NOT_COMPARED_NOTHING_BROUGHT = auto()
    NOT_COMPARED_NO_KNOWLEDGE = auto()
