import bz2
import io
import json
from decimal import Decimal

import pytest

from gateway.fhir import reading
from gateway.fhir.reading import parse, read
from gateway.fhir.reasons import Refused


def refusal(data: bytes) -> str:
    with pytest.raises(Refused) as caught:
        read(io.BytesIO(data))
    return str(caught.value)


def test_plain_and_packed_files_are_the_same() -> None:
    data = json.dumps({"a": [1, "ø"]}).encode()
    assert read(io.BytesIO(data)) == read(io.BytesIO(bz2.compress(data))) == {"a": [1, "ø"]}


def test_several_packed_streams_are_one_file() -> None:
    assert read(io.BytesIO(bz2.compress(b'{"a"') + bz2.compress(b": 1}"))) == {"a": 1}


def test_numbers_keep_their_written_precision() -> None:
    assert str(parse(b'{"a": 0.50}')["a"]) == "0.50"
    assert isinstance(parse(b'{"a": 1e2}')["a"], Decimal)


@pytest.mark.parametrize(
    "data, said",
    [
        (b"", "empty"),
        (b"{", "not JSON, or it is cut off"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "not JSON"),
        (b'"\xff"', "not UTF-8"),
        (b'{"a": {"b": 1, "b": 2}}', "the same key twice"),
        (b"[" * 100_000, "nested deeper"),
        (b"[" * 65 + b"]" * 65, "nested deeper"),
        (b'{"a": [{"b": "x\\u0000"}]}', "a[0].b: holds a NUL character"),
        (b'{"a\\u0000": 1}', "NUL character"),
        (b'{"a": "\\ud800"}', "a: holds half of a character"),
        (bz2.compress(b'{"a": 1}')[:-5], "packing is cut off"),
        (b"BZh9" + b"x" * 50, "packing is damaged"),
        (bz2.compress(b"{}") + b"x" * 50, "packing is damaged"),
    ],
)
def test_what_is_refused(data: bytes, said: str) -> None:
    assert said in refusal(data)


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert parse(b'{"a": "\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}


def test_a_bomb_is_refused_before_it_has_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = bz2.compress(b" " * 50_000_000)
    assert len(bomb) < 1000
    monkeypatch.setattr(reading, "LARGEST_FILE", 1_000_000)
    assert "larger than 1000000 bytes when unpacked" in refusal(bomb)


def test_many_small_values_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_VALUES", 1000)
    assert "more than 1000 values" in refusal(b"[" + b"[]," * 1000 + b"[]]")
