"""Keys, certificates and a timestamp authority for the tools to sign with.

Certificates are valid from 2026 to 2126, so that what is signed under them can always be judged.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.verification.specimens import Extensions, PrivateKey, certificate, pem, private_pem

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2126, 1, 1, tzinfo=UTC)
IDENTITY = "signer@acme.example"
CODE, STAMPING = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.TIME_STAMPING
_QUERY_BYTES = 1 << 16
_TSA = """[tsa]
default_tsa = acme
[acme]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True)
class Authority:
    """A root with its key."""

    name: str
    certificate: x509.Certificate
    key: PrivateKey

    def write(self, path: Path) -> Path:
        """Write the root as PEM."""
        path.write_bytes(pem(self.certificate))
        return path


def authority(name: str, key: PrivateKey) -> Authority:
    """Make a root."""
    extensions: Extensions = (
        (x509.BasicConstraints(ca=True, path_length=1), True),
        (_usage(signs_certificates=True), True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    )
    root = certificate(name, name, key, key, extensions, since=SINCE, until=UNTIL)
    return Authority(name, root, key)


def issue(
    by: Authority,
    name: str,
    key: PrivateKey,
    purpose: x509.ObjectIdentifier,
    identity: str = IDENTITY,
) -> x509.Certificate:
    """Issue a certificate for one purpose."""
    extensions: Extensions = (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(signs_certificates=False), True),
        (x509.ExtendedKeyUsage([purpose]), purpose == STAMPING),
        (x509.SubjectAlternativeName([x509.RFC822Name(identity)]), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), False),
    )
    return certificate(name, by.name, key, by.key, extensions, since=SINCE, until=UNTIL)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass(frozen=True)
class Stamping:
    """A timestamp authority: its root, and the certificate and key that it signs with."""

    root: Authority
    signer: x509.Certificate
    key: PrivateKey

    @classmethod
    def made(cls, root: Authority, key: PrivateKey) -> Stamping:
        """Issue the signer's certificate."""
        return cls(root, issue(root, "acme timestamps", key, STAMPING), key)

    @property
    def chain(self) -> bytes:
        """Signer and root as PEM."""
        return pem(self.signer) + pem(self.root.certificate)


@contextmanager
def running_timestamper(stamping: Stamping) -> Iterator[str]:
    """Run an RFC 3161 authority on loopback, answered by openssl; yield its URL."""
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        (folder / "tsa.cnf").write_text(_TSA.format(folder=folder))
        (folder / "serial").write_text("01\n")
        (folder / "signer.pem").write_bytes(pem(stamping.signer))
        (folder / "signer.key").write_bytes(private_pem(stamping.key))
        (folder / "chain.pem").write_bytes(pem(stamping.root.certificate))
        server = HTTPServer(("127.0.0.1", 0), _stamper(folder))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            server.server_close()
            thread.join(10)


def _stamper(folder: Path) -> type[BaseHTTPRequestHandler]:
    class Stamper(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = min(int(self.headers["Content-Length"]), _QUERY_BYTES)
            (folder / "query.tsq").write_bytes(self.rfile.read(length))
            answer = _openssl_reply(folder)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    return Stamper


def _openssl_reply(folder: Path) -> bytes:
    words = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq"]
    words += ["-signer", "signer.pem", "-inkey", "signer.key", "-chain", "chain.pem"]
    words += ["-out", "reply.tsr"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return (folder / "reply.tsr").read_bytes()
