"""Every way in which cosign signs offline: with keys and certificates, as files and in a registry.

The version before the current one signs without a log by `--tlog-upload=false`; the current one by
a signing configuration that names no services. Both still write the older forms when asked to.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from tests.interop.layouts import keep_layout
from tests.interop.material import IDENTITY
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
STAMPED = ("--signing-config", "stamping.json")
LEAF = ("--certificate", "p256.crt")
NO_BUNDLE = ("--new-bundle-format=false",)
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
    stamped: tuple[str, ...]


def sign_with_cosign(shop: Workshop) -> None:
    """Sign in every way with both versions."""
    tools = shop.bench.tools
    _prepare(shop, tools.cosign3)
    current = ("--signing-config", "signing.json")
    before = ("--new-bundle-format", NO_LOG)
    for each in (
        Cosign("cosign 3.1.3", tools.cosign3, "c3", current, OLD_FORM, STAMPED),
        Cosign(
            "cosign 2.6.5",
            tools.cosign2,
            "c2",
            before,
            (NO_LOG,),
            (*before, "--timestamp-server-url", shop.timestamps),
        ),
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
        fulcio = (
            f"url=https://ca.acme.example,certificate-chain={root},start-time=2026-01-01T00:00:00Z"
        )
        tsa = f"url={url},certificate-chain=tsa.chain,start-time=2026-01-01T00:00:00Z"
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
    why = ""
    if key == "ed25519":
        # It signs with Ed25519ph here, but verifies as Ed25519.
        why = _demand_refused(shop, cosign, image, "--key", "ed25519.pub", *NO_BUNDLE)
    expect = "SIGNATURE_INVALID" if why else "verified"
    shop.add(cosign.name, way, name, name, keyed(key), expect=expect, why=why)


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
    chained = (*LEAF, "--certificate-chain", "root.pem")
    for way, words, make in (
        ("signature tag with a certificate", (*chained, *cosign.legacy), _certified_tag),
        ("bundle with a certificate", (*LEAF, *cosign.bundle), _certified_bundle),
        ("bundle with a certificate, stamped", (*LEAF, *cosign.stamped), _certified_bundle),
    ):
        shop.attempt(cosign.name, way, partial(make, shop, cosign, way, words))
    way = "bundle with a certificate and its chain"
    shop.attempt(cosign.name, way, partial(_chained_bundle, shop, cosign, way, chained))


def _certified_tag(shop: Workshop, cosign: Cosign, way: str, words: tuple[str, ...]) -> None:
    is_stamped = "--timestamp-server-url" in words
    name = f"{cosign.short}-certified{'-stamped' if is_stamped else ''}"
    image = shop.bench.push(f"{cosign.short}/{name}", way)
    _sign(shop, cosign, "p256", image, *words)
    shop.keep_image(name, image)
    shop.add(cosign.name, way, name, name, *(ROOTED if is_stamped else CERTIFIED))


def _certified_bundle(shop: Workshop, cosign: Cosign, way: str, words: tuple[str, ...]) -> None:
    is_stamped = words[-2:] == cosign.stamped[-2:]
    name = f"{cosign.short}-certified{'-stamped' if is_stamped else ''}.bundle"
    image = shop.bench.push(f"{cosign.short}/{name}", way)
    _sign(shop, cosign, "p256", image, *words)
    trust = ROOTED if is_stamped else CERTIFIED
    _keep_referring(shop, cosign, way, name, image, *trust)


def _chained_bundle(shop: Workshop, cosign: Cosign, way: str, words: tuple[str, ...]) -> None:
    """Keep it, and what cosign 3 says of it: under a trusted root it must not carry the chain."""
    image = shop.bench.push(f"{cosign.short}/chained", way)
    _sign(shop, cosign, "p256", image, *words, *cosign.bundle)
    name = f"{cosign.short}-chained.bundle"
    _keep_referring(shop, cosign, way, name, image, *CERTIFIED)
    if b"x509CertificateChain" in (shop.kept / name).read_bytes():
        rooted = ("--trusted-root", "root.json", "--certificate-identity", IDENTITY)
        issuer = ("--certificate-oidc-issuer-regexp", ".*", "--insecure-ignore-sct")
        why = _demand_refused(shop, cosign, image, *rooted, *issuer)
        options = (("--bundle", name), *ROOTED)
        named = f"{way}, under a trusted root"
        shop.add(cosign.name, named, name, digest(image), *options, expect="MALFORMED", why=why)


# --- with a timestamp -----------------------------------------------------------------------------


def _with_timestamp(shop: Workshop, cosign: Cosign) -> None:
    for way, make in (
        ("bundle of a file, stamped", _stamped_blob),
        ("signature tag with a certificate, stamped", _stamped_tag),
    ):
        shop.attempt(cosign.name, way, partial(make, shop, cosign, way))


def _stamped_blob(shop: Workshop, cosign: Cosign, way: str) -> None:
    name = f"{cosign.short}-blob-stamped.bundle"
    _sign_blob(shop, cosign, "p256", *cosign.stamped, "--bundle", name)
    _keep_blob(shop, cosign, way, name, "--bundle", keyed("p256"), ROOTED[0])


def _stamped_tag(shop: Workshop, cosign: Cosign, way: str) -> None:
    stamped = ("--timestamp-server-url", shop.timestamps)
    chained = (*LEAF, "--certificate-chain", "root.pem")
    _certified_tag(shop, cosign, way, (*chained, *cosign.legacy, *stamped))


# --- other forms ----------------------------------------------------------------------------------


def _otherwise(shop: Workshop, cosign: Cosign) -> None:
    for way, make in (
        ("bundle of a file in the older form", _older_bundle),
        ("signature tag with annotations", _annotated),
        ("older signature that refers to an image", _older_referrer),
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


def _older_referrer(shop: Workshop, cosign: Cosign, way: str) -> None:
    """Keep the layout, where the older form stands as a document that refers to the image."""
    image = shop.bench.push(f"{cosign.short}/older-referrer", way)
    referring = (*cosign.legacy, "--registry-referrers-mode", "oci-1-1")
    words = ("sign", "--key", "p256.key", HTTP, *referring, image)
    shop.bench.run(cosign.program, *words, also={"COSIGN_EXPERIMENTAL": "1"})
    keep_layout(shop, cosign.name, way, f"layout-{cosign.short}-older", image, (keyed("p256"),))


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
    shop: Workshop,
    cosign: Cosign,
    way: str,
    name: str,
    image: str,
    *trust: tuple[str, str],
) -> None:
    (bundle,) = shop.bench.referring(image)
    shop.keep(name, bundle)
    shop.add(cosign.name, way, name, digest(image), ("--bundle", name), *trust)


def _demand_refused(shop: Workshop, cosign: Cosign, image: str, *words: str) -> str:
    """Ask cosign itself, which must refuse; return what it says."""
    asked = ("verify", "--insecure-ignore-tlog", HTTP, *words, image)
    try:
        shop.bench.run(cosign.program, *asked)
    except RuntimeError as error:
        said = [line for line in str(error).splitlines() if line.startswith("Error: ")]
        return f"{cosign.name} says: {said[-1].removeprefix('Error: ')}"
    raise AssertionError(f"{cosign.name} verifies what we refuse: {image}")
