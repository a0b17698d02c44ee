"""Rooms that a newcomer takes in at a glance: short files, few on a floor, no circle of imports, all explained."""

import ast
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE = 350
FULLEST_FLOOR = 20
"""Files in one folder, `__init__.py` not counted."""
Trees = Mapping[PurePosixPath, ast.Module]
TOPS = ("services", "gateway", "shared", "kj", "tests", "k8s", "protos")


@cache
def files() -> list[PurePosixPath]:
    """Returns every file that git knows below the folders that hold code, without what protoc writes."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *TOPS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = map(PurePosixPath, listed.stdout.splitlines())
    return [path for path in paths if path.parts[:2] != ("protos", "gen") and (ROOT / path).is_file()]


def too_long(lengths: Mapping[PurePosixPath, int]) -> list[str]:
    """Returns the files of Python with more lines than a reader keeps in mind."""
    return [f"{path}: {lines} lines" for path, lines in sorted(lengths.items()) if lines > LONGEST_FILE]


def too_full(paths: Iterable[PurePosixPath]) -> list[str]:
    """Returns the folders with more files on one floor than a reader takes in at a glance."""
    floors = Counter(path.parent for path in paths if path.name != "__init__.py")
    return [f"{floor}: {count} files" for floor, count in sorted(floors.items()) if count > FULLEST_FLOOR]


def module_of(path: PurePosixPath) -> str:
    """Returns the name that a file is imported by."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(tree: ast.Module, modules: frozenset[str]) -> Iterator[str]:
    """Yields the modules of ours that a module imports when it is loaded: not those that a function imports when
    called.
    """
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                continue
            case ast.Import(names=names):
                yield from (alias.name for alias in names if alias.name in modules)
            case ast.ImportFrom(module=str(base), names=names, level=0):
                for alias in names:
                    whole = f"{base}.{alias.name}"
                    yield from (name for name in (whole if whole in modules else base,) if name in modules)
        pending.extend(ast.iter_child_nodes(node))


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Returns a circle of imports, from a module back to itself; empty when there is none."""
    done: set[str] = set()
    way: list[str] = []

    def visit(module: str) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        way.append(module)
        for other in graph.get(module, ()):
            if other != module and (found := visit(other)):
                return found
        way.pop()
        done.add(module)
        return []

    return next((found for module in graph if (found := visit(module))), [])


def graph_of(parsed: Trees) -> dict[str, list[str]]:
    """Returns what every module imports when it is loaded."""
    names = frozenset(map(module_of, parsed))
    return {module_of(path): list(imports_of(tree, names)) for path, tree in parsed.items()}


def unexplained(parsed: Trees) -> list[str]:
    """Returns the files that do not say what they are for."""
    return [str(path) for path, tree in sorted(parsed.items()) if not ast.get_docstring(tree)]


@pytest.fixture(scope="module")
def trees() -> Trees:
    """Every file of Python, parsed once for all that is asked of it, and forgotten after these tests."""
    return {path: ast.parse((ROOT / path).read_bytes()) for path in files() if path.suffix == ".py"}


def test_no_file_is_too_long(trees: Trees) -> None:
    lengths = {path: (ROOT / path).read_bytes().count(b"\n") for path in trees}
    assert lengths
    assert too_long(lengths) == []


def test_no_floor_is_too_full() -> None:
    assert too_full(files()) == []


def test_no_circle_of_imports(trees: Trees) -> None:
    assert circle(graph_of(trees)) == []


def test_every_file_says_what_it_is_for(trees: Trees) -> None:
    assert unexplained(trees) == []


def test_a_long_file_and_a_full_floor_would_be_seen() -> None:
    assert too_long({PurePosixPath("a/b.py"): LONGEST_FILE + 1, PurePosixPath("a/c.py"): LONGEST_FILE})
    assert not too_long({PurePosixPath("a/c.py"): LONGEST_FILE})
    floor = [PurePosixPath(f"a/{number}.py") for number in range(FULLEST_FLOOR)]
    assert not too_full([*floor, PurePosixPath("a/__init__.py"), PurePosixPath("a/deeper/1.py")])
    assert too_full([*floor, PurePosixPath("a/one_more.py")]) == [f"a: {FULLEST_FLOOR + 1} files"]


def test_a_file_that_does_not_say_what_it_is_for_would_be_seen() -> None:
    sources = {"a.py": "x = 1", "b.py": '"""Adds."""', "c.py": "", "d.py": "# Adds.\nimport e"}
    parsed = {PurePosixPath(name): ast.parse(text) for name, text in sources.items()}
    assert unexplained(parsed) == ["a.py", "c.py", "d.py"]


@pytest.mark.parametrize(
    "sources, expected",
    [
        ({"a": "import b", "b": "import c", "c": ""}, []),
        ({"a": "import b", "b": "from c import x", "c": "import a"}, ["a", "b", "c", "a"]),
        ({"a": "import b", "b": "def late():\n    import a"}, []),
        ({"a": "import b", "b": "if True:\n    import a"}, ["a", "b", "a"]),
    ],
)
def test_a_circle_would_be_seen(sources: dict[str, str], expected: list[str]) -> None:
    assert (
        circle(graph_of({PurePosixPath(f"{name}.py"): ast.parse(text) for name, text in sources.items()})) == expected
    )
