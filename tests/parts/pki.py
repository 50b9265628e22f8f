"""The keys and certificates of a cluster on 127.0.0.1, as files."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = datetime.timedelta(days=1)
# A clock that was set back a little must not make them invalid.
EARLIER = datetime.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs: its certificate, its key, and the file that others trust."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    file: Path


def make_authority(folder: Path, name: str) -> Authority:
    """Lay down ``name.crt`` of an authority that signs itself; its key stays in memory."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named(name)
    certificate = (
        _dated(subject, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_may_sign(), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key, _write(folder / f"{name}.crt", _pem(certificate)))


def issue(authority: Authority, folder: Path, name: str, *, hosts: tuple[str, ...] = ()) -> None:
    """Lay down ``name.crt`` and ``name.key`` for a server at these hosts, or a client."""
    key = ec.generate_private_key(ec.SECP256R1())
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    request = _dated(_named(name), authority.certificate.subject, key).add_extension(
        x509.ExtendedKeyUsage(usages), critical=False
    )
    if hosts:
        names = x509.SubjectAlternativeName([_host(host) for host in hosts])
        request = request.add_extension(names, critical=False)
    _write(folder / f"{name}.crt", _pem(request.sign(authority.key, hashes.SHA256())))
    _write(folder / f"{name}.key", _private(key))


def make_signing_keys(folder: Path, name: str) -> None:
    """Lay down ``name.key`` and ``name.pub``, with which service account tokens are signed."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _write(folder / f"{name}.key", _private(key))
    _write(folder / f"{name}.pub", public)


def _dated(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + VALID)
    )


def _may_sign() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path
