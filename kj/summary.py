"""`kj summary NATIONAL_ID`: the summary care record, as a clinician's system would ask for it."""

import asyncio
import sys
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson

from kj.local.calling import Answered, call
from kj.local.data_directory import DEFAULT, DataDirOption
from kj.local.running import LocalSystem
from kj.show.summary_text import render
from kj.token import mint_for
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryRequest, GetPatientSummaryResponse

PATH = "/kjernejournal.summary.v1.SummaryService/GetPatientSummary"

USUAL_BASIS = {"citizen": "", "doctor": "UNNTAK"}
"""What each kind of caller would ordinarily say; home care and nursing homes ask for consent."""


def summary(
    national_id: Annotated[str, typer.Argument(help="The patient.", metavar="NATIONAL_ID")],
    as_json: Annotated[bool, typer.Option("--json", help="The reply as it came.")] = False,
    basis: Annotated[
        str | None,
        typer.Option(help="SAMTYKKE, AKUTT, UNNTAK, FORHOYET_SAMTYKKE, FORHOYET_AKUTT. Default: the usual one."),
    ] = None,
    kind: Annotated[str, typer.Option("--as", help="Who asks: doctor, nurse, vernepleier, citizen, ...")] = "doctor",
    service: Annotated[str | None, typer.Option(help="Where personnel work: gp, hospital, home-care, ...")] = None,
    as_text: Annotated[bool, typer.Option("--text", help="For a person, in a pipe too.")] = False,
    data_dir: DataDirOption = DEFAULT,
) -> None:
    """Show a patient's summary, what is missing from it, and where its trace and access log record are."""
    system = LocalSystem.open(data_dir)
    patient = national_id if kind == "citizen" else None
    token = mint_for(kind, system.issuer_directory, national_id=patient, service=service)
    answered = asyncio.run(
        call(
            system,
            PATH,
            GetPatientSummaryRequest(patient=PatientIdentifier(national_id=national_id)),
            GetPatientSummaryResponse,
            token=token,
            basis=USUAL_BASIS.get(kind, "SAMTYKKE") if basis is None else basis,
        )
    )
    if as_json or not (as_text or sys.stdout.isatty()):
        print(MessageToJson(answered.reply, preserving_proto_field_name=True, ensure_ascii=False))
    else:
        _show(answered)


def _show(answered: Answered) -> None:
    render(answered.reply)
    print(f"\n  trace         kj trace {answered.trace_id}")
    print(f"  access log    record {answered.audit_index}, access {answered.reply.access_id}")
