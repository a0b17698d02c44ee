"""FHIR's general datatypes: codes, quantities, notes, and who stands behind a reference."""

import re
from collections.abc import Collection, Iterable, Sequence

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import NotPlaced
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, Organisation, Practitioner, Quantity
from shared.codes.icd10 import is_cause_or_contact
from shared.codes.identifiers import HPR, ORGANISATION_NUMBER, RESH
from shared.codes.systems import ATC, FEST_BEGINNINGS, ICD10, SNOMED, canonical
from shared.national_id import valid_hpr_number, valid_organisation_number

MOST_CODINGS = 30
_RESH = re.compile(r"\d{1,20}", re.ASCII)
_LONGEST_SYSTEM, _LONGEST_CODE = 300, 100
"""As our contract has them."""
_KNOWN = (ATC, SNOMED, ICD10, *FEST_BEGINNINGS)
"""Systems that checks are made by: their codings are cut last."""


def coding(node: Node) -> Coding:
    """Returns a Coding with every field as the source wrote it."""
    return Coding(
        system=node.text("system"),
        code=node.text("code"),
        display=node.text("display", 1000),
        version=node.text("version", 100),
        user_selected=bool(node.flag("userSelected")),
    )


def concept(node: Node | None) -> CodeableConcept | None:
    """Returns a CodeableConcept with all its codings; None: it says nothing.

    Codings that are a display alone become the text, where there is none.
    """
    if node is None:
        return None
    codings = [coding(each) for each in node.children("coding")]
    kept = _fitting(node, [each for each in codings if each.code])
    texts = [each.display for each in codings if not each.code and each.display]
    text = node.text("text", 2000) or node.cut("; ".join(texts), 2000, "text")
    if not kept and not text:
        return None
    return CodeableConcept(codings=kept, text=text)


def _fitting(node: Node, codings: list[Coding]) -> list[Coding]:
    """Returns the codings that our field holds, those of the systems that we know first; the rest is counted."""
    short = [each for each in codings if len(each.system) <= _LONGEST_SYSTEM and len(each.code) <= _LONGEST_CODE]
    if len(short) < len(codings):
        node.count("codings with a system or code that is too long", len(codings) - len(short))
    if len(short) <= MOST_CODINGS:
        return short
    known = [canonical(each.system).startswith(_KNOWN) for each in short]
    best = sorted(range(len(short)), key=lambda at: not known[at])[:MOST_CODINGS]
    node.count(f"codings over {MOST_CODINGS}", len(short) - MOST_CODINGS)
    return [short[at] for at in sorted(best)]


def status_code(node: Node | None, systems: Collection[str], known: Sequence[str]) -> str:
    """Returns the status that a CodeableConcept gives in its own system, wherever it stands in the list.

    Without such a coding one of another system that has the same code counts, then the text. Of several, the first in
    `known`.
    """
    made = concept(node)
    if made is None:
        return ""
    own = {each.code for each in made.codings if each.system.removesuffix("/") in systems}
    own = own or {each.code for each in made.codings if each.code in known} or {"-".join(made.text.lower().split())}
    return next((each for each in known if each in own), "")


def concepts(nodes: Iterable[Node]) -> list[CodeableConcept]:
    """Returns the concepts that say something."""
    return [made for node in nodes if (made := concept(node)) is not None]


def complete(made: CodeableConcept, node: Node) -> CodeableConcept:
    """Returns the concept for a register that takes only codings with system and code: others stay in the text, or are
    counted where there is one already. `node`: where it stands."""
    whole = [each for each in made.codings if each.system]
    rest = "; ".join(each.display or each.code for each in made.codings if not each.system)
    if made.text:
        node.count("codings without a system", len(made.codings) - len(whole))
    return CodeableConcept(codings=whole, text=made.text or node.cut(rest, 2000, "codings without a system"))


def critical(made: CodeableConcept, node: Node) -> CodeableConcept:
    """Returns the concept as critical information takes it. Raises NotPlaced for ICD-10 chapters XX and XXI.

    Source: the register's API documentation, codes: V0n-Y98 and Z00-Z99 are refused.
    """
    if any(is_cause_or_contact(each.system, each.code) for each in made.codings):
        raise NotPlaced("is of ICD-10 chapter XX or XXI, which is no critical information")
    return complete(made, node)


def named(made: CodeableConcept | None) -> str:
    """Returns the concept in words: its text, else the first display, else the first code."""
    if made is None:
        return ""
    displays = [each.display or each.code for each in made.codings]
    return made.text or (displays[0] if displays else "")


def quantity(node: Node | None) -> Quantity | None:
    """Returns a Quantity; None: no value is stated.

    A comparator is written with the unit, since it changes what the value means.
    """
    if node is None or not node.decimal("value"):
        return None
    unit = " ".join(filter(None, (node.text("comparator"), node.text("unit"))))
    return Quantity(
        value=node.decimal("value"),
        unit=node.cut(unit, 100, "unit"),
        system=node.text("system"),
        code=node.text("code"),
    )


def notes(node: Node, most: int, *more: str) -> str:
    """Returns `more` texts and the texts of `note` after them as one, of at most `most` characters."""
    texts = [*more, *(each.text("text") for each in node.children("note"))]
    return node.cut("\n".join(text for text in texts if text), most, "note")


def practitioner(named_by: Node | None, resource: Node | None) -> Practitioner | None:
    """Returns who is behind a reference: HPR number and name where the bundle has them, else the display."""
    number, name = "", ""
    if resource is not None and resource.text("resourceType") != "Organization":
        number = next((value for value in _values(resource, HPR) if valid_hpr_number(value)), "")
        name = next((name_of(each) for each in _names(resource)), "")
    name = name or (named_by.text("display") if named_by else "")
    if not number and not name:
        return None
    source = resource or named_by
    return Practitioner(hpr_number=number, name=source.cut(name, 200, "name") if source else name)


def organisation(named_by: Node | None, resource: Node | None) -> Organisation | None:
    """Returns the organisation or place behind a reference: its numbers and name, else the display."""
    made = Organisation()
    if resource is not None:
        made.number = next(
            (each for each in _values(resource, ORGANISATION_NUMBER) if valid_organisation_number(each)), ""
        )
        made.resh_id = next((each for each in _values(resource, RESH) if _RESH.fullmatch(each)), "")
        if not isinstance(resource.value.get("name"), list | dict):
            made.name = resource.text("name", 200)
    if not made.name and named_by is not None:
        made.name = named_by.text("display", 200)
    return made if made.ListFields() else None


def _values(resource: Node, system: str) -> list[str]:
    return [each.text("value") for each in resource.children("identifier") if each.text("system") == system]


def _names(resource: Node) -> list[Node]:
    return resource.children("name") if isinstance(resource.value.get("name"), list) else []


def name_of(node: Node) -> str:
    """Returns a HumanName in one line."""
    return node.text("text") or " ".join([*node.texts("prefix"), *node.texts("given"), node.text("family")]).strip()
