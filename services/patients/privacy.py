"""Holds the rules of privacy settings: what a change does, and what holds for somebody with several references.

Each reference has settings of its own, so that an unmerge gives back what was each one's. What holds is the union: a
block set by somebody's D-number holds after the merge. What is added is added to the canonical reference; what is
lifted is lifted from all. Pure: no I/O, no clock.
"""

from collections.abc import Callable, Iterable, MutableSequence, Sequence
from dataclasses import dataclass, field

from kjernejournal.common.v1.common_pb2 import (
    ACCESS_BASIS_FORHOYET_SAMTYKKE,
    CALLER_KIND_CLINICIAN,
    CallerContext,
    Practitioner,
    Section,
)
from kjernejournal.patients.v1.patients_pb2 import (
    PROXY_AREA_UNSPECIFIED,
    BlockedPersonnel,
    ImportedPrivacy,
    NewProxy,
    PrivacySettings,
    Proxy,
)
from services.patients.model import check_period
from shared import national_id
from shared.errors import Denied, Invalid, NotFound, Reason
from shared.register.sections import RESTRICTABLE

MAY_LOOSEN = frozenset({"LE", "SP"})
"""Roles (Volven 9060) that may loosen what the patient has closed: doctors and nurses, as in the gateway's table."""


@dataclass
class Settings:
    """The settings of one reference; `proxy_refs` has one reference for each of the message's proxies."""

    message: PrivacySettings = field(default_factory=PrivacySettings)
    proxy_refs: list[str] = field(default_factory=list)


Change = Callable[[Settings, bool], None]
"""Changes the settings of one reference; the argument beside them says whether it is the canonical one."""


def effective(settings: Sequence[Settings]) -> Settings:
    """Returns what holds for somebody with these settings, the canonical reference's first."""
    if len(settings) == 1:
        return settings[0]
    result = Settings()
    result.message.CopyFrom(settings[0].message)
    result.proxy_refs = list(settings[0].proxy_refs)
    message = result.message
    for other in settings[1:]:
        message.reservation.record |= other.message.reservation.record
        message.reservation.portal |= other.message.reservation.portal
        block(other.message.blocked_personnel)(result, True)
        message.proxies.extend(other.message.proxies)
        result.proxy_refs.extend(other.proxy_refs)
    _set(message.restricted_sections, (s for own in settings for s in own.message.restricted_sections))
    _set(
        message.sections_with_restricted_entries,
        (s for own in settings for s in own.message.sections_with_restricted_entries),
    )
    return result


def reserve(*, record: bool | None, portal: bool | None) -> Change:
    """Returns the change that reserves, or takes a reservation back; None leaves it as it is."""

    def change(settings: Settings, canonical: bool) -> None:
        reservation = settings.message.reservation
        if record is not None:
            reservation.record = record and (canonical or reservation.record)
        if portal is not None:
            reservation.portal = portal and (canonical or reservation.portal)

    return change


def restrict(sections: Sequence[Section.ValueType], single_entries: Sequence[Section.ValueType]) -> Change:
    """Returns the change that restricts exactly these sections. Raises Invalid for one that cannot be restricted."""
    check_sections(sections, "restricted_sections")
    check_sections(single_entries, "sections_with_restricted_entries")

    def change(settings: Settings, canonical: bool) -> None:
        message = settings.message
        for kept, wanted in (
            (message.restricted_sections, sections),
            (message.sections_with_restricted_entries, single_entries),
        ):
            _set(kept, wanted if canonical else set(kept) & set(wanted))

    return change


def block(blocked: Iterable[BlockedPersonnel]) -> Change:
    """Returns the change that blocks these too; a block that is there keeps who set it."""
    blocked = list(blocked)

    def change(settings: Settings, canonical: bool) -> None:
        if not canonical:
            return
        there = {one.practitioner.hpr_number for one in settings.message.blocked_personnel}
        for one in blocked:
            if one.practitioner.hpr_number not in there:
                there.add(one.practitioner.hpr_number)
                settings.message.blocked_personnel.append(one)

    return change


def unblock(hpr_numbers: Sequence[str]) -> Change:
    """Returns the change that lifts these blocks where they are."""
    for position, number in enumerate(hpr_numbers):
        check_hpr(number, f"hpr_numbers[{position}]")
    lifted = set(hpr_numbers)

    def change(settings: Settings, canonical: bool) -> None:
        blocked = settings.message.blocked_personnel
        kept = [one for one in blocked if one.practitioner.hpr_number not in lifted]
        del blocked[:]
        blocked.extend(kept)

    return change


def grant(proxy: Proxy, proxy_ref: str, all_refs_of_proxy: Sequence[str]) -> Change:
    """Returns the change that grants a proxy; an earlier grant to the same person goes."""

    def change(settings: Settings, canonical: bool) -> None:
        _keep_proxies(settings, lambda _, ref: ref not in all_refs_of_proxy)
        if canonical:
            settings.message.proxies.append(proxy)
            settings.proxy_refs.append(proxy_ref)

    return change


def revoke(proxy_id: str) -> Change:
    """Returns the change that takes the grant with this id away, where it is."""

    def change(settings: Settings, canonical: bool) -> None:
        _keep_proxies(settings, lambda proxy, _: proxy.id != proxy_id)

    return change


def check_granted(settings: Settings, proxy_id: str) -> None:
    """Raises NotFound unless there is such a grant."""
    if all(proxy.id != proxy_id for proxy in settings.message.proxies):
        raise NotFound(Reason.ERROR_REASON_ENTRY_NOT_FOUND, "no such entry for this patient")


def check_not_blocked(settings: Settings, hpr_number: str) -> None:
    """Raises Denied when the one who asks for a change is blocked: blocks are lifted by others (the record's help
    pages: only the patient, or personnel who are not blocked)."""
    if hpr_number and any(one.practitioner.hpr_number == hpr_number for one in settings.message.blocked_personnel):
        raise Denied(Reason.ERROR_REASON_NO_ACCESS, "no ground for access to this patient")


def closed(settings: Settings) -> frozenset[tuple[str, int | str]]:
    """Returns what the patient has closed: everything that a change may loosen, each by itself."""
    message = settings.message
    return frozenset(
        (
            *(("section", section) for section in message.restricted_sections),
            *(("entries", section) for section in message.sections_with_restricted_entries),
            *(("personnel", one.practitioner.hpr_number) for one in message.blocked_personnel),
            *(("reservation", name.name) for name, held in message.reservation.ListFields() if held),
        )
    )


def check_may_loosen(asking: CallerContext, *, loosens: bool) -> None:
    """Raises Denied when personnel loosen something in another role than doctor or nurse or without the patient's
    elevated consent, or use that consent for nothing."""
    if asking.kind != CALLER_KIND_CLINICIAN:
        return
    if loosens and asking.practitioner.role.code not in MAY_LOOSEN:
        raise Denied(
            Reason.ERROR_REASON_ROLE_REFUSED,
            "this loosens what the patient has closed: that is for doctors and nurses, on any basis",
        )
    elevated = asking.basis == ACCESS_BASIS_FORHOYET_SAMTYKKE
    if loosens and not elevated:
        raise Denied(
            Reason.ERROR_REASON_BASIS_REFUSED,
            "this loosens what the patient has closed: a doctor or a nurse needs the patient's elevated consent for it",
            bases="FORHOYET_SAMTYKKE",
        )
    if elevated and not loosens:
        raise Denied(
            Reason.ERROR_REASON_ELEVATED_BASIS_NOT_NEEDED,
            "this loosens nothing: use an ordinary basis",
            bases="SAMTYKKE",
        )


def check_sections(sections: Sequence[Section.ValueType], path: str) -> None:
    """Raises Invalid for a section that cannot be restricted."""
    for position, section in enumerate(sections):
        if section not in RESTRICTABLE:
            raise Invalid(f"{path}[{position}]", "cannot be restricted")


def check_personnel(personnel: Sequence[Practitioner], path: str) -> None:
    """Raises Invalid for personnel without an HPR number."""
    for position, practitioner in enumerate(personnel):
        check_hpr(practitioner.hpr_number, f"{path}[{position}].hpr_number")


def check_hpr(number: str, path: str) -> None:
    """Raises Invalid for what is not an HPR number."""
    if not national_id.valid_hpr_number(number):
        raise Invalid(path, "is not an HPR number")


def check_proxy(proxy: NewProxy, *, production: bool) -> None:
    """Raises Invalid for a proxy that breaks a rule."""
    national_id.parse(proxy.national_id, production=production, field="national_id")
    if PROXY_AREA_UNSPECIFIED in proxy.areas:
        raise Invalid("areas", "must be known areas")
    check_period(proxy.period, "period")


def check_imported(imported: ImportedPrivacy, own: set[str], *, production: bool) -> None:
    """Raises Invalid for imported settings that break a rule; `own` are the patient's national ids."""
    check_sections(imported.restricted_sections, "restricted_sections")
    check_sections(imported.sections_with_restricted_entries, "sections_with_restricted_entries")
    check_personnel(imported.blocked_personnel, "blocked_personnel")
    for position, proxy in enumerate(imported.proxies):
        try:
            check_proxy(proxy, production=production)
        except Invalid as error:
            raise error.inside(f"proxies[{position}]") from None
        if proxy.national_id in own:
            raise Invalid(f"proxies[{position}].national_id", "is the patient's own")


def _keep_proxies(settings: Settings, wanted: Callable[[Proxy, str], bool]) -> None:
    pairs = zip(settings.message.proxies, settings.proxy_refs, strict=True)
    kept = [(proxy, ref) for proxy, ref in pairs if wanted(proxy, ref)]
    del settings.message.proxies[:]
    settings.message.proxies.extend(proxy for proxy, _ in kept)
    settings.proxy_refs = [ref for _, ref in kept]


def _set(kept: MutableSequence[Section.ValueType], values: Iterable[Section.ValueType]) -> None:
    ordered = sorted(set(values))
    del kept[:]
    kept.extend(ordered)
