"""The processes of a local system: what is started, at which address, with which settings."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.sealing import file_line

SERVICES = (
    "critical_info",
    "medications",
    "visits",
    "documents",
    "labs",
    "vaccinations",
    "own_registrations",
    "patients",
    "audit",
)
GATEWAY = "gateway"
WITNESS = "witness"
ISSUER = "https://issuer.kjernejournal.local"
"""The `iss` of the tokens that the local issuer mints."""

CLIENTS_FILE = "clients.json"
"""The local issuer's table of clients, in its directory."""

LOG_KEY, WITNESS_KEY = "log.key", "witness.key"
LOGS_OF = {LOG_KEY: "log.kjernejournal.local", WITNESS_KEY: "witness.kjernejournal.local"}
"""Key files of the local access log and of its witness, and what they are called in checkpoints."""

_KEYS = {
    "documents": ("KJ_DOCUMENT_KEY_FILE", "document.key"),
    "own_registrations": ("KJ_OWN_REGISTRATIONS_KEY_FILE", "own_registrations.key"),
    "audit": ("KJ_LOG_KEY_FILE", LOG_KEY),
}
"""Setting and file of the key that wraps patients' keys, of the services that encrypt; and of the log's own."""

ROOT = Path(__file__).resolve().parents[2]
"""The directory that holds the packages `services`, `gateway` and `shared`: a checkout, or an installation."""


RESTRICTIONS = "KJ_RESTRICTIONS"
"""The gateway's one setting that is taken from whoever starts a local system: how it answers, not where it is."""


@dataclass(frozen=True)
class Program:
    """One process that serves gRPC. `settings` are its `KJ_*` variables."""

    name: str
    command: Sequence[str]
    address: str
    settings: Mapping[str, str]

    def environment(self) -> dict[str, str]:
        """Returns the settings, and this environment without its own `KJ_*` variables: they may mean another system."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KJ_")}
        path = [str(ROOT), str(ROOT / "protos" / "gen"), *filter(None, [inherited.get("PYTHONPATH")])]
        return {**inherited, "PYTHONPATH": os.pathsep.join(path), **self.settings}


def migrations_of(service: str) -> Path:
    """Returns the directory with the service's numbered SQL files."""
    return ROOT / "services" / service / "migrations"


def service_program(service: str, *, sockets: Path, database_url: str, traces: Path, keys: Path) -> Program:
    """Returns `python -m services.<service>` on a unix socket, with the service's runtime role alone."""
    address = f"unix:{sockets / service}.sock"
    settings = {"KJ_LISTEN": address, "KJ_DATABASE_URL": database_url, "KJ_TRACE_DIR": str(traces)}
    if service in _KEYS:
        setting, file = _KEYS[service]
        settings[setting] = str(key_file(keys, file))
    if service == "audit":
        settings["KJ_WITNESSES"] = json.dumps({public_key(keys, WITNESS_KEY): f"unix:{sockets / WITNESS}.sock"})
    return Program(service, (sys.executable, "-m", f"services.{service}"), address, settings)


def witness_program(*, sockets: Path, directory: Path, traces: Path, keys: Path) -> Program:
    """Returns `python -m services.witness` on a unix socket, with a directory of its own."""
    address = f"unix:{sockets / WITNESS}.sock"
    settings = {
        "KJ_LISTEN": address,
        "KJ_TRACE_DIR": str(traces),
        "KJ_WITNESS_KEY_FILE": str(key_file(keys, WITNESS_KEY)),
        "KJ_WITNESS_DIRECTORY": str(directory),
        "KJ_WITNESSED_LOG": public_key(keys, LOG_KEY),
    }
    return Program(WITNESS, (sys.executable, "-m", "services.witness"), address, settings)


def gateway_program(address: str, *, services: Sequence[Program], jwks: Path, traces: Path) -> Program:
    """Returns `python -m gateway` on plaintext TCP, which it serves on loopback alone.

    The table of clients stands beside the JWKS.
    """
    settings = {
        "KJ_LISTEN": address,
        "KJ_SERVICES": json.dumps({program.name: program.address for program in services}),
        "KJ_JWKS": str(jwks),
        "KJ_ISSUER": ISSUER,
        "KJ_ADDRESS": f"http://{address}",
        "KJ_CLIENTS": str(jwks.with_name(CLIENTS_FILE)),
        "KJ_RESUME_KEY_FILE": str(key_file(jwks.parent, "resume.key")),
        "KJ_TRACE_DIR": str(traces),
    }
    if restrictions := os.environ.get(RESTRICTIONS):
        settings[RESTRICTIONS] = restrictions
    return Program(GATEWAY, (sys.executable, "-m", "gateway"), address, settings)


def key_file(keys: Path, name: str) -> Path:
    """Returns a key file with one key, such as protects a service's patients' keys; made once, never replaced."""
    path = keys / name
    if not path.exists():
        partial = keys / f"{name}.partial"
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(_new_log_key(name) if name in LOGS_OF else file_line(1, os.urandom(32)))
            file.flush()
            os.fsync(file.fileno())  # without the key everything it protects is lost
        partial.rename(path)
    return path


def public_key(keys: Path, name: str) -> str:
    """Returns the public key of the log or of its witness, name+id+key; makes the private one when there is none."""
    from shared.transparency.notes import parse_signer  # noqa: PLC0415 -- cryptography: only when it starts

    return str(parse_signer(key_file(keys, name).read_text()).verifier)


def _new_log_key(name: str) -> bytes:
    from shared.transparency import notes  # noqa: PLC0415 -- cryptography: only when it is made

    kind = notes.ED25519 if name == LOG_KEY else notes.COSIGNATURE
    return notes.secret_line(notes.signer(LOGS_OF[name], kind, os.urandom(32))).encode()
