"""The order in which critical information is shown: by danger, then newest first. Pure functions.

What is active stands before what is not. Then severity, certainty, and category by its number; the newest first among
equals. What nobody has judged stands above what is judged less serious: unknown never looks like harmless.
"""

from collections.abc import Sequence
from datetime import datetime

from kjernejournal.critical_info.v1.critical_info_pb2 import (
    CERTAINTY_CONFIRMED,
    CERTAINTY_SUSPECTED,
    CRITICALITY_HIGH,
    CRITICALITY_LOW,
    REACTION_SEVERITY_SEVERE,
    STATUS_ACTIVE,
    STATUS_EXPIRED,
    CriticalInfo,
    Reaction,
)
from services.critical_info.model import status_at
from shared.register.entry import StoredEntry

Key = tuple[int, int, int, int, float, int]

_STATUSES = {STATUS_ACTIVE: 0, STATUS_EXPIRED: 1}
_SEVERITIES = {CRITICALITY_HIGH: 0, CRITICALITY_LOW: 2}
_CERTAINTIES = {CERTAINTY_CONFIRMED: 0, CERTAINTY_SUSPECTED: 2}
_ANAPHYLAXIS = ("anafyla", "anaphyla")


def by_danger(entries: Sequence[StoredEntry], now: datetime) -> list[StoredEntry]:
    """Returns the entries, the most dangerous first."""
    return sorted(entries, key=lambda stored: key(stored, now))


def key(stored: StoredEntry, now: datetime) -> Key:
    """Returns what an entry is ordered by, as it stands at `now`: the lower, the more dangerous."""
    entry = CriticalInfo.FromString(stored.content)
    severity, certainty = 1, 0  # of what is no reaction nobody judges the severity, and it is no suspicion
    if entry.HasField("reaction"):
        severity, certainty = _severity(entry.reaction), _CERTAINTIES.get(entry.reaction.certainty, 1)
    return (
        _STATUSES.get(status_at(entry, now), 2),
        severity,
        certainty,
        entry.category,
        -stored.effective_at.timestamp(),
        -int(stored.id.replace("-", ""), 16),
    )


def _severity(reaction: Reaction) -> int:
    """Returns how severe a reaction is: a worst one that was severe counts, whatever is said of the next one."""
    if reaction.severity == REACTION_SEVERITY_SEVERE:
        return 0
    if any(word in text.lower() for text in _words(reaction) for word in _ANAPHYLAXIS):
        return 0
    return _SEVERITIES.get(reaction.criticality, 1)


def _words(reaction: Reaction) -> list[str]:
    found = []
    for manifestation in reaction.manifestations:
        found.append(manifestation.text)
        found += [coding.display for coding in manifestation.codings]
    return found
