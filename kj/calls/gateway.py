"""What a command calls: the address of a gateway, how to reach it, and the credentials that it is shown."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import grpc


class Caller(NamedTuple):
    """The person who calls, and the access basis that such a person ordinarily states; "": none."""

    token: str
    usual_basis: str


class Credentials(Protocol):
    """Whose tokens a gateway is shown. What cannot be had is a CommandError that says what to do."""

    def person(self, kind: str | None, *, usual: str, service: str | None = None, patient: str = "") -> Caller:
        """Returns who reads about `patient`: a caller of this kind, `usual` when none is named, at such a service."""

    def feed(self, register: str, client: str = "") -> str:
        """Returns the token of the client that feeds this register. `client` is another one of the local issuer's."""

    def replaced(self, register: str, token: str) -> bool:
        """Whether the register's feed has another token than this by now: a long stream then goes on in a new one."""


@dataclass(frozen=True)
class Gateway:
    """A gateway to call, and the words for a person who has to look further."""

    address: str
    authorities: bytes | None
    """Who may have signed its certificate, as PEM. None: plaintext, which stays on this machine."""
    credentials: Credentials
    unreachable: str
    """What to do when it does not answer."""
    trace_command: str
    """What shows a trace of it, when the trace's id is put after it."""

    def channel(self) -> grpc.aio.Channel:
        """Returns a new channel to it, to be closed by the caller."""
        if self.authorities is None:
            # What is not encrypted goes through no proxy.
            return grpc.aio.insecure_channel(self.address, options=[("grpc.enable_http_proxy", 0)])
        return grpc.aio.secure_channel(self.address, grpc.ssl_channel_credentials(self.authorities))

    def trace(self, trace_id: str) -> str:
        """Returns how a person finds the trace."""
        return f"{self.trace_command} {trace_id}".lstrip()
