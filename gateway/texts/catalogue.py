"""Makes coded texts, and puts words into them in the caller's language, wherever they stand in a reply."""

from collections.abc import Mapping
from functools import cache

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from gateway.contract import Path, paths_to, walk
from gateway.texts import alerts, coverage, reconciliation, states
from gateway.texts.languages import Language
from kjernejournal.common.v1.common_pb2 import CodedText

_TABLES = (alerts.TEXTS, coverage.TEXTS, reconciliation.TEXTS, states.TEXTS)
TEXTS: dict[str, tuple[str, str]] = {code: texts for table in _TABLES for code, texts in table.items()}
"""Every text by its code: Norwegian, English. A text may name values, in braces, which the coded text brings along.

`{sides:and}` says that the value is codes with commas between them: their texts stand there, with "and" before the last
one. `or` likewise; `And` begins a sentence.
"""
_LAST = {"and": ("og", "and"), "or": ("eller", "or")}

if len(TEXTS) != sum(map(len, _TABLES)):
    raise ValueError("a code stands in two tables of texts")


def coded(code: str, **values: str) -> CodedText:
    """Returns a coded text, without words yet. Raises KeyError for a code that no table holds, or a value too few."""
    _filled(code, Language.NORWEGIAN, values)
    return CodedText(code=code, values=values)


def put_texts(message: Message, language: Language) -> None:
    """Puts words into every coded text of a reply. One whose code no table holds, or that lacks a value that its words
    name, keeps the words it came with."""
    for path in _places(message.DESCRIPTOR):
        for _, each in walk(message, path):
            if words := _words(each, language):
                each.text = words


def _words(coded_text: CodedText, language: Language) -> str:
    try:
        return _filled(coded_text.code, language, coded_text.values)
    except (KeyError, IndexError):
        return ""


def _filled(code: str, language: Language, values: Mapping[str, str]) -> str:
    """Returns a text with its values. Raises KeyError for a code that no table holds, or a value too few."""
    text = TEXTS[code][language.value]
    return text.format_map({name: _Value(value, language) for name, value in values.items()})


class _Value:
    """A value as a text names it: as it came, or the texts of its codes."""

    def __init__(self, value: str, language: Language) -> None:
        self._value = value
        self._language = language

    def __format__(self, spec: str) -> str:
        if not spec:
            return self._value
        *before, last = (TEXTS[code][self._language.value] for code in self._value.split(","))
        joined = f"{', '.join(before)} {_LAST[spec.lower()][self._language.value]} {last}" if before else last
        return joined[0].upper() + joined[1:] if spec[0].isupper() else joined


@cache
def _places(message: Descriptor) -> tuple[Path, ...]:
    """Returns where coded texts stand inside a kind of message."""
    return paths_to(message, CodedText.DESCRIPTOR)
