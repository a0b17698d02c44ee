"""Limits how many patients' status an organisation may ask for in a minute: nothing is put on record of it."""

import time
from collections.abc import Mapping

from shared.errors import Overloaded, Reason


class Quota:
    """Patients that an organisation may ask about in a minute, by all status rpcs together."""

    def __init__(self, a_minute: int, by_organisation: Mapping[str, int] | None = None) -> None:
        """Takes `a_minute` for organisations without a number of their own."""
        self._a_minute = a_minute
        self._by_organisation = by_organisation or {}
        self._minute = 0
        self._used: dict[str, int] = {}

    def take(self, organisation: str, patients: int) -> None:
        """Counts these patients. Raises Overloaded (QUOTA_EXCEEDED), which says when the next minute begins."""
        now = time.time()
        minute = int(now // 60)
        if minute != self._minute:
            self._minute, self._used = minute, {}
        used = self._used.get(organisation, 0) + patients
        most = self._by_organisation.get(organisation, self._a_minute)
        if used > most:
            text = "the organisation's quota of this minute is used up"
            if patients > most:  # no minute to come takes so many
                text = f"the organisation's quota is {most} patients a minute: ask about fewer at a time"
            raise Overloaded(Reason.ERROR_REASON_QUOTA_EXCEEDED, text, retry_ms=int((60 - now % 60) * 1000) + 1)
        self._used[organisation] = used
