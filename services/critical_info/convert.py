"""Between stored versions and the messages of the contract."""

from datetime import datetime
from typing import cast

from kjernejournal.common.v1.common_pb2 import ListWindow
from kjernejournal.critical_info.v1.critical_info_pb2 import (
    STATUS_ACTIVE,
    STATUS_ENTERED_IN_ERROR,
    STATUS_EXPIRED,
    Category,
    CategoryAbsence,
    CategoryChange,
    CriticalInfo,
    CriticalInfoSection,
    GetCriticalInfoStatusResponse,
)
from services.critical_info import categories, model
from services.critical_info.absences import ABSENCE, holding
from services.critical_info.danger import by_danger
from shared.convert import effective, moment, timestamp
from shared.register.convert import complete_header
from shared.register.entry import NewEntry, StoredEntry
from shared.register.lateness import stated_at

CATEGORIES = tuple(categories.CATEGORIES)

Content = CriticalInfo | CategoryAbsence


def new_entry(
    content: Content, patient_ref: str, entry_id: str, version: int, request_id: str | None, sent: bytes
) -> NewEntry:
    """Returns the version to be stored of a checked message; `sent` is the digest of what the caller sent.

    An entry that says nothing of when it was keeps its place in lists, whoever changes it.
    """
    header = content.header
    first = header.first_recorded if header.HasField("first_recorded") else header.provenance
    recorded = moment(first.recorded_at)
    entry = content if isinstance(content, CriticalInfo) else None
    return NewEntry(
        patient_ref=patient_ref,
        id=entry_id,
        version=version,
        kind=entry.category if entry else ABSENCE,
        deleted=_is_withdrawn(content),
        effective_at=effective(entry.event_time, recorded) if entry else stated_at(first),
        request_id=request_id,
        digest=sent,
        content=content.SerializeToString(deterministic=True),
    )


def _is_withdrawn(content: Content) -> bool:
    """Whether it was entered in error: by its author, or its source."""
    return content.status == STATUS_ENTERED_IN_ERROR if isinstance(content, CriticalInfo) else content.withdrawn


def clear_what_the_system_sets(content: Content) -> None:
    """Takes away, in place, what no caller states: the header, and guidance that is set when an entry is read."""
    content.ClearField("header")
    if isinstance(content, CriticalInfo) and content.HasField("condition"):
        content.condition.Clear()


def entry(stored: StoredEntry, now: datetime) -> CriticalInfo:
    """Returns the entry as a reader sees it at `now`. Of a deleted one, header, category and status only."""
    message = CriticalInfo.FromString(stored.content)
    complete_header(message.header, stored)
    if stored.deleted:
        return CriticalInfo(header=message.header, category=message.category, status=STATUS_ENTERED_IN_ERROR)
    message.status = model.status_at(message, now)
    return message


def absence(stored: StoredEntry) -> CategoryAbsence:
    """Returns the statement of absence."""
    message = CategoryAbsence.FromString(stored.content)
    complete_header(message.header, stored)
    return message


def version(stored: StoredEntry, deleted: bool, now: datetime) -> CriticalInfo:
    """Returns a version in an entry's history. Once the entry is deleted, older versions show no more than the last."""
    return entry(stored._replace(deleted=deleted or stored.deleted), now)


def section(found: list[StoredEntry], most: int, since: datetime | None, now: datetime) -> CriticalInfoSection:
    """Returns the summary's section: entries by danger, those that are active first, then the statements that hold.

    `found` is all that the patient has, newest first, the statements too.
    """
    present = by_danger([stored for stored in found if stored.kind != ABSENCE], now)
    entries = [entry(stored, now) for stored in present if since is None or stored.effective_at >= since]
    shown = entries[:most]
    return CriticalInfoSection(
        critical_info=shown,
        absences=[absence(stored) for stored in holding(found, now)],
        window=ListWindow(
            returned=len(shown),
            total=len(present),
            older_exist=len(present) > len(shown),
            since=timestamp(since) if since else None,
        ),
        active=sum(each.status == STATUS_ACTIVE for each in shown),
    )


def presence(latest: list[StoredEntry], now: datetime) -> CriticalInfoSection:
    """Returns how much there is, without content."""
    present = [each for each in latest if not each.deleted]
    active = sum(entry(each, now).status == STATUS_ACTIVE for each in present)
    return CriticalInfoSection(window=ListWindow(total=len(present), older_exist=bool(present)), active=active)


def status(latest: list[StoredEntry], now: datetime) -> GetCriticalInfoStatusResponse:
    """Whether there is critical information, for somebody who asks before opening the record.

    There is, when an entry is neither deleted, refuted nor ended: it may have expired. It is active when one has not.
    Deleting and refuting are changes too. Source: KI-FHIR, status-critical-info.
    """
    statuses = [entry(each, now).status for each in latest]
    changes: dict[int, datetime] = {}
    for each in latest:
        changes[each.kind] = max(each.stored_at, changes.get(each.kind, each.stored_at))
    return GetCriticalInfoStatusResponse(
        has_critical_information=any(each in (STATUS_ACTIVE, STATUS_EXPIRED) for each in statuses),
        has_active_critical_information=STATUS_ACTIVE in statuses,
        last_changed=timestamp(max(changes.values())) if changes else None,
        category_changes=[
            CategoryChange(category=cast("Category.ValueType", kind), last_changed=timestamp(changed))
            for kind, changed in sorted(changes.items())
        ],
    )
