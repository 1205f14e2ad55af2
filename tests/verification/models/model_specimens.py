"""Signed models of our own: folders and the bundles over them, by key or certificate."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core.folder import FolderContent, Member, MemberKind
from core.model import MemoryContent, Subject
from tests.verification.specimens import private_key, public_pem

FILES = {"config.json": b"{}", "weights/a.bin": b"a" * 100, "weights/b.bin": b""}
STATEMENT_V1 = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
V1 = "https://model_signing/signature/v1.0"
HASHES = {"blake2b": hashlib.blake2b}
KEY = private_key("p256", "model")


def hashed(content: bytes, algorithm: str) -> str:
    found = HASHES.get(algorithm)
    return (found(content) if found else hashlib.new(algorithm, content)).hexdigest()


def folder(files: Mapping[str, bytes] = FILES, *others: Member) -> Subject:
    members = [Member(path, MemberKind.FILE, MemoryContent(files[path])) for path in files]
    ordered = sorted([*members, *others], key=lambda each: each.path)
    return Subject("model", (), FolderContent(tuple(ordered)))


def resources(
    files: Mapping[str, bytes] = FILES, algorithm: str = "sha256"
) -> list[dict[str, Any]]:
    return [
        {"name": path, "algorithm": algorithm, "digest": hashed(files[path], algorithm)}
        for path in sorted(files)
    ]


def shards(
    files: Mapping[str, bytes], size: int, algorithm: str = "sha256"
) -> list[dict[str, Any]]:
    found = []
    for path in sorted(files):
        content = files[path]
        for start in range(0, len(content) or 1, size):
            end = min(start + size, len(content))
            digest = hashed(content[start:end], algorithm)
            name = f"{path}:{start}:{end}"
            found.append({"name": name, "algorithm": algorithm, "digest": digest})
    return found


def numbered(files: Mapping[str, bytes], size: int) -> list[dict[str, Any]]:
    """Return shards as OpenSSF Model Signing 1.0 names them: by their place, not their bytes."""
    found = []
    for path in files:
        for place, shard in enumerate(shards({path: files[path]}, size)):
            found.append(shard | {"name": f"{path}:shard-{place}"})
    return found


def root_of(listed: Sequence[Mapping[str, Any]]) -> str:
    joined = b"".join(bytes.fromhex(each["digest"]) for each in listed)
    return hashlib.sha256(joined).hexdigest()


def statement(listed: Sequence[Mapping[str, Any]], **serialization: object) -> dict[str, Any]:
    made = {"method": "files", "hash_type": "sha256", "allow_symlinks": False} | serialization
    return {
        "_type": STATEMENT_V1,
        "subject": [{"name": "model", "digest": {"sha256": root_of(listed)}}],
        "predicateType": V1,
        "predicate": {"serialization": made, "resources": list(listed)},
    }


def encoding(payload: bytes) -> bytes:
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def old_encoding(payload: bytes) -> bytes:
    """Return what releases before 1.0 signed."""
    return f"DSSEV1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} {payload!r}".encode()


def hint(key: ec.EllipticCurvePrivateKey) -> str:
    return hashlib.sha256(public_pem(key)).hexdigest()


def by_key(key: Any = KEY, *, named: str | None = None) -> dict[str, Any]:
    return {"publicKey": {"hint": hint(key) if named is None else named}}


def by_chain(*certificates: x509.Certificate) -> dict[str, Any]:
    encoded = [each.public_bytes(serialization.Encoding.DER) for each in certificates]
    listed = [{"rawBytes": base64.b64encode(each).decode()} for each in encoded]
    return {"x509CertificateChain": {"certificates": listed}}


def bundle(
    stated: object,
    key: Any = KEY,
    material: Mapping[str, Any] | None = None,
    *,
    encode: Any = encoding,
    payload_type: str = PAYLOAD_TYPE,
) -> dict[str, Any]:
    payload = stated if isinstance(stated, bytes) else json.dumps(stated).encode()
    signature = key.sign(encode(payload), ec.ECDSA(hashes.SHA256()))
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {**(material or by_key(key)), "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
