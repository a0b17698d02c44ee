"""Says that a command is for the local system alone. Light to import: such a command calls no gateway."""

from typing import Annotated

import typer

from kj.errors import CommandError

LocalAlone = Annotated[str | None, typer.Option("--gateway", hidden=True)]
"""On a command of the local system alone, so that it can say why there is none."""


def refuse_gateway(gateway: str | None, why: str, next_step: str) -> None:
    """Raises CommandError when a gateway is named for what the local system alone can do."""
    if gateway is not None:
        raise CommandError(why, next_step)
