"""`kj knowledge`: shows the drug knowledge in force; `kj knowledge load FILE`: loads another version of it, from a
table or with the interactions of FEST."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import grpc
import typer
from google.protobuf.json_format import MessageToJson

from kj.calls.call import Answered, call, error_info, refusal
from kj.calls.gateway import Gateway
from kj.calls.local_alone import refuse_gateway
from kj.calls.local_gateway import local_gateway
from kj.calls.options import CaOption, FeedTokenFileOption, GatewayOption, open_gateway
from kj.errors import CommandError
from kj.feeds import fest_interactions
from kj.feeds.knowledge_table import SHIPPED, TableError, read
from kj.local.data_directory import DEFAULT, DataDirOption
from kj.local.local_system import LocalSystem
from kjernejournal.medications.v1.knowledge_pb2 import (
    DrugKnowledge,
    GetDrugKnowledgeRequest,
    GetDrugKnowledgeResponse,
    ImportDrugKnowledgeRequest,
    ImportDrugKnowledgeResponse,
)

_SERVICE = "/kjernejournal.medications.v1.DrugKnowledgeService"
_SECONDS = 5.0


def knowledge(
    action: Annotated[str, typer.Argument(help="load, or nothing to show what is in force.", metavar="[load]")] = "",
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A table (kj/feeds/knowledge_table.py), or FEST in XML (M30), whose interactions are added to the "
            "table that comes along. Default: that table alone."
        ),
    ] = None,
    if_none: Annotated[
        bool, typer.Option("--if-none", help="Load only where there is none; say it where this release brings another.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, row by row.")] = False,
    data_dir: DataDirOption = DEFAULT,
    gateway: GatewayOption = None,
    ca: CaOption = None,
    token_file: FeedTokenFileOption = None,
) -> None:
    """Show the drug knowledge that medicines are checked against, or load another version.

    To show it, and --if-none, is for the local system alone: no gateway hands its knowledge out.
    """
    if action not in ("", "load"):
        raise CommandError(f"{action} is nothing to do with knowledge.", "kj knowledge, or: kj knowledge load FILE")
    in_force = None
    if if_none or not action:
        refuse_gateway(
            gateway,
            "The drug knowledge in force is shown of the local system alone: no gateway hands it out.",
            "Load some with: kj knowledge load FILE --gateway HOST:PORT",
        )
        in_force = asyncio.run(_in_force(LocalSystem.open(data_dir)))
    if action == "load" and in_force is not None:
        say_if_other(in_force.knowledge.knowledge_version, read(SHIPPED).knowledge_version)
    elif action == "load":
        _load(open_gateway(data_dir, gateway, ca, token_file), file or SHIPPED)
    elif in_force is None:
        raise CommandError("No drug knowledge was loaded.", "Load some with: kj knowledge load")
    else:
        _show(in_force, as_json=as_json or not sys.stdout.isatty())


def say_if_other(in_force: str, shipped: str) -> None:
    """Says that this release brings other knowledge: what is in force may be an operator's own, and is left alone."""
    if not in_force.startswith(shipped):
        print(f"Drug knowledge {in_force} is in force; this release brings {shipped}. To use it: kj knowledge load")


def _load(gateway: Gateway, file: Path) -> None:
    try:
        table = _with_fest(file) if _is_xml(file) else read(file)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}.") from None
    except TableError as error:
        raise CommandError(f"{file}: {error}.", "Its columns are described in kj/feeds/knowledge_table.py.") from None
    answered = asyncio.run(_import(gateway, table))
    loaded: ImportDrugKnowledgeResponse = answered.reply
    if loaded.unchanged:
        print(f"Drug knowledge {loaded.knowledge_version} is in force already: {loaded.rows} rows")
    else:
        before = f", {loaded.knowledge_version_before} before" if loaded.knowledge_version_before else ""
        print(f"Drug knowledge {loaded.knowledge_version} is in force: {loaded.rows} rows{before}")


def _is_xml(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(200).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _with_fest(file: Path) -> DrugKnowledge:
    """Returns the table that comes along with FEST's interactions beside its own, and says what FEST left out."""
    table, fest = read(SHIPPED), fest_interactions.read(file)
    day = "".join(each for each in fest.fetched[:10] if each.isdigit()) or "undated"
    table.knowledge_version = f"{table.knowledge_version}-fest-{day}"
    table.description = (
        f"The table that comes along, and the interactions of FEST, fetched {fest.fetched or 'some day'}."
    )
    table.interactions.extend(fest.rows)
    print(f"FEST: {len(fest.rows)} rows of interactions")
    for why, count in sorted(fest.left_out.items()):
        print(f"  left out: {count} {why}")
    return table


async def _import(gateway: Gateway, table: DrugKnowledge) -> Answered:
    return await call(
        gateway,
        f"{_SERVICE}/ImportDrugKnowledge",
        ImportDrugKnowledgeRequest(request_id=str(uuid4()), knowledge=table),
        ImportDrugKnowledgeResponse,
        token=gateway.credentials.feed("medications", "knowledge"),
    )


async def _in_force(system: LocalSystem) -> GetDrugKnowledgeResponse | None:
    """Returns what the medications service gives to the gateway alone; None: none was loaded."""
    async with grpc.aio.insecure_channel(system.service_address("medications")) as channel:
        method: Any = channel.unary_unary(
            f"{_SERVICE}/GetDrugKnowledge", response_deserializer=GetDrugKnowledgeResponse.FromString
        )
        try:
            reply: GetDrugKnowledgeResponse = await method(
                GetDrugKnowledgeRequest().SerializeToString(), timeout=_SECONDS
            )
        except grpc.aio.AioRpcError as error:
            if error_info(error) and error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise refusal(error, local_gateway(system)) from None
        return reply


def _show(in_force: GetDrugKnowledgeResponse, *, as_json: bool) -> None:
    table = in_force.knowledge
    if as_json:
        print(MessageToJson(in_force, preserving_proto_field_name=True, ensure_ascii=False))
        return
    print(f"Drug knowledge {table.knowledge_version}, loaded {in_force.loaded_at.ToDatetime():%Y-%m-%d %H:%M} UTC")
    for rows, what in (
        (table.interactions, "interactions"),
        (table.cross_reactions, "allergies that reach further"),
        (table.condition_conflicts, "conditions that do not go with a medicine"),
        (table.therapeutic_groups, "groups of which one is enough"),
        (table.substances, "codes and names of substances"),
    ):
        print(f"  {len(rows):6} {what}")
