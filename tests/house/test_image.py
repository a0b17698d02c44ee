"""Checks what the container image holds: the contract, services, gateway, what they share, and what these import."""

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.test_import_directions import imported
from tests.house.test_lock import PYPROJECT, ROOT, locked

DOCKERFILE = (ROOT / "k8s/Dockerfile").read_text()
FOLDERS = {"services", "gateway", "shared", "protos/gen"}
OURS = {"services", "gateway", "shared", "kjernejournal"}


def test_the_image_copies_four_folders_and_its_lock() -> None:
    copied = re.findall(r"^(?:COPY|ADD) (.+)$", DOCKERFILE, re.MULTILINE)
    assert sorted(copied) == sorted(
        [
            "--from=build /venv /venv",
            "k8s/requirements.lock /requirements.lock",
            *(f"{folder} /app/{folder}" for folder in FOLDERS),
        ]
    )
    assert all((ROOT / folder).is_dir() for folder in FOLDERS)


def test_the_ignore_file_lets_just_these_through() -> None:
    lines = (ROOT / "k8s/Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == {*FOLDERS, "k8s/requirements.lock"}


def test_the_image_installs_wheels_with_hashes_from_its_lock_alone() -> None:
    [install] = re.findall(r"^RUN .*pip install (.+)$", DOCKERFILE, re.MULTILINE)
    assert install == "--no-cache-dir --only-binary :all: --require-hashes -r /requirements.lock"


def in_image() -> set[str]:
    """Returns the packages that the image's lock installs here."""
    pins = locked("k8s/requirements.lock")
    return {name for name, (pin, _) in pins.items() if pin.marker is None or pin.marker.evaluate()}


def needed(requirements: list[str], done: set[str]) -> set[str]:
    """Returns the packages of `requirements` and all that these need here, by what is installed."""
    for requirement in map(Requirement, requirements):
        name = canonicalize_name(requirement.name)
        if name in done or (requirement.marker is not None and not requirement.marker.evaluate({"extra": ""})):
            continue
        done.add(name)
        needed(distribution(name).requires or [], done)
    return done


def test_the_image_holds_what_the_project_needs_and_nothing_else() -> None:
    assert in_image() == needed(PYPROJECT["project"]["dependencies"], set())


@pytest.mark.parametrize("extra", PYPROJECT["project"]["optional-dependencies"])
def test_the_image_holds_no_extra(extra: str) -> None:
    lines = PYPROJECT["project"]["optional-dependencies"][extra]
    assert {canonicalize_name(Requirement(line).name) for line in lines} & in_image() == set()


def modules() -> Iterator[tuple[Path, str]]:
    """Yields each import of something that is neither ours nor Python's, with the file that imports it."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            package = ".".join(path.parent.relative_to(ROOT).parts)
            for name in imported(ast.parse(path.read_text()), package):
                if name.partition(".")[0] not in OURS | sys.stdlib_module_names:
                    yield path, name


def origin(name: str) -> str | None:
    """Returns the file of the module that an import names, or of the module that the imported name stands in."""
    while name:
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            found = None
        if found is not None and found.origin is not None:
            return found.origin
        name = name.rpartition(".")[0]
    return None


def test_all_that_the_image_imports_is_in_it() -> None:
    files = {
        str(each.locate())
        for name in in_image()
        for each in distribution(name).files or ()
        if each.suffix in {".py", ".so"}
    }
    imports = dict.fromkeys(name for _, name in modules())
    assert {"grpc", "asyncpg", "opentelemetry"} <= {name.partition(".")[0] for name in imports}
    missing = {name for name in imports if origin(name) not in files}
    assert [(str(path.relative_to(ROOT)), name) for path, name in modules() if name in missing] == []
