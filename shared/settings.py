"""Settings of every process, from environment variables that begin with KJ_.

pydantic-settings checks them. A wrong value stops the process at start, with the variable's name and never its value.
A new variable also stands in `shared/environment.py` and in k8s/README.md.
"""

import os
import re
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnreadableError

from shared.environment import PREFIX, unknown

_ADDRESS = re.compile(r"unix:.+|([^\s:/\[\]]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})")


def _checked_address(address: str) -> str:
    found = _ADDRESS.fullmatch(address)
    if found is None or int(found[2] or 0) > 65535:
        raise ValueError("must be unix:/path or host:port")
    return address


def _readable(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise ValueError(f"the file cannot be read ({error.strerror})") from None
    return path


def _checked_database(url: SecretStr) -> SecretStr:
    """Refuses what the driver would read otherwise than it was meant: a `/` or `@` in a password ends it early."""
    wrong = (
        "must be postgresql://role:password@host:port/database, with / @ : ? # in the password as %2F %40 %3A %3F %23"
    )
    try:
        parts = urlsplit(url.get_secret_value())
        parts.port  # noqa: B018 -- raises for what is none
    except ValueError:
        raise ValueError(wrong) from None
    somewhere = parts.hostname or parse_qs(parts.query).get("host")
    database = parts.path[1:]
    if parts.scheme not in {"postgresql", "postgres"} or not somewhere or not database or set("/@") & set(database):
        raise ValueError(wrong)
    return url


Address = Annotated[str, AfterValidator(_checked_address)]
"""`unix:/path` or `host:port`."""
ReadableFile = Annotated[Path, AfterValidator(_readable)]
"""A file that is there."""


Read = TypeVar("Read", bound=BaseSettings)


class ProcessSettings(BaseSettings):
    """What the gateway and the services both need."""

    model_config = SettingsConfigDict(env_prefix="KJ_", extra="ignore", hide_input_in_errors=True)

    listen: Address
    """Where to serve."""
    tls_cert: ReadableFile | None = None
    """This process's certificate chain, PEM. Needed on TCP, except by a gateway on loopback."""
    tls_key: ReadableFile | None = None
    tls_ca: ReadableFile | None = None
    """The authority that peers' certificates must come from."""
    health_listen: Address | None = None
    """`host:port` of a plaintext port that serves grpc.health.v1 alone, for probes that hold no certificate."""
    reflection: bool = True
    trace_dir: Path | None = None
    """Directory for OTLP JSON lines, when no collector is set."""
    otlp_endpoint: str | None = Field(default=None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """The collector, by OpenTelemetry's own variable; its exporter reads the other `OTEL_EXPORTER_OTLP_` ones."""
    drain_seconds: float = Field(default=10.0, ge=0, le=300)
    """How long calls in flight may go on after SIGTERM."""
    production: bool = False
    """Real national ids only. Otherwise synthetic ones only."""
    max_message_bytes: int = Field(default=32 * 1024 * 1024, ge=4096)

    @model_validator(mode="after")
    def _whole_certificate(self) -> "ProcessSettings":
        # One that is forgotten would have a gateway on loopback serve in plaintext.
        files = {"KJ_TLS_CERT": self.tls_cert, "KJ_TLS_KEY": self.tls_key, "KJ_TLS_CA": self.tls_ca}
        missing = [name for name, path in files.items() if path is None]
        given = [name for name in files if name not in missing]
        if missing and given:
            raise ValueError(f"{' and '.join(missing)} must be set where {' and '.join(given)} is")
        return self


class InnerSettings(ProcessSettings):
    """What a process needs that only other processes of ours may call."""

    allowed_peers: list[str] = ["spiffe://kjernejournal/gateway"]
    """URI names in the client certificates that may call, over TCP."""


class ServiceSettings(InnerSettings):
    """What a service with a database needs."""

    database_url: Annotated[SecretStr, AfterValidator(_checked_database)]
    """PostgreSQL, as the runtime role."""
    pool_size: int = Field(default=4, ge=1, le=64)


def read(settings: type[Read]) -> Read:
    """Returns a process's settings. Raises SystemExit, whose text has a line for each variable that is wrong."""
    problems = list(unknown(os.environ))
    try:
        result = settings()
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        problems += [f"{_variable(each['loc'])}{each['msg'].removeprefix('Value error, ')}" for each in found]
    except UnreadableError as error:
        problems.append(f"{_named(str(error), settings)} is not JSON of the form that k8s/README.md shows")
    else:
        if not problems:
            return result
    raise SystemExit("\n".join(problems))


def _variable(place: tuple[int | str, ...]) -> str:
    """Returns the variable that stands at this place of the settings; "" for a rule about several, which names them."""
    if not place:
        return ""
    name = str(place[0])
    return f"{name if name.isupper() else PREFIX + name.upper()}: "


def _named(text: str, settings: type[BaseSettings]) -> str:
    """Returns the variable that pydantic-settings names in a text of its own by its field."""
    return next((PREFIX + name.upper() for name in settings.model_fields if f'"{name}"' in text), "A setting")
