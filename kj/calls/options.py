"""The options that say which gateway a command calls, and the gateway that they name."""

from pathlib import Path
from typing import Annotated

import typer

from kj.calls.gateway import Gateway
from kj.calls.local_gateway import local_gateway
from kj.calls.remote_gateway import remote_gateway
from kj.errors import CommandError
from kj.local.local_system import LocalSystem
from kj.local.programs import SERVICES

FED = tuple(service for service in SERVICES if service != "audit")
"""The registers that a feed can fill, each by a client of its own."""

GatewayOption = Annotated[
    str | None,
    typer.Option("--gateway", metavar="HOST:PORT", help="Another gateway than the local system's; --token-file too."),
]
CaOption = Annotated[
    Path | None,
    typer.Option("--ca", help="PEM of who signed that gateway's certificate. Default: this machine's authorities."),
]
TokenFileOption = Annotated[
    list[str] | None,
    typer.Option(
        "--token-file", metavar="FILE", help="For --gateway: holds the caller's token. Read again when it changes."
    ),
]
FeedTokenFileOption = Annotated[
    list[str] | None,
    typer.Option(
        "--token-file",
        metavar="[REGISTER=]FILE",
        help="For --gateway: holds the feed's token, for all registers or for one; several times. Read again when it "
        "changes.",
    ),
]


def open_gateway(data_dir: Path, gateway: str | None, ca: Path | None, token_files: list[str] | None) -> Gateway:
    """Returns the gateway that the options name: the local system's, unless `gateway` says otherwise.

    Raises CommandError when nothing runs on `data_dir`, or the options do not go together.
    """
    if gateway is not None:
        return remote_gateway(gateway, ca, token_files or [], FED)
    if ca is not None or token_files:
        raise CommandError(
            "--ca and --token-file are for another gateway than the local one, whose issuer makes its tokens.",
            "Name it with --gateway HOST:PORT.",
        )
    return local_gateway(LocalSystem.open(data_dir))
