"""Who recorded an entry: a feed may name the author, and never which machine it is."""

from datetime import UTC, datetime

import pytest

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CallerContext, Machine, Provenance
from shared.errors import Denied, Reason
from shared.register.convert import check_source, fed_provenance, provenance
from tests.support.service import DOCTOR, FEED

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def speaking_for(*systems: str) -> CallerContext:
    feed = CallerContext()
    feed.CopyFrom(FEED)
    feed.source_systems[:] = systems
    return feed


def test_the_machine_that_sent_an_entry_stands_there_whatever_it_states() -> None:
    stated = Provenance(source_system="npr", sent_by=Machine(client_id="another", organisation_number="100100010"))
    assert fed_provenance(stated, FEED, NOW).sent_by == FEED.machine
    assert fed_provenance(Provenance(), FEED, NOW).sent_by == FEED.machine


def test_what_a_machine_calls_itself_is_no_source() -> None:
    feed = speaking_for("npr")
    feed.source_system = "Norsk pasientregister"
    assert fed_provenance(Provenance(), feed, NOW).source_system == "a-feed"
    assert provenance(feed, NOW).source_system == "a-feed"


def test_no_machine_stands_behind_what_people_record() -> None:
    assert not provenance(DOCTOR, NOW).HasField("sent_by")
    assert provenance(DOCTOR, NOW).source_system == DOCTOR.source_system


@pytest.mark.parametrize("own", [["npr"], ["*"], ["other", "npr"]])
def test_a_machine_changes_what_its_own_sources_have_stored(own: list[str]) -> None:
    check_source(Provenance(source_system="npr"), speaking_for(*own), "id")


@pytest.mark.parametrize("own", [[], ["NPR"], ["n"], [""]])
@pytest.mark.parametrize("stored", ["npr", ""])
def test_a_machine_changes_nothing_of_another_source(own: list[str], stored: str) -> None:
    with pytest.raises(Denied) as caught:
        check_source(Provenance(source_system=stored), speaking_for(*own), "id")
    assert caught.value.reason == Reason.ERROR_REASON_SOURCE_SYSTEM_REFUSED
    assert caught.value.details == {"field": "id"}


def test_people_are_judged_by_other_rules() -> None:
    check_source(Provenance(source_system="npr"), DOCTOR, "id")
    check_source(Provenance(), CallerContext(kind=common_pb2.CALLER_KIND_CITIZEN), "id")
