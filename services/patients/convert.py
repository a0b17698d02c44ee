"""Between stored rows and the messages of the contract. No national id and no reference is in what goes out, but for
what only the gateway gets."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid5

from google.protobuf.message import Message

from kjernejournal.common.v1.common_pb2 import Provenance
from kjernejournal.patients.v1.patients_pb2 import (
    ADDRESS_PROTECTION_UGRADERT,
    RESOLUTION_STATE_NAMED,
    RESOLUTION_STATE_REGISTERED,
    BlockedPersonnel,
    CareRelationFact,
    GeneralPractitionerAssignment,
    GuardianFact,
    ImportedPrivacy,
    MergePatientsResponse,
    NationalIdKind,
    NewProxy,
    PatientFacts,
    PatientResolution,
    PatientSection,
    Person,
    PrivacySettings,
    Proxy,
    ProxyFact,
)
from services.patients import model, privacy
from services.patients.privacy import Settings
from services.patients.protection import shown as protected
from services.patients.protection import strictest
from shared import national_id
from shared.codes.marks import without_marks
from shared.convert import timestamp
from shared.register.requests import lower_request_id

_NAMESPACE = UUID("6b6a6572-6e65-6a6f-8272-6e616c000002")


class Row(Protocol):
    """A row of a query, by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any: ...


Rows = Sequence[Row]


def digest_of(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def sent(request: Message) -> bytes:
    """Returns the digest of a request without its patient: a merge between two tries gives the patient another
    reference. As `asked` of shared/register/requests.py, but as the digests were made that this register holds."""
    body = type(request)()
    body.CopyFrom(request)
    body.ClearField("patient")
    lower_request_id(body)
    return digest_of(request.DESCRIPTOR.full_name.encode() + without_marks(body).SerializeToString(deterministic=True))


def kind_of(value: str) -> NationalIdKind.ValueType:
    """Returns the kind of a checked national id."""
    return model.KINDS[national_id.classify(value).kind]


def named_ids(person: Person, settings: ImportedPrivacy | None) -> Iterator[str]:
    """Yields national ids of others that a registration names."""
    for relative in person.family:
        if relative.national_id:
            yield relative.national_id
    for guardian in person.guardians:
        if guardian.national_id:
            yield guardian.national_id
    if settings is not None:
        for proxy in settings.proxies:
            yield proxy.national_id


def history_content(history: Iterable[GeneralPractitionerAssignment]) -> bytes:
    """Returns a list history as it is stored."""
    return PatientSection(general_practitioners=history).SerializeToString(deterministic=True)


def histories(rows: Rows) -> list[Sequence[GeneralPractitionerAssignment]]:
    """Returns the list histories of a patient's references."""
    return [
        PatientSection.FromString(row["gp_history"]).general_practitioners
        for row in rows
        if row["gp_history"] is not None
    ]


def grant_id(request_id: str) -> str:
    """Returns the id of the grant that a request makes: sent again, it names the same one."""
    return str(uuid5(_NAMESPACE, str(UUID(request_id))))


def new_proxy(proxy: NewProxy, proxy_id: str, provenance: Provenance) -> Proxy:
    """Returns the grant of a proxy. The national id is not in it: the reference stands beside it."""
    return Proxy(
        id=proxy_id,
        name=proxy.name,
        areas=sorted(set(proxy.areas)),
        period=proxy.period if proxy.HasField("period") else None,
        provenance=provenance,
    )


def imported_settings(
    imported: ImportedPrivacy, ref: str, provenance: Provenance, ref_of: Mapping[str, str]
) -> Settings:
    settings = Settings()
    privacy.reserve(record=imported.reservation.record, portal=imported.reservation.portal)(settings, True)
    privacy.restrict(imported.restricted_sections, imported.sections_with_restricted_entries)(settings, True)
    privacy.block(
        BlockedPersonnel(practitioner=practitioner, provenance=provenance)
        for practitioner in imported.blocked_personnel
    )(settings, True)
    for proxy in imported.proxies:
        proxy_ref = ref_of[proxy.national_id]
        granted = new_proxy(proxy, str(uuid5(_NAMESPACE, f"{ref}\x1f{proxy_ref}")), provenance)
        privacy.grant(granted, proxy_ref, [proxy_ref])(settings, True)
    return settings


def settings(
    stored_settings: Sequence[Settings], version: int, stored_at: datetime | None, provenance: bytes
) -> PrivacySettings:
    """Returns the settings that hold for a patient, as they are shown."""
    message = PrivacySettings()
    message.CopyFrom(privacy.effective(stored_settings).message)
    message.version = version
    if stored_at is not None:
        message.stored_at.CopyFrom(timestamp(stored_at))
        message.provenance.CopyFrom(Provenance.FromString(provenance))
    return message


def merged(rows: Rows) -> bytes:
    """Returns the answer to a merge or unmerge, serialized: the kinds of the patient's national ids."""
    people = [Person.FromString(row["identity"]) for row in rows]
    kinds = [number.kind for person in people for number in person.national_ids]
    return MergePatientsResponse(national_id_kinds=dict.fromkeys(kinds)).SerializeToString()


def section(rows: Rows, now: datetime) -> PatientSection:
    """Returns what a summary shows of a patient with these references, at `now`. Version 0: nothing was stored by
    then."""
    known = [row for row in rows if row["identity"] is not None]
    if not known:
        return PatientSection()
    people = [Person.FromString(row["identity"]) for row in known]
    person = people[0]
    protection = strictest(people)
    history = model.joined(histories(rows))
    shown = PatientSection(
        name=person.name,
        birth_date=person.birth_date if person.HasField("birth_date") else None,
        sex=person.sex,
        national_id_kinds=dict.fromkeys(number.kind for each in people for number in each.national_ids),
        address_protection=protection,
        death=next((each.death for each in people if each.HasField("death")), None),
        marital_status=person.marital_status if person.HasField("marital_status") else None,
        general_practitioners=protected(model.shown(history, now), protection),
        family=person.family,
        guardians=person.guardians,
        mobile_phone=person.mobile_phone,
        version=known[0]["version"],
        provenance=Provenance.FromString(known[0]["provenance"]),
        stored_at=timestamp(known[0]["stored_at"]),
        has_general_practitioner=bool(model.current(history, now)),
    )
    for relative in shown.family:
        relative.ClearField("national_id")
    for guardian in shown.guardians:
        guardian.ClearField("national_id")
    if protection == ADDRESS_PROTECTION_UGRADERT and person.HasField("address"):
        shown.address.CopyFrom(person.address)
    return shown


def resolution(national_id: str, rows: Rows, now: datetime) -> PatientResolution:
    """Returns who a known national id belongs to; `rows` has one of each reference, the canonical one first."""
    answer = PatientResolution(
        national_id=national_id,
        state=RESOLUTION_STATE_NAMED,
        patient_refs=[row["patient_ref"] for row in rows],
    )
    known = [row for row in rows if row["identity"] is not None]
    if known:
        answer.state = RESOLUTION_STATE_REGISTERED
        answer.facts.CopyFrom(_facts(known, rows, now))
    return answer


def _facts(known: Rows, rows: Rows, now: datetime) -> PatientFacts:
    first, people = known[0], [Person.FromString(row["identity"]) for row in known]
    person = people[0]
    death = next((each.death for each in people if each.HasField("death")), None)
    facts = PatientFacts(
        birth_date=person.birth_date if person.HasField("birth_date") else None,
        guardians=[
            GuardianFact(patient_ref=str(ref), kind=guardian.kind, areas=guardian.areas)
            for guardian, ref in zip(person.guardians, first["guardian_refs"], strict=True)
            if ref is not None and model.covers(guardian.period, now)
        ],
        parents_at_address=[str(ref) for ref in first["parents_at_address"] or ()],
        address_protection=strictest(people),
        deceased=death is not None,
        death_date=death.date if death is not None and death.HasField("date") else None,
        sex=person.sex,
    )
    _add_practitioners(facts, rows, now)
    _add_privacy(facts, rows, now)
    _add_care_relations(facts, rows, now)
    return facts


def _add_care_relations(facts: PatientFacts, rows: Rows, now: datetime) -> None:
    last: dict[tuple[str, str], datetime] = {}
    for row in rows:
        for *whose, end in zip(row["legal_entities"] or (), row["organisations"] or (), row["ends"] or (), strict=True):
            key = (whose[0], whose[1])
            last[key] = max(end, last.get(key, end))
    facts.care_relations.extend(
        CareRelationFact(legal_entity=legal_entity, organisation=organisation, until=timestamp(end))
        for (legal_entity, organisation), end in last.items()
        if now < end
    )


def _add_practitioners(facts: PatientFacts, rows: Rows, now: datetime) -> None:
    lists = model.current(model.joined(histories(rows)), now)
    regular = model.doctors(lists, now, lambda doctor: not doctor.substitute_for_hpr_number)
    substitutes = model.doctors(lists, now, lambda doctor: bool(doctor.substitute_for_hpr_number))
    facts.gp_hpr_numbers.extend(dict.fromkeys(doctor.practitioner.hpr_number for doctor in regular))
    facts.gp_substitute_hpr_numbers.extend(dict.fromkeys(doctor.practitioner.hpr_number for doctor in substitutes))
    facts.gp_office_numbers.extend(
        dict.fromkeys(one.contract.office.number for one in lists if one.contract.office.number)
    )


def _add_privacy(facts: PatientFacts, rows: Rows, now: datetime) -> None:
    stored = [row for row in rows if row["privacy"] is not None]
    if not stored:
        return
    held = privacy.effective(
        [Settings(PrivacySettings.FromString(row["privacy"]), list(map(str, row["proxy_refs"]))) for row in stored]
    )
    message = held.message
    facts.reserved = message.reservation.record
    facts.portal_reserved = message.reservation.portal
    facts.blocked_hpr_numbers.extend(one.practitioner.hpr_number for one in message.blocked_personnel)
    facts.restricted_sections.extend(message.restricted_sections)
    facts.sections_with_restricted_entries.extend(message.sections_with_restricted_entries)
    facts.proxies.extend(
        ProxyFact(patient_ref=ref, areas=proxy.areas)
        for proxy, ref in zip(message.proxies, held.proxy_refs, strict=True)
        if model.covers(proxy.period, now)
    )
    facts.privacy_version = rows[0]["privacy_version"] or 0
