"""Elements that turn what a resource says into something else: R4 forbids to read on without understanding them."""

from typing import Any

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import Refused
from kj.fhir_r4.bundle.resource import Resource

MODIFIED = "carries a modifier that is not understood (modifierExtension)"
RULES = "is written by rules of its own that are not understood (implicitRules)"


def modifier(value: Any, *, deep: bool = True) -> str:
    """Returns why a resource cannot be read as it stands; "": nothing in it changes its meaning.

    Source: FHIR R4, extensibility (modifierExtension SHALL NOT be ignored) and resource (implicitRules). `deep`: in
    what it contains too.
    """
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if each.get("modifierExtension"):
                return MODIFIED
            if each.get("implicitRules"):
                return RULES
            if deep:
                waiting.extend(child for child in each.values() if isinstance(child, dict | list))
        elif isinstance(each, list):
            waiting.extend(child for child in each if isinstance(child, dict | list))
    return ""


def of_resource(resource: Resource) -> str:
    """Returns why a resource cannot be read as it stands, by what it holds or its entry; "": it can."""
    return MODIFIED if resource.modified else modifier(resource.node.value)


def check_frame(bundle: Node, composition: Node | None) -> None:
    """Raises Refused when a modifier is said of the whole bundle, or a document was entered in error as a whole."""
    if reason := modifier(bundle.value, deep=False):
        raise Refused(bundle.path, reason)
    if composition is None:
        return
    if reason := modifier(composition.value, deep=False):
        raise Refused(composition.path, reason)
    if composition.text("status") == "entered-in-error":
        raise Refused(composition.at("status"), "says that the whole document was entered in error")
