"""After a load: what its clients heard, against what is stored."""

from kj.local.programs import SERVICES
from tests.assurance.faults.whole import ask, missing
from tests.assurance.under_load import stored
from tests.assurance.under_load.ledger import lost_or_doubled, unrecorded
from tests.assurance.under_load.load import Load
from tests.support.client import Client
from tests.support.patients import Patient
from tests.support.system import System


async def agrees(system: System, load: Load) -> None:
    """Sends every write once more, and fails where anything differs from what a client heard."""
    await load.send_again()
    ledger = load.ledger
    print(f"{len(ledger.writes)} writes, {len(ledger.replies)} replies with content, {dict(ledger.codes)}")
    ours = {write.request_id for write in ledger.writes}
    registers = {
        service: {each: found for each, found in (await stored.entries(system, service)).items() if each in ours}
        for service in SERVICES
        if service != "audit"
    }
    assert lost_or_doubled(ledger.writes, registers) == []
    assert unrecorded(ledger, await stored.records(system)) == []
    assert ledger.wrong == []
    assert all(write.answers for write in ledger.writes), "every write came through in the end"


async def whole(client: Client, patient: Patient) -> bool:
    """Whether a summary is."""
    got = await ask(client, patient, 5.0)
    return got.reply is not None and not missing(got.reply)
