"""`kj check NATIONAL_ID`: checks medicines against what is known of the patient, as a prescriber's system would ask."""

import asyncio
import sys
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson
from rich.console import Console

from kj.calls.call import call
from kj.calls.options import CaOption, GatewayOption, TokenFileOption, open_gateway
from kj.local.data_directory import DEFAULT, DataDirOption
from kj.show import alert_lines
from kjernejournal.common.v1.common_pb2 import Coding, PatientIdentifier
from kjernejournal.medications.v1.medications_pb2 import CheckMedicationRequest, CheckMedicationResponse, Medication
from shared.codes import atc as atc_codes

PATH = "/kjernejournal.medications.v1.MedicationsService/CheckMedication"


def check(
    national_id: Annotated[str, typer.Argument(help="The patient.", metavar="NATIONAL_ID")],
    atc: Annotated[
        list[str] | None,
        typer.Option("--atc", help="ATC code of a medicine to check; several times. Default: those the patient has."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The reply as it came.")] = False,
    basis: Annotated[
        str | None,
        typer.Option(help="SAMTYKKE, AKUTT, UNNTAK, FORHOYET_... Default: the usual one; none for --gateway."),
    ] = None,
    kind: Annotated[str | None, typer.Option("--as", help="Who asks: doctor, nurse, ... Default: a doctor.")] = None,
    service: Annotated[str | None, typer.Option(help="Where personnel work: gp, hospital, home-care, ...")] = None,
    as_text: Annotated[bool, typer.Option("--text", help="For a person, in a pipe too.")] = False,
    data_dir: DataDirOption = DEFAULT,
    gateway: GatewayOption = None,
    ca: CaOption = None,
    token_file: TokenFileOption = None,
) -> None:
    """Check medicines against a patient's allergies, medicines and conditions, and show what was not checked."""
    asked = open_gateway(data_dir, gateway, ca, token_file)
    caller = asked.credentials.person(kind, usual="doctor", service=service, patient=national_id)
    codes = [code.strip().upper() for code in atc or ()]
    request = CheckMedicationRequest(
        patient=PatientIdentifier(national_id=national_id),
        candidates=[Medication(atc=Coding(system=atc_codes.SYSTEM, code=code, display=code)) for code in codes],
    )
    answered = asyncio.run(
        call(
            asked,
            PATH,
            request,
            CheckMedicationResponse,
            token=caller.token,
            basis=caller.usual_basis if basis is None else basis,
        )
    )
    reply: CheckMedicationResponse = answered.reply
    if as_json or not (as_text or sys.stdout.isatty()):
        print(MessageToJson(reply, preserving_proto_field_name=True, ensure_ascii=False))
        return
    alert_lines.show(reply, Console())
    print(f"\n  sporing       {asked.trace(answered.trace_id)}")
    print(f"  innsynslogg   oppføring {answered.audit_index}")
