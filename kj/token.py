"""`kj token KIND`: prints a token of the local issuer, as the national one would issue it."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from kj.errors import CommandError
from kj.local.clients import EHR, PREFIX, ROWS
from kj.local.data_directory import DEFAULT, DataDirectory, DataDirOption
from kj.local.issuer import mint
from kj.local.proofs import proof, proof_key
from kj.synthetic.people.cast import MUNICIPALITY, PEOPLE, PLACES, REGISTERS, Person, Place
from shared.codes import helseid as names
from shared.codes.identifiers import FODSELSNUMMER, HPR, ORGANISATION_NUMBER
from shared.codes.personnel import PERSONNEL, ROLE_SYSTEM, ServiceKind
from shared.errors import Invalid
from shared.national_id import parse, valid_hpr_number, valid_organisation_number

KINDS = (*PEOPLE, "system")
PROOF = "proof"
SERVICES = tuple(kind.name.lower().replace("_", "-") for kind in ServiceKind)


def token(
    kind: Annotated[
        str, typer.Argument(help=f"Who is calling: {', '.join(KINDS)}. Or proof: of one call.", metavar="KIND")
    ],
    org: Annotated[str | None, typer.Option("--org", help="Organisation number of the caller's unit.")] = None,
    service: Annotated[
        str | None, typer.Option("--service", help=f"Where personnel work: {', '.join(SERVICES)}.")
    ] = None,
    hpr: Annotated[str | None, typer.Option("--hpr", help="HPR number of personnel.")] = None,
    national_id: Annotated[str | None, typer.Option("--national-id", help="The caller's own national id.")] = None,
    client: Annotated[
        str | None, typer.Option("--client", help=f"Which machine, of a system: {', '.join(ROWS)}. Default: {EHR}.")
    ] = None,
    minutes: Annotated[float, typer.Option("--minutes", help="How long it is valid; attests end after 60.")] = 60,
    dpop: Annotated[
        Path | None, typer.Option("--dpop", help="File of the key that the token is bound to; made if it is not there.")
    ] = None,
    bound: Annotated[str | None, typer.Option("--token", help="Of a proof: the token that it goes with.")] = None,
    uri: Annotated[
        str | None, typer.Option("--uri", help="Of a proof: the call, http://HOST:PORT/package.Service/Method.")
    ] = None,
    data_dir: DataDirOption = DEFAULT,
) -> None:
    """Print a token of the local issuer. A steward is the data controller's auditor.

    A system is one of the local table of clients, .kj/issuer/clients.json: each may do what it is registered for.
    """
    if kind == PROOF:
        if not (dpop and bound and uri):
            raise CommandError("A proof needs --dpop, --token and --uri.")
        print(proof(proof_key(dpop), bound, uri))
        return
    if bound or uri:
        raise CommandError("--token and --uri are for a proof.", "kj token proof")
    directory = DataDirectory.at(data_dir).issuer
    who = {"org": org, "service": service, "hpr": hpr, "national_id": national_id, "client": client}
    thumbprint = proof_key(dpop).thumbprint() if dpop else ""
    print(mint_for(kind, directory, minutes=minutes, thumbprint=thumbprint, **who))


def mint_for(
    kind: str,
    directory: Path,
    *,
    org: str | None = None,
    service: str | None = None,
    hpr: str | None = None,
    national_id: str | None = None,
    client: str | None = None,
    minutes: float = 60,
    thumbprint: str = "",
) -> str:
    """Returns a token of this kind from the issuer in `directory`, bound to the key of this thumbprint if there is one;
    what is not given is invented.

    `service` is a name of ServiceKind, such as `home-care`. Raises CommandError for options that do not fit the kind.
    """
    _check(org, hpr, national_id)
    bound: dict[str, Any] = {"cnf": {"jkt": thumbprint}} if thumbprint else {}
    if kind == "system":
        if service or hpr or national_id:
            raise CommandError("A system has an organisation alone.", "Leave --service, --hpr and --national-id out.")
        return mint(directory, bound | system_claims(org or REGISTERS, client or EHR), minutes=minutes)
    if client:
        raise CommandError(f"--client is for systems, not for {kind}.")
    if kind not in PEOPLE:
        raise CommandError(f"{kind} is no kind of caller.", f"Kinds: {', '.join(KINDS)}.")
    person = PEOPLE[kind]
    pid = national_id or person.national_id
    if not person.role:
        if service or hpr:
            raise CommandError(f"--service and --hpr are for health personnel, not for {kind}.")
        return mint(directory, bound | _lay_claims(kind, person, pid, org), minutes=minutes)
    place = PLACES[_service(service) if service else person.service]
    return mint(directory, bound | clinician_claims(person, place, pid, hpr=hpr, org=org), minutes=minutes)


def system_claims(org: str, client: str) -> dict[str, Any]:
    """Returns the claims of a machine: client credentials, no person. Raises CommandError for one that is not in the
    local table."""
    if client not in ROWS:
        raise CommandError(f"{client} is no client of the local issuer.", f"Clients: {', '.join(ROWS)}.")
    return {
        "scope": names.SCOPE_SYSTEM,
        names.CLIENT_ID: PREFIX + client,
        names.CLIENT_NAME: f"Local {client}",
        names.ORGNR_PARENT: org,
    }


def clinician_claims(
    person: Person, place: Place, national_id: str, *, hpr: str | None = None, org: str | None = None
) -> dict[str, Any]:
    """Returns the claims of health personnel at a place, with the trust framework's attest made now."""
    number = hpr or person.hpr_number
    unit = org or place.organisation
    practitioner = {
        "identifier": {"id": national_id, "name": person.name, "system": FODSELSNUMMER},
        "hpr_nr": {"id": number, "system": HPR},
        "authorization": {"code": person.role, "text": PERSONNEL[person.role], "system": ROLE_SYSTEM},
        "legal_entity": {"id": place.legal_entity, "system": ORGANISATION_NUMBER},
        "point_of_care": {"id": unit, "system": ORGANISATION_NUMBER} | ({} if org else {"name": place.name}),
    }
    care: dict[str, Any] = {
        "healthcare_service": {"system": place.service[0], "code": place.service[1]},
        "purpose_of_use": {"system": names.PURPOSE_OF_USE, "code": place.purpose},
        "decision_ref": {"id": "kj-local", "user_selected": True},
    }
    if place.detail:
        care["purpose_of_use_details"] = {"system": place.detail[0], "code": place.detail[1]}
    return _person_claims(person, national_id, names.SCOPE_CLINICIAN) | {
        names.HPR_NUMBER: number,
        names.HPR_DETAILS: {
            "approvals": [{"profession": person.role, "authorization": {"value": "1", "description": "Autorisasjon"}}]
        },
        names.ORGNR_PARENT: place.legal_entity,
        names.ORGNR_CHILD: unit,
        names.ATTEST: {
            "type": names.ATTEST,
            "practitioner": practitioner,
            "care_relationship": care,
            "attestation": {"toa": int(time.time())},
        },
    }


def _lay_claims(kind: str, person: Person, national_id: str, org: str | None) -> dict[str, Any]:
    if kind == "citizen":
        return _person_claims(person, national_id, names.SCOPE_CITIZEN)
    scope = names.SCOPE_AUDITOR + (f" {names.SCOPE_CONTROLLER}" if kind == "steward" else "")
    default = REGISTERS if kind == "steward" else MUNICIPALITY
    return _person_claims(person, national_id, scope) | {names.ORGNR_PARENT: org or default}


def _person_claims(person: Person, national_id: str, scope: str) -> dict[str, Any]:
    return {
        "scope": scope,
        names.CLIENT_ID: "kj-local",
        names.CLIENT_NAME: "kj",
        "name": person.name,
        names.PID: national_id,
        names.SECURITY_LEVEL: "4",
    }


def _service(name: str) -> ServiceKind:
    if name not in SERVICES:
        raise CommandError(f"{name} is no kind of service.", f"Kinds: {', '.join(SERVICES)}.")
    return ServiceKind[name.upper().replace("-", "_")]


def _check(org: str | None, hpr: str | None, national_id: str | None) -> None:
    if org is not None and not valid_organisation_number(org):
        raise CommandError("--org is no organisation number: nine digits, the last one a check digit.")
    if hpr is not None and not valid_hpr_number(hpr):
        raise CommandError("--hpr is no HPR number: one to nine digits.")
    if national_id is not None:
        try:
            parse(national_id, production=False, field="--national-id")
        except Invalid as error:
            raise CommandError(f"{error.text}.") from error
