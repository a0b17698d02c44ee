"""What a command tells a person when it cannot go on."""


class CommandError(Exception):
    """Ends a command with exit code 1: one line that says what happened, one that says what to do next."""

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step
