"""Peers who break HTTP/2, or use all of it, harm nobody else: one honest client beside each attack.

The gateway is a process of its own, the attacker another; the services behind it answer at once. Errors of the honest
client: none. Memory of the gateway: below the limit that k8s/ gives it. Its log grows by a rate. The honest client's
99th percentile: at most three times that without an attack, on a machine that does nothing else (KJ_LONG=1). In CI,
where an attack is all in the first seconds and shares two cores with its victim and with other tests, half of the
calls, and `KJ_MARGIN` seconds more (default 0.3). `KJ_ATTACK_SECONDS` is the length of an attack (default 1).
"""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import yaml

from gateway.registers.sources import SOURCES
from kj.local.issuer import ensure_issuer
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryRequest
from tests.assurance.strangers.attacks import ATTACKS
from tests.support.client import Client
from tests.support.postgres import ROOT
from tests.support.scripted.services import AccessLog, People, Service, listening

SECONDS = float(os.environ.get("KJ_ATTACK_SECONDS", "1"))
MARGIN = float(os.environ.get("KJ_MARGIN", "0.3"))
LONG = {"KJ_LONG": "1"} if os.environ.get("KJ_LONG") else {}
JUDGED = 0.99 if LONG else 0.5
TIMES = 3
APART = 0.04
"""Seconds between two calls of the honest client."""
LOG_BYTES = 20_000 + 2_000 * SECONDS
"""What an attack may add to the gateway's log: a few lines of each kind at once, and one of each in a second."""
MEBIBYTE = 1024 * 1024


@dataclass
class Attacked:
    """A gateway process, and an honest client of it."""

    pid: int
    port: int
    client: Client
    patient: str
    log: Path

    async def calls(self, seconds: float) -> list[float]:
        """Returns how long calls took, one after the other for so long. Raises what one of them failed with."""
        took: list[float] = []
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            began = time.monotonic()
            request = GetPatientSummaryRequest(patient=PatientIdentifier(national_id=self.patient))
            await self.client.call("GetPatientSummary", request)
            took.append(time.monotonic() - began)
            await asyncio.sleep(APART)
        return took

    @property
    def memory(self) -> int:
        """The most bytes that the process has held since `forget`."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        [line] = [each for each in status.splitlines() if each.startswith("VmHWM")]
        return int(line.split()[1]) * 1024

    def forget(self) -> None:
        """Counts the most memory anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


@asynccontextmanager
async def gateway(folder: Path) -> AsyncIterator[Attacked]:
    """Runs the gateway on a port of its own, in front of scripted services."""
    people, log, register = People(), AccessLog(), Service()
    issuer = folder / "issuer"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    async with AsyncExitStack() as stack:
        addresses = {
            name: await stack.enter_async_context(listening(each))
            for name, each in {"patients": people, "audit": log, "register": register}.items()
        }
        services = {source.service: addresses["register"] for source in SOURCES}
        services |= {name: addresses[name] for name in ("patients", "audit")}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KJ_")}
        environment = {
            "KJ_LISTEN": f"127.0.0.1:{port}",
            "KJ_SERVICES": json.dumps(services),
            "KJ_JWKS": str(ensure_issuer(issuer)),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "protos" / "gen")]),
        }
        errors = stack.enter_context((folder / "gateway.log").open("ab"))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", env={**inherited, **environment}, cwd=folder, stderr=errors
        )
        try:
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
            async with asyncio.timeout(30):
                await channel.channel_ready()
            found = Attacked(process.pid, port, Client(channel, issuer), people.add(), folder / "gateway.log")
            await found.calls(0.5)
            yield found
            assert process.returncode is None, "the gateway has ended"
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
                await process.wait()


@pytest.fixture(scope="module")
async def attacked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Attacked]:
    async with gateway(tmp_path_factory.mktemp("attacked")) as found:
        yield found


def limit() -> int:
    """Returns the memory that Kubernetes leaves the gateway, in bytes."""
    specs = [
        each
        for path in ("pod.yaml", "gateway.yaml")
        for each in yaml.safe_load_all((ROOT / "k8s/base" / path).read_text())
    ]
    found = [
        each["spec"]["template"]["spec"]["containers"][0].get("resources", {}).get("limits", {}).get("memory")
        for each in specs
        if each["kind"] == "Deployment"
    ]
    return int([each for each in found if each][-1].removesuffix("Mi")) * MEBIBYTE


def percentile(took: list[float], part: float = 0.99) -> float:
    return sorted(took)[int((len(took) - 1) * part)]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("who", ["stranger", "citizen"])
async def test_an_honest_client_beside_an_attack_is_answered_as_without(
    attacked: Attacked, attack: str, who: str
) -> None:
    if who == "citizen" and attack not in {"rapid_reset", "stalled_requests", "stalled_uploads", "gzip_bombs"}:
        pytest.skip("asks nobody for a token")
    token = attacked.client.token("citizen") if who == "citizen" else ""
    usual = percentile(await attacked.calls(min(SECONDS / 2, 3)))
    logged = attacked.log.stat().st_size
    attacked.forget()
    attacker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.assurance.strangers.attacks", attack, str(attacked.port), str(SECONDS)),
        env={
            **os.environ,
            **LONG,
            "TOKEN": token,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "protos" / "gen")]),
        },
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    await asyncio.sleep(0.3)
    took = await attacked.calls(SECONDS)
    async with asyncio.timeout(30):
        done, _ = await attacker.communicate()
    grown = attacked.log.stat().st_size - logged
    print(
        f"\n{attack} ({who}): {done.decode().strip()}; {len(took)} calls, p99 {percentile(took) * 1000:.0f} ms after"
        f" {usual * 1000:.0f} ms, {attacked.memory / MEBIBYTE:.0f} MiB, {grown} bytes of log"
    )
    assert attacker.returncode == 0
    assert percentile(took, JUDGED) <= TIMES * usual + MARGIN
    assert attacked.memory < limit()
    assert grown < LOG_BYTES
