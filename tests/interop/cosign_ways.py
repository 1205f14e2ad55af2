"""Every way in which cosign signs offline: with keys and certificates, as files and in a registry.

The version before the current one signs without a log by `--tlog-upload=false`; the current one by
a signing configuration that names no services. Both still write the older forms when asked to.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from tests.interop.workshop import (
    ARTIFACT,
    CERTIFIED,
    KINDS,
    ROOTED,
    Workshop,
    digest,
    keyed,
)

NO_LOG = "--tlog-upload=false"
OLD_FORM = ("--use-signing-config=false", "--new-bundle-format=false", NO_LOG)
HTTP = "--allow-http-registry"
ATTESTING = ("--type", "custom", "--predicate", "predicate.json")


@dataclass(frozen=True)
class Cosign:
    """One major version: what makes it write bundles, and what the older forms."""

    name: str
    program: str
    short: str
    bundle: tuple[str, ...]
    legacy: tuple[str, ...]


def sign_with_cosign(shop: Workshop) -> None:
    """Sign in every way with both versions."""
    tools = shop.bench.tools
    _prepare(shop, tools.cosign3)
    current = ("--signing-config", "signing.json")
    before = ("--new-bundle-format", NO_LOG)
    for each in (
        Cosign("cosign 3.1.3", tools.cosign3, "c3", current, OLD_FORM),
        Cosign("cosign 2.6.5", tools.cosign2, "c2", before, (NO_LOG,)),
    ):
        for key in KINDS:
            _with_key(shop, each, key)
        _attest(shop, each)
        _with_certificate(shop, each)
        _with_timestamp(shop, each)
        _otherwise(shop, each)


def _prepare(shop: Workshop, program: str) -> None:
    run, url = shop.bench.run, shop.timestamps
    (shop.bench.folder / "predicate.json").write_text('{"built": "by hand"}')
    for key in KINDS:
        run(program, "import-key-pair", "--key", f"{key}.pem", "--output-key-prefix", key)
    run(program, "signing-config", "create", "--out", "signing.json")
    stamping = f"url={url},api-version=1,start-time=2026-01-01T00:00:00Z,operator=acme"
    words = ("--tsa", stamping, "--tsa-config", "ANY", "--out", "stamping.json")
    run(program, "signing-config", "create", *words)
    for name, root in (("root", "root.pem"), ("other-root", "other-root.pem")):
        fulcio = f"url=https://ca.acme.example,certificate-chain={root},start-time=2026-01-01T00:00:00Z"
        tsa = f"url={url},certificate-chain=tsa-root.pem,start-time=2026-01-01T00:00:00Z"
        words = ("--fulcio", fulcio, "--tsa", tsa, "--out", f"{name}.json")
        run(program, "trusted-root", "create", *words)
        shop.keep(f"{name}.json", (shop.bench.folder / f"{name}.json").read_bytes())


# --- with a key -----------------------------------------------------------------------------------


def _with_key(shop: Workshop, cosign: Cosign, key: str) -> None:
    for way, make in (
        ("bundle of a file", _blob_bundle),
        ("bare signature of a file", _blob_signature),
        ("bundle that refers to an image", _image_bundle),
        ("signature tag of an image", _image_tag),
    ):
        named = f"{way}, {KINDS[key]}"
        shop.attempt(cosign.name, named, partial(make, shop, cosign, key, named))


def _blob_bundle(shop: Workshop, cosign: Cosign, key: str, way: str) -> None:
    name = f"{cosign.short}-blob-{key}.bundle"
    _sign_blob(shop, cosign, key, *cosign.bundle, "--bundle", name)
    _keep_blob(shop, cosign, way, name, "--bundle", keyed(key))


def _blob_signature(shop: Workshop, cosign: Cosign, key: str, way: str) -> None:
    name = f"{cosign.short}-blob-{key}.sig"
    _sign_blob(shop, cosign, key, *cosign.legacy, "--output-signature", name)
    _keep_blob(shop, cosign, way, name, "--signature", keyed(key))


def _image_bundle(shop: Workshop, cosign: Cosign, key: str, way: str) -> None:
    image = shop.bench.push(f"{cosign.short}/bundle-{key}", way)
    _sign(shop, cosign, key, image, *cosign.bundle)
    _keep_referring(shop, cosign, way, f"{cosign.short}-image-{key}.bundle", image, keyed(key))


def _image_tag(shop: Workshop, cosign: Cosign, key: str, way: str) -> None:
    image = shop.bench.push(f"{cosign.short}/tag-{key}", way)
    _sign(shop, cosign, key, image, *cosign.legacy)
    name = shop.keep_image(f"{cosign.short}-tag-{key}", image)
    shop.add(cosign.name, way, name, name, keyed(key))


# --- attestations ---------------------------------------------------------------------------------


def _attest(shop: Workshop, cosign: Cosign) -> None:
    for way, make in (
        ("attestation bundle of a file", _attest_blob),
        ("attestation envelope of a file", _attest_blob_before),
        ("attestation bundle that refers to an image", _attest_image),
        ("attestation tag of an image", _attest_tag),
    ):
        shop.attempt(cosign.name, way, partial(make, shop, cosign, way))


def _attest_blob(shop: Workshop, cosign: Cosign, way: str) -> None:
    name = f"{cosign.short}-attest-blob.bundle"
    words = (*ATTESTING, *cosign.bundle, "--bundle", name, ARTIFACT)
    shop.bench.run(cosign.program, "attest-blob", "--key", "p256.key", *words)
    _keep_blob(shop, cosign, way, name, "--bundle", keyed("p256"))


def _attest_blob_before(shop: Workshop, cosign: Cosign, way: str) -> None:
    name = f"{cosign.short}-attest-blob.dsse"
    words = (*ATTESTING, *cosign.legacy, "--output-signature", name, ARTIFACT)
    shop.bench.run(cosign.program, "attest-blob", "--key", "p256.key", *words)
    _keep_blob(shop, cosign, way, name, "--bundle", keyed("p256"))


def _attest_image(shop: Workshop, cosign: Cosign, way: str) -> None:
    image = shop.bench.push(f"{cosign.short}/attest", way)
    words = (*ATTESTING, *cosign.bundle, HTTP, image)
    shop.bench.run(cosign.program, "attest", "--key", "p256.key", *words)
    _keep_referring(shop, cosign, way, f"{cosign.short}-attest.bundle", image, keyed("p256"))


def _attest_tag(shop: Workshop, cosign: Cosign, way: str) -> None:
    image = shop.bench.push(f"{cosign.short}/attest-tag", way)
    words = (*ATTESTING, *cosign.legacy, HTTP, image)
    shop.bench.run(cosign.program, "attest", "--key", "p256.key", *words)
    ((_, envelope, _),) = shop.bench.attached(image, ".att")
    name = shop.keep(f"{cosign.short}-attest-tag.dsse", envelope)
    shop.add(cosign.name, way, name, digest(image), ("--bundle", name), keyed("p256"))


# --- with a certificate of one's own authority ----------------------------------------------------


def _with_certificate(shop: Workshop, cosign: Cosign) -> None:
    certified = ("--certificate", "p256.crt", "--certificate-chain", "root.pem")
    ways = (
        ("signature tag with a certificate", cosign.legacy, ".sig", CERTIFIED),
        ("bundle that refers to an image, with a certificate", cosign.bundle, "", ROOTED),
    )
    for way, words, suffix, trust in ways:
        make = partial(_certified_image, shop, cosign, way, (*certified, *words), suffix, trust)
        shop.attempt(cosign.name, way, make)


def _certified_image(
    shop: Workshop,
    cosign: Cosign,
    way: str,
    words: tuple[str, ...],
    suffix: str,
    trust: tuple[tuple[str, str], ...],
) -> None:
    image = shop.bench.push(f"{cosign.short}/certified{suffix or '.bundle'}", way)
    _sign(shop, cosign, "p256", image, *words)
    name = f"{cosign.short}-certified{suffix or '.bundle'}"
    if suffix:
        shop.keep_image(name, image)
        shop.add(cosign.name, way, name, name, *trust)
    else:
        _keep_referring(shop, cosign, way, name, image, *trust)


# --- with a timestamp -----------------------------------------------------------------------------


def _with_timestamp(shop: Workshop, cosign: Cosign) -> None:
    for way, make in (
        ("bundle of a file, stamped", _stamped_blob),
        ("signature tag with a certificate, stamped", _stamped_tag),
    ):
        shop.attempt(cosign.name, way, partial(make, shop, cosign, way))


def _stamped_blob(shop: Workshop, cosign: Cosign, way: str) -> None:
    name = f"{cosign.short}-blob-stamped.bundle"
    stamped = ("--signing-config", "stamping.json")
    _sign_blob(shop, cosign, "p256", *stamped, "--bundle", name)
    _keep_blob(shop, cosign, way, name, "--bundle", keyed("p256"), ROOTED[0])


def _stamped_tag(shop: Workshop, cosign: Cosign, way: str) -> None:
    words = ("--certificate", "p256.crt", "--certificate-chain", "root.pem")
    stamped = (*cosign.legacy, "--timestamp-server-url", shop.timestamps)
    trust = ROOTED
    _certified_image(shop, cosign, way, (*words, *stamped), ".stamped.sig", trust)


# --- other forms ----------------------------------------------------------------------------------


def _otherwise(shop: Workshop, cosign: Cosign) -> None:
    for way, make in (
        ("bundle of a file in the older form", _older_bundle),
        ("signature tag with annotations", _annotated),
        ("payload and signature as files", _payload_files),
    ):
        shop.attempt(cosign.name, way, partial(make, shop, cosign, way))


def _older_bundle(shop: Workshop, cosign: Cosign, way: str) -> None:
    name = f"{cosign.short}-blob-older.bundle"
    _sign_blob(shop, cosign, "p256", *cosign.legacy, "--bundle", name)
    _keep_blob(shop, cosign, way, name, "--bundle", keyed("p256"))


def _annotated(shop: Workshop, cosign: Cosign, way: str) -> None:
    image = shop.bench.push(f"{cosign.short}/annotated", way)
    _sign(shop, cosign, "p256", image, *cosign.legacy, "-a", "commit=abc", "-a", "who=me")
    name = shop.keep_image(f"{cosign.short}-tag-annotated", image)
    shop.add(cosign.name, way, name, name, keyed("p256"))


def _payload_files(shop: Workshop, cosign: Cosign, way: str) -> None:
    image = shop.bench.push(f"{cosign.short}/files", way)
    payload, signature = f"{cosign.short}-payload.json", f"{cosign.short}-payload.sig"
    files = ("--output-payload", payload, "--output-signature", signature, "--upload=false")
    _sign(shop, cosign, "p256", image, *cosign.legacy, *files)
    for each in (payload, signature):
        shop.keep(each, (shop.bench.folder / each).read_bytes())
    shop.add(cosign.name, way, signature, payload, ("--signature", signature), keyed("p256"))


# --- steps ----------------------------------------------------------------------------------------


def _sign(shop: Workshop, cosign: Cosign, key: str, image: str, *words: str) -> None:
    shop.bench.run(cosign.program, "sign", "--key", f"{key}.key", HTTP, *words, image)


def _sign_blob(shop: Workshop, cosign: Cosign, key: str, *words: str) -> None:
    shop.bench.run(cosign.program, "sign-blob", "--key", f"{key}.key", *words, ARTIFACT)


def _keep_blob(
    shop: Workshop, cosign: Cosign, way: str, name: str, option: str, *trust: tuple[str, str]
) -> None:
    shop.keep(name, (shop.bench.folder / name).read_bytes())
    shop.add(cosign.name, way, name, ARTIFACT, (option, name), *trust)


def _keep_referring(
    shop: Workshop, cosign: Cosign, way: str, name: str, image: str, *trust: tuple[str, str]
) -> None:
    (bundle,) = shop.bench.referring(image)
    shop.keep(name, bundle)
    shop.add(cosign.name, way, name, digest(image), ("--bundle", name), *trust)
