"""Makes a Caller of the claims of a verified token. Claim names are those of HelseID and the trust framework (v1.1).

Exactly one of four scopes names the kind of caller, and the claims have to fit it:

=========  ==========================  =====================================================================
kind       scope                       claims
=========  ==========================  =====================================================================
clinician  `nhn:kjernejournal/api`     pid, hpr_number, hpr_details, orgnr_parent, the trust framework's attest
citizen    `kjernejournal/citizen`     pid, and no hpr_number
system     `kjernejournal/system`      client_id, orgnr_parent, neither pid nor hpr_number (client credentials)
auditor    `kjernejournal/auditor`     pid, orgnr_parent; the data controller's also `kjernejournal/controller`
=========  ==========================  =====================================================================

The first is Kjernejournal's own; the other three kinds have tokens of our own, so their scopes are ours.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.access.authorisations import authorisation_in_force
from gateway.access.facts import Caller, CallerKindValue
from kjernejournal.common.v1 import common_pb2
from shared.codes.helseid import (
    ATTEST,
    CLIENT_ID,
    CLIENT_NAME,
    HPR_DETAILS,
    HPR_NUMBER,
    ORGNR_CHILD,
    ORGNR_PARENT,
    PID,
    PURPOSE_OF_USE,
    SCOPE_AUDITOR,
    SCOPE_CITIZEN,
    SCOPE_CLINICIAN,
    SCOPE_CONTROLLER,
    SCOPE_SYSTEM,
    SECURITY_LEVEL,
)
from shared.codes.personnel import ROLE_SYSTEM, service_kind
from shared.errors import Invalid
from shared.national_id import parse, valid_hpr_number, valid_organisation_number
from shared.redaction import redact

ATTEST_LIFE = timedelta(minutes=60)
"""Trust framework, rule ATT-58."""

_KINDS: dict[str, CallerKindValue] = {
    SCOPE_CLINICIAN: common_pb2.CALLER_KIND_CLINICIAN,
    SCOPE_CITIZEN: common_pb2.CALLER_KIND_CITIZEN,
    SCOPE_SYSTEM: common_pb2.CALLER_KIND_SYSTEM,
    SCOPE_AUDITOR: common_pb2.CALLER_KIND_AUDITOR,
}
_PURPOSES = frozenset({"TREAT", "ETREAT", "COC", "BTG"})
"""Rules ATT-38 to ATT-41."""
_LAST_SECOND = 4_102_444_800
"""The year 2100: later times are mistakes (milliseconds, as a rule) and may not fit a datetime."""

Claims = Mapping[str, Any]


class ClaimsError(Exception):
    """The claims do not make a caller. Never shown to anybody: every such token gets the same refusal."""


@dataclass(frozen=True, slots=True)
class _Attest:
    practitioner: Claims
    care: Claims
    patients: frozenset[str]
    toa: datetime


def to_caller(claims: Claims, *, expires: datetime, now: datetime, production: bool) -> Caller:
    """Returns the caller that these claims name. Raises ClaimsError when they are incomplete or contradictory."""
    scopes = _scopes(claims)
    kinds = [kind for scope, kind in _KINDS.items() if scope in scopes]
    if len(kinds) != 1:
        raise ClaimsError("exactly one kind of caller")
    kind = kinds[0]
    pid, hpr_number = _text(claims, PID), _hpr_number(claims)
    if (kind == common_pb2.CALLER_KIND_SYSTEM) == bool(pid):
        raise ClaimsError("people have a national id, systems have none")
    if kind in {common_pb2.CALLER_KIND_SYSTEM, common_pb2.CALLER_KIND_CITIZEN} and hpr_number:
        raise ClaimsError("an HPR number in a token of another kind")
    common = Caller(
        kind=kind,
        national_id=_national_id(pid, production=production) if pid else None,
        name=_shown(claims, "name"),
        legal_entity=_organisation(claims, ORGNR_PARENT),
        organisation=_organisation(claims, ORGNR_CHILD) or _organisation(claims, ORGNR_PARENT),
        security_level=_level(claims),
        scopes=frozenset(scopes),
        controller=kind == common_pb2.CALLER_KIND_AUDITOR and SCOPE_CONTROLLER in scopes,
        expires=expires,
        source_system=_shown(claims, CLIENT_NAME),
        client_id=_text(claims, CLIENT_ID),
    )
    if kind != common_pb2.CALLER_KIND_CITIZEN and not common.legal_entity:
        raise ClaimsError("no organisation")
    return _clinician(claims, common, hpr_number, now) if kind == common_pb2.CALLER_KIND_CLINICIAN else common


def numeric_date(claims: Claims, name: str) -> datetime:
    """Returns a time of RFC 7519, which has to be there, between 1970 and 2100. Raises ClaimsError."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ClaimsError("a time is missing")
    if not 0 < value < _LAST_SECOND:  # nor is NaN between them
        raise ClaimsError("an impossible time")
    return datetime.fromtimestamp(value, UTC)


def _clinician(claims: Claims, common: Caller, hpr_number: str, now: datetime) -> Caller:
    if not hpr_number:
        raise ClaimsError("no HPR number")
    attest = _attest(claims)
    practitioner, care = attest.practitioner, attest.care
    # The attest must speak of the business and the person that the token was issued to.
    if _text(_part(practitioner, "identifier"), "id") != common.national_id:
        raise ClaimsError("the attest is another person's, or nobody's")
    if _text(_part(practitioner, "legal_entity"), "id") != common.legal_entity:
        raise ClaimsError("the attest is another legal entity's, or nobody's")
    point_of_care = _part(practitioner, "point_of_care")
    attested_unit = _text(point_of_care, "id")
    if _text(claims, ORGNR_CHILD) and attested_unit != common.organisation:
        raise ClaimsError("the attest is another unit's")
    if not valid_organisation_number(attested_unit):
        raise ClaimsError("no organisation number")
    attested_hpr = _text(_part(practitioner, "hpr_nr"), "id")
    if attested_hpr and attested_hpr != hpr_number:
        raise ClaimsError("the attest is another person's")
    authorisations = _authorisations(claims, now)
    service, detail = _part(care, "healthcare_service"), _part(care, "purpose_of_use_details")
    expires = attest.toa + ATTEST_LIFE
    return Caller(
        kind=common.kind,
        national_id=common.national_id,
        hpr_number=hpr_number,
        name=_shown(_part(practitioner, "identifier"), "name") or common.name,
        role=_role(practitioner, authorisations),
        authorisations=authorisations,
        organisation=attested_unit,
        organisation_name=_shown(point_of_care, "name"),
        legal_entity=common.legal_entity,
        department=_shown(_part(practitioner, "department"), "id"),
        service=service_kind(
            _text(service, "system"), _text(service, "code"), _text(detail, "system"), _text(detail, "code")
        ),
        healthcare_service=_coding(service),
        security_level=common.security_level,
        purpose_of_use=_text(_part(care, "purpose_of_use"), "code"),
        purpose_details=_coding(detail),
        decision_ref=_text(_part(care, "decision_ref"), "id"),
        user_selected=care["decision_ref"]["user_selected"],
        toa=attest.toa,
        attested_patients=attest.patients,
        scopes=common.scopes,
        expires=min(expires, common.expires) if common.expires else expires,
        source_system=common.source_system,
        client_id=common.client_id,
    )


def _attest(claims: Claims) -> _Attest:
    attest = _part(claims, ATTEST)
    # The specification of 2024 says care_relation, HelseID and its clients care_relationship.
    older, newer = _part(attest, "care_relation"), _part(attest, "care_relationship")
    care = older or newer
    if not care or (newer and care != newer):
        raise ClaimsError("no attest, or two in one")
    if attest.get("type", ATTEST) != ATTEST:
        raise ClaimsError("an attest of another kind")
    _check_care(care)
    listed = attest.get("patients", [])
    if not isinstance(listed, list) or not all(isinstance(patient, dict) for patient in listed):
        raise ClaimsError("patients of the attest")
    patients = {_text(_part(patient, "identifier"), "id") for patient in listed}
    if "" in patients:
        raise ClaimsError("an attest of somebody without a name would be one of everybody")
    toa = numeric_date(_part(attest, "attestation"), "toa")
    return _Attest(_part(attest, "practitioner"), care, frozenset(patients), toa)


def _check_care(care: Claims) -> None:
    """Raises ClaimsError for a care relation that lacks what the trust framework asks for (its data model, 4.4)."""
    purpose, decision = _part(care, "purpose_of_use"), _part(care, "decision_ref")
    if _text(purpose, "code") not in _PURPOSES:
        raise ClaimsError("no purpose, or one that the framework does not know")
    if _text(purpose, "system") not in {"", PURPOSE_OF_USE, PURPOSE_OF_USE.removeprefix("urn:oid:")}:
        raise ClaimsError("a purpose of another code system")
    # Rules ATT-43 and ATT-45: what kind of care it is, by one of the two at least.
    if not any(_text(_part(care, name), "code") for name in ("healthcare_service", "purpose_of_use_details")):
        raise ClaimsError("neither a service nor a detail of the purpose")
    # Rules ATT-46 to ATT-48.
    if not _text(decision, "id") or not isinstance(decision.get("user_selected"), bool):
        raise ClaimsError("no decision")


def _role(practitioner: Claims, authorisations: tuple[str, ...]) -> str:
    """Returns the role that the attest names, or the only one there is. Two authorisations and no choice: no role."""
    named = _part(practitioner, "authorization")
    if named:
        return _text(named, "code") if _text(named, "system") == ROLE_SYSTEM else ""
    return authorisations[0] if len(authorisations) == 1 else ""


def _authorisations(claims: Claims, now: datetime) -> tuple[str, ...]:
    """Returns the categories of health personnel for which an authorisation is in force now."""
    details = claims.get(HPR_DETAILS)
    if isinstance(details, str):
        try:
            details = json.loads(details)
        except (ValueError, RecursionError) as error:
            raise ClaimsError("hpr_details") from error
    if not isinstance(details, dict):
        return ()
    approvals = details.get("approvals", [])
    if not isinstance(approvals, list):
        raise ClaimsError("hpr_details")
    codes = [
        _text(approval, "profession")
        for approval in approvals
        if isinstance(approval, dict) and authorisation_in_force(approval, now)
    ]
    return tuple(dict.fromkeys(code for code in codes if code))


def _scopes(claims: Claims) -> set[str]:
    scope = claims.get("scope")
    if isinstance(scope, str):
        return set(scope.split(" "))
    if isinstance(scope, list) and all(isinstance(one, str) for one in scope):
        return set(scope)
    raise ClaimsError("scope")


def _national_id(pid: str, *, production: bool) -> str:
    try:
        return parse(pid, production=production).value
    except Invalid as error:
        raise ClaimsError("pid") from error


def _hpr_number(claims: Claims) -> str:
    value = claims.get(HPR_NUMBER)
    number = str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(claims, HPR_NUMBER)
    if number and not valid_hpr_number(number):
        raise ClaimsError("hpr_number")
    return number


def _organisation(claims: Claims, name: str) -> str:
    number = _text(claims, name)
    if number and not valid_organisation_number(number):
        raise ClaimsError("no organisation number")
    return number


def _level(claims: Claims) -> int:
    value = claims.get(SECURITY_LEVEL)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return 0
    return int(value) if str(value) in {"2", "3", "4"} else 0


def _part(claims: Claims, name: str) -> Claims:
    value = claims.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ClaimsError("an object was expected")
    return value


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 1000 or not value.isprintable():
        raise ClaimsError("a text was expected")
    return value


def _shown(claims: Claims, name: str) -> str:
    """Returns a text that is kept with what the caller writes. Callers' own systems attest it, and a national id may
    stand in it: it is no name of anything."""
    return redact(_text(claims, name))


def _coding(part: Claims) -> str:
    return f"{_text(part, 'system')}|{_text(part, 'code')}" if part else ""
