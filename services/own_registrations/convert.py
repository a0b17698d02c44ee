"""Between stored versions and the messages of the contract."""

from collections.abc import Mapping
from datetime import datetime

from kjernejournal.common.v1.common_pb2 import REPRESENTATION_SELF, CallerContext, EntryHeader, Provenance
from kjernejournal.own_registrations.v1 import own_registrations_pb2 as pb
from kjernejournal.own_registrations.v1.own_registrations_pb2 import OwnRegistration, OwnRegistrationsSection
from services.own_registrations import model
from shared.codes.marks import without_marks
from shared.register.convert import complete_header, provenance, window
from shared.register.entry import EntryPage, StoredEntry


def author(caller: CallerContext, now: datetime) -> Provenance:
    """Returns who registers: the patient in person, or somebody else on the patient's behalf."""
    source = provenance(caller, now)
    source.on_behalf_of = "" if caller.representation == REPRESENTATION_SELF else "patient"
    return source


def sent(registration: OwnRegistration) -> bytes:
    """Returns what a feed's entry is known again by: all that was sent of it."""
    return without_marks(registration).SerializeToString(deterministic=True)


def sent_request(request: pb.SaveOwnRegistrationRequest) -> bytes:
    """Returns what a request to save is known again by: all that it asks for."""
    asked = pb.SaveOwnRegistrationRequest(id=request.id.lower(), expected_version=request.expected_version)
    asked.registration.CopyFrom(request.registration)
    asked.registration.ClearField("header")
    return without_marks(asked).SerializeToString(deterministic=True)


def to_store(registration: OwnRegistration, source: Provenance) -> OwnRegistration:
    """Returns the registration as it is stored: what the system sets is taken away."""
    stored = OwnRegistration()
    stored.CopyFrom(registration)
    stored.header.CopyFrom(EntryHeader(provenance=source))
    return stored


def content(registration: OwnRegistration) -> bytes:
    """Returns what is encrypted and stored."""
    return without_marks(registration).SerializeToString(deterministic=True)


def following(registration: OwnRegistration, before: bytes) -> OwnRegistration:
    """Returns the registration as a version that follows `before`: its header says who recorded the first one."""
    header = OwnRegistration.FromString(before).header
    first = header.first_recorded if header.HasField("first_recorded") else header.provenance
    registration.header.first_recorded.CopyFrom(first)
    return registration


def entry(stored: StoredEntry) -> OwnRegistration:
    """Returns the registration as a reader sees it."""
    message = OwnRegistration.FromString(stored.content)
    complete_header(message.header, stored)
    return message


def section(found: EntryPage, counts: Mapping[int, int], since: datetime | None) -> OwnRegistrationsSection:
    """Returns the summary's section."""
    return OwnRegistrationsSection(
        registrations=[entry(stored) for stored in found.entries],
        window=window(found, since),
        counts=[pb.KindCount(kind=kind, total=counts.get(kind, 0)) for kind in model.KINDS.values()],
    )
