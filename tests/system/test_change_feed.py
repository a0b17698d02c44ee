"""The change feed through the front door: every kind of write is told, once it is there, to whoever follows."""

from gateway.cli.feed import Feed
from kjernejournal.common.v1.outbox_pb2 import CHANGE_KIND_CREATED
from tests.support.client import Client
from tests.support.following import following
from tests.support.patients import REGISTERS, entries_of, new_patient
from tests.support.system import System


async def test_the_entries_of_every_register_are_told(system: System, client: Client) -> None:
    patient = await new_patient(system, entries=False)
    async with following(client, a=patient) as follower:
        async with Feed.open(system.local) as feed:
            for register in REGISTERS:
                await feed.send(register, [entries_of(register, patient.identifier)])
        await follower.until(lambda: {each.section for each in follower.heard} >= set(REGISTERS))
        await follower.until_level()
    assert len(follower.heard) == len(set(follower.heard)) == 12
    assert {each.kind for each in follower.heard} == {CHANGE_KIND_CREATED}
    assert follower.streams == 1
