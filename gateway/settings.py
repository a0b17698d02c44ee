"""Settings of the gateway."""

from pydantic import Field

from shared.settings import ProcessSettings


class GatewaySettings(ProcessSettings):
    """What the gateway needs beside what every process needs."""

    services: dict[str, str]
    """Address of each service, by name: `unix:/path` or `host:port` (KJ_SERVICES, a JSON object)."""
    jwks: str
    """The identity provider's keys: a file, or an https URL."""
    issuer: str = "https://issuer.kjernejournal.local"
    audience: str = "nhn:kjernejournal"
    indicator_quota: int = Field(default=600, ge=1)
    """GetIndicator: patients an organisation may ask about in a minute."""
