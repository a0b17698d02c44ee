"""The issuer changes its keys, withdraws one, or is away: tokens of good keys are taken, and those of others end."""

import asyncio
import threading
from pathlib import Path

import pytest

from gateway.access.jwks import LAST, SILENCE, JwksSource
from shared import deadline
from shared.errors import Unavailable
from tests.gateway.access.issuing import EC, RSA, jwks
from tests.gateway.access.verifying import Seconds, refreshed


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


async def test_a_token_of_a_new_key_waits_for_the_next_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.access.jwks.REFRESH_INTERVAL", 0.1)
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(RSA))
    source = JwksSource(path)
    await source.find("rsa")
    waiting = asyncio.create_task(source.find("ec"))
    await asyncio.sleep(0)
    assert await source.find("rsa") is not None
    assert not waiting.done()
    path.write_bytes(jwks(RSA, EC))
    assert await waiting is not None


async def test_a_read_that_began_before_the_token_came_says_nothing_of_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.access.jwks.REFRESH_INTERVAL", 0.1)
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(RSA))
    source = JwksSource(path)
    begun, go_on, read = threading.Event(), threading.Event(), source._read

    def slow() -> bytes:
        found = read()
        begun.set()
        go_on.wait(5)
        return found

    source._read = slow
    first = asyncio.create_task(source.find("rsa"))
    await asyncio.to_thread(begun.wait, 5)
    path.write_bytes(jwks(RSA, EC))
    late = asyncio.create_task(source.find("ec"))
    await asyncio.sleep(0)
    go_on.set()
    assert await first
    assert await late


async def test_without_time_for_the_next_read_nobody_waits_at_all(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(RSA))
    source = JwksSource(path)
    await source.find("rsa")
    deadline.set_deadline(2)
    async with asyncio.timeout(1):
        with pytest.raises(Unavailable):
            await source.find("ec")
    deadline.set_deadline(60)


@pytest.mark.parametrize("pause", [1.0, 20.0, 29.0, 54.0, 300.0])
async def test_a_withdrawn_key_ends_within_a_minute(tmp_path: Path, clock: Seconds, pause: float) -> None:
    """However often somebody calls; and it is known as withdrawn, not as one to wait for."""
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(RSA, EC))
    source = JwksSource(path, clock=clock)
    await source.find("rsa")
    path.write_bytes(jwks(EC))
    withdrawn_at = clock.seconds
    while clock.seconds < withdrawn_at + 60:
        clock.seconds += pause
        await source.find("rsa")
        await refreshed(source)
    assert await source.find("rsa") is None


async def test_known_keys_go_on_for_hours_without_the_issuer_and_not_for_ever(tmp_path: Path, clock: Seconds) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(RSA))
    source = JwksSource(path, clock=clock)
    await source.find("rsa")
    path.unlink()
    begun = clock.seconds
    while clock.seconds + 60 <= begun + LAST:
        clock.seconds += 60
        assert await source.find("rsa") is not None
    clock.seconds += 61
    with pytest.raises(Unavailable):
        await source.find("rsa")
    with pytest.raises(Unavailable):
        await source.keep_fresh()
    path.write_bytes(jwks(RSA))
    clock.seconds += SILENCE + 1
    assert await source.find("rsa") is not None


async def test_after_a_silence_a_hanging_issuer_is_waited_for_once(
    tmp_path: Path, clock: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.access.jwks.SILENCE_WAIT", 0.05)
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(RSA))
    source = JwksSource(path, clock=clock)
    await source.find("rsa")
    given_up = threading.Event()

    def hanging() -> bytes:
        given_up.wait(10)
        raise TimeoutError

    source._read = hanging
    clock.seconds += SILENCE + 1
    first = asyncio.create_task(source.find("rsa"))
    await asyncio.sleep(0.01)
    clock.seconds += 0.1
    assert await first
    async with asyncio.timeout(0.04):
        assert all([await source.find("rsa") for _ in range(5)])
    given_up.set()
    await refreshed(source)
