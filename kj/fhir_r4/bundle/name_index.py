"""An index of names and their positions in a few bytes each: a bundle may have hundreds of thousands."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class NameIndex:
    """Positions by name. Names are kept as 64 bits of a keyed hash: whoever looks one up compares the name itself."""

    def __init__(self) -> None:
        self._hashes = array("q")
        self._positions = array("I")
        self._sorted = True

    def add(self, name: str, position: int) -> None:
        """Notes that the name stands there."""
        self._hashes.append(hash(name))
        self._positions.append(position)
        self._sorted = False

    def find(self, name: str) -> "array[int]":
        """Returns the positions where a name may stand, in order: names are kept as hashes, so the caller compares."""
        self._sort()
        wanted = hash(name)
        return self._positions[bisect_left(self._hashes, wanted) : bisect_right(self._hashes, wanted)]

    def __contains__(self, name: str) -> bool:
        return bool(self.find(name))

    def repeated(self) -> "Iterator[array[int]]":
        """Yields the positions of each name that stands more than once."""
        self._sort()
        start = 0
        for at in range(1, len(self._hashes) + 1):
            if at == len(self._hashes) or self._hashes[at] != self._hashes[start]:
                if at - start > 1:
                    yield self._positions[start:at]
                start = at

    def _sort(self) -> None:
        if self._sorted:
            return
        order = sorted(range(len(self._hashes)), key=self._hashes.__getitem__)  # stable: positions stay in order
        self._hashes = array("q", map(self._hashes.__getitem__, order))
        self._positions = array("I", map(self._positions.__getitem__, order))
        self._sorted = True
