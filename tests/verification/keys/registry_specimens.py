"""A registry of our own: its keys in both forms of list, and what it signs of packages."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives import serialization

from core.model import TrustEntry, TrustKind
from tests.verification.specimens import CONTENT, PrivateKey, private_key, sign

KEY = private_key("p256", "registry")
KEY_ID = "SHA256:registry-key-1"


def raw_key(key: PrivateKey) -> str:
    encoded = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(encoded).decode()


def tuf_key(
    key: PrivateKey = KEY, key_id: str = KEY_ID, usage: str = "npm:signatures", **window: str
) -> dict[str, Any]:
    public = {"rawBytes": raw_key(key), "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
    return {"keyId": key_id, "keyUsage": usage, "publicKey": public | {"validFor": window}}


def registry_key(
    key: PrivateKey = KEY, key_id: str = KEY_ID, expires: str | None = None
) -> dict[str, Any]:
    kind = "ecdsa-sha2-nistp256"
    return {
        "keyid": key_id,
        "keytype": kind,
        "scheme": kind,
        "key": raw_key(key),
        "expires": expires,
    }


def keys_entry(*keys: dict[str, Any]) -> TrustEntry:
    content = json.dumps({"keys": list(keys or (tuf_key(),))}).encode()
    return TrustEntry("registry", TrustKind.REGISTRY_KEYS, content, "test")


def integrity(content: bytes = CONTENT) -> str:
    return f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"


def release(
    name: str = "@acme/app",
    version: str = "1.0.0",
    *,
    key: PrivateKey = KEY,
    key_id: str = KEY_ID,
    stated: str = "",
    **more: Any,
) -> dict[str, Any]:
    """Return what a registry answers for one version of a package."""
    hashes = stated or integrity()
    signature = sign(key, f"{name}@{version}:{hashes}".encode())
    signed = {"keyid": key_id, "sig": base64.b64encode(signature).decode()}
    dist = {"integrity": hashes, "signatures": [signed], "tarball": "https://registry.example/x"}
    return {"name": name, "version": version, "dist": dist} | more
