"""The order of critical information: by danger, in the summary and over pages."""

from __future__ import annotations

from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from tests.services.critical_info.calls import Register, made, new_ref, patient
from tests.support.service import DOCTOR, calling


async def test_critical_information_is_listed_by_danger(register: Register) -> None:
    """An anaphylaxis stood last of eleven: it is old."""
    ref = new_ref()
    expected = []
    for name, criticality, certainty, category in (
        ("anaphylaxis", pb.CRITICALITY_HIGH, pb.CERTAINTY_CONFIRMED, pb.CATEGORY_DRUG_REACTION),
        ("serious nuts", pb.CRITICALITY_HIGH, pb.CERTAINTY_CONFIRMED, pb.CATEGORY_OTHER_ALLERGY),
        ("serious, suspected", pb.CRITICALITY_HIGH, pb.CERTAINTY_SUSPECTED, pb.CATEGORY_DRUG_REACTION),
        ("not judged", pb.CRITICALITY_UNSPECIFIED, pb.CERTAINTY_CONFIRMED, pb.CATEGORY_DRUG_REACTION),
        ("less serious", pb.CRITICALITY_LOW, pb.CERTAINTY_CONFIRMED, pb.CATEGORY_DRUG_REACTION),
    ):
        entry = made(category, name)
        entry.reaction.criticality, entry.reaction.certainty = criticality, certainty
        await register.create(ref, entry)
        expected.append(name)
    await register.create(ref, made(pb.CATEGORY_IMPLANT, "newest"))
    expected.insert(4, "newest")
    refuted = made(pb.CATEGORY_DRUG_REACTION, "refuted", status=pb.STATUS_REFUTED)
    refuted.reaction.criticality = pb.CRITICALITY_HIGH
    await register.create(ref, refuted)
    expected.append("refuted")
    assert [each.specification for each in (await register.section(ref)).critical_info] == expected
    request = pb.ListCriticalInfoRequest(patient=patient(ref), page_size=2)
    shown = []
    while True:
        found = await register.stub.ListCriticalInfo(request, metadata=calling(DOCTOR, ref))
        shown += [each.specification for each in found.critical_info]
        request.page_token = found.next_page_token
        if not found.next_page_token:
            break
    assert shown == expected
    assert [each.specification for each in (await register.section(ref, most=1)).critical_info] == ["anaphylaxis"]


async def test_a_reaction_that_was_severe_stands_above_one_that_nobody_has_judged(register: Register) -> None:
    ref = new_ref()
    for name, severity in (("severe", pb.REACTION_SEVERITY_SEVERE), ("not judged", pb.REACTION_SEVERITY_UNSPECIFIED)):
        entry = made(pb.CATEGORY_DRUG_REACTION, name)
        entry.reaction.severity, entry.reaction.certainty = severity, pb.CERTAINTY_CONFIRMED
        entry.reaction.criticality = pb.CRITICALITY_UNSPECIFIED
        await register.create(ref, entry)
    assert [each.specification for each in (await register.section(ref)).critical_info] == ["severe", "not judged"]


async def test_a_page_goes_on_after_an_entry_that_is_deleted_meanwhile(register: Register) -> None:
    ref = new_ref()
    first, second, _ = [await register.create(ref, made(pb.CATEGORY_IMPLANT, name)) for name in "abc"][::-1]
    request = pb.ListCriticalInfoRequest(patient=patient(ref), page_size=2)
    found = await register.stub.ListCriticalInfo(request, metadata=calling(DOCTOR, ref))
    assert [each.header.id for each in found.critical_info] == [first.header.id, second.header.id]
    await register.delete(ref, second)
    await register.create(ref, made(pb.CATEGORY_INTUBATION_PROBLEM, "d"))
    request.page_token = found.next_page_token
    found = await register.stub.ListCriticalInfo(request, metadata=calling(DOCTOR, ref))
    assert [each.specification for each in found.critical_info] == ["a"]
