"""Settings of the gateway."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from gateway import contract
from gateway.access.clients import NO_CLIENTS, Clients, read_clients
from gateway.access.proofs import target_of
from gateway.admission import MAX_CALLS, MAX_STREAMS
from gateway.changes.places import own_key
from shared.sealing import KeyFileError, keys_of
from shared.settings import Address, ProcessSettings, ReadableFile


def _an_address(address: str) -> str:
    if address:
        target_of(address, "")
    return address


class GatewaySettings(ProcessSettings):
    """What the gateway needs beside what every process needs."""

    services: dict[str, Address]
    """Address of each service, by name: `unix:/path` or `host:port` (KJ_SERVICES, a JSON object)."""
    jwks: str
    """The identity provider's keys: a file, or an https URL."""
    issuer: str = "https://issuer.kjernejournal.local"
    audience: str = "nhn:kjernejournal"
    address: Annotated[str, AfterValidator(_an_address)] = ""
    """The address by which callers know the gateway, `https://host` or `https://host:port`: what DPoP proofs are made
    for. Empty: no proof can be of a call to it."""
    bearer: Literal["allowed", "refused"] = "allowed"
    """Whether tokens that are bound to no key are taken. One that is bound comes with a proof in any case."""
    clients: ReadableFile | None = None
    """The table of machines and what each may do (`gateway/access/clients.py`), read at start. None: no machine may do
    anything."""
    resume_key_file: ReadableFile | None = None
    """The keys that authenticate followers' tokens, as `shared/sealing.py` says; all gateways need the same.

    None: a key of this process alone, with which its tokens end."""
    indicator_quota: int = Field(default=60, ge=1)
    """GetIndicator and GetCriticalInfoStatus: patients an organisation may ask about in a minute, where the table of
    clients has no number for it."""
    max_calls: int = Field(default=MAX_CALLS, ge=1)
    """Calls and summaries at a time. Beyond it they are refused with RESOURCE_EXHAUSTED; emergencies find half as much
    again."""
    max_streams: int = Field(default=MAX_STREAMS, ge=1)
    """The same for the streams of documents and feeds, which are counted apart."""

    restrictions: Literal["shown", "hidden"] = "shown"
    """Whether personnel are shown that a patient has restricted something (a padlock, as in Kjernejournal), or not
    (Regulation (EU) 2025/327, article 8): then every reply says that parts may be hidden, and what is restricted looks
    like what was never registered."""

    @property
    def hides(self) -> bool:
        """Returns whether restrictions are kept from those whom they keep out."""
        return self.restrictions == "hidden"

    @field_validator("jwks")
    @classmethod
    def _file_or_https(cls, jwks: str) -> str:
        if not jwks or ("://" in jwks and not (jwks.startswith("https://") and urlsplit(jwks).hostname)):
            raise ValueError("must be a file's path or an https URL")
        return jwks

    @field_validator("clients")
    @classmethod
    def _table(cls, clients: Path | None) -> Path | None:
        if clients is not None:
            read_clients(clients.read_bytes())
        return clients

    @field_validator("resume_key_file")
    @classmethod
    def _keys(cls, file: Path | None) -> Path | None:
        if file is not None:
            _keys_in(file)
        return file

    def resume_keys(self) -> list[bytes]:
        """Returns the keys of followers' tokens, the one in use first. Raises ValueError for a file that has none."""
        return [own_key()] if self.resume_key_file is None else _keys_in(self.resume_key_file)

    def registered_clients(self) -> Clients:
        """Returns the table of machines. Raises ValueError when its file has become wrong since the start."""
        return NO_CLIENTS if self.clients is None else read_clients(self.clients.read_bytes())

    @model_validator(mode="after")
    def _somebody_can_call(self) -> Self:
        if self.bearer == "refused" and not self.address:
            raise ValueError("bearer is refused, so address is needed: without one no proof can be of a call to it")
        return self

    @field_validator("services")
    @classmethod
    def _every_service(cls, services: dict[str, str]) -> dict[str, str]:
        # Found out at start, not by the first caller who needs the one that was forgotten.
        forgotten = {method.service for method in contract.methods().values()} - {*contract.GATEWAY, *services}
        if forgotten:
            raise ValueError(f"has no address for {', '.join(sorted(forgotten))}")
        return services


def _keys_in(file: Path) -> list[bytes]:
    try:
        return list(keys_of(file).values())
    except KeyFileError as error:
        raise ValueError(str(error)) from None
