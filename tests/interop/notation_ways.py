"""Every way in which notation signs an image offline.

Debian's registry has no referrers API: tools that ask for it fall back to the tag `sha256-<hex>`.
"""

from __future__ import annotations

import json
from functools import partial

from tests.interop.workshop import CERTIFIED, Workshop, digest
from tests.verification.specimens import private_pem

TOOL = "notation 1.3.2"
HTTP = "--insecure-registry"
SELF_SIGNED = "acme.example"
KEYS = ("p256", "p384", "rsa")  # Notation has no Ed25519


def sign_with_notation(shop: Workshop) -> None:
    """Sign in every form, with every kind of key."""
    _prepare(shop)
    for form in ("jws", "cose"):
        for key in KEYS:
            way = f"{form}, {key}, referrers' API asked for, tag served"
            words: tuple[str, ...] = ("--key", key, "--force-referrers-tag=false")
            shop.attempt(TOOL, way, partial(_sign, shop, way, form, f"{key}-api", words))
        others = (
            ("the referrers' tag", "tag", ("--key", "p256", "--force-referrers-tag=true")),
            ("metadata and expiry", "meta", ("--key", "p256", "-m", "build=7", "-e", "876000h")),
            ("stamped", "stamped", ("--key", "p256", *_stamped(shop))),
        )
        for what, name, words in others:
            way = f"{form}, {what}"
            shop.attempt(TOOL, way, partial(_sign, shop, way, form, name, words))
        way = f"{form}, an expiry that is over"
        shop.attempt(TOOL, way, partial(_expired, shop, way, form))
        way = f"{form}, a certificate of its own making"
        shop.attempt(TOOL, way, partial(_self_signed, shop, way, form))


def _prepare(shop: Workshop) -> None:
    config = shop.bench.folder / "home/config/notation"
    config.mkdir(parents=True)
    listed = []
    for key in KEYS:
        (shop.bench.folder / f"{key}.plain").write_bytes(private_pem(shop.keys[key]))
        paths = {
            "keyPath": str(shop.bench.folder / f"{key}.plain"),
            "certPath": str(shop.bench.folder / f"{key}.chain"),
        }
        listed.append({"name": key, **paths})
    (config / "signingkeys.json").write_text(json.dumps({"default": "p256", "keys": listed}))
    shop.bench.run(shop.bench.tools.notation, "cert", "generate-test", SELF_SIGNED)
    made = next((config / "localkeys").glob("*.crt"))
    shop.keep("self-signed.pem", made.read_bytes())


def _stamped(shop: Workshop) -> tuple[str, ...]:
    return ("--timestamp-url", shop.timestamps, "--timestamp-root-cert", "tsa-root.pem")


def _sign(
    shop: Workshop,
    way: str,
    form: str,
    name: str,
    words: tuple[str, ...],
    trust: tuple[tuple[str, str], ...] = CERTIFIED,
    expect: str = "verified",
    why: str = "",
) -> None:
    image = shop.bench.push(f"notation/{form}-{name}", way)
    program = shop.bench.tools.notation
    shop.bench.run(program, "sign", HTTP, "--signature-format", form, *words, image)
    (envelope,) = shop.bench.referring(image)
    kept = shop.keep(f"n-{name}.{form}", envelope)
    also = (("--ca", "tsa-root.pem"),) if "--timestamp-url" in words else ()
    options = (("--signature", kept), *trust, *also)
    shop.add(TOOL, way, kept, digest(image), *options, expect=expect, why=why)


def _expired(shop: Workshop, way: str, form: str) -> None:
    words = ("--key", "p256", "--expiry", "1m")
    why = "it was to be trusted for one minute"
    _sign(shop, way, form, "expired", words, expect="SIGNATURE_EXPIRED", why=why)


def _self_signed(shop: Workshop, way: str, form: str) -> None:
    trust = (("--ca", "self-signed.pem"), ("--any-identity", ""))
    _sign(shop, way, form, "self-signed", ("--key", SELF_SIGNED), trust)
