"""Tokens that stand in files, for gateways whose issuer is not the local one: one for all, or one a register.

Whoever renews a token writes it into the same file, best by renaming a new file onto it. The file is read for each call
and each stream, and looked at between the messages of a stream.
"""

import base64
import json
import re
import stat
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from kj.calls.gateway import Caller
from kj.errors import CommandError

LEEWAY = 30
"""Seconds for which the front door takes a token after its end; its clock may differ from ours by as much."""
LONGEST_TOKEN = 8192
"""Bytes, as in the front door."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
_REGISTER = re.compile(r"([a-z_]+)=(.+)", re.DOTALL)
_JWT = re.compile(r"eyJ[A-Za-z0-9_=-]*\.[A-Za-z0-9_=-]*\.?")


class TokenFiles:
    """The files of `--token-file [REGISTER=]FILE`."""

    def __init__(self, options: Sequence[str], registers: Collection[str]) -> None:
        """Reads each file once, so that what is wrong with one is said before anything is sent."""
        self._default: TokenFile | None = None
        self._of: dict[str, TokenFile] = {}
        for option in options:
            named = _REGISTER.fullmatch(option)
            if named is None:
                if self._default is not None:
                    raise CommandError("--token-file FILE was given twice.", "A second one is for: REGISTER=FILE")
                self._default = TokenFile(option)
                continue
            register, path = named.groups()
            if register not in registers:
                raise CommandError("--token-file is for no such register.", f"Registers: {', '.join(registers)}.")
            self._of[register] = TokenFile(path)
        for file in filter(None, (self._default, *self._of.values())):
            file.read()
            file.warn_if_public()

    def person(self, kind: str | None, *, usual: str, service: str | None = None, patient: str = "") -> Caller:
        """Returns the person whose token it is, who states no basis but the one that is given."""
        if kind or service:
            raise CommandError(
                "--as and --service are for the local issuer: here the token says who calls.",
                "Leave them out, and name another file with --token-file.",
            )
        if self._default is None:
            raise CommandError("There is no token of a person.", "Name a file that holds one: --token-file FILE")
        return Caller(self._default.read(), "")

    def feed(self, register: str, client: str = "") -> str:
        """Returns the register's own token, else the one for all: here the file says which client it is."""
        return self._file(register).read()

    def replaced(self, register: str, token: str) -> bool:
        """Whether the file holds another token, whole and in force; while it is being written there is none."""
        try:
            return self._file(register).read() != token
        except CommandError:
            return False

    def _file(self, register: str) -> "TokenFile":
        file = self._of.get(register) or self._default
        if file is None:
            raise CommandError(
                f"There is no token for {register}.", f"Name a file that holds one: --token-file {register}=FILE"
            )
        return file


class TokenFile:
    """A file with one token. Its content stands in no message of ours."""

    def __init__(self, path: str) -> None:
        if _JWT.match(path):
            raise CommandError("--token-file takes the name of a file, not a token.", "Write the token to a file.")
        self._path = Path(path).expanduser()

    def read(self) -> str:
        """Returns the token as it stands there now. Raises CommandError when there is none, or it has expired."""
        try:
            text = self._path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise CommandError(f"There is no token file {self._path}.", "Write the token there.") from None
        except UnicodeDecodeError:
            raise self._no_token() from None
        except OSError as error:
            raise CommandError(f"The token file {self._path} cannot be read: {error.strerror}.") from None
        if not text:
            raise CommandError(f"The token file {self._path} is empty.", "Write the token there.")
        if len(text) > LONGEST_TOKEN or not _TOKEN.fullmatch(text):
            raise self._no_token()
        expires = _expires(text)
        if expires is not None and expires + LEEWAY < time.time():
            ended = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(expires))
            raise CommandError(
                f"The token in {self._path} expired at {ended}.",
                "Write a new one there: it is read again for every call.",
            )
        return text

    def warn_if_public(self) -> None:
        """Says so on standard error when everybody on this machine can read the token.

        It is no refusal: mounted secrets are often like that, where nobody else is on the machine.
        """
        if self._path.stat().st_mode & stat.S_IROTH:
            print(f"kj: everybody on this machine can read {self._path}: chmod 600 keeps it private", file=sys.stderr)

    def _no_token(self) -> CommandError:
        return CommandError(
            f"The token file {self._path} holds no token.", "It holds the token on one line and nothing else."
        )


def _expires(token: str) -> float | None:
    """Returns when a JWT ends by its own words, in seconds since 1970; None: it does not say. The gateway decides."""
    parts = token.split(".")
    try:
        claims: Any = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return None
