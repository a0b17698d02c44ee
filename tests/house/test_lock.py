"""The lock, the declared floors and the generated code agree, and the lock installs from any index."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ["requirements.lock", "k8s/requirements.lock"]


def locked(lock: str) -> dict[str, tuple[Requirement, frozenset[str]]]:
    """Returns every pin of a lock with its hashes, by canonical name."""
    text = "\n".join(line for line in (ROOT / lock).read_text().splitlines() if not line.lstrip().startswith("#"))
    pins: dict[str, tuple[Requirement, frozenset[str]]] = {}
    for entry in text.replace("\\\n", " ").splitlines():
        requirement, *hashes = re.split(r"\s+--hash=", entry.strip())
        pin = Requirement(requirement)
        pins[canonicalize_name(pin.name)] = (pin, frozenset(hashes))
    return pins


def pinned(pin: Requirement) -> str:
    """Returns the one version that a pin allows."""
    (specifier,) = pin.specifier
    assert specifier.operator == "=="
    return specifier.version


def declared() -> list[Requirement]:
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"].values()
    lines = [
        *PYPROJECT["build-system"]["requires"],
        *project["dependencies"],
        *(line for extra in extras for line in extra),
    ]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_the_lock_honours_every_floor(requirement: Requirement) -> None:
    pin, _ = locked("requirements.lock")[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(pinned(pin))


@pytest.mark.parametrize(
    "name, pattern, below",
    [
        ("grpcio", r"GRPC_GENERATED_VERSION = '([\d.]+)'", "*_pb2_grpc.py"),
        ("protobuf", r"# Protobuf Python Version: ([\d.]+)", "*_pb2.py"),
    ],
)
def test_floors_equal_the_generator(name: str, pattern: str, below: str) -> None:
    (floor,) = next(requirement for requirement in declared() if requirement.name == name).specifier
    generated = {
        found[1] for path in (ROOT / "protos/gen").rglob(below) if (found := re.search(pattern, path.read_text()))
    }
    assert generated == {floor.version}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_hashes_and_no_place(lock: str) -> None:
    assert all(hashes for _, hashes in locked(lock).values())
    places = r"https?:|file:|git\+|--index|--extra-index|--find-links|--trusted-host|/"
    assert [line for line in (ROOT / lock).read_text().splitlines() if re.search(places, line)] == []


def test_the_image_runs_what_was_tested() -> None:
    everything = locked("requirements.lock")
    for name, (pin, hashes) in locked("k8s/requirements.lock").items():
        assert (pinned(pin), hashes) == (pinned(everything[name][0]), everything[name][1])


def test_this_environment_is_the_locked_one() -> None:
    strays = []
    for name, (pin, _) in locked("requirements.lock").items():
        if pin.marker is not None and not pin.marker.evaluate():
            continue
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = "nothing"
        if installed != pinned(pin):
            strays.append(f"{name}: {installed} instead of {pinned(pin)}")
    assert strays == [], "run `make venv`"
