"""Verify many times in a process of its own and print its memory after each tenth, as JSON.

usage: memory_child.py VERIFICATIONS

What is verified is of many formats; every piece has a signer and a certificate of its own, every
verification a trust of its own, and one in ten an alteration of its own: more of each than any
cache keeps, so that they are all full long before the end.
"""

from __future__ import annotations

import base64
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from core.cosign_container import SIMPLE_SIGNING, container
from core.limits import Limits
from core.model import Evidence, Outcome, Trust, TrustEntry, TrustKind, digest_of
from tests.bench.scan_child import memory
from tests.verification import specimens
from tests.verification.openpgp.openpgp_material import gnupg
from tests.verification.sigstore.sigstore_world import KEYED, REKOR2, Making, World
from tests.verification.ssh import ssh_material
from tests.verification.x509 import x509_material
from verification.format import Setting
from verification.verifier import verify

SHARE = 250  # pieces of each of the kinds that are quickly made
KEYRINGS = 12
ALTERED = 10  # one verification in so many is of something altered
STEPS = 10
WORLD = World("memory", signing="p384")
Piece = tuple[Evidence, TrustEntry]


def main(count: int) -> None:
    """Verify that often and say what it took."""
    pieces = list(_pieces())
    strangers = [specimens.key_entry(specimens.private_key("p256", f"stranger {number}"))
                 for number in range(8 * SHARE)]  # fmt: skip
    chance = random.Random(1)
    sizes, verified = [], 0
    for number in range(1, count + 1):
        offered, entry = pieces[number % len(pieces)]
        if number % ALTERED == 0:
            offered = replace(offered, content=_altered(offered.content, chance))
        setting = Setting(
            Trust((entry, strangers[chance.randrange(len(strangers))])), specimens.NOW,
            Limits(),
        )  # fmt: skip
        verified += verify(offered, setting).outcome is Outcome.VERIFIED
        if number % (count // STEPS) == 0:
            sizes.append(memory("VmRSS"))
    sys.stdout.write(json.dumps({"sizes": sizes, "verified": verified, "pieces": len(pieces)}))


def _altered(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(7)]) + content[at + 1 :]


def _content(kind: str, number: int) -> bytes:
    return f"{kind} {number}\n".encode() * 40


def _pieces() -> Iterator[Piece]:
    """Yield what is verified, each piece with the trust entry that it verifies under."""
    for number in range(SHARE):
        yield from _sigstore(number)
        yield from _keyed(number)
        yield _cms(number)
        yield _timestamp(number)
    yield from _openpgp()
    yield from _ssh()


def _sigstore(number: int) -> Iterator[Piece]:
    for name, making in (("v1", Making()), ("v2", REKOR2), ("keyed", KEYED)):
        content = _content(name, number)
        own = replace(making, name=f"{name} {number}")
        document = json.dumps(WORLD.message(content, own)).encode()
        entry = WORLD.entry()
        if making.keyed:
            entry = specimens.key_entry(WORLD.signer_key(own))
        yield specimens.evidence(document, specimens.artifact(content)), entry


def _keyed(number: int) -> Iterator[Piece]:
    for kind in ("p256", "ed25519"):
        content, key = _content(kind, number), specimens.private_key(kind, f"m {number}")
        made = specimens.sign(key, content)
        yield specimens.evidence(made, specimens.artifact(content)), specimens.key_entry(key)
    key = specimens.private_key("p256", f"m {number}")
    content = _content("dsse", number)
    stated = specimens.envelope(specimens.statement(digest_of(content)), key)
    encoded = json.dumps(stated).encode()
    yield specimens.evidence(encoded, specimens.artifact(content)), specimens.key_entry(key)
    yield _simple(number, key)


def _simple(number: int, key: specimens.PrivateKey) -> Piece:
    content = _content("image", number)
    image = {"docker-manifest-digest": str(digest_of(content))}
    critical = {"identity": {"docker-reference": "x"}, "image": image,
                "type": "cosign container image signature"}  # fmt: skip
    payload = json.dumps({"critical": critical, "optional": None}).encode()
    made = base64.b64encode(specimens.sign(key, payload)).decode()
    held = container(SIMPLE_SIGNING, payload, {"dev.cosignproject.cosign/signature": made})
    return specimens.evidence(held, specimens.artifact(content)), specimens.key_entry(key)


def _cms(number: int) -> Piece:
    content = _content("cms", number)
    who = x509_material.identity(name=f"m {number}")
    info = x509_material.signer_info(who, content)
    made = x509_material.signed_data((info,), (who.certificate,), None)
    entry = specimens.authority_entry(x509_material.ROOT)
    return specimens.evidence(made, specimens.artifact(content)), entry


def _timestamp(number: int) -> Piece:
    content = _content("time", number)
    who = x509_material.identity(
        "p256", x509_material.TIMES, name=f"clock {number}", critical=True
    )  # fmt: skip
    made = x509_material.timestamp(who, content, specimens.NOW)
    entry = specimens.authority_entry(x509_material.ROOT)
    return specimens.evidence(made, specimens.artifact(content)), entry


def _openpgp() -> Iterator[Piece]:
    with gnupg() as gpg:
        for number in range(KEYRINGS):
            content, name = _content("openpgp", number), f"m{number}"
            gpg.key(name, "ed25519")
            (gpg.home / "text").write_bytes(content)
            made, ring = gpg.sign(name), gpg.export(name)
            entry = TrustEntry("ring", TrustKind.KEYRING, ring, "ring.gpg")
            yield specimens.evidence(made, specimens.artifact(content)), entry


def _ssh() -> Iterator[Piece]:
    entry = ssh_material.signers(ssh_material.line("ed25519"))
    for number in range(KEYRINGS):
        content = _content("ssh", number)
        made = ssh_material.keys().sign("ed25519", content=content)
        yield specimens.evidence(made, specimens.artifact(content)), entry


if __name__ == "__main__":
    main(int(sys.argv[1]))
