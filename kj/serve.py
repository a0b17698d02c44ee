"""`kj serve`: runs one process in this environment, as a container runs it."""

import os
import sys
from typing import Annotated

import typer

from kj.errors import CommandError
from kj.local.programs import GATEWAY, SERVICES, WITNESS


def serve(service: Annotated[str, typer.Argument(help=f"{', '.join(SERVICES)}, {WITNESS} or {GATEWAY}")]) -> None:
    """Run one service, or the gateway, with the KJ_* settings of this environment."""
    if service not in {*SERVICES, WITNESS, GATEWAY}:
        raise CommandError(
            f"There is no service {service}.", f"Services: {', '.join(SERVICES)}, {WITNESS}, and {GATEWAY}."
        )
    module = GATEWAY if service == GATEWAY else f"services.{service}"
    # In place of this process: signals reach the service itself, and the command line's memory is given back.
    os.execv(sys.executable, [sys.executable, "-m", module])  # noqa: S606 -- no shell is wanted
