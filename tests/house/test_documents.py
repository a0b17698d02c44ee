"""What the documents say of the repository is so: links lead somewhere, folders and reasons are all named."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.test_contract_comments import CODES, codes_of_reasons

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part == "node_modules" for part in path.relative_to(ROOT).parts)
)
_SLUG = re.compile(r"[^\w\- ]")


def links(text: str) -> list[str]:
    """Returns where a document's links lead, those to other places in the network left out."""
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]


def anchors(text: str) -> set[str]:
    """Returns the anchors of a document's headings, as they are made of them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {_SLUG.sub("", heading.lower()).replace(" ", "-") for heading in headings}


def broken(document: Path, text: str) -> list[str]:
    """Returns the links of a document that lead nowhere."""
    found = []
    for target in links(text):
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file.read_text())):
            found.append(target)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    assert broken(document, document.read_text()) == []


@pytest.mark.parametrize("target", ["nowhere.md", "README.md#no-such-heading", "#nor-this"])
def test_a_link_that_leads_nowhere_is_found(target: str) -> None:
    assert broken(ROOT / "README.md", f"[x]({target})") == [target]


def folders() -> Iterator[str]:
    """Yields every package at the root, and the rooms of those that have rooms for more than one kind of thing."""
    yield from ("protos", "services", "tests", "k8s")
    for house in ("shared", "gateway", "kj"):
        yield house
        yield from (f"{house}/{room.parent.name}" for room in (ROOT / house).glob("*/__init__.py"))


@pytest.mark.parametrize("folder", sorted(folders()))
def test_the_readme_says_what_each_folder_is_for(folder: str) -> None:
    house, _, room = folder.partition("/")
    lines = (ROOT / "README.md").read_text().splitlines()
    plan = lines[lines.index("## Where things live") :]
    at = next(number for number, line in enumerate(plan) if line.startswith(f"{house}/"))
    rooms = next(number for number, line in enumerate([*plan[at + 1 :], "x"]) if not line.startswith(" "))
    assert not room or any(line.startswith(f"  {room}/ ") for line in plan[at + 1 : at + 1 + rooms])


def test_the_contracts_page_has_every_reason_beside_its_code() -> None:
    text, code = (ROOT / "protos" / "README.md").read_text(), ""
    named: dict[str, set[str]] = {}
    for first, reasons in re.findall(r"^\| ?([A-Z_]*) \| ([A-Z_, ]+) \|", text, re.MULTILINE):
        code = first or code
        for reason in reasons.split(", "):
            named.setdefault(reason, set()).add(code)
    assert named.keys() <= codes_of_reasons().keys()
    assert named == {reason: codes for reason, codes in codes_of_reasons().items() if reason != "UNSPECIFIED"}
    assert set().union(*named.values()) <= CODES
