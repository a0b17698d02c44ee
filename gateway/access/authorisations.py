"""Reads which authorisations of the register of health personnel (HPR) are in force, from HelseID's hpr_details.

What is not known is not in force: a kind that the list does not hold, an authorisation that states none, a time that
cannot be read.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from shared.codes.personnel import AUTHORISATIONS_IN_FORCE
from shared.norwegian_time import norwegian_date

_FROM = ("from", "start", "valid_from", "start_date")
_TO = ("to", "end", "valid_to", "end_date", "expires")


def authorisation_in_force(approval: Mapping[str, Any], now: datetime) -> bool:
    """Whether this approval gives the right to practise at `now`.

    HelseID names the kind alone, and leaves out what has ended. Where a period or a suspension is stated all the same,
    with the approval or with its authorisation, it counts; days are those of the Norwegian calendar, both included.
    """
    authorisation = approval.get("authorization")
    if not isinstance(authorisation, dict):
        return False
    kind = authorisation.get("value")
    if isinstance(kind, bool) or str(kind) not in AUTHORISATIONS_IN_FORCE:
        return False
    return all(_holds(part, now) for part in _parts(approval, authorisation))


def _parts(*stated: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yields everything that may state a period: the objects themselves, and a period in them."""
    for each in stated:
        yield each
        for name in ("period", "suspension"):
            inner = each.get(name)
            if inner is not None:
                # A suspension stands for no right as long as it is there at all.
                yield inner if isinstance(inner, dict) and name == "period" else {"suspended": True}


def _holds(part: Mapping[str, Any], now: datetime) -> bool:
    if part.get("suspended", False) is not False or part.get("active", True) is not True:
        return False
    begins = (_before(part[name], now) for name in _FROM if part.get(name) is not None)
    ends = (_before(part[name], now, ending=True) for name in _TO if part.get(name) is not None)
    return all(begun is True for begun in begins) and all(ended is False for ended in ends)


def _before(stated: object, now: datetime, *, ending: bool = False) -> bool | None:
    """Whether a date or time that is stated has come; None: it cannot be read. A last day counts to its end."""
    if not isinstance(stated, str):
        return None
    try:
        moment = datetime.fromisoformat(stated)
    except ValueError:
        return None
    if len(stated) == len("2026-01-31"):
        today = norwegian_date(now)
        return today > moment.date() if ending else today >= moment.date()
    return now >= (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
