"""Ends a command that cannot go on, with what a person can do about it."""


class CommandError(Exception):
    """Ends a command with exit code 1: one line that says what happened, one that says what to do next."""

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step
