"""Prints what the local overlay needs and no file may hold: each process's certificate, and the issuer's public keys.

Usage: python k8s/overlays/local/certificates.py .kj/issuer/jwks.json | kubectl apply -f -

Each run makes a new authority and forgets its key; processes take up new certificates while they run. Who calls
the gateway shows a token and needs `ca.crt` of the Secret `gateway-tls`. In an installation cert-manager does this.
"""

import base64
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NAMESPACE = "kjernejournal"
PROCESSES = (
    "gateway",
    "critical_info",
    "medications",
    "visits",
    "documents",
    "labs",
    "vaccinations",
    "own_registrations",
    "patients",
    "audit",
    "witness",
)
VALID = timedelta(days=90)


class Authority:
    """Signs certificates; its key lives as long as this process."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kjernejournal local only")])
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._certificate = builder.sign(self._key, SHA256())

    def issue(self, process: str) -> dict[str, bytes]:
        """Key and certificate of one process: its DNS name for those who call it, its URI name for those it calls."""
        host = process.replace("_", "-")
        key = ec.generate_private_key(ec.SECP256R1())
        names = [
            x509.DNSName(host),
            x509.DNSName(f"{host}.{NAMESPACE}.svc.cluster.local"),
            x509.UniformResourceIdentifier(f"spiffe://kjernejournal/{process}"),
        ]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        builder = self._builder(subject, key.public_key())
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return {
            "tls.crt": builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM),
            "tls.key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "ca.crt": self._certificate.public_bytes(Encoding.PEM),
        }

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .issuer_name(self._name)
            .subject_name(subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + VALID)
        )


def secret(name: str, files: dict[str, bytes]) -> dict[str, object]:
    """The manifest of a TLS Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": {key: base64.b64encode(value).decode() for key, value in files.items()},
    }


def manifests(jwks: str) -> list[dict[str, object]]:
    """Everything that is printed. ValueError when `jwks` is not a key set, or holds a private key."""
    keys = json.loads(jwks)["keys"]
    if any("d" in key for key in keys):
        raise ValueError("this key set holds a private key: give the public one")
    issuer_keys: dict[str, object] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "issuer-keys", "namespace": NAMESPACE},
        "data": {"jwks.json": jwks},
    }
    authority = Authority()
    secrets = [secret(f"{process.replace('_', '-')}-tls", authority.issue(process)) for process in PROCESSES]
    return [issuer_keys, *secrets]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    json.dump({"apiVersion": "v1", "kind": "List", "items": manifests(Path(sys.argv[1]).read_text())}, sys.stdout)
