"""A function's docstring begins with a verb in the third person, and nothing in a docstring "tells"."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kj import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
OURS = ("services", "gateway", "shared", "kj")
HELP = {tuple(command.function.split(":")) for command in COMMANDS.values()}
"""Module and function of each command: typer shows the docstring as help, where an imperative is the custom."""
NO_VERBS = re.compile(
    "As|Classes|Codes|Days|Entries|Fields|Ids|Its|Lines|Medicines|Pairs|Places|Proposals|Refusals|Rows|Seconds"
    "|Settings|Steps|This|Times|Versions"
)
"""First words that end in s and are no verbs: how a docstring that is no sentence begins. Not those that are both."""


def is_property(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("property" in ast.unparse(each) for each in function.decorator_list)


def begins_with_a_verb(text: str) -> bool:
    first = text.split(maxsplit=1)[0].rstrip(",.:")
    return first == "Whether" or (bool(re.fullmatch("[A-Z][a-z]*s", first)) and not NO_VERBS.fullmatch(first))


def faults(source: str, module: str = "") -> Iterator[str]:
    """Yields every docstring that breaks the rule, with the rule."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.get_docstring(node)
        if text is None:
            continue
        if re.search(r"\b(tells?|told)\b", text, re.IGNORECASE):
            yield f"{module}: {text!r} tells"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            excepted = is_property(node) or (module, node.name) in HELP
            if not excepted and not begins_with_a_verb(text):
                yield f"{module}: {node.name}: {text!r} begins with no verb"


def test_docstrings_begin_with_a_verb_and_tell_nothing() -> None:
    found: list[str] = []
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found += faults(path.read_text(encoding="utf-8"), name)
    assert found == []


@pytest.mark.parametrize(
    "planted",
    [
        'def f():\n    """The moment of a message."""',
        'def f():\n    """Rows of a list."""',
        'async def f():\n    """As `remaining`, with a little left over."""',
        'def outer():\n    def f():\n        """What a caller sees."""',
        'class A:\n    def f(self):\n        """Return it."""',
        'def f():\n    """returns it."""',
        'def f():\n    """Tells the caller."""',
        '"""What the sender tells."""',
        'class A:\n    """What it was told."""',
    ],
)
def test_a_planted_fault_is_found(planted: str) -> None:
    assert list(faults(planted)) != []


@pytest.mark.parametrize(
    "kept",
    [
        'def f():\n    """Returns it."""',
        'def f():\n    """Whether it holds."""',
        "def f():\n    pass",
        'class A:\n    """An entry."""',
        'class A:\n    @property\n    def f(self):\n        """Its entries."""',
        'class A:\n    @cached_property\n    def f(self):\n        """Its entries."""',
    ],
)
def test_a_plain_docstring_is_let_be(kept: str) -> None:
    assert list(faults(kept)) == []


def test_help_of_a_command_is_excepted_and_only_there() -> None:
    planted = 'def down():\n    """Stop it."""'
    assert list(faults(planted, "kj.down")) == []
    assert list(faults(planted, "kj.local.down")) != []
