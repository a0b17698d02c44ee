"""Settings of every process, from environment variables that begin with KJ_.

pydantic-settings reads and checks them, so that a wrong value stops the process at start with the variable's name.
"""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProcessSettings(BaseSettings):
    """What the gateway and the services both need."""

    model_config = SettingsConfigDict(env_prefix="KJ_", extra="ignore")

    listen: str
    """Where to serve: `unix:/path` or `host:port`."""
    tls_cert: Path | None = None
    """This process's certificate chain, PEM. Needed on TCP, except by a gateway on loopback."""
    tls_key: Path | None = None
    tls_ca: Path | None = None
    """The authority that peers' certificates must come from."""
    health_listen: str | None = None
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


class ServiceSettings(ProcessSettings):
    """What a service with a database needs."""

    database_url: SecretStr
    """PostgreSQL, as the runtime role."""
    pool_size: int = Field(default=4, ge=1, le=64)
    allowed_peers: list[str] = ["spiffe://kjernejournal/gateway"]
    """URI names in the client certificates that may call, over TCP."""
