"""Bytes and metadata that no honest client would send."""

import random
import string

_UNKNOWN_FIELDS = (
    b"\xf8\x07\x01",  # field 127, varint
    b"\xfa\x07\x03abc",  # field 127, three bytes
    b"\xfb\x07\xfc\x07",  # field 127, an empty group
    b"\xf9\x07" + bytes(8),  # field 127, fixed64
)
_BROKEN = (
    b"\x0a\xff\xff\xff\xff\x0f",  # a length of 4 GiB
    b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  # a length of 2**63 - 1
    b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",  # a varint of eleven bytes
    b"\x0b" * 200,  # groups that do not end, deeper than any decoder goes
    b"\x0a\x02\x0a\x00" * 300,
    b"\x0f\x07",  # wire types that do not exist
    b"\x0a\x04\xff\xfe\xc3\x28",  # not UTF-8
    b"\x00",
)


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Returns the bytes with one to four things done to them."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        _once(rng, changed)
    return bytes(changed)


def _once(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    match rng.randrange(8):
        case 0 if at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        case 1 if at < len(data):
            data[at] = rng.randrange(256)
        case 2:
            del data[at:]
        case 3:
            del data[at : at + rng.randrange(1, 9)]
        case 4:
            data[at:at] = rng.randbytes(rng.randrange(1, 17))
        case 5:
            data[at:at] = data[rng.randrange(len(data) + 1) :][:64]
        case 6:
            data[at:at] = rng.choice(_BROKEN)
        case _:
            data += rng.choice(_UNKNOWN_FIELDS)


def strange_metadata(rng: random.Random) -> list[tuple[str, str | bytes]]:
    """Returns keys and values beside what a caller should send.

    They are legal for HTTP/2: others never leave a client.
    """
    names = ("access-basis", "source-system", "traceparent", "authorization", "kj-caller", "x-request-id", "user-key")
    binary = ("kj-caller-bin", "kj-patient-refs-bin", "x-noise-bin")
    made: list[tuple[str, str | bytes]] = []
    for _ in range(rng.randrange(1, 4)):
        if rng.random() < 0.3:
            made.append((rng.choice(binary), rng.randbytes(rng.randrange(0, 200))))
        else:
            made.append((rng.choice(names), _ascii(rng)))
    return made


def _ascii(rng: random.Random) -> str:
    if rng.random() < 0.4:
        return rng.choice(("SAMTYKKE", "akutt", "Bearer", "Bearer a.b.c", "00-" + "0" * 32 + "-1-01", "9" * 600))
    letters = string.ascii_letters + string.digits + "'\"%;:{}()<> "
    return "".join(rng.choices(letters, k=rng.randrange(1, 80))).strip() or "x"
