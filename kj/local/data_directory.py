"""Where the local runner keeps its state: one directory, `.kj/` unless the caller says otherwise."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from kj.errors import CommandError

DEFAULT = Path(".kj")

DataDirOption = Annotated[
    Path,
    typer.Option(
        "--data-dir", envvar="KJ_DATA_DIR", help="Where all state of the local system lives.", file_okay=False
    ),
]
"""The `--data-dir` option that every command on the local system takes; its default is `DEFAULT`."""


@dataclass(frozen=True)
class DataDirectory:
    """Names the files below `root`; `create` makes the directories."""

    root: Path

    @classmethod
    def at(cls, path: Path | None = None) -> "DataDirectory":
        """Returns the directory at `path`, else `KJ_DATA_DIR`, else `.kj` in the working directory, made absolute."""
        return cls((path or Path(os.environ.get("KJ_DATA_DIR") or DEFAULT)).expanduser().resolve())

    def create(self) -> None:
        """Makes what is missing. Private; root's lets others pass through, for PostgreSQL's user."""
        mode = 0o711 if os.geteuid() == 0 else 0o700
        try:
            if not self.root.is_dir():
                self.root.mkdir(parents=True)
                self.root.chmod(mode)  # whatever the umask took away
            for directory in (self.logs, self.keys, self.issuer, self.traces):
                directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise CommandError(
                f"The data directory {self.root} cannot be made: {error.strerror}.", "Choose another with --data-dir."
            ) from error

    @property
    def witness(self) -> Path:
        """What the witness of the access log keeps; it makes the directory itself."""
        return self.root / "witness"

    @property
    def state_file(self) -> Path:
        """What runs now; see `kj.local.state`."""
        return self.root / "state.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the one supervisor of this directory."""
        return self.root / "lock"

    @property
    def loaded_file(self) -> Path:
        """Says that the synthetic population has been loaded, and into which registers."""
        return self.root / "loaded.json"

    @property
    def patients_file(self) -> Path:
        """The national ids that were sent here, a line each; see `kj.patients`."""
        return self.root / "patients.jsonl"

    @property
    def population_file(self) -> Path:
        """The day that the synthetic population's dates are counted from; see `kj.load`."""
        return self.root / "population.json"

    @property
    def postgres(self) -> Path:
        """The cluster's directory, or a link to it where PostgreSQL's user cannot reach it here."""
        return self.root / "postgres"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.root / "logs"

    @property
    def keys(self) -> Path:
        """Secrets of this directory's system: database passwords, the documents' key."""
        return self.root / "keys"

    @property
    def issuer(self) -> Path:
        """The local token issuer's keys and JWKS."""
        return self.root / "issuer"

    @property
    def traces(self) -> Path:
        """OTLP JSON lines."""
        return self.root / "traces"
