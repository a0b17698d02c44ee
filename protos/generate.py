"""Writes protos/gen from the contract, or with --check reports every generated file that differs from it.

Usage: python protos/generate.py [--check]

Without --check it writes what differs and removes what no proto accounts for. With it, it writes nothing, prints
one line for each file that has drifted, and ends with exit code 1 if there was one.
"""

import sys
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
GEN = PROTOS / "gen"
PACKAGE = "kjernejournal"


def generate(protos: Path, out: Path) -> None:
    """Runs protoc with the mypy plugins over every proto of the package below `protos`, into `out`."""
    sources = sorted(str(path.relative_to(protos)) for path in (protos / PACKAGE).rglob("*.proto"))
    if not sources:
        raise SystemExit(f"no .proto file below {protos / PACKAGE}")
    out.mkdir(parents=True, exist_ok=True)
    # The plugins stand beside the interpreter of the virtual environment, which need not be on PATH.
    tools = Path(sys.executable).parent
    code = protoc.main(
        [
            "protoc",
            f"--proto_path={protos}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            f"--plugin=protoc-gen-mypy={tools / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={tools / 'protoc-gen-mypy_grpc'}",
            f"--python_out={out}",
            f"--grpc_python_out={out}",
            f"--mypy_out=quiet:{out}",
            f"--mypy_grpc_out=quiet:{out}",
            *sources,
        ]
    )
    if code != 0:
        raise SystemExit(code)
    for source in sources:
        # Real packages: a namespace package would merge with any other folder of the same name on the path.
        for folder in Path(source).parents[:-1]:
            (out / folder / "__init__.py").touch()


def contents(root: Path) -> dict[str, bytes]:
    """Every generated file below `root` by its relative path; caches of Python left out."""

    def walk() -> Iterator[Path]:
        return (path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")

    return {str(path.relative_to(root)): path.read_bytes() for path in walk()}


def drift(fresh: dict[str, bytes], committed: dict[str, bytes]) -> list[str]:
    """One line for each file that is missing, changed, or accounted for by no proto."""
    lines = []
    for name in sorted(fresh.keys() | committed.keys()):
        if name not in committed:
            lines.append(f"missing: {name}")
        elif name not in fresh:
            lines.append(f"no proto accounts for: {name}")
        elif fresh[name] != committed[name]:
            lines.append(f"differs: {name}")
    return lines


def replace(fresh: dict[str, bytes], out: Path) -> None:
    """Makes `out` hold exactly `fresh`; a file that is already right keeps its time, so that caches stay valid."""
    committed = contents(out)
    for name, data in fresh.items():
        if committed.get(name) != data:
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    for name in committed.keys() - fresh.keys():
        (out / name).unlink()


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        generate(PROTOS, Path(folder))
        fresh = contents(Path(folder))
    if not arguments:
        replace(fresh, GEN)
        print(f"protos/gen holds {len(fresh)} generated files")
        return 0
    lines = drift(fresh, contents(GEN))
    for line in lines:
        print(f"protos/gen {line}")
    if lines:
        print("run `make protos` and commit the result")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
