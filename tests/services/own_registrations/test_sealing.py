"""What is encrypted opens in its own place alone, and what does not open is never shown as nothing."""

from __future__ import annotations

import os
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import UNAVAILABLE_REASON_ERROR
from services.own_registrations.sealing import Place, RegistrationKey
from shared.sealing import ContentDamagedError
from tests.services.own_registrations.calls import Register, contact, illness, new_ref
from tests.support.service import reason_of


def test_content_opens_in_its_own_row_alone() -> None:
    key, place = RegistrationKey(os.urandom(32)), Place(str(uuid4()), str(uuid4()), 1, 1)
    sealed = key.seal(place, b"content")
    assert key.open(place, sealed) == b"content"
    for wrong in (
        place._replace(patient_ref=str(uuid4())),
        place._replace(id=str(uuid4())),
        place._replace(version=2),
        place._replace(kind=2),
    ):
        with pytest.raises(ContentDamagedError):
            key.open(wrong, sealed)
    with pytest.raises(ContentDamagedError):
        RegistrationKey(os.urandom(32)).open(place, sealed)


def test_a_digest_tells_nothing_without_the_key() -> None:
    one, other = RegistrationKey(bytes(32)), RegistrationKey(bytes(31) + b"1")
    assert one.digest(b"donor card") == one.digest(b"donor card")
    assert one.digest(b"donor card") != one.digest(b"another")
    assert one.digest(b"donor card") != other.digest(b"donor card")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE entries SET content = content || '\\x00' WHERE patient_ref = $1",
        "UPDATE entries SET kind = 2 WHERE patient_ref = $1",
        "UPDATE patient_keys SET wrapped = NULL WHERE patient_ref = $1",
        "UPDATE patient_keys SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) WHERE patient_ref = $1",
        "DELETE FROM patient_keys WHERE patient_ref = $1",
    ],
)
async def test_what_cannot_be_opened_is_unavailable_and_can_be_deleted(register: Register, damage: str) -> None:
    ref, sound = new_ref(), new_ref()
    saved = await register.save(ref, contact())
    await register.save(sound, illness())
    await register.superuser.execute(damage, ref, name="damage")
    assert (await register.answer(ref, max_entries=5)).failure.reason == UNAVAILABLE_REASON_ERROR
    assert len((await register.answer(sound, max_entries=5)).section.registrations) == 1
    for call in (register.entries(ref), register.save(ref, contact("Per"), of=saved)):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        assert reason_of(refused.value) == "SERVICE_UNAVAILABLE"
    await register.delete(ref, saved.header.id)
    assert await register.entries(ref) == []
    assert (await register.save(ref, contact())).header.version == 1
