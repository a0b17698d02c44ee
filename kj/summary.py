"""`kj summary NATIONAL_ID`: shows the summary care record, as a clinician's system would ask for it."""

import asyncio
import sys
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson

from kj.calls.call import call
from kj.calls.options import CaOption, GatewayOption, TokenFileOption, open_gateway
from kj.local.data_directory import DEFAULT, DataDirOption
from kj.show.summary_text import render
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryRequest, GetPatientSummaryResponse

PATH = "/kjernejournal.summary.v1.SummaryService/GetPatientSummary"


def summary(
    national_id: Annotated[str, typer.Argument(help="The patient.", metavar="NATIONAL_ID")],
    as_json: Annotated[bool, typer.Option("--json", help="The reply as it came.")] = False,
    basis: Annotated[
        str | None,
        typer.Option(
            help="SAMTYKKE, AKUTT, UNNTAK, FORHOYET_SAMTYKKE, FORHOYET_AKUTT. Default: the usual one; --gateway: none."
        ),
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--as", help="Who asks: doctor, nurse, vernepleier, citizen, ... Default: a doctor.")
    ] = None,
    service: Annotated[str | None, typer.Option(help="Where personnel work: gp, hospital, home-care, ...")] = None,
    as_text: Annotated[bool, typer.Option("--text", help="For a person, in a pipe too.")] = False,
    data_dir: DataDirOption = DEFAULT,
    gateway: GatewayOption = None,
    ca: CaOption = None,
    token_file: TokenFileOption = None,
) -> None:
    """Show a patient's summary, what is missing from it, and where its trace and access log record are."""
    asked = open_gateway(data_dir, gateway, ca, token_file)
    caller = asked.credentials.person(kind, usual="doctor", service=service, patient=national_id)
    answered = asyncio.run(
        call(
            asked,
            PATH,
            GetPatientSummaryRequest(patient=PatientIdentifier(national_id=national_id)),
            GetPatientSummaryResponse,
            token=caller.token,
            basis=caller.usual_basis if basis is None else basis,
        )
    )
    if as_json or not (as_text or sys.stdout.isatty()):
        print(MessageToJson(answered.reply, preserving_proto_field_name=True, ensure_ascii=False))
    else:
        render(answered.reply)
        print(f"\n  sporing       {asked.trace(answered.trace_id)}")
        print(f"  innsynslogg   oppføring {answered.audit_index}, innsyn {answered.reply.access_id}")
