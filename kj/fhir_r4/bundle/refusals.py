"""The errors of mapping: a file is refused, this machine has no room for it, a resource has no place."""


class Refused(Exception):
    """The whole file is refused. `path` says where in it, `reason` why; neither holds a value of the file."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason


class Failed(Exception):
    """The file may be right, and this machine could not take it. Nothing of it was sent."""


class NotPlaced(Exception):
    """One resource has no place in a register; the others of its file have theirs. The text is the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
