"""Verify under keys: `verification.verifier.verify` against one bare verify of the library each.

Every signature is over other content, so that nothing is answered from a cache of outcomes. The
floor has its key parsed already and the bytes at hand, as a scan that reads many would.
"""

from __future__ import annotations

import base64
import cProfile
import io
import json
import pstats
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pysequoia
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from core.cosign_container import SIMPLE_SIGNING, container
from core.model import Evidence, Outcome, TrustEntry, TrustKind, digest_of
from tests.bench.measure import Report, cpu_seconds, interleave, ratios, seconds
from tests.fakes.apt_archive import signing_key
from tests.verification import specimens
from verification.format import Setting
from verification.verifier import verify

COSTS = 8  # lines of the profile that are worth a look
PROCESSES = 20  # gpgv takes its time to start
Bare = Callable[[], object]
Peer = Callable[[], float]  # how long one verification takes another tool, in seconds


@dataclass(frozen=True, slots=True)
class Series:
    """Evidence of one kind, and the bare verify of each piece."""

    name: str
    evidence: Sequence[Evidence]
    setting: Setting
    bare: Sequence[Bare]
    peer: Peer | None = None

    def subject(self) -> float:
        """Return the processor seconds of all verifications."""
        return cpu_seconds(self._verify_all)

    def floor(self) -> float:
        """Return the processor seconds of the library alone."""
        return cpu_seconds(lambda: [one() for one in self.bare])

    def _verify_all(self) -> None:
        for one in self.evidence:
            outcome = verify(one, self.setting)
            if outcome.outcome is not Outcome.VERIFIED:
                raise RuntimeError(f"{self.name}: {outcome.reason} {outcome.detail}")


def contents(count: int) -> list[bytes]:
    """Return that many different texts of one kilobyte."""
    return [f"artifact {number}\n".encode() * 64 for number in range(count)]


def key_series(kind: str, count: int) -> Series:
    """Return detached signatures under one PEM key."""
    private = specimens.private_key(kind)
    evidence, bare = [], []
    for content in contents(count):
        signature = _sign(private, content)
        evidence.append(specimens.evidence(signature, specimens.artifact(content)))
        bare.append(_bare(private, signature, content))
    return Series(kind, evidence, specimens.setting(specimens.key_entry(private)), bare)


def _sign(private: specimens.PrivateKey, content: bytes) -> bytes:
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(content, padding.PKCS1v15(), hashes.SHA256())
    return specimens.sign(private, content)


def _bare(private: specimens.PrivateKey, signature: bytes, content: bytes) -> Bare:
    public = private.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        scheme = ec.ECDSA(hashes.SHA256())
        return lambda: public.verify(signature, content, scheme)
    if isinstance(public, ed25519.Ed25519PublicKey):
        return lambda: public.verify(signature, content)
    return lambda: public.verify(signature, content, padding.PKCS1v15(), hashes.SHA256())


def dsse_series(count: int) -> Series:
    """Return DSSE envelopes around in-toto statements, under one P-256 key."""
    private = specimens.private_key("p256")
    evidence, bare = [], []
    for content in contents(count):
        subject = specimens.artifact(content)
        payload = json.dumps(specimens.statement(digest_of(content))).encode()
        kind = b"application/vnd.in-toto+json"
        signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
        envelope = specimens.envelope(payload, private)
        evidence.append(specimens.evidence(json.dumps(envelope).encode(), subject))
        bare.append(_bare(private, specimens.sign(private, signed), signed))
    return Series("dsse", evidence, specimens.setting(specimens.key_entry(private)), bare)


def simple_series(count: int) -> Series:
    """Return cosign's own signatures of images, each with what is signed, under a P-256 key."""
    private = specimens.private_key("p256")
    evidence, bare = [], []
    for content in contents(count):
        critical = {
            "identity": {"docker-reference": "registry.example/app"},
            "image": {"docker-manifest-digest": str(digest_of(content))},
            "type": "cosign container image signature",
        }
        payload = json.dumps({"critical": critical, "optional": None}).encode()
        made = specimens.sign(private, payload)
        annotations = {"dev.cosignproject.cosign/signature": base64.b64encode(made).decode()}
        held = container(SIMPLE_SIGNING, payload, annotations)
        evidence.append(specimens.evidence(held, specimens.artifact(content)))
        bare.append(_bare(private, made, payload))
    return Series("cosign", evidence, specimens.setting(specimens.key_entry(private)), bare)


def openpgp_series(count: int) -> Series:
    """Return armored detached signatures by gpg, under one Ed25519 certificate."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, signing_key(Path(name) / "k") as key:
        ring = key.export()
        signed = [(content, key.detach(content)) for content in contents(count)]
    entry = TrustEntry("ring", TrustKind.KEYRING, ring, "test", (), None, None)
    certificate = pysequoia.Cert.from_bytes(ring)
    evidence = [
        specimens.evidence(signature, specimens.artifact(content)) for content, signature in signed
    ]
    setting = specimens.setting(entry, now=specimens.NOW.replace(year=2100))
    bare = [_bare_openpgp(certificate, *one) for one in signed]
    return Series("openpgp", evidence, setting, bare, lambda: _gpgv(ring, *signed[0]))


def _gpgv(ring: bytes, content: bytes, signature: bytes) -> float:
    """Return what one call of gpgv takes, its start included: that is how it is used."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        for file, held in (("ring.gpg", ring), ("text", content), ("text.asc", signature)):
            (folder / file).write_bytes(held)
        command = ["gpgv", "--keyring", "./ring.gpg", "text.asc", "text"]

        def run_it() -> None:
            for _ in range(PROCESSES):
                subprocess.run(command, cwd=folder, check=True, capture_output=True)

        return seconds(run_it) / PROCESSES


def _bare_openpgp(certificate: pysequoia.Cert, content: bytes, signature: bytes) -> Bare:
    def ring(_names: object) -> list[pysequoia.Cert]:
        return [certificate]

    parsed = pysequoia.Sig.from_bytes(signature)
    return lambda: pysequoia.verify(bytes=content, store=ring, signature=parsed)


def all_series(count: int, signed_by_gpg: int) -> list[Series]:
    """Return one series of each kind; gpg takes its time to sign, so it gets its own count."""
    keyed = [key_series(kind, count) for kind in ("p256", "ed25519", "rsa-2048", "rsa-4096")]
    return [*keyed, dsse_series(count), simple_series(count), openpgp_series(signed_by_gpg)]


def run(report: Report, count: int, signed_by_gpg: int, rounds: int) -> None:
    """Measure each kind, then say where the time of the slowest ones goes."""
    for series in all_series(count, signed_by_gpg):
        timings = interleave({"subject": series.subject, "floor": series.floor}, rounds)
        size = len(series.evidence)
        found = ratios(timings, "subject", "floor")
        report.add("verify-key", f"{series.name} / bare verify", "x", found, "1.5")
        each = [t / size * 1e6 for t in timings["subject"]]
        report.add("verify-key", series.name, "us", each)
        bare = [t / size * 1e6 for t in timings["floor"]]
        report.add("verify-key", f"{series.name}, bare", "us", bare)
        if series.peer is not None and shutil.which("gpgv"):
            theirs = series.peer()
            found = [theirs / (t / size) for t in timings["subject"]]
            report.add(
                "verify-key", f"gpgv, a process for each / {series.name}", "x", found, ">= 20"
            )


def profile(series: Series) -> str:
    """Return the biggest own costs of a series, as cProfile tells them."""
    profiler = cProfile.Profile()
    profiler.runcall(series._verify_all)
    written = io.StringIO()
    pstats.Stats(profiler, stream=written).sort_stats("tottime").print_stats(COSTS)
    return written.getvalue()
