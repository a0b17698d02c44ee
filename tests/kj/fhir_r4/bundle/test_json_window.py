"""Files read piece by piece: text kept as written, and what is too large refused before it is in memory."""

import bz2
import io
import json
from decimal import Decimal
from typing import Any

import pytest

from kj.fhir_r4.bundle import json_window, unpacking
from kj.fhir_r4.bundle.json_window import Reader
from kj.fhir_r4.bundle.refusals import Refused


def read(data: bytes) -> tuple[list[Any], dict[str, Any]]:
    reader = Reader(io.BytesIO(data))
    return [each.value for each in reader.entries()], reader.fields


def refusal(data: bytes) -> str:
    with pytest.raises(Refused) as caught:
        read(data)
    return str(caught.value)


def entry(text: str) -> bytes:
    return ('{"resourceType": "Bundle", "entry": [{"a": 1}, ' + text + "]}").encode()


def test_plain_and_packed_files_are_the_same() -> None:
    data = '{"entry": [{"a": [1, "ø"]}, {}], "type": "x", "total": 2}'.encode()
    assert read(data) == read(bz2.compress(data)) == ([{"a": [1, "ø"]}, {}], {"type": "x"})


def test_several_packed_streams_are_one_file() -> None:
    assert read(bz2.compress(b'{"type"') + bz2.compress(b': "x"}')) == ([], {"type": "x"})


def test_numbers_keep_their_written_precision() -> None:
    [first, second], _ = read(b'{"entry": [0.50, 1e2]}')
    assert (str(first), second) == ("0.50", Decimal("1e2"))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_where_the_pieces_of_a_file_end_makes_no_difference(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(unpacking, "PIECE", size)
    value = {
        "resourceType": "Bundle",
        "entry": [
            {"a": 'æøå \\ \\\\ø\\å " \u2028 😀', "b": [1.25, -3e-2, None, True]},
            {},
            {"c": "x" * 300},
            {"d": {"e": []}},
        ],
        "total": 12345,
        "type": "collection",
    }
    for data in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=3)):
        entries, fields = read(b"\xef\xbb\xbf" + data.encode())
        assert json.loads(json.dumps(entries, default=float)) == value["entry"]
        assert fields == {"resourceType": "Bundle", "type": "collection"}


def test_the_text_of_an_entry_is_kept_as_it_stands() -> None:
    [found] = Reader(io.BytesIO(b' { "entry" : [ {"a" :  1.0} ] } ')).entries()
    assert found.text == '{"a" :  1.0}'
    assert str(json_window.reread(found.text)["a"]) == "1.0"


@pytest.mark.parametrize(
    "data, said",
    [
        (b"", "it is empty"),
        (b" \n ", "it is cut off"),
        (b"{", "it is cut off"),
        (b'{"entry": [{"a": 1}', "it is cut off"),
        (b'{"entry": [{"a": "' + b"x" * 1000, "entry[0]: it is cut off"),
        ('{"entry": [{"a": "\\ø"}]}'.encode(), "it is not JSON: a backslash before a character"),
        ('{"ø": ø}'.encode(), "it is not JSON"),
        (b'{"entry": [{"a": 1} {"b": 2}]}', "it is not JSON at character 21"),
        (b'{"entry": [{"a": 1},]}', "entry[1]: it is not JSON at character 21"),
        (b'{"entry": [{"a": tru}, {"b": "long enough"}]}', "entry[0]: it is not JSON at character 18"),
        (b"{'entry': []}", "it is not JSON at character 2"),
        (b'{"type": "a"} {"type": "b"}', "it holds more than one JSON value"),
        (b'{"type": "a"}]', "it holds more than one JSON value"),
        (b"[]", "it is not a FHIR bundle but another kind of JSON"),
        (b'"x"', "it is not a FHIR bundle but another kind of JSON"),
        (b'{"entry": {}}', "entry: must be a list"),
        (b'{"type": 1, "type": 2}', "type: stands twice in the bundle"),
        (b"{" + b",".join(b'"k%d": 1' % each for each in range(51)) + b"}", "it has more than 50 fields"),
        (b'"\xff"', "it is not UTF-8 after character 0"),
        (b'{"entry": ["' + b"x" * 400_000 + b'\xc3("]}', "it is not UTF-8 after character"),
        ('{"type": "x"}'.encode("utf-16"), "it is not UTF-8"),
        (b"\x1f\x8b\x08", "it is packed with gzip: .json and .json.bz2 are read"),
        (b"PK\x03\x04", "it is packed with zip"),
        (entry('{"a": NaN}'), "entry[1]: has NaN"),
        (entry('{"a": -Infinity}'), "entry[1]: has -Infinity"),
        (entry('{"a": 1' + "0" * 5000 + "}"), "entry[1]: has a number of more than 100 characters"),
        (entry('{"a": 0.' + "1" * 5000 + "}"), "entry[1]: has a number of more than 100 characters"),
        (entry('{"a": 1e99999999999999999999}'), "entry[1]: has a number that is none"),
        (entry('{"a": {"b": 1, "b": 2}}'), "entry[1]: has the same key twice in one object: b"),
        (entry('{"a": {"a b": 1, "a b": 2}}'), "entry[1]: has the same key twice in one object"),
        (entry("[" * 100_000 + "]" * 100_000), "entry[1]: is nested deeper than 64 levels"),
        (entry("[" * 65 + "]" * 65), "entry[1]: is nested deeper than 64 levels"),
        (entry('{"a":' * 900 + "1" + "}" * 900), "entry[1]: is nested deeper than 64 levels"),
        (entry('{"a": [{"b": "x\\u0000"}]}'), "entry[1].a[0].b: holds a NUL character"),
        (entry('{"a\\u0000": 1}'), "entry[1]: holds a NUL character"),
        (entry('{"a": "\\ud800"}'), "entry[1].a: holds half of a character"),
        (entry('{"a": "\x01"}'), "entry[1]: it is not JSON"),
        (bz2.compress(b'{"a": 1}')[:-5], "its bz2 packing is cut off"),
        (b"BZh9" + b"x" * 50, "its bz2 packing is damaged"),
        (bz2.compress(b"{}") + b"x" * 50, "its bz2 packing is damaged"),
        (bz2.compress(b"") * 10_001, "it is packed in more than 10000 parts"),
        (bz2.compress(b" " * 50_000_000), "it unpacks to more than 1000 times its size"),
    ],
)
def test_what_is_refused_says_what_and_where(data: bytes, said: str) -> None:
    assert refusal(data).startswith(said)


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert read(b'{"entry": ["\\ud83d\\ude00"]}')[0] == ["\N{GRINNING FACE}"]


def test_a_file_is_refused_before_it_has_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "LARGEST_FILE", 1_000_000)
    noise = json.dumps({"entry": list(range(400_000))}).encode()
    assert "larger than 1000000 bytes when unpacked" in refusal(bz2.compress(noise))
    assert "larger than 1000000 bytes" in refusal(noise)


def test_many_small_values_are_refused_before_they_are_made() -> None:
    assert refusal(entry("[" + "[]," * 2_000_000 + "[]]")).startswith("entry[1]: has more than 400000 values")


def test_a_long_text_is_refused_before_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_window, "LARGEST_VALUE", 1_000_000)
    assert refusal(entry('"' + "x" * 2_000_000 + '"')).startswith("entry[1]: is longer than 1000000 characters")


def test_what_follows_a_long_entry_is_counted_for_itself() -> None:
    """The window is wide after a long entry; neither limit looks at what is beyond the one that is being read."""
    long, dense = '{"d": "' + "x" * 3_000_000 + '"}', "[" + "1," * 200_000 + "1]"
    entries, _ = read(entry(",".join([long, dense, dense, long])))
    assert [len(str(each)) > 600_000 for each in entries] == [False, True, True, True, True]


def test_too_many_entries_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_window, "MOST_ENTRIES", 10)
    assert refusal(b'{"entry": [' + b"{}," * 10 + b"{}]}") == "entry: holds more than 10 entries"
