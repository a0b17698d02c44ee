"""Coded texts over the whole contract: every place that can hold one gets words, every code that is made has some, no
Norwegian text is an English one, and none has room for who somebody is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from gateway.contract import Method, methods, paths_to, walk
from gateway.contract import Path as Place
from gateway.texts.catalogue import TEXTS, put_texts
from gateway.texts.languages import Language
from kjernejournal.common.v1.common_pb2 import CodedText

ROOT = Path(__file__).resolve().parents[3]
NB, EN = Language.NORWEGIAN.value, Language.ENGLISH.value
VALUES = {"medicine", "other", "allergen", "certainty", "reason", "count", "pairs", "sides", "side", "fields"}
"""What texts name: medicines, what they were checked against, counts, and codes of the contract."""
ALIKE = {"ALERT_DUPLICATE_OF_ONE", "RECONCILED_ON", "COMPARED_FIELD_DOSE"}
"""Texts that are one in both languages."""
ENGLISH = re.compile(r"\b(the|of|is|not|was|with|and|are|what|this|which|no|nothing)\b", re.IGNORECASE)


def places() -> Iterator[tuple[Method, Place]]:
    for method in methods().values():
        response: Any = method.response
        for path in paths_to(response.DESCRIPTOR, CodedText.DESCRIPTOR):
            yield method, path


PLACES = [pytest.param(*each, id=f"{each[0].descriptor.name}-{'.'.join(n for n, _ in each[1])}") for each in places()]


def filled(method: Method, place: Place) -> Any:
    """Returns a reply with one coded text, at this place."""
    reply: Any = method.response()
    inside = reply
    for name, repeated in place:
        inside = getattr(inside, name).add() if repeated else getattr(inside, name)
    inside.code = "STATE_OLDER_ONLY"
    inside.values["count"] = "7"
    return reply


def test_places_are_found() -> None:
    assert len(PLACES) > 15


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("method, place", PLACES)
def test_every_place_that_can_hold_a_coded_text_gets_words(method: Method, place: Place, language: Language) -> None:
    reply = filled(method, place)
    put_texts(reply, language)
    [(_, said)] = walk(reply, place)
    assert said.text == TEXTS["STATE_OLDER_ONLY"][language.value].format(count=7)
    assert said.code == "STATE_OLDER_ONLY"


def test_streams_that_are_forwarded_hold_no_coded_texts() -> None:
    """The gateway puts words into single replies, and into its own stream of a summary."""
    streams = {method.descriptor.name for method, _ in places() if method.descriptor.server_streaming}
    assert streams == {"StreamPatientSummary"}


def made() -> Iterator[tuple[str, str]]:
    """Yields every code that our source makes a text of by name, with the file."""
    for room in ("gateway", "services"):
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if not isinstance(node, ast.Call):
                    continue
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                given = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "code")]
                for each in given if name in {"coded", "of_catalogue", "CodedText"} else ():
                    if isinstance(each, ast.Constant) and isinstance(each.value, str):
                        yield each.value, str(file.relative_to(ROOT))


def test_every_code_that_is_made_has_texts() -> None:
    codes = dict(made())
    assert len(codes) > 12
    prefixes = [code for code in codes if code.endswith("_")]  # completed by the name of a value of the contract
    assert {code: file for code, file in codes.items() if code not in TEXTS and code not in prefixes} == {}
    assert all(any(known.startswith(prefix) for known in TEXTS) for prefix in prefixes)


@pytest.mark.parametrize("code", TEXTS)
def test_no_norwegian_text_is_an_english_one(code: str) -> None:
    norwegian, english = TEXTS[code]
    assert (norwegian == english) is (code in ALIKE)
    words = "".join(text for text, *_ in Formatter().parse(norwegian))
    assert not ENGLISH.search(words), "English words"


@pytest.mark.parametrize("code", TEXTS)
def test_no_text_has_room_for_who_somebody_is(code: str) -> None:
    for text in TEXTS[code]:
        assert {name for _, name, _, _ in Formatter().parse(text) if name} <= VALUES
        assert not re.search(r"\d{9}", text)


@pytest.mark.parametrize("language", Language)
def test_the_words_of_the_rules_of_medicines_are_in_both_languages(language: Language) -> None:
    rows = [line.split("\t") for line in (ROOT / "kj/feeds/knowledge_texts.tsv").read_text().splitlines()]
    texts = [row for row in rows if not row[0].startswith("#")]
    assert len(texts) > 50
    assert all(len(row) == 3 and row[1 + language.value].strip() for row in texts)
    wrong = [row[0] for row in texts if ENGLISH.search(row[1 + NB]) or row[1 + NB] == row[1 + EN]]
    assert wrong == []
    assert len({row[0] for row in texts}) == len(texts)
