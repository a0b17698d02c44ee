"""What our fields had no room for, counted: each place of a file once, however often it is read."""

from collections import Counter

_MOST_PLACES = 100_000
"""Places that are remembered; a bomb may have more, and they are counted each time."""


class Cuts(Counter[str]):
    """What was cut or left out, by what it is."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[int] = set()

    def once(self, path: str, name: str, number: int = 1) -> None:
        """Counts what was cut at a place, unless it has been counted for that place."""
        place = hash((path, name))
        if number <= 0 or place in self._seen:
            return
        if len(self._seen) < _MOST_PLACES:
            self._seen.add(place)
        self[name] += number
