"""The local runner's gateway, with tokens that the local issuer mints for whoever is asked for."""

from pathlib import Path

from kj.calls.gateway import Caller, Gateway
from kj.local.local_system import LocalSystem
from kj.token import SERVICES, mint_for

CONSENT = "SAMTYKKE"
NO_CONSENT = "UNNTAK"
_MUNICIPAL_CARE = frozenset({"home-care", "nursing-home"})
WITHOUT_CONSENT = {
    "doctor": frozenset(SERVICES),
    "nurse": _MUNICIPAL_CARE | {"hospital", "emergency", "kad"},
    "vernepleier": _MUNICIPAL_CARE,
}
"""Where each kind of caller would ordinarily say that no consent is needed; everywhere else personnel ask for it."""

FEED_MINUTES = 70
"""A token a stream: it lasts longer than the front door lets a stream last."""


class LocalIssuer:
    """Mints a token for each call."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def person(self, kind: str | None, *, usual: str, service: str | None = None, patient: str = "") -> Caller:
        """Returns somebody of this kind; a citizen is the patient."""
        kind = kind or usual
        own = patient if kind == "citizen" else None
        token = mint_for(kind, self._directory, national_id=own, service=service)
        return Caller(token, _usual_basis(kind, service or "home-care"))

    def feed(self, register: str, client: str = "") -> str:
        """Returns a system's token: the register's own feed, unless another client is named."""
        return mint_for("system", self._directory, client=client or register, minutes=FEED_MINUTES)

    def replaced(self, register: str, token: str) -> bool:
        """Whether there is another token by now: none is needed before the stream has ended."""
        return False


def _usual_basis(kind: str, service: str) -> str:
    if kind == "citizen":
        return ""
    return NO_CONSENT if service in WITHOUT_CONSENT.get(kind, ()) else CONSENT


def local_gateway(system: LocalSystem) -> Gateway:
    """Returns the gateway of a running local system."""
    return Gateway(
        system.gateway_address,
        authorities=None,
        credentials=LocalIssuer(system.issuer_directory),
        unreachable="kj status shows what runs.",
        trace_command="kj trace",
    )
