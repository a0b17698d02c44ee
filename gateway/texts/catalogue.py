"""Makes coded texts, and puts words into them in the caller's language, wherever they stand in a reply."""

from functools import cache

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from gateway.contract import Path, paths_to, walk
from gateway.texts import alerts, coverage, states
from gateway.texts.languages import Language
from kjernejournal.common.v1.common_pb2 import CodedText

_TABLES = (alerts.TEXTS, coverage.TEXTS, states.TEXTS)
TEXTS: dict[str, tuple[str, str]] = {code: texts for table in _TABLES for code, texts in table.items()}
"""Every text by its code: Norwegian, English. A text may name values, in braces, which the coded text brings along."""

if len(TEXTS) != sum(map(len, _TABLES)):
    raise ValueError("a code stands in two tables of texts")


def coded(code: str, **values: str) -> CodedText:
    """Returns a coded text, without words yet. Raises KeyError for a code that no table holds, or a value too few."""
    TEXTS[code][Language.NORWEGIAN.value].format_map(values)
    return CodedText(code=code, values=values)


def put_texts(message: Message, language: Language) -> None:
    """Puts words into every coded text of a reply. One whose code no table holds, or that lacks a value that its words
    name, keeps the words it came with."""
    for path in _places(message.DESCRIPTOR):
        for _, each in walk(message, path):
            if words := _words(each, language):
                each.text = words


def _words(coded_text: CodedText, language: Language) -> str:
    texts = TEXTS.get(coded_text.code)
    if texts is None:
        return ""
    try:
        return texts[language.value].format_map(dict(coded_text.values))
    except (KeyError, IndexError):
        return ""


@cache
def _places(message: Descriptor) -> tuple[Path, ...]:
    """Returns where coded texts stand inside a kind of message."""
    return paths_to(message, CodedText.DESCRIPTOR)
