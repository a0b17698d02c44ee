"""A full disk: what cannot be on record is refused, nothing acknowledged is lost, no service dies, and all comes back
by itself when there is room again.

The disk is a small tmpfs, which needs root. One that holds the whole system fills up under load; then PostgreSQL is
killed on it. One that holds the access log alone, or one register alone, leaves room for everything else.
"""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import grpc
import pytest

from kj.local.databases import Names
from kj.local.postgres_install import Account
from kj.local.process import ProcessId
from kj.local.programs import GATEWAY, ROOT, SERVICES
from kj.local.state import running_state
from kjernejournal.critical_info.v1.critical_info_pb2 import CreateCriticalInfoRequest, ListCriticalInfoRequest
from tests.assurance.faults.whole import ask
from tests.assurance.under_load import stored
from tests.assurance.under_load.comparing import agrees, whole
from tests.assurance.under_load.load import Load
from tests.support.client import Client, Refusal
from tests.support.patients import Patient, new_patient, reaction
from tests.support.seeds import SEED
from tests.support.system import System, eventually

FULL_SECONDS = float(os.environ.get("KJ_FULL_SECONDS", "2"))
DISK = "400m"
SMALL_DISK = "32m"
RECOVERS = 5.0
"""Seconds after there is room again by which everything works; PostgreSQL was up all the time."""
STARTS_AGAIN = 30.0
"""The same when PostgreSQL had to be started: its supervisor waits up to 15 s between two tries."""


@contextmanager
def disk(size: str) -> Iterator[Path]:
    """Mounts a file system of this size."""
    with tempfile.TemporaryDirectory(prefix="kj-disk-", dir="/tmp") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0711", "tmpfs", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if mounted.returncode != 0:
            pytest.skip(f"needs a file system of its own, and may not mount one: {mounted.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leaves no room on the disk meanwhile."""
    ballast = folder / "ballast"
    try:
        for size in (1024 * 1024, 4096):
            with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
        assert os.statvfs(folder).f_bavail == 0
        yield
    finally:
        ballast.unlink()


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    with disk(DISK) as folder:
        yield folder


@pytest.fixture(scope="module")
def system(root: Path) -> Iterator[System]:
    started = System(root / "data")
    started.start()
    try:
        yield started
        assert started.faults() == [], "no process has met a bug of its own"
    finally:
        started.stop()


@pytest.fixture(scope="module")
async def client(system: System) -> AsyncIterator[Client]:
    async with grpc.aio.insecure_channel(system.local.gateway_address) as channel:
        yield Client(channel, system.local.issuer_directory)


async def test_a_disk_that_is_full_refuses_and_loses_nothing(root: Path, system: System, client: Client) -> None:
    services = {name: system.process(name) for name in (*SERVICES, GATEWAY, "postgres")}
    other = await new_patient(system)
    load = Load(client, await new_patient(system, entries=False), await new_patient(system), random.Random(SEED))
    await eventually(lambda: whole(client, load.read), 30.0)
    await load.start()
    with filled(root):
        await eventually(lambda: nothing_is_told(client, load.read), 30.0)
        await asyncio.sleep(FULL_SECONDS)
        assert (await until_refused(client, other)).short == ("UNAVAILABLE", "AUDIT_UNAVAILABLE")
        assert await nothing_is_told(client, load.read), "and it stays so"
        since = time.monotonic()
    await eventually(lambda: whole(client, load.read), 30.0)
    took = time.monotonic() - since
    await asyncio.sleep(0.5)
    await load.stop()
    await agrees(system, load)
    assert load.ledger.codes["UNAVAILABLE AUDIT_UNAVAILABLE"]
    assert {name: system.process(name) for name in services} == services, "no process has died"
    assert took < RECOVERS


async def test_postgresql_killed_on_a_full_disk_is_back_when_there_is_room(
    root: Path, system: System, client: Client
) -> None:
    """It cannot start without room, and is tried again; a service that is killed meanwhile comes back at once."""
    load = Load(client, await new_patient(system, entries=False), await new_patient(system), random.Random(SEED))
    await eventually(lambda: whole(client, load.read), 30.0)
    await load.start()
    await asyncio.sleep(1.0)
    with filled(root):
        for name in ("postgres", "visits"):
            system.process(name).send(signal.SIGKILL)
        await asyncio.sleep(FULL_SECONDS)
        assert await nothing_is_told(client, load.read)
    await eventually(lambda: whole(client, load.read), STARTS_AGAIN)
    await system.serves("visits", "postgres")
    await load.stop()
    await agrees(system, load)


async def test_a_full_access_log_alone_refuses_every_read_and_write(system: System, client: Client) -> None:
    patient = await new_patient(system)
    with disk(SMALL_DISK) as small:
        await moved(system, "audit", small)
        await eventually(lambda: whole(client, patient), 30.0)
        with filled(small):
            await eventually(lambda: nothing_is_told(client, patient), 30.0)
            assert (await until_refused(client, patient)).short == ("UNAVAILABLE", "AUDIT_UNAVAILABLE")
            before = await stored.entries(system, "critical_info")
            refused = [await a_write(client, patient) for _ in range(2)]
            assert all(each is None or each.reason == "AUDIT_UNAVAILABLE" for each in refused), refused
            made = len(await stored.entries(system, "critical_info")) - len(before)
            assert made <= refused.count(None) + 1, "refused before it was made, but for one that filled the last page"
        await eventually(lambda: whole(client, patient), RECOVERS)
        await moved_back(system, "audit")
    await eventually(lambda: whole(client, patient), 30.0)


async def test_a_register_that_is_full_refuses_its_writes_and_is_read_as_before(system: System, client: Client) -> None:
    patient = await new_patient(system)
    listing = ListCriticalInfoRequest(patient=patient.identifier)
    with disk(SMALL_DISK) as small:
        await moved(system, "critical_info", small)
        await eventually(lambda: whole(client, patient), 30.0)
        with filled(small):
            told = await until_refused(client, patient)
            assert told.short == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")
            held = (await client.call("ListCriticalInfo", listing)).window.total
            assert held >= 1
            assert await whole(client, patient)
        created = await client.call("CreateCriticalInfo", creation(patient))
        assert created.critical_info.header.version == 1
        assert (await client.call("ListCriticalInfo", listing)).window.total == held + 1
        await moved_back(system, "critical_info")
    await eventually(lambda: whole(client, patient), 30.0)


async def test_a_supervisor_that_cannot_write_its_log_goes_on() -> None:
    with tempfile.TemporaryDirectory(prefix="kj-full-", dir="/tmp") as folder, Path("/dev/full").open("wb") as full:
        Path(folder).chmod(0o711)
        system = System(Path(folder, "data"))
        system.directory.create()
        with subprocess.Popen(
            [sys.executable, "-m", "kj.local.until_signal", str(system.directory.root), "0"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                await eventually(lambda: serves(system), 60.0)
                before = system.process("visits")
                before.send(signal.SIGKILL)
                assert before.gone_within(5.0)
                await eventually(lambda: runs_again(system, before), 30.0)
            finally:
                process.terminate()
                process.wait(30)


async def serves(system: System) -> bool:
    state = running_state(system.directory)
    return state is not None and state.phase == "serving"


async def runs_again(system: System, before: ProcessId) -> bool:
    [now] = [each for each in system.local.state.processes if each.name == "visits"]
    return now.state == "serving" and now.process != before


def creation(patient: Patient) -> CreateCriticalInfoRequest:
    """Returns a write of which few have room on a page."""
    comment = "".join(random.choices("abcdefghijklmnopqrstuvwxyz ", k=400))
    return CreateCriticalInfoRequest(
        patient=patient.identifier, request_id=str(uuid4()), critical_info=reaction(comment)
    )


async def a_write(client: Client, patient: Patient) -> Refusal | None:
    """Returns the refusal of a write; None when it was made."""
    try:
        await client.call("CreateCriticalInfo", creation(patient), seconds=4.0)
    except grpc.aio.AioRpcError as error:
        return Refusal.of(error)
    return None


async def until_refused(client: Client, patient: Patient) -> Refusal:
    """Returns the first refusal: until then there was room on pages that are on the disk already."""
    for _ in range(1000):
        if told := await a_write(client, patient):
            return told
    raise AssertionError("the disk is not full")


async def nothing_is_told(client: Client, patient: Patient) -> bool:
    """Whether a summary is refused, as it is when it cannot be put on record."""
    got = await ask(client, patient, 4.0)
    if got.refusal is not None:
        assert got.refusal.code.name in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}, got.refusal
    return got.reply is None


async def moved(system: System, service: str, place: Path) -> None:
    """Moves the service's database to that disk."""
    folder = place / service
    folder.mkdir(mode=0o700)
    Account.for_server().give(folder)
    await _altered(
        system,
        service,
        f"CREATE TABLESPACE {_space(service)} LOCATION '{folder}'",
        f"ALTER DATABASE {Names.of(service).database} SET TABLESPACE {_space(service)}",
    )


async def moved_back(system: System, service: str) -> None:
    """Moves the service's database back to where it was."""
    await _altered(
        system,
        service,
        f"ALTER DATABASE {Names.of(service).database} SET TABLESPACE pg_default",
        f"DROP TABLESPACE {_space(service)}",
    )


def _space(service: str) -> str:
    return f"small_{service}"


async def _altered(system: System, service: str, *statements: str) -> None:
    """Runs statements without the service: a database moves when nobody is connected to it."""
    with system.stopped(service):
        connection = await asyncpg.connect(system.local.superuser_url, timeout=10)
        try:
            for statement in statements:
                await connection.execute(statement, timeout=30)
        finally:
            await connection.close()
    await system.serves(service)
