"""Who is followed without a care relation is named to the follower, and the list shows nothing of the patients."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.changes import follower as follower_module
from kj.synthetic.people.cast import MUNICIPALITY
from tests.gateway.changes.test_change_feed import LEFT_OUT
from tests.gateway.changes.watching import patient
from tests.services.patients.people import new_id
from tests.support.following import following
from tests.support.gateway import Front, running_gateway
from tests.support.patients import Patient
from tests.support.scripted.outboxes import Outboxes
from tests.support.scripted.services import treated_by


@pytest.fixture(scope="module")
async def front(issuer: Path) -> AsyncIterator[Front]:
    """A gateway that looks more often than usual."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(follower_module, "SIGN_OF_LIFE", 0.2)
        async with running_gateway(issuer, look_again=0.1) as running:
            Outboxes(running)
            yield running


def relate(front: Front, of: Patient, *, ends: bool = False) -> None:
    """Registers, or ends, the municipality's relation to a patient."""
    facts = front.people.known[of.national_id].facts
    del facts.care_relations[:]
    if not ends:
        facts.care_relations.extend(treated_by(MUNICIPALITY))


async def test_a_follower_hears_which_of_its_patients_have_no_care_relation(front: Front) -> None:
    treated, other = patient(front), patient(front)
    relate(front, other, ends=True)
    async with following(front.client, a=treated, b=other, c=Patient(new_id())) as follower:
        assert follower.without_relation == [["b", "c"]]
        await follower.until_level()
        assert follower.without_relation == [["b", "c"]], "it is said once"
        relate(front, other)
        await follower.until(lambda: follower.without_relation[1:] == [["c"]])
        relate(front, treated, ends=True)
        await follower.until(lambda: follower.without_relation[2:] == [["a", "c"]])


async def test_a_follower_of_treated_patients_hears_that_none_is_without(front: Front) -> None:
    async with following(front.client, a=patient(front)) as follower:
        assert follower.without_relation == [[]]


@pytest.mark.parametrize("why", LEFT_OUT)
@pytest.mark.parametrize("related", [True, False])
async def test_a_patient_who_keeps_something_back_looks_as_one_of_whom_there_is_no_news(
    front: Front,
    why: str,
    related: bool,
) -> None:
    quiet, hidden = patient(front), patient(front)
    for each in (quiet, hidden):
        relate(front, each, ends=not related)
    async with following(front.client, a=quiet, b=hidden) as follower:
        facts = front.people.known[hidden.national_id].facts
        facts.MergeFrom(front.people.known[patient(front, **LEFT_OUT[why]).national_id].facts)
        relate(front, hidden, ends=not related)
        await follower.until_level()
        await follower.until_level()
    async with following(front.client, a=quiet, b=hidden) as again:
        assert follower.without_relation == again.without_relation == [[] if related else ["a", "b"]]
    assert not follower.heard
