"""SSH keys, certificates and signatures, made once per test run by ssh-keygen."""

from __future__ import annotations

import atexit
import base64
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.model import TrustEntry, TrustKind
from verification.ssh.wire import wire_string

MESSAGE = b"what is signed\n" * 3
KINDS = {
    "ed25519": ("ed25519", ""),
    "p256": ("ecdsa", "256"),
    "p384": ("ecdsa", "384"),
    "p521": ("ecdsa", "521"),
    "rsa": ("rsa", "2048"),
    "short": ("rsa", "1024"),
    "other": ("ed25519", ""),
    "ca": ("ed25519", ""),
    "rsa-ca": ("rsa", "2048"),
}
_STACK = ExitStack()
PRINCIPAL = "alice@acme.test"


class SshKeygen:
    """ssh-keygen in a folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *words: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["ssh-keygen", *words], cwd=self.home, input=content, capture_output=True, check=False
        )

    def key(self, name: str) -> None:
        kind, bits = KINDS[name]
        size = ["-b", bits] if bits else []
        made = self.run("-q", "-t", kind, *size, "-N", "", "-C", name, "-f", name)
        assert made.returncode == 0, made.stderr

    def sign(
        self, name: str, *options: str, namespace: str = "file", content: bytes = MESSAGE
    ) -> bytes:
        made = self.run("-q", "-Y", "sign", "-n", namespace, "-f", name, *options, content=content)
        assert made.returncode == 0, made.stderr
        return made.stdout

    def certify(self, name: str, *options: str, authority: str = "ca") -> bytes:
        (self.home / "certified").mkdir(exist_ok=True)
        shutil.copy(self.home / f"{name}.pub", self.home / "certified" / f"{name}.pub")
        shutil.copy(self.home / name, self.home / "certified" / name)
        made = self.run("-q", "-s", authority, "-I", "a key id", *options, f"certified/{name}.pub")
        assert made.returncode == 0, made.stderr
        return (self.home / f"certified/{name}-cert.pub").read_bytes()

    def public(self, name: str) -> str:
        return " ".join((self.home / f"{name}.pub").read_text().split()[:2])

    def accepts(
        self,
        signature: bytes,
        signers: str,
        *options: str,
        namespace: str = "file",
        content: bytes = MESSAGE,
        principal: str = PRINCIPAL,
    ) -> bool:
        """Ask ssh-keygen, in UTC, whether it verifies."""
        (self.home / "signature").write_bytes(signature)
        (self.home / "signers").write_text(signers)
        words = ["-Y", "verify", "-n", namespace, "-I", principal, "-s", "signature"]
        words = [*words, "-f", "signers", *options]
        return self.run(*words, content=content).returncode == 0


@contextmanager
def ssh_keygen() -> Iterator[SshKeygen]:
    if shutil.which("ssh-keygen") is None:
        if os.environ.get("CI"):
            pytest.fail("ssh-keygen not found, install the package openssh-client")
        pytest.skip("ssh-keygen not found, install the package openssh-client")
    home = Path(tempfile.mkdtemp(prefix="cs-ssh-", dir="/tmp"))
    try:
        yield SshKeygen(home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@cache
def _kept() -> SshKeygen:
    """Return one folder with all keys; it goes with the test process."""
    keygen = _STACK.enter_context(ssh_keygen())
    atexit.register(_STACK.close)
    for name in KINDS:
        keygen.key(name)
    return keygen


def keys() -> SshKeygen:
    return _kept()


@cache
def signature(name: str, namespace: str = "file", content: bytes = MESSAGE) -> bytes:
    return keys().sign(name, namespace=namespace, content=content)


def signers(*lines: str) -> TrustEntry:
    content = "".join(f"{line}\n" for line in lines).encode()
    return TrustEntry("signers", TrustKind.SSH_SIGNERS, content, "allowed_signers")


def line(name: str, options: str = "", principal: str = PRINCIPAL) -> str:
    return " ".join(part for part in (principal, options, keys().public(name)) if part)


def unarmored(armor: bytes) -> bytes:
    lines = armor.strip().split(b"\n")
    return base64.b64decode(b"".join(lines[1:-1]))


def armored(envelope: bytes) -> bytes:
    text = base64.b64encode(envelope)
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    begin, end = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
    return b"\n".join([begin, *lines, end]) + b"\n"


def envelope(
    public_key: bytes,
    inner: bytes,
    *,
    namespace: bytes = b"file",
    hash_algorithm: bytes = b"sha512",
) -> bytes:
    fields = (public_key, namespace, b"", hash_algorithm, inner)
    return b"SSHSIG" + (1).to_bytes(4, "big") + b"".join(map(wire_string, fields))


def to_be_signed(
    message: bytes, *, namespace: bytes = b"file", hash_algorithm: str = "sha512"
) -> bytes:
    digest = hashlib.new(hash_algorithm, message).digest()
    fields = (namespace, b"", hash_algorithm.encode(), digest)
    return b"SSHSIG" + b"".join(map(wire_string, fields))


def security_key_signature(
    kind: str, *, flags: int = 1, counter: int = 7, message: bytes = MESSAGE
) -> tuple[str, bytes]:
    """Return (public key, armored signature) of a security key played in software."""
    application = b"ssh:"
    signed = (
        hashlib.sha256(application).digest()
        + bytes([flags])
        + counter.to_bytes(4, "big")
        + hashlib.sha256(to_be_signed(message)).digest()
    )
    if kind == "sk-ssh-ed25519@openssh.com":
        private = ed25519.Ed25519PrivateKey.generate()
        raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        fields, value = [kind.encode(), raw, application], private.sign(signed)
    else:
        secret = ec.generate_private_key(ec.SECP256R1())
        point = secret.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        fields = [kind.encode(), b"nistp256", point, application]
        r, s = decode_dss_signature(secret.sign(signed, ec.ECDSA(hashes.SHA256())))
        value = wire_string(mpint(r)) + wire_string(mpint(s))
    blob = b"".join(map(wire_string, fields))
    inner = wire_string(kind.encode()) + wire_string(value) + bytes([flags])
    inner += counter.to_bytes(4, "big")
    public = f"{kind} {base64.b64encode(blob).decode()}"
    return public, armored(envelope(blob, inner))


def browser_signature(
    *,
    flags: int = 1,
    extensions: bytes = b"",
    origin: bytes = b"https://acme.test",
    words: bytes = b'{"type":"webauthn.get","challenge":"%b","origin":"%b","crossOrigin":false}',
) -> tuple[str, bytes]:
    """Return (public key, armored signature) of a security key that a browser asks (PROTOCOL.u2f).

    `words` are what the browser signs; the message and the origin go into them.
    """
    kind, application, counter = b"sk-ecdsa-sha2-nistp256@openssh.com", b"acme.test", bytes(4)
    challenge = base64.urlsafe_b64encode(to_be_signed(MESSAGE)).rstrip(b"=")
    client = words % (challenge, origin)
    signed = hashlib.sha256(application).digest() + bytes([flags]) + counter
    signed += extensions + hashlib.sha256(client).digest()
    secret = ec.generate_private_key(ec.SECP256R1())
    point = secret.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    r, s = decode_dss_signature(secret.sign(signed, ec.ECDSA(hashes.SHA256())))
    value = wire_string(mpint(r)) + wire_string(mpint(s))
    blob = b"".join(map(wire_string, (kind, b"nistp256", point, application)))
    inner = wire_string(b"webauthn-" + kind) + wire_string(value) + bytes([flags]) + counter
    inner += b"".join(map(wire_string, (origin, client, extensions)))
    public = f"{kind.decode()} {base64.b64encode(blob).decode()}"
    return public, armored(envelope(blob, inner))


def mpint(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")
