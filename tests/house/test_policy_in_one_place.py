"""Keeps every decision in `gateway/access`: other modules answer by a decision's outcome, never by the rule behind it.

A handler that compares the name of a rule decides something itself: the scenarios and the oracle do not see it, another
handler forgets it, and a renamed rule changes what callers hear while every test of the policy stays green.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.access.rules import RULES

ROOT = Path(__file__).resolve().parents[2]
POLICY = [path for path in (ROOT / "gateway/access").glob("*.py") if "gateway.access.verdicts" in path.read_text()]
"""The files that decide: those that build what a decision is made of."""
NAME = re.compile(r"[a-z]+(-[a-z]+)+")
ELSEWHERE = ("gateway/access/", "gateway/safety/")
"""Rooms whose rules are their own: those of access, and those of drug knowledge."""


def names_of_rules() -> set[str]:
    """Returns the names of the table's rows, and of the rules that stand in the code of the policy."""
    nodes = (node for path in POLICY for node in ast.walk(ast.parse(path.read_bytes())))
    constants = (node.value for node in nodes if isinstance(node, ast.Constant))
    found = {each for each in constants if isinstance(each, str) and NAME.fullmatch(each)}
    assert {"named-block", "nothing-to-open", "attest-of-another-patient"} <= found
    return found | {rule.name for rule in RULES}


def faults(tree: ast.Module, names: set[str]) -> Iterator[int]:
    """Yields lines that name a rule or look at the one behind a decision. A method's `rule` is its access option."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr="rule", value=ast.Name(id="method") | ast.Attribute(attr="method")):
                pass
            case ast.Attribute(attr="rule", lineno=line) | ast.MatchClass(kwd_attrs=["rule"], lineno=line):
                yield line
            case ast.Constant(value=str(text), lineno=line) if text in names:
                yield line


def test_no_module_outside_the_policy_looks_at_a_rule() -> None:
    names = names_of_rules()
    paths = [path for path in (ROOT / "gateway").rglob("*.py") if not str(path.relative_to(ROOT)).startswith(ELSEWHERE)]
    assert len(paths) > 20
    found = [
        f"{path.relative_to(ROOT)}:{line}" for path in paths for line in faults(ast.parse(path.read_bytes()), names)
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "if decided.decision.rule == NAMED_BLOCK: pass",
        "rule = verdict.rule",
        "BLOCKED = 'named-block'",
        "match decision:\n    case Decision(rule=name): pass",
        "replace(decision, rule='attest-of-another-patient')",
        "allowed = {'read on consent'}",
    ],
)
def test_a_planted_look_is_found(source: str) -> None:
    assert list(faults(ast.parse(source), names_of_rules()))


def test_what_an_rpc_may_be_asked_for_is_no_rule_of_the_policy() -> None:
    assert list(faults(ast.parse("method.rule.action == decided.method.rule.section"), names_of_rules())) == []
