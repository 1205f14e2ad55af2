"""Verify keyless: bundles of a private Sigstore against the bare operations, and against its peer.

Every bundle has a signer, a certificate, a log entry and a checkpoint of its own, so that nothing
is answered from a cache but what really comes again: roots, authorities, timestamp signers. The
floor is the signatures that have to be checked, with their keys parsed, their bytes at hand.
"""

from __future__ import annotations

import base64
import json
import logging
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from sigstore.errors import Error
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import UnsafeNoOp

from core.model import Evidence, Outcome
from tests.bench.measure import Report, cpu_seconds, interleave, ratios
from tests.bench.verify_key import contents
from tests.verification import specimens
from tests.verification.sigstore.sigstore_world import (
    KEYED,
    REKOR2,
    Document,
    Making,
    World,
    sign,
)
from verification.format import Setting
from verification.sigstore import checkpoint
from verification.verifier import verify
from verification.x509 import certificates, path

WORKLOAD = "verify-keyless"
WORLD = World("bench", signing="p384")
TAMPERED = 10  # one bundle in so many is altered, and has to be refused
P256, P384 = ec.ECDSA(hashes.SHA256()), ec.ECDSA(hashes.SHA384())
Bare = Callable[[], object]
MAKINGS = {"Rekor v1": Making(), "Rekor v2 with timestamp": REKOR2, "keyed, Rekor v1": KEYED}
TARGETS = {
    "Rekor v1": ("1.5", ">= 1.25"),
    "Rekor v2 with timestamp": ("1.5", ">= 2"),
    "keyed, Rekor v1": ("", ""),
}


@dataclass(frozen=True, slots=True)
class Series:
    """Bundles of one kind, the artifacts they sign, and the bare operations of each."""

    name: str
    evidence: Sequence[Evidence]
    artifacts: Sequence[bytes]
    good: Sequence[bool]
    setting: Setting
    bare: Sequence[Sequence[Bare]]
    peer: Verifier | None = None  # it reads no keyed bundles

    def subject(self) -> float:
        """Return the processor seconds of all verifications, none of these bundles met before."""
        for kept in (path._found, certificates._load_kept, checkpoint._holds):
            kept.cache_clear()
        verify(self.evidence[0], self.setting)  # the authorities are met once, as in any scan
        return cpu_seconds(self.verify_all)

    def floor(self) -> float:
        """Return the processor seconds of the bare operations."""
        return cpu_seconds(lambda: [one() for operations in self.bare for one in operations])

    def theirs(self) -> float:
        """Return the processor seconds of sigstore-python, parsing included."""
        return cpu_seconds(self._ask_peer)

    def verify_all(self) -> None:
        """Verify everything; what is altered must be refused, and nothing else."""
        for one, good in zip(self.evidence, self.good, strict=True):
            found = verify(one, self.setting)
            if (found.outcome is Outcome.VERIFIED) is not good:
                raise RuntimeError(f"{self.name}: {found.outcome} {found.reason} {found.detail}")

    def _ask_peer(self) -> None:
        if self.peer is None:
            raise RuntimeError(f"{self.name}: nobody to ask")
        for one, artifact, good in zip(self.evidence, self.artifacts, self.good, strict=True):
            try:
                bundle = Bundle.from_json(one.content)
                self.peer.verify_artifact(artifact, bundle, UnsafeNoOp())
                accepted = True
            except Error:
                accepted = False
            if accepted is not good:
                raise RuntimeError(f"{self.name}: the peer says {accepted}, not {good}")


def series(name: str, making: Making, count: int, folder: Path) -> Series:
    """Make that many bundles, one in ten altered."""
    evidence, bare, good = [], [], []
    signed = contents(count)
    for number, content in enumerate(signed):
        signer = "the key" if making.keyed else f"signer {number % 50}"
        own = replace(making, name=signer, neighbours=20, place=number % 20)
        document = WORLD.message(content, own)
        bare.append(_operations(document, content, own))
        good.append(number % TAMPERED != TAMPERED - 1)
        if not good[-1]:
            message = document["messageSignature"]
            message["signature"] = _altered(message["signature"])
        encoded = json.dumps(document).encode()
        evidence.append(specimens.evidence(encoded, specimens.artifact(content)))
    root = WORLD.entry()
    if making.keyed:
        key = specimens.key_entry(WORLD.signer_key(replace(making, name="the key")))
        return Series(name, evidence, signed, good, specimens.setting(root, key), bare)
    path = folder / f"{name}.json"
    path.write_bytes(root.content)
    peer = Verifier(trusted_root=TrustedRoot.from_file(str(path)))
    return Series(name, evidence, signed, good, specimens.setting(root), bare, peer)


def _altered(encoded: str) -> str:
    raw = bytearray(base64.b64decode(encoded))
    raw[-1] ^= 1
    return base64.b64encode(raw).decode()


def _operations(document: Document, content: bytes, making: Making) -> list[Bare]:
    """Return the signatures that verifying the bundle has to check, each as one call."""
    made = base64.b64decode(document["messageSignature"]["signature"])
    key = WORLD.signer_key(making).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError(key)
    operations: list[Bare] = [lambda: key.verify(made, content, P256)]
    if not making.keyed:
        operations += [_chain(document), _own("ct", b"a promise" * 100)]
    if making.promised:
        operations += [_own("rekor", b"a promise" * 300), _own("rekor", b"a checkpoint" * 10)]
    else:
        operations.append(_own("rekor2", b"a checkpoint" * 10))
    if making.stamped_at:
        operations.append(_own("tsa", b"attributes" * 20))
    return operations


def _chain(document: Document) -> Bare:
    """Return the check of the certificate's signature under its issuer's key."""
    material = document["verificationMaterial"]
    leaf = x509.load_der_x509_certificate(base64.b64decode(material["certificate"]["rawBytes"]))
    issuer = WORLD.intermediate.public_key()
    if not isinstance(issuer, ec.EllipticCurvePublicKey):
        raise TypeError(issuer)
    body, signature = leaf.tbs_certificate_bytes, leaf.signature
    return lambda: issuer.verify(signature, body, P384)


def _own(role: str, content: bytes) -> Bare:
    """Return one verification under a key of the kind that this part of the world has."""
    kind = {"rekor2": "ed25519", "tsa": "p384"}.get(role, "p256")
    private = specimens.private_key(kind, f"bench {role}")
    signature, public = sign(private, content), private.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        return lambda: public.verify(signature, content)
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise TypeError(public)
    return lambda: public.verify(signature, content, P256)


def all_series(count: int) -> list[Series]:
    """Return that many bundles of each kind."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        return [series(kind, making, count, Path(name)) for kind, making in MAKINGS.items()]


def run(report: Report, count: int, rounds: int) -> None:
    """Measure both versions of the log against floor and peer, then two processes against one."""
    logging.getLogger("sigstore").setLevel(logging.ERROR)
    for one in all_series(count):
        most, least = TARGETS[one.name]
        _measure(report, one, rounds, most, least)
        if one.name == "Rekor v1":
            _two_processes(report, one, rounds)


def _measure(report: Report, one: Series, rounds: int, most: str, least: str) -> None:
    runs = {"subject": one.subject, "floor": one.floor}
    labels = {"subject": "", "floor": ", bare", "peer": ", sigstore-python"}
    if one.peer is not None:
        runs["peer"] = one.theirs
    timings = interleave(runs, rounds)
    slower = ratios(timings, "subject", "floor")
    report.add(WORKLOAD, f"{one.name} / bare operations", "x", slower, most)
    if one.peer is not None:
        faster = ratios(timings, "peer", "subject")
        report.add(WORKLOAD, f"sigstore-python / {one.name}", "x", faster, least)
    for part, taken in timings.items():
        each = [t / len(one.evidence) * 1e6 for t in taken]
        report.add(WORKLOAD, one.name + labels[part], "us", each)


def _two_processes(report: Report, one: Series, rounds: int) -> None:
    """Compare the same work in one process and in each of two at once, by the clock on the wall."""
    context = multiprocessing.get_context("fork")
    found = []
    for _ in range(max(2, rounds // 3)):
        alone = _wall(context, one, 1)
        found.append(2 * alone / _wall(context, one, 2))
    report.add(WORKLOAD, "two processes / one", "x", found, ">= 1.85")


def _wall(context: multiprocessing.context.ForkContext, one: Series, count: int) -> float:
    began = time.perf_counter()
    workers = [context.Process(target=one.verify_all) for _ in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise RuntimeError("a process that verifies failed")
    return time.perf_counter() - began
