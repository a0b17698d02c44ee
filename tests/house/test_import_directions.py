"""Who may import whom; a wrong arrow is what turns separate services into one.

- `services`, `gateway` and `kj` import `shared` and the contract; `shared` the common part of the contract alone.
- No service imports another or the gateway, and the gateway imports no service.
- Nobody imports `kj`, and `kj` imports neither the gateway nor a service: it starts them as processes. So nothing of
  the command line is in the image, and the front door to a health record carries no database launcher.
- `model.py` holds rules: no gRPC, no database. SQL lives in `repository.py` and in `shared`.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = frozenset({"services", "gateway", "shared", "kj", "kjernejournal", "protos", "tests"})
REPOSITORY = re.compile(r"(\w+_)?repository\.py")
"""A register with more tables than one file can hold has `privacy_repository.py` beside `repository.py`."""
SQL = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|COPY|WITH \w+ AS)\s")


def imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Yields full names of everything imported in a module of `package`, at any depth, by statement or by a literal
    name.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = package.rsplit(".", level - 1)[0] if level else ""
                yield from (".".join(filter(None, (base, module, alias.name))) for alias in names)
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def allowed(package: str) -> tuple[str, ...]:
    """Returns the packages of ours that a module of `package` may import."""
    match package.split("."):
        case ["shared", *_]:
            return ("shared", "kjernejournal.common")
        case ["services", service, *_]:
            return ("shared", "kjernejournal", f"services.{service}")
        case ["services"]:
            return ("shared", "kjernejournal")
        case ["gateway" | "kj" as top, *_]:
            return ("shared", "kjernejournal", top)
        case _:
            return ()


def refusal(where: Path, name: str) -> str | None:
    """Returns why the module at `where` may not import `name`."""
    ours = name.partition(".")[0] in OURS
    if ours and not within(name, *allowed(".".join(where.parent.parts))):
        return "wrong direction"
    if where.name == "model.py" and within(name, "grpc", "asyncpg"):
        return "rules know neither gRPC nor the database"
    # The command line makes the local cluster, its roles and databases, and looks whether it is up.
    holds_sql = REPOSITORY.fullmatch(where.name) or where.parts[0] in {"shared", "kj"} or where.name == "migrate.py"
    if within(name, "asyncpg") and not holds_sql:
        return "SQL lives in repository.py"
    return None


def statements(tree: ast.Module) -> Iterator[int]:
    """Yields the lines of SQL in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            yield node.lineno


def faults(where: Path, tree: ast.Module) -> Iterator[str]:
    """Yields one line for every import, or piece of SQL, that the module at `where` may not hold."""
    for name in imported(tree, ".".join(where.parent.parts)):
        if reason := refusal(where, name):
            yield f"{where} imports {name}: {reason}"
    if where.parts[0] == "services" and not REPOSITORY.fullmatch(where.name):
        for line in statements(tree):
            yield f"{where}:{line}: SQL lives in repository.py"


def violations(root: Path) -> list[str]:
    """Returns the faults of every module below `root`."""
    paths = sorted(path for top in ("services", "gateway", "shared", "kj") for path in (root / top).rglob("*.py"))
    return [fault for path in paths for fault in faults(path.relative_to(root), ast.parse(path.read_bytes()))]


def test_directions() -> None:
    assert violations(ROOT) == []


def loaded(*modules: str) -> set[str]:
    """Returns what a fresh interpreter has loaded of `kj` and of what only `kj` needs, after importing `modules`."""
    code = f"import {', '.join(modules)}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in done.stdout.split() if within(name, "kj", "rich", "typer")}


def test_the_front_door_and_the_services_load_nothing_of_the_command_line() -> None:
    assert loaded("gateway.__main__", "services.migrate", "services.patients.__main__") == set()


def test_a_module_of_the_command_line_would_be_seen() -> None:
    assert loaded("kj") >= {"kj", "typer"}


@pytest.mark.parametrize(
    "path, source",
    [
        ("services/visits/servicer.py", "import services.audit.model"),
        ("services/visits/servicer.py", "from services import audit"),
        ("services/visits/servicer.py", "from ..audit import model"),
        ("services/visits/servicer.py", "from gateway.access import policy"),
        ("services/visits/servicer.py", "from tests.support import cluster"),
        (
            "services/visits/servicer.py",
            "def late() -> None:\n    import importlib\n    importlib.import_module('gateway')",
        ),
        ("services/visits/servicer.py", "import asyncpg"),
        ("services/visits/servicer.py", "ROWS = 'SELECT id FROM entries'"),
        ("services/visits/model.py", "import grpc.aio"),
        ("services/visits/model.py", "from asyncpg import Record"),
        ("kj/up.py", "from services.visits import model"),
        ("gateway/registers/sources.py", "from asyncpg import connect"),
        ("shared/server.py", "from kjernejournal.visits.v1 import visits_pb2"),
        ("shared/server.py", "from kjernejournal import visits"),
        ("shared/handling/trace.py", "from services import visits"),
    ],
)
def test_a_planted_violation_is_found(path: str, source: str, tmp_path: Path) -> None:
    planted = tmp_path / path
    planted.parent.mkdir(parents=True)
    planted.write_text(source)
    assert len(violations(tmp_path)) == 1


@pytest.mark.parametrize(
    "path, source",
    [
        ("services/visits/servicer.py", "from services.visits import model\nfrom . import convert\nimport grpc"),
        ("services/patients/privacy_repository.py", "import asyncpg"),
        ("services/visits/repository.py", "import asyncpg\nROWS = 'SELECT id FROM entries'"),
        ("gateway/registers/sources.py", "from kjernejournal.visits.v1 import visits_pb2\nfrom shared import errors"),
        ("shared/handling/trace.py", "from kjernejournal.common.v1 import common_pb2\nfrom ..errors import Denied"),
    ],
)
def test_what_the_rules_allow_passes(path: str, source: str, tmp_path: Path) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(source)
    assert violations(tmp_path) == []
