"""A bundle's JSON, entry by entry, within limits: what comes from outside may be damaged, huge or made to hurt.

The parser of Python's own library takes one value at a time from a window that moves over the text: what is held is one
entry. A streaming parser (ijson) was tried beside it: it is as fast (0.05 s for 6 MB, this one 0.07 s), but takes the
last of two equal keys in silence, reports no entry's place in the text, and bounds neither depth nor number of values.
"""

import codecs
import json
import re
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO, NamedTuple

from kj.fhir_r4.bundle import unpacking
from kj.fhir_r4.bundle.refusals import Refused

LARGEST_VALUE = 32 * 1024 * 1024
"""Characters of one entry, of which a document may be most."""
MOST_VALUES = 400_000
"""Values in one entry, counted by what separates them: bounds the memory that small values cost. The largest resource
of our test data has 4 000."""
MOST_ENTRIES = 400_000
"""Entries of one bundle. The largest patient of our test data has 3 177."""
MOST_FIELDS = 50
"""Fields of a Bundle; FHIR has twelve."""
LONGEST_FIELD = 64 * 1024
"""Characters of a field beside the entries that is kept."""
DEEPEST = 64
"""Levels of nesting. FHIR resources need about 15."""
LONGEST_NUMBER = 100

FIELDS = frozenset({"resourceType", "type", "identifier", "timestamp", "meta", "implicitRules", "modifierExtension"})
"""What is read of a Bundle beside its entries. Other fields are checked and dropped."""

_SPACE = re.compile(r"[ \t\n\r]*")
_SUSPECT = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_WRONG_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\[^\x00-\x7f]")
_NAME = re.compile(r"[A-Za-z_]{1,64}")


class Entry(NamedTuple):
    """One entry as it stands in the file, and what it says."""

    text: str
    value: Any


class Broken(Exception):
    """What is wrong with a value, before it is known where the value stands."""


class Reader:
    """Reads one Bundle: `entries`, and then, or as soon as they have passed, its other fields."""

    def __init__(self, file: BinaryIO) -> None:
        self.fields: dict[str, Any] = {}
        self._window = _Window(file)
        self._seen: set[str] = set()

    def entries(self) -> Iterator[Entry]:
        """Yields every entry once, in order.

        Raises Refused for what is not whole, not JSON, not UTF-8, has a key twice in one object, or is over a limit;
        the path says where.
        """
        window = self._window
        if window.peek() != "{":
            window.value("")
            raise Refused("", "it is not a FHIR bundle but another kind of JSON")
        window.take("{")
        if window.peek() == "}":
            window.take("}")
        else:
            yield from self._fields()
        if window.peek():
            raise Refused("", "it holds more than one JSON value")

    def _fields(self) -> Iterator[Entry]:
        window = self._window
        while True:
            name = self._key()
            if name == "entry" and window.peek() == "[":
                yield from self._each()
            else:
                text, value = window.value(name if _NAME.fullmatch(name) else "")
                if name in FIELDS and len(text) <= LONGEST_FIELD:
                    self.fields[name] = value
                elif name == "entry" and value is not None:
                    raise Refused("entry", "must be a list")
            if window.take(",", "}") == "}":
                return

    def _each(self) -> Iterator[Entry]:
        window = self._window
        window.take("[")
        if window.peek() == "]":
            window.take("]")
            return
        for position in range(MOST_ENTRIES):
            yield window.value(f"entry[{position}]")
            if window.take(",", "]") == "]":
                return
        raise Refused("entry", f"holds more than {MOST_ENTRIES} entries")

    def _key(self) -> str:
        if self._window.peek() != '"':
            raise self._window.refusal()
        name = self._window.value("").value
        if name in self._seen:
            raise Refused(name if _NAME.fullmatch(name) else "", "stands twice in the bundle")
        self._seen.add(name)
        if len(self._seen) > MOST_FIELDS:
            raise Refused("", f"it has more than {MOST_FIELDS} fields")
        self._window.take(":")
        return str(name)


def reread(text: str) -> Any:
    """Returns the value of an entry that was read, and so checked, before."""
    return _AGAIN.decode(text)


class _Window:
    """The part of the text that is being read: a piece, or as many as one value takes."""

    def __init__(self, file: BinaryIO) -> None:
        self._pieces = unpacking.pieces(file)
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._before = 0
        """Characters that the window has passed."""
        self._rest: deque[str] = deque()
        """What was taken for a long value and is not part of it."""
        self._exhausted = False
        self._backslashes = ""
        """Backslashes at the end of a piece: the next piece decides whether they are even in number."""
        self._written = True
        """Whether the text is as the file has it, character by character."""

    @property
    def _ended(self) -> bool:
        """Whether the window reaches to the end of the text."""
        return self._exhausted and not self._rest

    def peek(self) -> str:
        """Returns the next character that is no white space; "" at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._move([])

    def take(self, *wanted: str) -> str:
        """Returns the next character. Raises Refused when it is none of these."""
        found = self.peek()
        if found not in wanted or not found:
            raise self.refusal()
        self._at += 1
        return found

    def value(self, path: str) -> Entry:
        """Reads the next value. The window grows to hold it and stops at the limits: the parser never sees more."""
        self.peek()
        limit = ""
        while True:
            try:
                value, end = _FIRST.raw_decode(self._text, self._at)
            except Broken as error:
                raise Refused(path, str(error)) from None
            except RecursionError:
                raise Refused(path, f"is nested deeper than {DEEPEST} levels") from None
            except json.JSONDecodeError as error:
                if self._is_whole(error):
                    raise self.refusal(path, error.pos) from None
            except ValueError:  # an integer of thousands of digits
                raise Refused(path, f"has a number of more than {LONGEST_NUMBER} characters") from None
            else:
                # A number could go on in the next piece.
                if end < len(self._text) or self._ended or self._text[end - 1] in '}]"':
                    return self._checked(value, end, path)
            if limit or self._ended:
                raise Refused(path, limit or "it is cut off, or it is not JSON")
            limit = self._widen()

    def refusal(self, path: str = "", at: int | None = None) -> Refused:
        """Returns the error to raise when what stands here is not JSON, or nothing stands here."""
        at = self._at if at is None else at
        if self._ended and at >= len(self._text):
            return Refused(path, "it is cut off, or it is not JSON")
        where = f" at character {self._before + at + 1}" if self._written else ""
        return Refused(path, f"it is not JSON{where}")

    def _checked(self, value: Any, end: int, path: str) -> Entry:
        text = self._text[self._at : end]
        self._at = end
        if len(self._text) > 3 * unpacking.PIECE:
            self._narrow()
        _check_depth(value, DEEPEST, path)
        if _SUSPECT.search(text):
            _check_texts(value, path)
        return Entry(text, value)

    def _is_whole(self, error: json.JSONDecodeError) -> bool:
        """Whether the error lies in the text and not in the window's end."""
        return not error.msg.startswith("Unterminated") and error.pos < len(self._text) - (0 if self._ended else 16)

    def _widen(self) -> str:
        """Makes the window about twice as long for a long value. Returns which limit it has reached; "": none."""
        parts: list[str] = []
        size = len(self._text) - self._at
        values = _values(self._text, self._at)
        wanted = 2 * size
        while size < wanted and not self._ended:
            part = self._next()
            parts.append(part)
            size += len(part)
            values += _values(part)
            if values > MOST_VALUES:
                self._move(parts)
                return f"has more than {MOST_VALUES} values"
            if size > LARGEST_VALUE:
                self._move(parts)
                return f"is longer than {LARGEST_VALUE} characters"
        self._move(parts)
        return ""

    def _move(self, parts: list[str]) -> None:
        """Drops what has been read, and takes these parts into the window; none: the next piece."""
        parts = parts or [self._next()]
        self._before += self._at
        self._text = "".join([self._text[self._at :], *parts])
        self._at = 0

    def _next(self) -> str:
        if self._rest:
            return self._rest.popleft()
        piece = next(self._pieces, None)
        self._exhausted = piece is None
        try:
            text = self._decoder.decode(piece or b"", final=piece is None)
        except UnicodeDecodeError:
            raise Refused("", f"it is not UTF-8 after character {self._before + len(self._text)}") from None
        return self._in_ascii(text, final=piece is None)

    def _in_ascii(self, text: str, *, final: bool) -> str:
        """Returns the same JSON with escapes for other characters.

        One such character alone would make a string of millions take two or four times the memory. An escape may not
        stand behind an odd number of backslashes, so those at the end of a piece wait for the next.
        """
        text = self._backslashes + text
        self._backslashes = ""
        if not final and text.endswith("\\"):
            kept = text.rstrip("\\")
            text, self._backslashes = kept, text[len(kept) :]
        if text.isascii():
            return text
        self._written = False
        if _WRONG_ESCAPE.search(text):
            raise Refused("", "it is not JSON: a backslash before a character that needs none")
        return _NOT_ASCII.sub(_escape, text)

    def _narrow(self) -> None:
        """Frees a long value that has been read, and puts back what was read beyond it."""
        text, size = self._text, unpacking.PIECE
        rest = [text[at : at + size] for at in range(self._at + size, len(text), size)]
        self._rest.extendleft(reversed(rest))
        self._text = text[self._at : self._at + size]
        self._before += self._at
        self._at = 0


def _escape(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


def _values(text: str, at: int = 0) -> int:
    return text.count(",", at) + text.count("{", at) + text.count("[", at)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1) if len(names) < 1000 else ""
        raise Broken(f"has the same key twice in one object{f': {twice}' if _NAME.fullmatch(twice) else ''}")
    return result


def _number(written: str) -> Decimal:
    if len(written) > LONGEST_NUMBER:
        raise Broken(f"has a number of more than {LONGEST_NUMBER} characters")
    try:
        return Decimal(written)
    except ArithmeticError:
        raise Broken("has a number that is none") from None


def _no_constant(name: str) -> None:
    raise Broken(f"has {name}, which is Python's and not JSON's")


_FIRST = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_constant=_no_constant)
_AGAIN = json.JSONDecoder(parse_float=Decimal)


def _check_depth(value: Any, left: int, path: str) -> None:
    if not left:
        raise Refused(path, f"is nested deeper than {DEEPEST} levels")
    if type(value) is dict:
        value = value.values()
    elif type(value) is not list:
        return
    for child in value:
        if type(child) is dict or type(child) is list:
            _check_depth(child, left - 1, path)


def _check_texts(value: Any, path: str) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise Refused(path, "holds a NUL character")
        if _SURROGATE.search(value):
            raise Refused(path, "holds half of a character")
    elif isinstance(value, dict):
        for key, child in value.items():
            _check_texts(key, path)
            _check_texts(child, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for position, child in enumerate(value):
            _check_texts(child, f"{path}[{position}]")
