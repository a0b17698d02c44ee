"""DPoP proofs (RFC 9449) of the local issuer's callers: a key in a file, and what it signs. For development alone."""

import base64
import hashlib
import json
import os
import time
from pathlib import Path
from uuid import uuid4

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from kj.errors import CommandError

ALGORITHM = "ES256"


def proof_key(path: Path) -> ECKey:
    """Returns the private key in this file, a JWK that only this user may read; makes it where there is none.

    Raises CommandError for a file that holds something else.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
    else:
        with os.fdopen(descriptor, "w") as file:
            file.write(json.dumps(ECKey.generate_key("P-256").as_dict(private=True)))
    try:
        key = ECKey.import_key(json.loads(path.read_text()))
    except (OSError, ValueError, JoseError):
        key = None
    if key is None or not key.is_private or key.curve_name != "P-256":
        raise CommandError(f"{path} holds no private key of P-256.", "Name a new file: it will be made.")
    return key


def proof(key: ECKey, token: str, uri: str) -> str:
    """Returns the proof of one call with this token; `uri` is the gateway's address with the full method as path."""
    header = {"typ": "dpop+jwt", "alg": ALGORITHM, "jwk": key.as_dict(private=False)}
    hashed = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
    claims = {"jti": str(uuid4()), "htm": "POST", "htu": uri, "iat": int(time.time()), "ath": hashed}
    registry = jws.JWSRegistry(algorithms=[ALGORITHM], strict_check_header=False)
    return jws.serialize_compact(header, json.dumps(claims), key, registry=registry)
