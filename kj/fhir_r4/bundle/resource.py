"""A resource of a bundle, and what its source calls it."""

import hashlib
import json
from dataclasses import dataclass, field

from kj.fhir_r4.bundle.node import Node
from shared.handling.identities import holds_one


@dataclass(frozen=True)
class Resource:
    """A resource of a bundle, or one that is contained in another."""

    type: str
    node: Node
    full_url: str = ""
    container: "Resource | None" = field(default=None, repr=False)
    position: int = -1
    """Its entry's; a contained one has none."""
    modified: bool = False
    """Whether its entry carries a modifierExtension."""

    @property
    def id(self) -> str:
        """Its id at the source, where it has one."""
        value = self.node.value.get("id")
        return value if isinstance(value, str) else ""

    def digest(self) -> str:
        """Returns the SHA-256 of the content in hex, the same for any order of its keys."""
        return hashlib.sha256(json.dumps(self.node.value, sort_keys=True, default=str).encode()).hexdigest()


def called(resource: Resource) -> str:
    """Returns what the source calls the resource.

    That is type and id, else its first identifier, else its address in the bundle, else a digest of its content. It is
    the same in every bundle of a source that keeps its own ids. What holds a national id is passed over.
    """
    names = [local_name(resource)] if resource.id else []
    names += [f"{resource.type}?{token_of(each)}" for each in identifiers_of(resource.node)]
    names += [f"{resource.type}#{resource.full_url}"] if resource.full_url else []
    name = next((each[:300] for each in names if not holds_one(each)), "")
    return name or f"{resource.type}#{resource.digest()}"


def local_name(resource: Resource) -> str:
    """Returns type and id, as a relative reference names it."""
    return f"{resource.type}/{resource.id}"


def identifiers_of(node: Node) -> list[Node]:
    """Returns the identifiers that have a value. A few types have one, most have many; a few of ours have no system.

    One that is none by its form names nothing; whoever maps the resource refuses it.
    """
    value = node.value.get("identifier")
    found = value if isinstance(value, list) else [value]
    return [
        Node(each, node.at("identifier"), node.cuts)
        for each in found
        if isinstance(each, dict)
        and _is_text(each.get("value"))
        and (each.get("system") is None or isinstance(each["system"], str))
    ]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def token_of(identifier: Node) -> str:
    """Returns system and value, as a search writes them."""
    return f"{identifier.text('system')}|{identifier.text('value')}"
