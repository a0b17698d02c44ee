"""What begins later is not in use yet: in lists, in the section, in reconciliation and on the medication list."""

from datetime import timedelta

from kjernejournal.common.v1.common_pb2 import EventTime, Period
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import model
from services.medications.list import rules
from shared.convert import timestamp
from tests.services.medications.feed import NOW, Feed, header, new_ref, order, statement
from tests.services.medications.list.lists import entry
from tests.services.medications.reconciliation.sides import reconcile, stated

NEXT_MONTH = timestamp(NOW + timedelta(days=30))
AFTER = NOW + timedelta(days=31)


async def test_a_statement_that_begins_next_month_is_not_in_use_yet(medicines: Feed) -> None:
    ref = new_ref()
    planned = [
        statement("s1", period=Period(start=NEXT_MONTH)),
        statement("s2", effective=EventTime(instant=NEXT_MONTH)),
    ]
    await medicines.send(ref, statements=planned)
    assert [each.in_use for each in (await medicines.statements(ref)).statements] == [False, False]
    assert [each.in_use for each in (await medicines.section(ref)).statements] == [False, False]
    assert all(model.is_in_use(each, AFTER) for each in planned)


async def test_an_order_that_holds_from_next_month_is_not_in_force_yet(medicines: Feed) -> None:
    ref = new_ref()
    later = order("o1", "active", use_period=Period(start=NEXT_MONTH))
    await medicines.send(ref, prescriptions=[later])
    assert not (await medicines.prescription(ref)).active
    assert (await medicines.section(ref)).active_prescriptions == 0
    assert model.is_active(later, AFTER)


async def test_an_entry_that_begins_next_month_is_not_counted_as_in_use(medicines: Feed) -> None:
    ref = new_ref()
    later = entry(started=EventTime(instant=NEXT_MONTH))
    await medicines.send(ref, medication_list=pb.MedicationList(header=header("pll"), entries=[later, entry()]))
    assert (await medicines.list_of(ref)).list_info.active_entries == 1
    assert rules.is_in_use(later, AFTER)


def test_what_begins_later_is_left_out_of_a_reconciliation() -> None:
    assert not reconcile(statements=[stated(period=Period(start=NEXT_MONTH))])[0]


async def test_what_begins_later_denies_that_none_is_used(medicines: Feed) -> None:
    nil = statement("nil", days_ago=10, kind=pb.STATEMENT_KIND_NIL_KNOWN, medication=None)
    ref = new_ref()
    planned = statement("s1", days_ago=20, period=Period(start=timestamp(NOW + timedelta(days=30))))
    await medicines.send(ref, statements=[nil])
    assert (await medicines.section(ref)).stated_absence == pb.STATEMENT_KIND_NIL_KNOWN
    await medicines.send(ref, statements=[planned])
    assert (await medicines.section(ref)).stated_absence == pb.STATEMENT_KIND_UNSPECIFIED
