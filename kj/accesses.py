"""`kj accesses NATIONAL_ID`: lists who has opened or changed a record, as the patient sees it."""

import asyncio
import json
import sys
from datetime import datetime
from typing import Annotated

import grpc
import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.text import Text

from kj.calls.call import SECONDS, refusal
from kj.calls.gateway import Gateway
from kj.calls.options import CaOption, GatewayOption, TokenFileOption, open_gateway
from kj.errors import CommandError
from kj.local.data_directory import DEFAULT, DataDirOption
from kj.show import columns
from kj.show.access_table import rows
from kjernejournal.audit.v1.audit_pb2 import ListAccessesRequest, ListAccessesResponse
from kjernejournal.common.v1.common_pb2 import PatientIdentifier

READERS = ("citizen", "auditor", "steward")
LARGEST_PAGE = 500

_PATH = "/kjernejournal.audit.v1.AuditService/ListAccesses"


def accesses(
    national_id: Annotated[str, typer.Argument(metavar="NATIONAL_ID", help="The patient.")],
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Local time.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The most accesses to show, the newest first.")] = 100,
    reader: Annotated[
        str | None, typer.Option("--as", help=f"Who reads: {', '.join(READERS)}. Default: a citizen.")
    ] = None,
    entries: Annotated[bool, typer.Option("--entries", help="Name every entry and document.")] = False,
    data_dir: DataDirOption = DEFAULT,
    gateway: GatewayOption = None,
    ca: CaOption = None,
    token_file: TokenFileOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The reply of ListAccesses as JSON.")] = False,
) -> None:
    """List who opened a record, when, on what basis, and exactly what they saw. Reading it is itself on record."""
    if reader is not None and reader not in READERS:
        raise CommandError(f"{reader} does not read the access log.", f"Readers: {', '.join(READERS)}.")
    asked = open_gateway(data_dir, gateway, ca, token_file)
    caller = asked.credentials.person(reader, usual="citizen", patient=national_id)
    response = asyncio.run(read(asked, caller.token, national_id, since=since, limit=limit))
    if as_json or not sys.stdout.isatty():
        print(json.dumps(MessageToDict(response, preserving_proto_field_name=True), indent=2, ensure_ascii=False))
        return
    console = Console()
    if not response.accesses:
        console.print("Ingen har åpnet journalen" + (" siden da." if since else "."))
        return
    columns.show(list(rows(response.accesses, entries=entries)), console)
    if response.window.older_exist:
        shown = f"{response.window.returned} av {response.window.total} innsyn vises: det finnes eldre"
        console.print(Text(shown, style="dim"))


async def read(
    gateway: Gateway, token: str, national_id: str, *, since: datetime | None = None, limit: int = 100
) -> ListAccessesResponse:
    """Returns the newest `limit` accesses, with a window that counts them all. Raises CommandError for any refusal.

    `since` without a time zone is local time.
    """
    request = ListAccessesRequest(patient=PatientIdentifier(national_id=national_id))
    if since is not None:
        moment = Timestamp()
        moment.FromDatetime(since.astimezone())
        request.since.CopyFrom(moment)
    whole = ListAccessesResponse()
    async with gateway.channel() as channel:
        call = channel.unary_unary(
            _PATH,
            request_serializer=ListAccessesRequest.SerializeToString,
            response_deserializer=ListAccessesResponse.FromString,
        )
        metadata = (("authorization", f"Bearer {token}"), ("source-system", "kj accesses"))
        while len(whole.accesses) < limit:
            request.page_size = min(limit - len(whole.accesses), LARGEST_PAGE)
            try:
                page = await call(request, timeout=SECONDS, metadata=metadata)
            except grpc.aio.AioRpcError as error:
                raise refusal(error, gateway) from None
            whole.accesses.extend(page.accesses)
            if not whole.HasField("window"):
                # Of the first page: each page that is read adds one more access, the reading itself.
                whole.window.CopyFrom(page.window)
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
    whole.window.returned = len(whole.accesses)
    whole.window.older_exist = whole.window.total > len(whole.accesses)
    return whole
