"""After a load: the access log is whole and one, as its key and its witness have signed it."""

from kj.audit.database import open_log
from kj.audit.keys import local_keys
from kj.audit.verify import findings
from tests.support.system import System, eventually


async def proved(system: System) -> None:
    """Waits until all records are signed and cosigned, and fails where the log is not what was signed.

    A gap, a fork or a record that went away is a finding: the witness's own checkpoint is known from elsewhere.
    """
    await eventually(lambda: _cosigned(system), 60.0)
    keys = local_keys(system.local)
    async with open_log(system.local.database_url("audit")) as log:
        found = [each async for each in findings(log, keys.log, witnesses=keys.witnesses, known=keys.known)]
        print(f"{await log.size()} records of the log are as they were signed, {len(found)} findings")
    assert found == []


async def _cosigned(system: System) -> bool:
    """Whether the witness keeps a checkpoint over every record that there is."""
    kept = [each.size for each in local_keys(system.local).known]
    async with open_log(system.local.database_url("audit")) as log:
        return kept == [await log.size()]
