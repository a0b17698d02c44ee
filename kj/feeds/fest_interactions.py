"""Reads the interactions of FEST, as the Norwegian agency for medicines publishes it: an M30 message in XML.

    KatInteraksjon / OppfInteraksjon / Status and Interaksjon / Id, Relevans, Situasjonskriterium, KliniskKonsekvens,
    Interaksjonsmekanisme, Kildegrunnlag, Handtering, Referanse, Substansgruppe / Substans / Atc

Names count, namespaces do not: each year's edition has another. The file is read as a stream, as it is some 150 MB. It
comes from outside: a document type is refused, and with it every entity (so-called XML bombs), as are endless texts and
depths. Source of the form: DMP, implementation guide for FEST, chapter 8; M30's schema of 2014-12-01.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from kj.feeds.knowledge_table import TableError
from kjernejournal.medications.v1 import knowledge_pb2 as pb
from kjernejournal.medications.v1 import medications_pb2
from shared.codes import atc

NAMESPACE = "http://www.kith.no/xmlstds/eresept/m30/2014-12-01"
"""Of the messages that we write for tests."""
_CHUNK = 64 * 1024
_DEEPEST = 60
_LONGEST_TEXT = 200_000
_MOST_CODES = 100
"""Codes on a side of a row, as the contract has it."""
_LONGEST_WORDS, _LONGEST_SOURCE, _LONGEST_CODE = 4000, 500, 200

_AVOID, _CAUTION, _NO_ACTION = "1", "2", "3"
_SEVERITIES = {_AVOID: medications_pb2.SEVERITY_AVOID, _CAUTION: medications_pb2.SEVERITY_CAUTION}
"""By relevance: should be avoided, take precautions. One without need for action gives no alert (the guide, 8.4)."""
_NOT_IN_FORCE = "U"


@dataclass
class FestInteractions:
    """What a file holds."""

    fetched: str = ""
    """When it was fetched from DMP, as the file says."""
    rows: list[pb.Interaction] = field(default_factory=list)
    left_out: "Counter[str]" = field(default_factory=Counter)
    """What became no row, by why."""


def read(path: Path) -> FestInteractions:
    """Returns the interactions in a file. Raises TableError for what is not FEST in XML, and OSError."""
    with path.open("rb") as file:
        return parse(file)


def parse(file: BinaryIO) -> FestInteractions:
    """Returns the interactions in a stream of bytes. Raises TableError."""
    reader = _Reader()
    try:
        while chunk := file.read(_CHUNK):
            reader.parser.Parse(chunk, False)
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise TableError(f"line {error.lineno}: not well-formed XML") from None
    if not reader.is_fest:
        raise TableError("it is not FEST: the outermost element of an M30 message is FEST")
    if not reader.found.rows and not reader.found.left_out:
        raise TableError("it holds no interactions: KatInteraksjon is missing")
    return reader.found


@dataclass
class _Interaction:
    """An interaction while its elements come."""

    status: str = ""
    number: str = ""
    relevance: tuple[str, str] = ("", "")
    texts: dict[str, str] = field(default_factory=dict)
    references: list[str] = field(default_factory=list)
    groups: list[set[str]] = field(default_factory=list)
    without_code: int = 0


class _Reader:
    """Gathers interactions as the parser calls."""

    def __init__(self) -> None:
        self.found = FestInteractions()
        self.is_fest = False
        self._path: list[str] = []
        self._text = ""
        self._at: _Interaction | None = None
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = _refuse_doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(" ")[2]
        if not self._path:
            self.is_fest = name == "FEST"
        self._path.append(name)
        self._text = ""
        if len(self._path) > _DEEPEST:
            raise TableError("elements stand too deep inside one another")
        if name == "OppfInteraksjon":
            self._at = _Interaction()
        elif name == "InteraksjonIkkeVurdert":
            self.found.left_out["not assessed by DMP"] += 1
        elif self._at is not None:
            self._begin(self._at, name, attributes)

    def _begin(self, at: _Interaction, name: str, attributes: dict[str, str]) -> None:
        match name:
            case "Status":
                at.status = attributes.get("V", "")
            case "Relevans":
                at.relevance = attributes.get("V", ""), attributes.get("DN", "")
            case "Substansgruppe":
                at.groups.append(set())
            case "Substans" if self._path[-2] == "Substansgruppe":
                at.without_code += 1
            case "Atc" if at.groups and (code := atc.substance(attributes.get("V", ""))):
                at.without_code -= 1
                at.groups[-1].add(code)

    def _data(self, text: str) -> None:
        if self._at is None and self._path[-1:] != ["HentetDato"]:
            return
        self._text += text
        if len(self._text) > _LONGEST_TEXT:
            raise TableError(f"{self._path[-1]} has too long a text")

    def _end(self, name: str) -> None:
        name = self._path.pop()
        text, self._text = " ".join(self._text.split()), ""
        at, inside = self._at, self._path[-1] if self._path else ""
        if name == "HentetDato" and inside == "FEST":
            self.found.fetched = text
        if at is None:
            return
        if name == "Id" and inside == "Interaksjon":
            at.number = text
        elif inside == "Interaksjon" and text:
            at.texts[name] = text
        elif inside == "Referanse" and text:
            at.references.append(text)
        elif name == "OppfInteraksjon":
            self._finish(at)
            self._at = None

    def _finish(self, at: _Interaction) -> None:
        left_out = self.found.left_out
        if not at.number:
            return  # of what is not assessed
        relevance = _relevance(*at.relevance)
        groups = [group for group in at.groups if group]
        left_out["substances without an ATC code"] += at.without_code
        if at.status == _NOT_IN_FORCE:
            left_out["interactions no longer in force"] += 1
        elif relevance == _NO_ACTION:
            left_out["interactions that need no action"] += 1
        elif len(groups) < 2:
            left_out["interactions without ATC codes on both sides"] += 1
        else:
            self.found.rows.extend(_rows(at, groups, _SEVERITIES.get(relevance, medications_pb2.SEVERITY_CAUTION)))
        self.found.left_out = +left_out  # without what is zero


def _rows(
    at: _Interaction, groups: list[set[str]], severity: "medications_pb2.Severity.ValueType"
) -> Iterator[pb.Interaction]:
    """Yields a row for each two groups of substances, more where a group has too many codes for one."""
    text = at.texts.get("KliniskKonsekvens", "") or at.texts.get("Interaksjonsmekanisme", "") or "Interaksjon."
    if situation := at.texts.get("Situasjonskriterium"):
        text = f"{text} Gjelder: {situation}"
    source = f"FEST (DMP) {at.number}" + "".join(f"; {each}" for each in at.references)
    for one, two in combinations(groups, 2):
        for first in _parts(one):
            for second in _parts(two):
                yield pb.Interaction(
                    first_atc=first,
                    second_atc=second,
                    severity=severity,
                    text=_cut(text, _LONGEST_WORDS),
                    text_code=_cut(f"RULE_FEST_{at.number}", _LONGEST_CODE),
                    advice=_cut(at.texts.get("Handtering", ""), _LONGEST_WORDS),
                    source=_cut(source, _LONGEST_SOURCE),
                )


def _relevance(code: str, display: str) -> str:
    """Returns the code of a relevance, by its words where they are clear: unknown ones count as precautions."""
    said = display.casefold()
    if "unngås" in said or "ikke kombineres" in said:
        return _AVOID
    if "ingen tiltak" in said:
        return _NO_ACTION
    return code if not said or code != _NO_ACTION else _CAUTION


def _parts(codes: set[str]) -> Iterator[list[str]]:
    ordered = sorted(codes)
    for start in range(0, len(ordered), _MOST_CODES):
        yield ordered[start : start + _MOST_CODES]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 4] + " ..."


def _refuse_doctype(*_: object) -> None:
    raise TableError("it has a document type, which FEST has not: refused, for the entities that it may hold")
