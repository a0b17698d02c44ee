"""A bundle's resources, one in memory at a time, and what a reference in one of them means.

The file is read once, checked whole and kept as a spool of entries with a small index; a resource is parsed again when
it is mapped, and when something refers to it. What is held grows by some fifty bytes an entry, whatever its size.
"""

import re
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, BinaryIO, Self

from kj.fhir_r4.bundle.cuts import Cuts
from kj.fhir_r4.bundle.json_window import Reader, reread
from kj.fhir_r4.bundle.name_index import NameIndex
from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import BadField, Refused, Skipped
from kj.fhir_r4.bundle.resource import Resource, called, identifiers_of, local_name, token_of
from kj.fhir_r4.bundle.spool import Spool
from kj.fhir_r4.bundle.times import When, when
from kj.fhir_r4.bundle.unpacking import PIECE
from kj.fhir_r4.bundle.versions import other_version

TYPES = frozenset({"transaction", "collection", "document"})
"""Bundles that hold a record. A batch promises nothing about what belongs together, a searchset is one page of an
answer, a history says what was, a message is an event of another system."""
_DIRECTORY = frozenset(
    {"Organization", "OrganizationAffiliation", "Practitioner", "PractitionerRole", "Location", "HealthcareService"}
) | {"Endpoint"}
"""What files of hospitals and practitioners hold, whatever type of bundle they are: nothing of a patient."""
MOST_PATIENTS = 10_000
"""Patients of one bundle: each is given a number and remembered."""
MOST_TYPES = 1000
"""Resource types of one bundle; FHIR R4 has 148."""

_HELD = 1024 * 1024
"""Bytes of entries that are kept parsed: what others refer to often. Parsed, a byte takes about ten."""
_CANDIDATES = 100
"""Resources of one name that are looked at: a bomb would give all of them the same."""

_TYPE = re.compile(r"[A-Za-z]{1,64}")
_ADDRESS = re.compile(
    r"(?:(?P<base>https?://[^?#]+)/)?(?P<local>[A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64})(?:/_history/[^/]*)?"
)
_QUERY = re.compile(r"(?P<type>[A-Z][A-Za-z]{1,63})\?identifier=(?P<identifier>.+)")


class Bundle:
    """A transaction, collection or document. Closing it frees its temporary file."""

    def __init__(self, file: BinaryIO) -> None:
        """Reads the file whole. Raises Refused for anything that is no such bundle, naming what it is and where, and
        Skipped for one that is about nobody.
        """
        self.cuts = Cuts()
        self._spool = Spool()
        self._starts, self._lengths, self._types = array("Q"), array("I"), array("H")
        self._addresses = array("q")
        """A hash of each entry's fullUrl; 0: it has none."""
        self._type_names: dict[str, int] = {}
        self._urls, self._locals, self._identifiers, self._names = NameIndex(), NameIndex(), NameIndex(), NameIndex()
        self._newest: dict[int, int] = {}
        """The position of the newest version of what has several, by that of the first."""
        self._held: OrderedDict[int, Resource] = OrderedDict()
        self._held_bytes = 0
        self._patients = 0
        try:
            reader = Reader(file)
            for entry in reader.entries():
                if not self._lengths:
                    self._check_kind(reader.fields, partly=True)
                self._take(entry.text, entry.value)
            self.node = Node(reader.fields, "", self.cuts)
            if self._type_names and self._type_names.keys() <= _DIRECTORY:
                counts = {name: self.count(name) for name in self._type_names}
                raise Skipped("it holds organisations and practitioners alone, nothing of a patient", counts)
            self._check_kind(reader.fields)
            self.type = self.node.text("type")
            self._check_names()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Frees the temporary file that holds the entries."""
        self._spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[Resource]:
        """Returns every resource, in order, parsing each when it is asked for."""
        return (self._parsed(position) for position in range(len(self)))

    def of_type(self, *names: str) -> Iterator[Resource]:
        """Returns the resources of these types, in order."""
        wanted = {self._type_names[name] for name in names if name in self._type_names}
        return (self.at(position) for position, kind in enumerate(self._types) if kind in wanted)

    def count(self, name: str) -> int:
        """Returns how many resources of a type there are."""
        return self._types.count(self._type_names.get(name, MOST_TYPES))

    def at(self, position: int) -> Resource:
        """Returns the resource of an entry, and holds the latest ones up to _HELD bytes."""
        if (held := self._held.get(position)) is not None:
            self._held.move_to_end(position)
            return held
        resource = self._held[position] = self._parsed(position)
        self._held_bytes += self._lengths[position]
        while self._held_bytes > _HELD and len(self._held) > 1:
            self._held_bytes -= self._lengths[self._held.popitem(last=False)[0]]
        return resource

    @property
    def issuer(self) -> str:
        """Who gave the bundle its identifier; "" where it has none."""
        identifier = self.node.child("identifier")
        return identifier.text("system") if identifier else ""

    def time(self) -> When | None:
        """Returns when the bundle was put together: a document's Composition says it, else the bundle's timestamp.

        One that is no possible time says nothing.
        """
        first = self.composition
        for node, name in ((first.node if first else None, "date"), (self.node, "timestamp")):
            with suppress(BadField):
                if node is not None and (found := when(node, name)) is not None:
                    return found
        return None

    @property
    def composition(self) -> Resource | None:
        """What a document begins with."""
        first = self.at(0) if self.type == "document" and len(self) else None
        return first if first is not None and first.type == "Composition" else None

    def is_again(self, resource: Resource) -> bool:
        """Whether an entry repeats another one: of the same address, or without any and of the same id.

        That their contents are the same has been checked; of several versions of one, the newest counts.
        """
        if resource.full_url:
            first = self._urls.find(_key(resource.full_url))[0]
            return self._newest.get(first, first) != resource.position
        same = self._locals.find(local_name(resource)) if resource.id else ()
        return next((each for each in same if not self._addresses[each]), resource.position) < resource.position

    def is_told_apart(self, name: str) -> bool:
        """Whether one resource alone is called so (see `called`)."""
        return len(self._names.find(name)) < 2

    def resolve(self, reference: Node | None, source: Resource) -> Resource | None:
        """Returns what a reference in `source` points at; None: it is not in this bundle.

        Understood are: contained (#id), urn:uuid, urn:oid, absolute, relative to the source's own address, a search by
        identifier, an identifier alone. An absolute address is taken whole: the same id at another server is something
        else.
        """
        if reference is None:
            return None
        written = reference.text("reference")
        if written.startswith("#"):
            return self._contained(written[1:], source)
        found = self._addressed(written, source) if written else None
        identifier = reference.child("identifier")
        if found is None and identifier is not None and identifier.text("value"):
            return self._identified(reference.text("type"), token_of(identifier))
        return found

    def _addressed(self, written: str, source: Resource) -> Resource | None:
        if query := _QUERY.fullmatch(written):
            return self._identified(query["type"], query["identifier"])
        address = _ADDRESS.fullmatch(written)
        if (found := self._under(written)) is not None or address is None:
            return found
        if address["base"]:
            return self._under(f"{address['base']}/{address['local']}")
        own = _ADDRESS.fullmatch((source.container or source).full_url)
        near = self._under(f"{own['base']}/{address['local']}") if own and own["base"] else None
        return near or self._alone(address["local"])

    def _alone(self, local: str) -> Resource | None:
        """Returns the one resource of that type and id; None: there is none, or two under two addresses.

        Sent twice under one address, it is one.
        """
        positions = self._locals.find(local)[:_CANDIDATES]
        if len({self._addresses[each] for each in positions}) != 1:
            return None
        found = self.at(positions[0])
        return found if local_name(found) == local else None

    def _under(self, url: str) -> Resource | None:
        key = _key(url)
        for position in self._urls.find(key)[:1]:  # all of one address are the same, or versions: it was checked
            found = self.at(self._newest.get(position, position))
            return found if _key(found.full_url) == key else None
        return None

    def _contained(self, wanted: str, source: Resource) -> Resource | None:
        container = source.container or source
        if not wanted:
            return container
        for node in container.node.children("contained"):
            if node.text("id") == wanted:
                return Resource(_type(node), node, container=container)
        return None

    def _identified(self, kind: str, token: str) -> Resource | None:
        found = [
            each
            for each in map(self.at, self._identifiers.find(token)[:_CANDIDATES])
            if kind in ("", each.type) and token in map(token_of, identifiers_of(each.node))
        ]
        return found[0] if len(found) == 1 else None

    def _parsed(self, position: int) -> Resource:
        value = reread(self._spool.read(self._starts[position], self._lengths[position]).decode())
        return _resource(Node(value, f"entry[{position}]", self.cuts), position)

    def _check_kind(self, fields: dict[str, Any], *, partly: bool = False) -> None:
        """Raises Refused for a file of another kind as soon as its fields have been read, not at the file's end."""
        node = Node(fields, "", self.cuts)
        found, kind = node.text("resourceType"), node.text("type")
        if found != "Bundle" and not (partly and not found):
            raise Refused("resourceType", f"it is not a Bundle but {_shown(found)}")
        if kind not in TYPES and not (partly and kind in ("", "batch")):
            raise Refused("type", f"a bundle of type {_shown(kind)} is not imported: {', '.join(sorted(TYPES))} are")

    def _take(self, text: str, value: Any) -> None:
        position = len(self)
        if not isinstance(value, dict):
            raise Refused(f"entry[{position}]", "must be an object")
        resource = _resource(Node(value, f"entry[{position}]", self.cuts), position)
        if version := other_version(resource.node.value):
            raise Refused(resource.node.path, f"is FHIR {version}, and FHIR R4 is read")
        start = self._spool.end
        for at in range(0, len(text), PIECE):  # a long one whole would stand in memory once more
            self._spool.append(text[at : at + PIECE].encode())
        self._starts.append(start)
        self._lengths.append(self._spool.end - start)
        self._types.append(self._type_names.setdefault(resource.type, len(self._type_names)))
        if len(self._type_names) > MOST_TYPES:
            raise Refused(resource.node.at("resourceType"), f"is one of more than {MOST_TYPES} types")
        self._patients += resource.type == "Patient"
        if self._patients > MOST_PATIENTS:
            raise Refused(resource.node.path, f"is one of more than {MOST_PATIENTS} patients")
        self._addresses.append(hash(_key(resource.full_url)) if resource.full_url else 0)
        if resource.full_url:
            self._urls.add(_key(resource.full_url), position)
        if resource.id:
            self._locals.add(local_name(resource), position)
        for token in {token_of(each) for each in identifiers_of(resource.node)}:
            self._identifiers.add(token, position)
        self._names.add(called(resource), position)

    def _check_names(self) -> None:
        """Raises Refused where one address names two resources, at the second of them."""
        for positions in self._urls.repeated():
            self._check_same(positions, "fullUrl")
        for positions in self._locals.repeated():
            bare = array("I", (each for each in positions if not self._addresses[each]))
            if len(bare) > 1:
                self._check_same(bare, "id")

    def _check_same(self, positions: "array[int]", name: str) -> None:
        first = newest = self.at(positions[0])
        digest = first.digest()
        for position in positions[1:]:
            other = self._parsed(position)
            if other.digest() == digest:
                continue
            if name == "fullUrl" and _version(other)[1] not in ("", _version(first)[1]):
                newest = max(newest, other, key=_version)
                self._newest[positions[0]] = newest.position
            else:
                raise Refused(other.node.path, f"is another resource under the {name} of {first.node.path}")


def _resource(entry: Node, position: int) -> Resource:
    node = entry.child("resource")
    request = entry.child("request")
    method = request.text("method") if request else ""
    if method not in ("", "POST", "PUT"):
        raise Refused(entry.at("request.method"), f"an entry that asks for {_shown(method)} is not imported")
    if node is None:
        raise Refused(entry.at("resource"), "is missing: only entries with a resource are imported")
    modified = bool(entry.value.get("modifierExtension"))
    return Resource(_type(node), node, entry.text("fullUrl"), position=position, modified=modified)


def _version(resource: Resource) -> tuple[str, str]:
    """Returns what orders the versions of one resource: when it was changed, then its number (FHIR R4, bdl-7)."""
    meta = resource.node.child("meta")
    number = meta.text("versionId") if meta else ""
    changed = when(meta, "lastUpdated") if meta else None
    return changed.first().isoformat() if changed else "", number.zfill(20) if number.isdigit() else number


def _type(node: Node) -> str:
    name = node.text("resourceType")
    if not _TYPE.fullmatch(name):
        raise Refused(node.at("resourceType"), "is not the name of a resource type")
    return name


def _key(url: str) -> str:
    """Returns the address as it is compared: urn:uuid means the same in capitals and in small letters."""
    return url.lower() if url[:9].lower() == "urn:uuid:" else url


def _shown(name: str) -> str:
    """Returns a type's name as an error may repeat it: nothing else of the file is repeated there."""
    return name if re.fullmatch(r"[A-Za-z-]{1,40}", name) else "of no known kind"
