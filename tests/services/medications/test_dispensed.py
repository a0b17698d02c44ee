"""What was dispensed is computed from the dispensings that stand, in whatever order they come."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.convert import timestamp
from shared.register.entry import EntryPage
from shared.register.store import EntryStore
from tests.services.medications.feed import Feed, dispensing, new_ref, prescription


async def counts(medicines: Feed, ref: str, **fields: object) -> dict[str, tuple[int, int]]:
    """Returns dispensings so far and left by prescription, which the list and the section say alike."""
    found = (await medicines.prescriptions(ref, **fields)).prescriptions  # type: ignore[arg-type]  # as_of
    listed = {each.header.provenance.source_id: (each.dispensed, each.dispensings_left) for each in found}
    section = (await medicines.section(ref, **fields)).prescriptions  # type: ignore[arg-type]  # as_of
    assert {each.header.provenance.source_id: (each.dispensed, each.dispensings_left) for each in section} == listed
    return listed


async def test_a_dispensing_that_comes_before_its_prescription_is_counted(medicines: Feed) -> None:
    ref, bulk = new_ref(), new_ref()
    await medicines.dispense(ref, dispensing("d1", of="r1"))
    await medicines.prescribe(ref, prescription("r1", reit=3))
    assert await counts(medicines, ref) == {"r1": (1, 3)}
    await medicines.dispense(ref, dispensing("d2", of="r1"))
    assert await counts(medicines, ref) == {"r1": (2, 2)}
    await medicines.send(bulk, dispensings=[dispensing("d1", of="r1")])
    await medicines.send(bulk, prescriptions=[prescription("r1", reit=3)])
    assert await counts(medicines, bulk) == {"r1": (1, 3)}


async def test_a_dispensing_that_moves_to_another_prescription_is_counted_there_alone(medicines: Feed) -> None:
    ref, bulk = new_ref(), new_ref()
    for source_id in ("r1", "r2"):
        await medicines.prescribe(ref, prescription(source_id, reit=3))
    await medicines.dispense(ref, dispensing("d1", of="r1"))
    then = timestamp(datetime.now(UTC))
    assert await counts(medicines, ref) == {"r1": (1, 3), "r2": (0, 4)}
    await medicines.dispense(ref, dispensing("d1", of="r2", packages="2"))
    assert await counts(medicines, ref) == {"r1": (0, 4), "r2": (1, 3)}
    assert await counts(medicines, ref, as_of=then) == {"r1": (1, 3), "r2": (0, 4)}
    both = [prescription("r1", reit=3), prescription("r2", reit=3)]
    await medicines.send(bulk, prescriptions=both, dispensings=[dispensing("d1", of="r1")])
    await medicines.send(bulk, prescriptions=both, dispensings=[dispensing("d1", of="r2", packages="2")])
    assert await counts(medicines, bulk) == {"r1": (0, 4), "r2": (1, 3)}


async def test_a_dispensing_entered_in_error_is_not_counted_any_more(medicines: Feed) -> None:
    ref, bulk = new_ref(), new_ref()
    wrong = pb.SourceRecord(resource_type="MedicationDispense", status="entered-in-error")
    await medicines.prescribe(ref, prescription("r1", reit=3))
    await medicines.dispense(ref, dispensing("d1", of="r1"))
    await medicines.dispense(ref, dispensing("d1", of="r1", source_record=wrong))
    assert await counts(medicines, ref) == {"r1": (0, 4)}
    await medicines.send(bulk, prescriptions=[prescription("r1", reit=3)], dispensings=[dispensing("d1", of="r1")])
    assert await counts(medicines, bulk) == {"r1": (1, 3)}
    await medicines.send(bulk, dispensings=[dispensing("d1", of="r1", source_record=wrong)])
    assert await counts(medicines, bulk) == {"r1": (0, 4)}


async def test_a_dispensing_that_finished_a_prescription_by_mistake_gives_it_back(medicines: Feed) -> None:
    ref = new_ref()
    for source_id in ("r1", "r2"):
        await medicines.prescribe(ref, prescription(source_id, reit=1))
    await medicines.dispense(ref, dispensing("d1", of="r1", finishes_prescription=True))
    assert await counts(medicines, ref) == {"r1": (1, 0), "r2": (0, 2)}
    await medicines.dispense(ref, dispensing("d1", of="r2", packages="2"))
    assert await counts(medicines, ref) == {"r1": (0, 2), "r2": (1, 1)}


async def test_where_a_feed_says_that_counting_begins_is_counted_on_from(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1", reit=5, dispensed=2))
    await medicines.dispense(ref, dispensing("d1", of="r1"))
    assert await counts(medicines, ref) == {"r1": (3, 3)}


@pytest.mark.parametrize("most", [1, 2, 3, 100])
async def test_a_section_counts_alike_whether_it_shows_every_dispensing_or_a_few(medicines: Feed, most: int) -> None:
    """Those that the section holds are counted as they are; the others are read only where there are others."""
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1", reit=5))
    given = [dispensing(f"d{number}", "r1", number) for number in range(1, 4)]
    await medicines.send(ref, dispensings=[*given, dispensing("d4", "r1", 4, locked=True)])
    [shown] = (await medicines.section(ref, max_entries=most)).prescriptions
    assert (shown.dispensed, shown.dispensings_left) == (4, 2)


async def test_a_section_that_holds_every_dispensing_reads_them_once(
    medicines: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1", reit=5))
    await medicines.dispense(ref, dispensing("d1", of="r1"))
    reads: list[object] = []
    newest = EntryStore.newest

    async def noted(self: EntryStore, *args: Any, **fields: Any) -> EntryPage:
        reads.append(fields.get("kinds"))
        return await newest(self, *args, **fields)

    monkeypatch.setattr(EntryStore, "newest", noted)
    assert (await medicines.section(ref, max_entries=100)).prescriptions[0].dispensed == 1
    assert reads == []
