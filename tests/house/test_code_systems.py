"""A code system's name stands in one file: two lists of its names drift apart, and one of them is wrong.

Names are addresses and OIDs in string constants of our code, docstrings apart. `https` is `http`, and an OID is the
same with and without `urn:oid:`. A number beside `VOLVEN` is a name as well.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = ("services", "gateway", "shared", "kj")
VOLVEN = "2.16.578.1.12.4.1.1."
ADDRESS = re.compile(r"https?://[^\s/]+\.[^\s]*")
OID = re.compile(r"(?:urn:)?(?:oid:)?([0-2](?:\.\d+){5,}\.?)")

TWICE = {
    "http://issuer.kjernejournal.local": "the issuer of tokens, a setting of the gateway: no code system",
}


def names(source: str) -> set[str]:
    return set(_names(ast.parse(source)))


def _names(tree: ast.Module) -> Iterator[str]:
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in said:
                if ADDRESS.fullmatch(text):
                    yield text.replace("https://", "http://", 1)
                elif oid := OID.fullmatch(text):
                    yield oid[1]
            case ast.BinOp(
                left=ast.Name(id="VOLVEN") | ast.Attribute(attr="VOLVEN"), right=ast.Constant(value=str(number))
            ):
                yield VOLVEN + number


def test_a_code_system_is_named_in_one_file() -> None:
    files: dict[str, set[str]] = defaultdict(set)
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            for name in names(path.read_text(encoding="utf-8")):
                files[name].add(str(path.relative_to(ROOT)))
    assert files["http://www.whocc.no/atc"] == {"shared/codes/systems.py"}
    twice = {name: sorted(where) for name, where in files.items() if len(where) > 1}
    assert twice.keys() == TWICE.keys(), twice


def test_a_planted_name_is_found_in_every_form() -> None:
    planted = '''
"""http://www.whocc.no/atc in words"""
A = "https://www.whocc.no/atc"
B = frozenset({"urn:oid:2.16.840.1.113883.6.73", "2.16.840.1.113883.6.96"})
C = systems.VOLVEN + "7110"
'''
    assert names(planted) == {
        "http://www.whocc.no/atc",
        "2.16.840.1.113883.6.73",
        "2.16.840.1.113883.6.96",
        "2.16.578.1.12.4.1.1.7110",
    }
