"""The errors of mapping: a file is refused, this machine has no room for it, a resource has no place."""


class Refused(Exception):
    """The whole file is refused. `path` says where in it, `reason` why; neither holds a value of the file."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason


class BadField(Refused):
    """A field cannot be what it says it is. Its resource has no place; nor has a file whose bundle has it."""


class Skipped(Exception):
    """The file holds nothing of any patient. `counts` says what it does hold, by resource type."""

    def __init__(self, reason: str, counts: dict[str, int]) -> None:
        super().__init__(reason)
        self.counts = counts


class Failed(Exception):
    """The file may be right, and this machine could not take it. Nothing of it was sent."""


class NotPlaced(Exception):
    """One resource has no place in a register; the others of its file have theirs. The text is the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
