"""`kj audit verify`, `kj audit prove INDEX`, `kj audit export DIRECTORY`, `kj audit new-key NAME`: the log's proofs."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from kj.audit.database import open_log
from kj.audit.export import export
from kj.audit.keys import Keys, local_keys, new_key, parsed_keys, read_known
from kj.audit.prove import prove
from kj.audit.verification import Finding
from kj.audit.verify import findings
from kj.calls.options import CaOption, GatewayOption, TokenFileOption, open_gateway
from kj.errors import CommandError
from kj.local.data_directory import DEFAULT, DataDirOption
from kj.local.local_system import LocalSystem

MOST_SHOWN = 20


def audit(
    action: Annotated[str, typer.Argument(metavar="verify|prove|export|new-key", help="What to do.")],
    what: Annotated[
        str, typer.Argument(help="prove: the record's index. export: a directory. new-key: a name for the key.")
    ] = "",
    database: Annotated[
        str | None,
        typer.Option(
            envvar="KJ_DATABASE_URL", help="The log's database. Default: the local system's.", show_envvar=True
        ),
    ] = None,
    log_key: Annotated[str, typer.Option(help="Public key of the log: name+id+key. Default: the local one.")] = "",
    witness_key: Annotated[list[str] | None, typer.Option(help="Public key of a witness.")] = None,
    known: Annotated[
        list[Path] | None,
        typer.Option(help="A file with a checkpoint that the log must hold: a witness's, or one kept."),
    ] = None,
    witness: Annotated[bool, typer.Option("--witness", help="new-key: for a witness, not for a log.")] = False,
    data_dir: DataDirOption = DEFAULT,
    gateway: GatewayOption = None,
    ca: CaOption = None,
    token_file: TokenFileOption = None,
) -> None:
    """Verify the whole access log, prove one record, export the log for strangers, or make a key for a log."""
    if action == "new-key":
        line, public = new_key(what, of_witness=witness)
        print(f"Public key: {public}", file=sys.stderr)
        print(line, end="")
        return
    keys = parsed_keys(log_key, witness_key or []) if log_key else local_keys(LocalSystem.open(data_dir))
    if action == "prove":
        asyncio.run(prove(open_gateway(data_dir, gateway, ca, token_file), keys, what))
        return
    if action not in ("verify", "export"):
        raise CommandError(
            f"{action} is nothing to do with the log.", "verify, prove INDEX, export DIRECTORY, new-key NAME"
        )
    url = database or LocalSystem.open(data_dir).database_url("audit")
    if action == "export":
        asyncio.run(_export(url, Path(what or ".")))
        return
    found = asyncio.run(_verify(url, keys, known or []))
    if found:
        raise typer.Exit(1)


async def _verify(url: str, keys: Keys, known: list[Path]) -> list[Finding]:
    """Prints what was verified, or the first findings; returns all."""
    elsewhere = [*keys.known, *(read_known(path, keys) for path in known)]
    found: list[Finding] = []
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        async with open_log(url) as log:
            size = await log.size()
            task = progress.add_task("Verifying", total=size)
            async for each in findings(
                log,
                keys.log,
                witnesses=keys.witnesses,
                known=elsewhere,
                progress=lambda done: progress.update(task, completed=done),
            ):
                found.append(each)
                if len(found) <= MOST_SHOWN:
                    print(f"{each.record}: {each.what}")
    if len(found) > MOST_SHOWN:
        print(f"and {len(found) - MOST_SHOWN} more")
    if not found:
        print(f"{size} records are as they were signed")
    return found


async def _export(url: str, directory: Path) -> None:
    async with open_log(url) as log:
        signed = await export(log, directory)
    print(f"{signed.size} entries in {directory}: verify them with kj/audit/stranger.py")
