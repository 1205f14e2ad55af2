"""What is planted in the example estate: what is done to each file, and what must come of it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.model import Status
from jobs.signing_tools import GnuPg, OpenSsl

RELEASE, STRANGER = "release@atlas.example", "stranger@elsewhere.example"
REVOKED, EXPIRED = "former@atlas.example", "retired@atlas.example"
IN_TOTO = b"application/vnd.in-toto+json"
LONG = ("-startdate", "20200101000000Z", "-days", "7300")  # an authority outlives what it issued
# Everything good is dated here, so that the estate is the same whenever it is built.
RELEASED = "20261101T000000"
SIGNING = ("-startdate", "20261101000000Z", "-days", "3000")
PAST = ("-startdate", "20240101000000Z", "-enddate", "20250101000000Z")


@dataclass(frozen=True, slots=True)
class PlantedCase:
    """One file of the estate and what Countersign must say of it; `path` is below releases/."""

    path: str
    status: Status
    reason: str  # empty when verified
    story: str


@dataclass(frozen=True, slots=True)
class PlantedTrust:
    """One entry of the settings' `trust`; `section` is keys, keyrings or authorities."""

    section: str
    name: str
    file: str  # below the estate's folder


@dataclass(frozen=True, slots=True)
class Workshop:
    """The two tools, and the folder of releases they sign in."""

    gpg: GnuPg
    openssl: OpenSsl
    releases: Path


Work = Callable[[Workshop, Path], None]  # what is done to one file


def archive(name: str, story: str) -> bytes:
    """Return a small archive; the same words give the same bytes."""
    text = f"{name}\n\n{story}\n".encode()
    member = tarfile.TarInfo("README")
    member.size = len(text)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(member, io.BytesIO(text))
    return gzip.compress(packed.getvalue(), mtime=0)


def _openpgp(mail: str, digest: str, workshop: Workshop, file: Path) -> None:
    workshop.gpg.sign(mail, file, digest=digest)


def _key(name: str, options: tuple[str, ...], workshop: Workshop, file: Path) -> None:
    workshop.openssl.sign(name, file, *options)


def _whole(name: str, workshop: Workshop, file: Path) -> None:
    workshop.openssl.sign_whole(name, file)


def _certificate(name: str, workshop: Workshop, file: Path) -> None:
    workshop.openssl.sign(name, file)
    file.with_name(f"{file.name}.pem").write_bytes(workshop.openssl.certificate(name))


def _attest(name: str, workshop: Workshop, file: Path) -> None:
    # openssl signs the pre-authentication encoding; the envelope around it is only JSON.
    payload = json.dumps(_statement(file)).encode()
    signed = workshop.openssl.folder / "statement"
    signed.write_bytes(b"DSSEv1 %d %s %d %s" % (len(IN_TOTO), IN_TOTO, len(payload), payload))
    workshop.openssl.sign(name, signed)
    signature = signed.with_name("statement.sig").read_bytes()
    envelope = {
        "payloadType": IN_TOTO.decode(),
        "payload": b64encode(payload).decode(),
        "signatures": [{"sig": b64encode(signature).decode()}],
    }
    file.with_name(f"{file.name}.intoto.jsonl").write_text(json.dumps(envelope) + "\n")


def _statement(file: Path) -> dict[str, object]:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    build: dict[str, object] = {"buildType": "https://atlas.example/make", "externalParameters": {}}
    run: dict[str, object] = {"builder": {"id": "https://builds.atlas.example"}}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": file.name, "digest": {"sha256": digest}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"buildDefinition": build, "runDetails": run},
    }


def _alter(workshop: Workshop, file: Path) -> None:
    del workshop
    file.write_bytes(archive(file.name, "This copy was altered after it had been signed."))


def _nothing(workshop: Workshop, file: Path) -> None:
    """Leave it as it is."""


def _then(first: Work, second: Work) -> Work:
    def both(workshop: Workshop, file: Path) -> None:
        first(workshop, file)
        second(workshop, file)

    return both


GOOD = partial(_openpgp, RELEASE, "SHA512")
PSS = ("rsa_padding_mode:pss", "rsa_pss_saltlen:digest")
# File, what is done to it, the reason code that must come of it (none: verified), and why.
PLANTED: tuple[tuple[str, Work, str, str], ...] = (
    ("openpgp/atlas-1.0", GOOD, "", "Signed with the release key, which is trusted."),
    ("openpgp/atlas-1.1", _then(GOOD, _alter), "SIGNATURE_INVALID", "Altered after signing."),
    (
        "openpgp/atlas-1.2",
        partial(_openpgp, STRANGER, "SHA512"),
        "KEY_UNKNOWN",
        "Rightly signed, with a key that nobody trusts.",
    ),
    (
        "openpgp/atlas-1.3",
        partial(_openpgp, REVOKED, "SHA512"),
        "KEY_REVOKED",
        "Signed with a key that was revoked afterwards, for no stated reason.",
    ),
    (
        "openpgp/atlas-1.4",
        partial(_openpgp, EXPIRED, "SHA512"),
        "KEY_EXPIRED",
        "Signed with a key whose time had ended on 2025-01-01.",
    ),
    (
        "openpgp/atlas-1.5",
        partial(_openpgp, RELEASE, "SHA1"),
        "ALGORITHM_WEAK",
        "Signed with the release key, over a SHA-1 digest.",
    ),
    ("keys/beacon-ec", partial(_key, "ec", ()), "", "Signed with a trusted ECDSA P-256 key."),
    ("keys/beacon-rsa", partial(_key, "rsa", PSS), "", "Signed with a trusted RSA key (PSS)."),
    ("keys/beacon-ed25519", partial(_whole, "ed25519"), "", "Signed with a trusted Ed25519 key."),
    (
        "keys/beacon-attested",
        partial(_attest, "ec"),
        "",
        "Provenance of it is signed with the trusted ECDSA key.",
    ),
    (
        "keys/beacon-altered",
        _then(partial(_key, "ec", ()), _alter),
        "SIGNATURE_INVALID",
        "Altered after signing.",
    ),
    (
        "keys/beacon-stranger",
        partial(_key, "stranger", ()),
        "SIGNATURE_INVALID",
        "Signed with another key; a bare signature does not say which.",
    ),
    (
        "certificates/compass-2.0",
        partial(_certificate, "signer"),
        "",
        "Signed with a certificate that the trusted authority issued.",
    ),
    (
        "certificates/compass-1.0",
        partial(_certificate, "past"),
        "CERT_EXPIRED_AT_SIGNING",
        "Its certificate ended on 2025-01-01; nothing proves that it was signed before.",
    ),
    (
        "certificates/compass-3.0",
        partial(_certificate, "foreign"),
        "CERT_UNTRUSTED",
        "Its certificate comes from an authority that nobody trusts.",
    ),
    ("checksums/delta-amd64", _nothing, "", "Named in SHA256SUMS, which the release key signed."),
    ("checksums/delta-arm64", _nothing, "", "Named in SHA256SUMS, which the release key signed."),
    (
        "checksums/delta-riscv64",
        _alter,
        "DIGEST_MISMATCH",
        "Named in the signed SHA256SUMS, and altered since.",
    ),
    (
        "checksums/delta-notes",
        _nothing,
        "NO_SIGNATURE",
        "Lies beside the signed SHA256SUMS, which does not name it.",
    ),
    ("unsigned/echo-1.0", _nothing, "NO_SIGNATURE", "Nothing beside it speaks for it."),
    (
        "unlisted/foxtrot-1.0",
        _nothing,
        "NO_SIGNATURE",
        "Named in a SHA256SUMS that nobody signed, which proves nothing.",
    ),
)
SIGNED_LIST = ("checksums", "delta-amd64", "delta-arm64", "delta-riscv64")
UNSIGNED_LIST = ("unlisted", "foxtrot-1.0")
TRUST: tuple[tuple[PlantedTrust, Callable[[Workshop], bytes]], ...] = (
    (
        PlantedTrust("keyrings", "example-release", "trust/release.asc"),
        lambda work: work.gpg.public(RELEASE),
    ),
    (
        PlantedTrust("keyrings", "example-former", "trust/former.asc"),
        lambda work: work.gpg.public(REVOKED, EXPIRED),
    ),
    (PlantedTrust("keys", "example-ec", "trust/ec.pem"), lambda work: work.openssl.public("ec")),
    (PlantedTrust("keys", "example-rsa", "trust/rsa.pem"), lambda work: work.openssl.public("rsa")),
    (
        PlantedTrust("keys", "example-ed25519", "trust/ed25519.pem"),
        lambda work: work.openssl.public("ed25519"),
    ),
    (
        PlantedTrust("authorities", "example-ca", "trust/ca.pem"),
        lambda work: work.openssl.certificate("ca"),
    ),
)
