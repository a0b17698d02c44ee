"""Own registrations: rare, of the family, by the register's rules."""

from collections import Counter
from datetime import UTC, datetime

from kj.synthetic.records.record import Record, records
from kjernejournal.own_registrations.v1 import own_registrations_pb2 as pb
from services.own_registrations import model
from tests.kj.synthetic.conftest import TODAY

NOW = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)


def registered(record: Record) -> list[pb.OwnRegistration]:
    found = record.own_registrations()
    return list(found.registrations) if found is not None else []


def test_they_keep_the_rules_of_their_register(told: list[Record]) -> None:
    for record in told:
        for each in registered(record):
            model.check(each, NOW)
        assert sum(each.HasField("donor_card") for each in registered(record)) <= 1


def test_most_have_registered_nothing(told: list[Record]) -> None:
    adults = [each for each in told if each.person.age(TODAY) >= 16]
    assert 0.08 < sum(bool(registered(each)) for each in adults) / len(adults) < 0.3
    assert not any(registered(each) for each in told if each.person.age(TODAY) < 16)


def test_contacts_are_the_family_with_numbers_that_nobody_has(told: list[Record]) -> None:
    nearest = 0
    for record in told:
        names = {other.name for _, other in record.person.relatives}
        for each in registered(record):
            contact = each.contact
            if each.HasField("contact") and contact.HasField("relation"):
                assert contact.name in names
                nearest += pb.CONTACT_ROLE_NEXT_OF_KIN in contact.roles
            for point in contact.contact_points:
                assert point.value.startswith("+471")
                assert len(point.value) == len("+4710000000") + 0
    assert nearest > 20


def test_there_is_something_of_each_kind_and_one_who_must_not_be_contacted() -> None:
    kinds: Counter[str] = Counter()
    for record in records(1, 2500, TODAY):
        if record.privacy.reserved:
            continue
        for each in registered(record):
            kinds[each.WhichOneof("registration") or ""] += 1
            kinds["unwanted"] += each.contact.not_to_be_contacted
            kinds["language"] += bool(each.communication_need.language)
            kinds["by a nurse"] += each.header.provenance.HasField("recorder")
            assert each.header.provenance.on_behalf_of == "patient"
    for kind in ("contact", "communication_need", "illness", "donor_card", "unwanted", "language", "by a nurse"):
        assert kinds[kind] > 0, kind
