"""The local token issuer: a key, its JWKS, and tokens with the claims of the national one. For development alone."""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from kj.errors import CommandError
from kj.local.clients import table
from kj.local.programs import CLIENTS_FILE, ISSUER

AUDIENCE = "nhn:kjernejournal"
ALGORITHM = "RS256"
KEY_BITS = 2048
_KEY_FILE = "signing-key.json"
_JWKS_FILE = "jwks.json"


def ensure_issuer(directory: Path) -> Path:
    """Makes key, JWKS and table of clients in `directory` where they are missing; returns the path of the JWKS.

    The key is made once: two processes that start together end up with the same one.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_path = directory / _KEY_FILE
    if not key_path.exists():
        made = RSAKey.generate_key(KEY_BITS, {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        temporary = _write_private(directory, json.dumps(made.as_dict(private=True)))
        try:
            os.link(temporary, key_path)
        except FileExistsError:
            pass  # the other process was quicker; its key is the key
        finally:
            temporary.unlink()
    jwks = json.dumps({"keys": [_key(directory).as_dict(private=False)]}, indent=2) + "\n"
    _keep(directory, CLIENTS_FILE, table())
    return _keep(directory, _JWKS_FILE, jwks)


def mint(directory: Path, claims: dict[str, Any], *, minutes: float = 60) -> str:
    """Returns a signed token with these claims; issuer, audience and times are added where `claims` has none.

    Raises CommandError when `directory` holds no issuer.
    """
    key = _key(directory)
    now = int(time.time())
    whole = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + int(minutes * 60)} | claims
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid, "typ": "at+jwt"}, whole, key)


def _keep(directory: Path, name: str, content: str) -> Path:
    path = directory / name
    if not path.exists() or path.read_text() != content:
        _write_private(directory, content).replace(path)
    return path


def _key(directory: Path) -> RSAKey:
    try:
        content = json.loads((directory / _KEY_FILE).read_text())
    except FileNotFoundError:
        raise CommandError(f"No token issuer in {directory}.", "kj up makes one.") from None
    return RSAKey.import_key(content)


def _write_private(directory: Path, content: str) -> Path:
    """Writes a new file that only this user may read: mkstemp makes it with mode 0600."""
    descriptor, name = tempfile.mkstemp(dir=directory)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    return Path(name)
