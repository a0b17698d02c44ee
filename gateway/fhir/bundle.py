"""A bundle's resources, and what a reference in one of them means."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.fhir.node import Node
from gateway.fhir.reasons import Refused
from gateway.fhir.times import When, when

TYPES = frozenset({"transaction", "collection", "document"})
"""Bundles that hold a record. A batch promises nothing about what belongs together, a searchset is one page of an
answer, a history says what was, a message is an event of another system."""

_TYPE = re.compile(r"[A-Za-z]{1,64}")
_ADDRESS = re.compile(r"(?:(?P<base>https?://.+)/)?(?P<local>[A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64})(?:/_history/.*)?")
_QUERY = re.compile(r"(?P<type>[A-Z][A-Za-z]{1,63})\?identifier=(?P<identifier>.+)")


@dataclass(frozen=True)
class Resource:
    """A resource of a bundle, or one that is contained in another."""

    type: str
    node: Node
    full_url: str = ""
    container: "Resource | None" = field(default=None, repr=False)

    @property
    def id(self) -> str:
        """Its id at the source, where it has one."""
        return self.node.text("id")

    def digest(self) -> str:
        """SHA-256 of the content, however its keys were ordered."""
        return hashlib.sha256(json.dumps(self.node.value, sort_keys=True, default=str).encode()).hexdigest()


class Bundle:
    """A transaction, collection or document. Raises Refused for anything else, naming what it is."""

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise Refused("", "it is not a FHIR bundle but another kind of JSON")
        self.cuts: Counter[str] = Counter()
        self.node = Node(value, "", self.cuts)
        found = self.node.text("resourceType")
        if found != "Bundle":
            raise Refused("resourceType", f"it is not a Bundle but {_shown(found)}")
        self.type = self.node.text("type")
        if self.type not in TYPES:
            raise Refused(
                "type", f"a bundle of type {_shown(self.type)} is not imported: {', '.join(sorted(TYPES))} are"
            )
        self.resources = [_resource(each) for each in self.node.children("entry")]
        self._by_url: dict[str, Resource] = {}
        self._by_local: dict[str, list[Resource]] = {}
        self._by_identifier: dict[str, list[Resource]] = {}
        for resource in self.resources:
            self._index(resource)

    def of_type(self, name: str) -> Iterator[Resource]:
        """The resources of a type."""
        return (resource for resource in self.resources if resource.type == name)

    @property
    def issuer(self) -> str:
        """Who gave the bundle its identifier; "" where it has none."""
        identifier = self.node.child("identifier")
        return identifier.text("system") if identifier else ""

    def time(self) -> When | None:
        """When the bundle was put together: of a document, what its Composition says, else the bundle's timestamp."""
        first = self.resources[0] if self.resources else None
        if self.type == "document" and first is not None and first.type == "Composition":
            return when(first.node, "date") or when(self.node, "timestamp")
        return when(self.node, "timestamp")

    def resolve(self, reference: Node | None, source: Resource) -> Resource | None:
        """What a reference in `source` points at; None: nothing here.

        Contained (#id), urn:uuid, absolute, relative to the source's own address, a search by identifier, or an
        identifier alone. An absolute address is taken whole: the same id at another server is something else.
        """
        if reference is None:
            return None
        written = reference.text("reference")
        if written.startswith("#"):
            return self._contained(written[1:], source)
        if not written:
            identifier = reference.child("identifier")
            return self._identified("", _token(identifier)) if identifier else None
        if query := _QUERY.fullmatch(written):
            return self._identified(query["type"], query["identifier"])
        return self._addressed(written, source)

    def _addressed(self, written: str, source: Resource) -> Resource | None:
        if (found := self._by_url.get(_key(written))) is not None:
            return found
        address = _ADDRESS.fullmatch(written)
        if address is None:
            return None
        if address["base"]:
            return self._by_url.get(_key(f"{address['base']}/{address['local']}"))
        own = _ADDRESS.fullmatch((source.container or source).full_url)
        if own and own["base"] and (near := self._by_url.get(_key(f"{own['base']}/{address['local']}"))):
            return near
        candidates = self._by_local.get(address["local"], [])
        return candidates[0] if len(candidates) == 1 else None

    def _contained(self, wanted: str, source: Resource) -> Resource | None:
        container = source.container or source
        if not wanted:
            return container
        for node in container.node.children("contained"):
            if node.text("id") == wanted:
                return Resource(_type(node), node, container=container)
        return None

    def _identified(self, kind: str, token: str) -> Resource | None:
        found = [each for each in self._by_identifier.get(token, []) if kind in ("", each.type)]
        return found[0] if len(found) == 1 else None

    def _index(self, resource: Resource) -> None:
        local = f"{resource.type}/{resource.id}" if resource.id else ""
        if resource.full_url:
            key = _key(resource.full_url)
            before = self._by_url.setdefault(key, resource)
            if before is not resource and before.digest() != resource.digest():
                raise Refused(resource.node.path, f"is another resource under the fullUrl of {before.node.path}")
        if local:
            same = self._by_local.setdefault(local, [])
            # Sent twice, it is the same resource still; under two addresses, it is two.
            if not any(_key(each.full_url) == _key(resource.full_url) for each in same):
                same.append(resource)
            elif not resource.full_url and same[0].digest() != resource.digest():
                raise Refused(resource.node.path, f"is another resource under the id of {same[0].node.path}")
        identifiers = resource.node.value.get("identifier")
        for node in resource.node.children("identifier") if isinstance(identifiers, list) else []:
            if node.text("value"):
                self._by_identifier.setdefault(_token(node), []).append(resource)


def _resource(entry: Node) -> Resource:
    node = entry.child("resource")
    request = entry.child("request")
    method = request.text("method") if request else ""
    if method not in ("", "POST", "PUT"):
        raise Refused(entry.at("request.method"), f"an entry that asks for {_shown(method)} is not imported")
    if node is None:
        raise Refused(entry.at("resource"), "is missing: only entries with a resource are imported")
    return Resource(_type(node), node, entry.text("fullUrl"))


def _type(node: Node) -> str:
    name = node.text("resourceType")
    if not _TYPE.fullmatch(name):
        raise Refused(node.at("resourceType"), "is not the name of a resource type")
    return name


def _key(url: str) -> str:
    """urn:uuid is the same in capitals and in small letters."""
    return url.lower() if url[:9].lower() == "urn:uuid:" else url


def _token(identifier: Node) -> str:
    return f"{identifier.text('system')}|{identifier.text('value')}"


def _shown(name: str) -> str:
    """A type's name, for an error: nothing else of the file is repeated there."""
    return name if re.fullmatch(r"[A-Za-z-]{1,40}", name) else "of no known kind"
