"""The running local system, as the other commands find it."""

from dataclasses import dataclass
from pathlib import Path

from kj.errors import CommandError
from kj.local.data_directory import DataDirectory
from kj.local.databases import Names, Passwords
from kj.local.postgres import SUPERUSER, database_url
from kj.local.state import State, running_state


@dataclass(frozen=True)
class LocalSystem:
    """Addresses, DSNs and directories of what `kj up` runs on one data directory."""

    directory: DataDirectory
    state: State

    @classmethod
    def open(cls, data_dir: Path | None = None) -> "LocalSystem":
        """Returns the system on `data_dir` (default: KJ_DATA_DIR, then .kj).

        Raises CommandError when nothing serves there.
        """
        directory = DataDirectory.at(data_dir)
        state = running_state(directory)
        if state is None:
            raise CommandError(f"Nothing runs on {directory.root}.", "Start it with: kj up --detach")
        return cls(directory, state)

    @property
    def gateway_address(self) -> str:
        """host:port of the gateway, plaintext."""
        return self.state.gateway

    def service_address(self, service: str) -> str:
        """Returns the gRPC target of one service. A service believes its callers, so use it only to read."""
        for process in self.state.processes:
            if process.name == service:
                return process.address
        raise CommandError(f"{service} does not run on {self.directory.root}.", "kj status shows what does.")

    def database_url(self, service: str) -> str:
        """Returns the DSN of the service's runtime role."""
        names = Names.of(service)
        return self._url(names.database, names.runtime)

    def database_owner_url(self, service: str) -> str:
        """Returns the DSN of the service's owner role, which migrates."""
        names = Names.of(service)
        return self._url(names.database, names.owner)

    @property
    def superuser_url(self) -> str:
        """DSN of PostgreSQL's superuser."""
        return self._url("postgres", SUPERUSER)

    @property
    def issuer_directory(self) -> Path:
        """Keys and JWKS of the local token issuer."""
        return self.directory.issuer

    @property
    def trace_directory(self) -> Path:
        """OTLP JSON lines, a file a process."""
        return self.directory.traces

    def _url(self, database: str, role: str) -> str:
        password = Passwords(self.directory.keys / "passwords.json").of(role)
        return database_url(Path(self.state.socket_directory), database, role, password)
