"""Elements that turn what a resource says into something else: R4 forbids to read on without understanding them."""

from typing import Any

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
