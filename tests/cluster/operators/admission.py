"""Admission webhooks of controllers on loopback: a certificate, and upstream's configurations."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..rest import Object

LOOPBACK = "127.0.0.1"
# Longer than any operator looks ahead before it would make another.
_VALID = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Certificate:
    """In PEM, with the authority that has signed it; by the names that cert-controller has."""

    files: dict[str, bytes]

    @property
    def authority(self) -> str:
        return b64encode(self.files["ca.crt"]).decode()

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("tls.crt", "tls.key"):
            (folder / name).touch(mode=0o600)
            (folder / name).write_bytes(self.files[name])


def issue(authority: str, *names: str) -> Certificate:
    """For a server on loopback that is also called by ``names``."""
    # RSA in PKCS 1, since cert-controller reads no other.
    ca_key, key = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    ca = (
        _begun(authority, authority, [x509.DNSName(authority)], ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    places = [x509.IPAddress(ip_address(LOOPBACK)), *map(x509.DNSName, names)]
    serves = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    made = (
        _begun(LOOPBACK, authority, places, key)
        .add_extension(serves, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return Certificate(
        {
            "ca.crt": ca.public_bytes(pem),
            "ca.key": _pem(ca_key),
            "tls.crt": made.public_bytes(pem),
            "tls.key": _pem(key),
        }
    )


def configurations(
    manifests: Path, names: Mapping[str, str], port: int, authority: str
) -> list[Object]:
    """Upstream's, each under its name in ``names`` (by kind), answered at the port."""
    return [
        {
            **made,
            "metadata": {"name": names[made["kind"]]},
            "webhooks": [_answered(each, port, authority) for each in made["webhooks"]],
        }
        for made in yaml.load_all(manifests.read_text(), yaml.CSafeLoader)
        if made
    ]


def _answered(webhook: Object, port: int, authority: str) -> Object:
    path = webhook["clientConfig"]["service"]["path"]
    client = {"url": f"https://{LOOPBACK}:{port}{path}", "caBundle": authority}
    asked = {resource for rule in webhook["rules"] for resource in rule["resources"]}
    if "pods" in asked:  # JobSet's kustomization says so too: not every pod is its business
        mine = {"key": "jobset.sigs.k8s.io/jobset-name", "operator": "Exists"}
        return {**webhook, "clientConfig": client, "objectSelector": {"matchExpressions": [mine]}}
    return {**webhook, "clientConfig": client}


def _begun(
    subject: str, issuer: str, places: list[x509.GeneralName], key: rsa.RSAPrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(places), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
