"""Notary Project signatures, in both envelopes: what verifies, and everything that must not."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from core.limits import Limits
from core.model import (
    CheckOutcome,
    Outcome,
    Role,
    Subject,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from tests.verification.cms.timestamp_specimens import STAMPER, stamper, token
from tests.verification.notation.notation_specimens import (
    BY_KIND,
    CODE,
    HOUR,
    ISSUING,
    LEAF,
    MAKERS,
    PREFIX,
    ROOT,
    ROOT_KEY,
    SIGNED_AT,
    SIGNING,
    SUBJECT,
    WINDOW,
    cose,
    der,
    jws,
    leaf,
    target,
    url_safe,
    usage,
)
from tests.verification.specimens import (
    CONTENT,
    DAY,
    NOW,
    Extensions,
    artifact,
    authority_entry,
    certificate,
    evidence,
    flipped,
    key_entry,
    private_key,
    public_pem,
    setting,
)
from verification.keys.public_key import load_public_key
from verification.keys.rsa_pss import PssLimits
from verification.notation.signature import MAX_PURPOSES, _algorithm
from verification.verifier import IdentityDemand, IdentityScope, demand_identity, verify
from verification.x509 import chain
from verification.x509.path import CertificatePath, find_path

TRUSTED = authority_entry(ROOT)
STAMPS = authority_entry(STAMPER.root)
Maker = Callable[..., bytes]


@pytest.fixture(params=list(MAKERS), ids=list(MAKERS))
def make(request: pytest.FixtureRequest) -> Maker:
    return MAKERS[request.param]


def judged(
    content: bytes, *entries: TrustEntry, subject: Subject = SUBJECT, **given: Any
) -> Verification:
    return verify(evidence(content, subject), setting(*(entries or (TRUSTED,)), **given))


def reason(content: bytes, *entries: TrustEntry, **given: Any) -> str:
    found = judged(content, *entries, **given)
    assert found.outcome is not Outcome.VERIFIED
    assert found.expected
    assert found.found
    return found.reason


# --- what verifies --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(MAKERS))
def test_signature_verifies(name: str) -> None:
    found = judged(MAKERS[name]())
    assert (found.outcome, found.format, found.role) == (Outcome.VERIFIED, name, Role.SIGNATURE)
    assert found.signer is not None
    assert found.signer.identity == "CN=notation signer"
    assert found.signer.issuer == "CN=notation root"
    assert (found.signed_at, found.time_source, found.time_trusted) == (
        SIGNED_AT, "notation", False,
    )  # fmt: skip
    assert (found.signed_before, found.signed_after) == (None, None)
    assert found.claims["annotation.build"] == "123"
    assert found.claims["signing_agent"] == "tests/1"
    assert found.due_at == WINDOW["until"] + timedelta(seconds=1)
    assert found.due_reason == "CERT_EXPIRED_AT_SIGNING"


@pytest.mark.parametrize("kind", list(BY_KIND))
def test_every_algorithm_of_the_specification_is_accepted(make: Maker, kind: str) -> None:
    content = make(kind=kind, chain=(leaf(kind), ROOT))
    assert judged(content).outcome is Outcome.VERIFIED


def test_self_signed_signer_verifies_where_it_was_given(make: Maker) -> None:
    key = private_key("p256", "notation signer")
    own = certificate("me", "me", key, key, SIGNING, **WINDOW)
    assert judged(make(chain=(own,)), authority_entry(own)).outcome is Outcome.VERIFIED
    assert reason(make(chain=(own,))) == "CERT_UNTRUSTED"


def test_intermediate_stands_between(make: Maker) -> None:
    key = private_key("p256", "notation link")
    link = certificate("link", "notation root", key, ROOT_KEY, ISSUING, **WINDOW)
    below = certificate(
        "below", "link", private_key("p256", "notation signer"), key, SIGNING, **WINDOW
    )
    assert judged(make(chain=(below, link, ROOT))).outcome is Outcome.VERIFIED
    for wrong in ((below, ROOT, link), (below, ROOT), (below, link), (below, link, ROOT, ROOT)):
        assert reason(make(chain=wrong)) in {"MALFORMED", "CERT_USAGE"}, wrong
    assert reason(make(chain=(below, link, ROOT, LEAF))) == "CERT_USAGE"


def test_digest_of_another_algorithm_is_enough_where_it_is_at_hand(make: Maker) -> None:
    payload = target(digest=str(digest_of(CONTENT, "sha512")))
    assert judged(make(payload=payload)).outcome is Outcome.VERIFIED
    known = Subject("app", (digest_of(CONTENT),))
    assert reason(make(payload=payload), subject=known) == "CONTENT_NEEDED"
    assert judged(make(), subject=known).outcome is Outcome.VERIFIED


# --- what was signed ------------------------------------------------------------------------------


def test_other_artifact_is_refused(make: Maker) -> None:
    other = Subject("app", (digest_of(b"other"),))
    assert reason(make(), subject=other) == "SUBJECT_MISMATCH"
    assert reason(make(payload=target(size=1))) == "SUBJECT_MISMATCH"


def test_artifact_named_by_a_weak_digest_is_refused(make: Maker) -> None:
    payload = target(digest=str(digest_of(CONTENT, "sha1")))
    assert reason(make(payload=payload)) == "ALGORITHM_WEAK"


def test_attack_04_media_type_must_be_that_of_the_manifest(make: Maker) -> None:
    index = "application/vnd.oci.image.index.v1+json"
    for stated, signed, fits in (
        (index, index, True),
        (index, "application/vnd.oci.image.manifest.v1+json", False),
        (index, "application/octet-stream", True),
        ("", index, True),
    ):
        content = json.dumps({"mediaType": stated} if stated else {}).encode()
        described = target(artifact(content), digest=str(digest_of(content)), mediaType=signed)
        found = judged(make(payload=described), subject=artifact(content))
        assert (found.outcome is Outcome.VERIFIED) == fits
        assert fits or found.reason == "SUBJECT_MISMATCH"


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"[]", b'{"targetArtifact": []}', b'{"targetArtifact": {}}', b"\xff",
     target(digest="sha256:abc"), target(digest=None), target(size=-1), target(size="7"),
     target(size=None), target(mediaType=None), target(annotations={"a": 1}),
     b'{"targetArtifact": {}, "targetArtifact": {}}', b"[" * 100 + b"]" * 100],
)  # fmt: skip
def test_payload_that_is_no_descriptor_is_malformed(make: Maker, payload: bytes) -> None:
    assert reason(make(payload=payload)) in {"MALFORMED", "TOO_LARGE"}


def test_attack_04_other_payload_types_are_refused(make: Maker) -> None:
    assert reason(make(content_type="application/vnd.in-toto+json")) == "PAYLOAD_TYPE"
    assert reason(make(content_type="")) == "PAYLOAD_TYPE"


# --- attack class 8 -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "named", ["none", "HS256", "RS256", "PS256", "ES384", "ES256K", "EdDSA", ""]
)
def test_attack_08_algorithm_of_the_header_must_be_that_of_the_key(named: str) -> None:
    content = jws(algorithm=named) if named else jws(without=("alg",))
    assert reason(content) == ("ALGORITHM_MISMATCH" if named else "MALFORMED")


@pytest.mark.parametrize("named", [-8, 5, -37, -35, -47, -65535, "ES-256", None, True])
def test_attack_08_algorithm_number_must_be_that_of_the_key(named: object) -> None:
    content = cose(algorithm=named) if named is not None else cose(without=("alg",))
    assert reason(content) in {"ALGORITHM_MISMATCH", "MALFORMED"}


def test_attack_08_none_without_a_signature_is_refused() -> None:
    document = json.loads(jws(algorithm="none"))
    document["signature"] = ""
    assert reason(json.dumps(document).encode()) == "ALGORITHM_MISMATCH"
    kept = json.loads(jws())
    kept["signature"] = ""
    assert reason(json.dumps(kept).encode()) == "SIGNATURE_INVALID"


def test_attack_08_public_key_is_no_secret() -> None:
    document = json.loads(jws(algorithm="HS256"))
    for secret in (public_pem(private_key("p256", "notation signer")), der(LEAF)):
        keyed = hmac.HMAC(secret, hashes.SHA256())
        keyed.update(f"{document['protected']}.{document['payload']}".encode())
        document["signature"] = url_safe(keyed.finalize())
        assert reason(json.dumps(document).encode()) == "ALGORITHM_MISMATCH"


@pytest.mark.parametrize(
    "name", ["jwk", "jku", "x5u", "kid", "x5c", "x5t#S256", "b64", "zip", "enc"]
)
def test_attack_08_headers_that_choose_a_key_are_refused(name: str) -> None:
    value = {"kty": "EC"} if name == "jwk" else "https://evil.example/key"
    assert reason(jws(attributes={name: value})) == "MALFORMED"
    if name != "x5c":
        assert reason(jws(beside={name: value})) == "MALFORMED"
    assert reason(jws(attributes={name: value}, also_critical=(name,))) == "MALFORMED"


@pytest.mark.parametrize("name", ["alg", "crit", "cty"])
def test_attack_08_unprotected_header_decides_nothing(name: str) -> None:
    assert reason(jws(beside={name: "ES256"})) == "MALFORMED"
    assert reason(jws(without=(name,), beside={name: "ES256"})) == "MALFORMED"
    label = {"alg": 1, "crit": 2, "cty": 3}[name]
    assert reason(cose(beside={label: -7})) == "MALFORMED"
    assert reason(cose(without=(name,), beside={label: -7})) == "MALFORMED"
    assert reason(cose(beside={4: b"a key"})) == "MALFORMED"


def test_attack_08_header_that_is_signed_is_not_overruled_beside() -> None:
    end, later = NOW - DAY, "2999-01-01T00:00:00Z"
    assert reason(jws(expiry=end)) == "SIGNATURE_EXPIRED"
    assert reason(jws(expiry=end, beside={PREFIX + "expiry": later})) == "MALFORMED"
    assert reason(jws(beside={PREFIX + "signingTime": later})) == "MALFORMED"


def test_attack_08_another_key_does_not_verify(make: Maker) -> None:
    assert reason(make(key=private_key("p256", "somebody"))) == "SIGNATURE_INVALID"


@pytest.mark.parametrize(
    ("limits", "algorithm"),
    [
        (PssLimits(), "PS256"),
        (PssLimits("sha256", 32), "PS256"),
        (PssLimits("sha256", 33), ""),
        (PssLimits("sha512", 20), ""),
    ],
)
def test_attack_08_key_made_for_pss_with_other_parameters_has_no_algorithm(
    limits: PssLimits, algorithm: str
) -> None:
    key = load_public_key(public_pem(private_key("rsa-2048")))
    assert key.rsa is not None
    assert _algorithm(replace(key, rsa=replace(key.rsa, pss=limits))) == algorithm


def test_rsa_keys_of_other_sizes_have_no_algorithm(make: Maker) -> None:
    key = private_key("rsa-2560", "odd")
    odd = certificate("odd", "notation root", key, ROOT_KEY, SIGNING, **WINDOW)
    content = make(kind="rsa-2048", key=key, chain=(odd, ROOT))
    assert reason(content) == "ALGORITHM_MISMATCH"


def test_attack_10_short_keys_are_weak(make: Maker) -> None:
    key = private_key("rsa-1024", "short")
    short = certificate("short", "notation root", key, ROOT_KEY, SIGNING, **WINDOW)
    assert reason(make(kind="rsa-2048", key=key, chain=(short, ROOT))) == "ALGORITHM_WEAK"


# --- attack class 9 -------------------------------------------------------------------------------

PURPOSES = ExtendedKeyUsageOID


@pytest.mark.parametrize(
    "extensions",
    [
        (),
        ((CODE, False),),
        ((usage("digital_signature"), False), (CODE, False)),
        ((usage("key_agreement"), True), (CODE, False)),
        ((usage("digital_signature", "key_cert_sign"), True), (CODE, False)),
        ((usage("digital_signature", "key_encipherment"), True), (CODE, False)),
        ((usage("digital_signature", "crl_sign"), True), (CODE, False)),
        ((usage("digital_signature"), True),
         (x509.ExtendedKeyUsage([PURPOSES.SERVER_AUTH]), False)),
        *(((usage("digital_signature"), True),
           (x509.ExtendedKeyUsage([PURPOSES.CODE_SIGNING, other]), False))
          for other in (PURPOSES.SERVER_AUTH, PURPOSES.CLIENT_AUTH, PURPOSES.EMAIL_PROTECTION,
                        PURPOSES.TIME_STAMPING, PURPOSES.ANY_EXTENDED_KEY_USAGE)),
        (*SIGNING, (x509.BasicConstraints(ca=True, path_length=None), True)),
        (*SIGNING, (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0"), True)),
    ],
)  # fmt: skip
def test_attack_09_certificate_for_other_uses_does_not_sign(
    make: Maker, extensions: Extensions
) -> None:
    assert reason(make(chain=(leaf(extensions=extensions), ROOT))) == "CERT_USAGE"


def test_attack_09_certificate_without_purposes_may_sign(make: Maker) -> None:
    plain = leaf(extensions=((usage("digital_signature", "content_commitment"), True),))
    assert judged(make(chain=(plain, ROOT))).outcome is Outcome.VERIFIED


def test_attack_09_certificate_with_a_purpose_of_its_own_may_sign(make: Maker) -> None:
    """Signature Specification, leaf certificates: codeSigning may be there and need not."""
    own = (usage("digital_signature"), True)
    for purposes in (["1.2.3.4"], ["1.2.3.4", PURPOSES.CODE_SIGNING.dotted_string]):
        stated = x509.ExtendedKeyUsage([x509.ObjectIdentifier(each) for each in purposes])
        assert judged(make(chain=(leaf(extensions=(own, (stated, False))), ROOT))).reason == ""


def test_endless_purposes_are_not_all_tried(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs a search for a path, and a stranger's certificate may state thousands."""
    sought: list[x509.ObjectIdentifier] = []

    def seek(*given: Any) -> CertificatePath | None:
        sought.append(given[3])
        return find_path(*given)

    monkeypatch.setattr(chain, "find_path", seek)
    foreign = [x509.ObjectIdentifier(f"1.3.6.1.4.1.{each}") for each in range(500)]
    stated = x509.ExtendedKeyUsage([*foreign, PURPOSES.CODE_SIGNING])
    signing: Extensions = ((usage("digital_signature"), True), (stated, False))
    own, stranger = private_key("p256", "notation signer"), private_key("p256", "stranger")
    top = certificate("notation root", "notation root", stranger, stranger, ISSUING, **WINDOW)
    signer = certificate("notation signer", "notation root", own, stranger, signing, **WINDOW)
    assert reason(make(chain=(signer, top))) == "CERT_UNTRUSTED"
    assert 0 < len(sought) <= MAX_PURPOSES
    # codeSigning is among those that are, wherever it stands.
    key = private_key("p256", "notation link")
    code: Extensions = (*ISSUING, (CODE, False))
    link = certificate("link", "notation root", key, ROOT_KEY, code, **WINDOW)
    below = certificate("below", "link", own, key, signing, **WINDOW)
    assert judged(make(chain=(below, link, ROOT))).outcome is Outcome.VERIFIED


@pytest.mark.parametrize(
    "extensions",
    [
        (),
        ((x509.BasicConstraints(ca=True, path_length=None), True),),
        ((x509.BasicConstraints(ca=True, path_length=None), False), ISSUING[1]),
        ((x509.BasicConstraints(ca=False, path_length=None), True), ISSUING[1]),
        (ISSUING[0], (usage("key_cert_sign"), False)),
        (ISSUING[0], (usage("digital_signature"), True)),
    ],
)
def test_attack_09_issuers_must_be_authorities(make: Maker, extensions: Extensions) -> None:
    key = private_key("p256", "notation link")
    link = certificate("link", "notation root", key, ROOT_KEY, extensions, **WINDOW)
    below = certificate(
        "below", "link", private_key("p256", "notation signer"), key, SIGNING, **WINDOW
    )
    assert reason(make(chain=(below, link, ROOT))) == "CERT_USAGE"


def test_attack_09_length_of_the_path_is_kept(make: Maker) -> None:
    key = private_key("p256", "notation root")
    short = certificate("notation root", "notation root", key, key,
                        ((x509.BasicConstraints(ca=True, path_length=0), True), ISSUING[1]),
                        **WINDOW)  # fmt: skip
    assert judged(make(chain=(LEAF, short)), authority_entry(short)).outcome is Outcome.VERIFIED
    link_key = private_key("p256", "notation link")
    link = certificate("link", "notation root", link_key, key, ISSUING, **WINDOW)
    below = certificate(
        "below", "link", private_key("p256", "notation signer"), link_key, SIGNING, **WINDOW
    )
    content = make(chain=(below, link, short))
    assert reason(content, authority_entry(short)) == "CERT_USAGE"


# --- attributes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given_parts",
    [
        {"scheme": None},
        {"scheme": "notary.x509.other"},
        {"scheme": 7},
        {"signing_time": None},
        {"authentic_time": SIGNED_AT},
        {"scheme": "notary.x509.signingAuthority"},
        {"scheme": "notary.x509.signingAuthority", "authentic_time": SIGNED_AT},
        {"critical": ()},
        {"critical": (PREFIX + "expiry",), "expiry": NOW + DAY},
        {"critical": (PREFIX + "signingScheme",), "expiry": NOW + DAY},
        {"critical": (PREFIX + "signingScheme", PREFIX + "expiry")},
        {"critical": (PREFIX + "signingScheme",) * 2},
        {"without": ("crit",)},
        {"without": ("cty",)},
        {"attributes": {PREFIX + "signingTime": "yesterday"}},
        {"attributes": {PREFIX + "signingTime": "2026-13-01T00:00:00Z"}},
        {"attributes": {PREFIX + "signingTime": "2026-01-01 00:00:00"}},
        {"attributes": {PREFIX + "signingTime": 5}},
        {"chain": ()},
        {"chain": (ROOT,) * 40},
    ],
)
def test_broken_rules_are_malformed(make: Maker, given_parts: dict[str, Any]) -> None:
    assert reason(make(**given_parts)) in {"MALFORMED", "CERT_USAGE"}


def test_attribute_that_is_critical_and_unknown_ends_unverifiable(make: Maker) -> None:
    extra = {"com.example.rule": "strict"}
    assert judged(make(attributes=extra)).outcome is Outcome.VERIFIED
    content = make(attributes=extra, also_critical=("com.example.rule",))
    assert reason(content) == "FORMAT_UNSUPPORTED"


@pytest.mark.parametrize("critical", [(), (PREFIX + "verificationPlugin",)])
def test_plugin_that_is_demanded_ends_unverifiable(make: Maker, critical: tuple[str, ...]) -> None:
    demanded = {PREFIX + "verificationPlugin": "com.example.plugin"}
    found = judged(make(attributes=demanded, also_critical=critical))
    assert (found.outcome, found.reason) == (Outcome.UNVERIFIABLE, "FORMAT_UNSUPPORTED")
    assert "com.example.plugin" in found.found
    broken = make(attributes=demanded, key=private_key("p256", "somebody"))
    assert reason(broken) == "SIGNATURE_INVALID"


@pytest.mark.parametrize("critical", [1, 3, 33, "io.cncf.notary.unheard", True, None, [], {}])
def test_cose_critical_labels_must_be_known(critical: object) -> None:
    marked = (PREFIX + "signingScheme", critical)
    assert reason(cose(critical=marked)) == "MALFORMED"


def test_certificates_of_a_cose_may_be_signed_and_critical() -> None:
    chain = {33: [der(each) for each in (LEAF, ROOT)]}
    signed = cose(attributes=chain, also_critical=(33,), chain=())
    altered = cbor2.loads(signed)
    parts = [altered.value[0], {}, *altered.value[2:]]
    content = cbor2.dumps(cbor2.CBORTag(18, parts), canonical=True)
    assert judged(content).outcome is Outcome.VERIFIED


def test_expiry_ends_the_signature(make: Maker) -> None:
    content = make(expiry=NOW + HOUR)
    found = judged(content)
    assert (found.outcome, found.due_at, found.due_reason) == (
        Outcome.VERIFIED, NOW + HOUR, "SIGNATURE_EXPIRED",
    )  # fmt: skip
    assert reason(content, now=NOW + HOUR) == "SIGNATURE_EXPIRED"
    assert judged(content, now=NOW + HOUR - DAY / 86400).outcome is Outcome.VERIFIED


# --- time -----------------------------------------------------------------------------------------

OLD: dict[str, Any] = {"since": NOW - 20 * DAY, "until": NOW - 2 * DAY}
SA: dict[str, Any] = {"scheme": "notary.x509.signingAuthority", "signing_time": None}


def stamping(**given: Any) -> Callable[[bytes], bytes]:
    return lambda signature: token(signed=signature, **given)


def test_certificate_must_be_valid_now_without_a_timestamp(make: Maker) -> None:
    assert reason(make(chain=(leaf(**OLD), ROOT))) == "CERT_EXPIRED_AT_SIGNING"


def test_timestamp_lets_a_signature_outlive_its_certificate(make: Maker) -> None:
    content = make(chain=(leaf(**OLD), ROOT), stamp=stamping(made_at=NOW - 3 * DAY))
    found = judged(content, TRUSTED, STAMPS)
    assert found.outcome is Outcome.VERIFIED
    assert (found.signed_at, found.time_source, found.time_trusted) == (
        NOW - 3 * DAY, "rfc3161", True,
    )  # fmt: skip
    assert found.signed_before == NOW - 3 * DAY + timedelta(seconds=1)
    assert found.due_at is None
    assert len(found.anchors) == 2
    late = make(chain=(leaf(**OLD), ROOT), stamp=stamping(made_at=NOW - DAY))
    assert reason(late, TRUSTED, STAMPS) == "CERT_EXPIRED_AT_SIGNING"


def test_range_of_the_timestamp_lies_within_every_certificate(make: Maker) -> None:
    edge = OLD["until"]
    for margin, fits in ((0, True), (1, False)):
        stamp = stamping(made_at=edge, accuracy={"seconds": margin} if margin else None)
        found = judged(make(chain=(leaf(**OLD), ROOT), stamp=stamp), TRUSTED, STAMPS)
        assert (found.outcome is Outcome.VERIFIED) == fits
    early = stamping(made_at=OLD["since"], accuracy={"seconds": 1})
    content = make(chain=(leaf(**OLD), ROOT), stamp=early)
    assert reason(content, TRUSTED, STAMPS) == "CERT_EXPIRED_AT_SIGNING"


def test_attack_02_authority_counts_over_the_range_of_the_timestamp(make: Maker) -> None:
    until = authority_entry(ROOT, until=NOW - 2 * HOUR)
    for seconds, expected in ((60, ""), (2 * 3600, "CERT_UNTRUSTED")):
        stamp = stamping(made_at=NOW - 3 * HOUR, accuracy={"seconds": seconds})
        assert judged(make(stamp=stamp), until, STAMPS).reason == expected


def test_timestamp_of_a_time_that_has_not_come_is_refused_until_it_has(make: Maker) -> None:
    content = make(stamp=stamping(made_at=NOW + timedelta(hours=2)))
    found = judged(content, TRUSTED, STAMPS)
    due_at = NOW + timedelta(hours=2, seconds=-1)  # its accuracy
    assert (found.reason, found.due_at) == ("TIME_IN_FUTURE", due_at)
    within = make(stamp=stamping(made_at=NOW + timedelta(seconds=1)))
    assert judged(within, TRUSTED, STAMPS).outcome is Outcome.VERIFIED


def test_attack_01_timestamp_over_other_bytes_is_refused(make: Maker) -> None:
    for stamp in (lambda _: token(signed=b"other"), lambda _: token(signed=CONTENT),
                  stamping(message_digest=b"\x01" * 32)):  # fmt: skip
        assert reason(make(stamp=stamp), TRUSTED, STAMPS) == "TIMESTAMP_INVALID"
    assert reason(make(stamp=lambda _: b"junk"), TRUSTED, STAMPS) == "MALFORMED"


def test_attack_03_timestamp_of_a_stranger_proves_nothing_and_does_no_harm(make: Maker) -> None:
    content = make(stamp=stamping())
    found = judged(content, TRUSTED)
    assert found.outcome is Outcome.VERIFIED
    assert not found.time_trusted
    assert "CERT_UNTRUSTED" in {each.reason for each in found.checks
                                if each.outcome is CheckOutcome.NOTED}  # fmt: skip
    old = make(chain=(leaf(**OLD), ROOT), stamp=stamping(made_at=NOW - 3 * DAY))
    assert reason(old, TRUSTED) == "CERT_EXPIRED_AT_SIGNING"


def test_timestamp_authority_may_not_sign_and_signer_may_not_stamp(make: Maker) -> None:
    content = make(chain=(STAMPER.signer, STAMPER.root), key=STAMPER.key)
    assert reason(content, STAMPS) == "CERT_USAGE"
    own = stamper(((CODE, True),), name="code")
    forged = make(stamp=lambda signature: token(own, signed=signature))
    assert reason(forged, TRUSTED, authority_entry(own.root)) == "CERT_USAGE"


def test_attack_03_signing_authority_states_a_claim(make: Maker) -> None:
    found = judged(make(**SA, authentic_time=SIGNED_AT))
    assert found.outcome is Outcome.VERIFIED
    assert (found.signed_at, found.time_trusted) == (SIGNED_AT, False)
    old = make(**SA, authentic_time=NOW - 3 * DAY, chain=(leaf(**OLD), ROOT))
    assert reason(old) == "CERT_EXPIRED_AT_SIGNING"
    before = make(**SA, authentic_time=WINDOW["since"] - DAY)
    assert reason(before) == "CERT_EXPIRED_AT_SIGNING"
    future = judged(make(**SA, authentic_time=NOW + DAY))
    assert (future.reason, future.due_at) == ("TIME_IN_FUTURE", NOW + DAY)


# --- whom it leads to -----------------------------------------------------------------------------


def test_trust_is_demanded(make: Maker) -> None:
    assert reason(make(), key_entry(private_key("p256"))) == "TRUST_ROOT_MISSING"
    assert reason(make(), STAMPS) == "CERT_UNTRUSTED"
    broken = TrustEntry("broken", TrustKind.AUTHORITY, b"nothing", "test")
    assert reason(make(), broken) == "KEYRING_UNUSABLE"
    early = replace(TRUSTED, valid_from=NOW + HOUR)
    assert judged(make(), broken, early).due_at == NOW + HOUR
    assert judged(make(), broken, TRUSTED).outcome is Outcome.VERIFIED


def test_attack_10_revoked_signer_is_refused_even_where_it_was_revoked_later(make: Maker) -> None:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ROOT.subject)
        .last_update(NOW - DAY)
        .next_update(NOW + DAY)
        .add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(LEAF.serial_number)
            .revocation_date(NOW - DAY)
            .build()
        )
    )
    content = builder.sign(ROOT_KEY, hashes.SHA256()).public_bytes(Encoding.DER)
    withdrawn = TrustEntry("list", TrustKind.REVOCATION, content, "test")
    assert reason(make(), TRUSTED, withdrawn) == "CERT_REVOKED"
    stamped = make(stamp=stamping(made_at=NOW - 3 * DAY))
    assert reason(stamped, TRUSTED, STAMPS, withdrawn) == "CERT_REVOKED"


@pytest.mark.parametrize(
    ("identity", "accepted"),
    [
        ("CN=notation signer", True),
        ("CN=notation", False),
        ("x509.subject: CN=notation signer", False),
        ("x509.subject: C=US, ST=WA, O=acme", False),
    ],
)
def test_attack_06_identity_is_the_subject(make: Maker, identity: str, accepted: bool) -> None:  # noqa: FBT001
    found = demand_identity(judged(make()), IdentityDemand(identity))
    assert (found.outcome is Outcome.VERIFIED) == accepted
    anybody = IdentityDemand(scope=IdentityScope.ANY)
    assert demand_identity(judged(make()), anybody).outcome is Outcome.VERIFIED
    assert demand_identity(judged(make()), IdentityDemand()).reason == "IDENTITY_NOT_STATED"


# --- mutation -------------------------------------------------------------------------------------


def strings(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yield every text in a JSON document with its path, keys too."""
    if isinstance(value, str):
        yield path, value
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield from strings(inner, (*path, key))
    for place, inner in enumerate(value) if isinstance(value, list) else ():
        yield from strings(inner, (*path, place))


def replaced(document: Any, path: tuple[Any, ...], text: str) -> bytes:
    copy = json.loads(json.dumps(document))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = text
    return json.dumps(copy).encode()


# Outside the signature by specification ("Unsigned Attributes"): nothing may depend on it.
FREE = {("header", PREFIX + "signingAgent")}


def test_every_changed_character_of_a_jws_is_refused() -> None:
    document = json.loads(jws(stamp=stamping()))
    whole = json.dumps(document).encode()
    assert judged(whole, TRUSTED, STAMPS).outcome is Outcome.VERIFIED
    accepted, count = set(), 0
    leaves = list(strings(document))
    assert {path[0] for path, _ in leaves} == {"payload", "protected", "header", "signature"}
    for path, text in leaves:
        for place, letter in enumerate(text):
            other = "A" if letter != "A" else "B"
            mutant = replaced(document, path, text[:place] + other + text[place + 1 :])
            assert mutant != whole
            count += 1
            if judged(mutant, TRUSTED, STAMPS).outcome is Outcome.VERIFIED:
                accepted.add(path)
    assert count == sum(len(text) for _, text in leaves)
    assert accepted == FREE


def test_every_field_of_a_jws_that_goes_missing_is_refused() -> None:
    document = json.loads(jws())
    for key in document:
        rest = {name: value for name, value in document.items() if name != key}
        assert judged(json.dumps(rest).encode()).outcome is not Outcome.VERIFIED
    extras: tuple[dict[str, Any], ...] = ({"jwk": {}}, {"signatures": []}, {"x": 1})
    for extra in extras:
        assert reason(json.dumps(document | extra).encode()) == "MALFORMED"


@pytest.mark.parametrize("spoil", ["=", "==", "\n", " ", "+", "/"])
def test_attack_18_lenient_base64_is_refused(spoil: str) -> None:
    document = json.loads(jws())
    for path, text in strings(document):
        if path not in FREE:
            changed = replaced(document, path, text + spoil)
            assert judged(changed).outcome is not Outcome.VERIFIED, path


def test_attack_18_duplicate_keys_are_refused() -> None:
    whole = jws()
    twice = whole[:-1] + b', "signature": "AAAA"}'
    assert reason(twice) == "MALFORMED"
    first = json.loads(whole)
    protected = base64.urlsafe_b64decode(first["protected"] + "==")
    doubled = protected[:-1] + b', "alg": "ES256"}'
    first["protected"] = url_safe(doubled)
    assert reason(json.dumps(first).encode()) == "MALFORMED"


def test_every_changed_byte_of_a_cose_is_refused() -> None:
    whole = cose(stamp=stamping())
    assert judged(whole, TRUSTED, STAMPS).outcome is Outcome.VERIFIED
    agent = whole.index(b"tests/1")
    name = whole.index(PREFIX.encode() + b"signingAgent")
    stamp_name = whole.index(PREFIX.encode() + b"timestampSignature")
    free = {
        *range(agent, agent + len(b"tests/1")),
        *range(name, name + len(PREFIX + "signingAgent")),  # another label is another agent
    }
    dropped = set(range(stamp_name, stamp_name + len(PREFIX + "timestampSignature")))
    mutants = list(flipped(whole))
    assert len(mutants) == len(whole)
    accepted = set()
    for place, mutant in mutants:
        found = judged(mutant, TRUSTED, STAMPS)
        if found.outcome is Outcome.VERIFIED:
            accepted.add(place)
            # A timestamp that goes by another name is none: what is left has to be valid now.
            assert found.time_trusted == (place not in dropped)
    assert accepted <= free | dropped
    assert accepted >= set(range(agent, agent + 7))


def test_every_part_of_a_cose_that_goes_missing_or_is_swapped_is_refused() -> None:
    parts = cbor2.loads(cose()).value
    other = cbor2.loads(cose(payload=target(annotations={"build": "124"}))).value
    for place in range(4):
        rest = [part for at, part in enumerate(parts) if at != place]
        assert judged(cbor2.dumps(cbor2.CBORTag(18, rest))).outcome is not Outcome.VERIFIED
        if place != 1 and parts[place] != other[place]:
            swapped = [other[at] if at == place else part for at, part in enumerate(parts)]
            assert reason(cbor2.dumps(cbor2.CBORTag(18, swapped))) == "SIGNATURE_INVALID"
    assert judged(cbor2.dumps(parts)).outcome is not Outcome.VERIFIED
    assert reason(cbor2.dumps(cbor2.CBORTag(18, "io.cncf.notary."))) != ""


def test_every_certificate_swapped_is_refused(make: Maker) -> None:
    twin = leaf()
    assert (
        judged(make(chain=(twin, ROOT))).outcome is Outcome.VERIFIED
    )  # same key, also vouched for
    stranger = private_key("p256", "somebody")
    other = certificate("notation signer", "notation root", stranger, ROOT_KEY, SIGNING, **WINDOW)
    assert reason(make(chain=(other, ROOT))) == "SIGNATURE_INVALID"
    fake = certificate("notation root", "notation root", stranger, stranger, ISSUING, **WINDOW)
    assert reason(make(chain=(LEAF, fake))) == "MALFORMED"
    signer = private_key("p256", "notation signer")
    forged = certificate("notation signer", "notation root", signer, stranger, SIGNING, **WINDOW)
    assert reason(make(chain=(forged, fake))) == "CERT_UNTRUSTED"
    assert reason(make(chain=(forged, ROOT))) == "MALFORMED"


def hash_envelope(hashed: str = "sha256", label: object = -16, **given: Any) -> bytes:
    """Return a COSE hash envelope, whose payload is the digest of what was signed."""
    stated = {258: label, **given.pop("attributes", {})}
    given = {"payload": digest_of(CONTENT, hashed).raw, "without": ("cty",)} | given
    return cose(attributes=stated, **given)


@pytest.mark.parametrize(
    ("kind", "hashed", "label"),
    [("p256", "sha256", -16), ("rsa-3072", "sha384", -43), ("p521", "sha512", -44)],
)
def test_hash_envelope_binds_what_has_its_digest(kind: str, hashed: str, label: int) -> None:
    own = {"kind": kind, "chain": (leaf(kind), ROOT)}
    for more in ({}, {259: "text/plain", 260: "urn:example:place"}, {259: 50}):
        made = hash_envelope(hashed, label, attributes=more, **own)
        found = judged(made)
        assert (found.reason, found.claims.get("target_size")) == ("", None)
        other = judged(made, subject=artifact(b"other"))
        assert (other.reason, other.outcome) == ("SUBJECT_MISMATCH", Outcome.INVALID)
    marked = (f"{PREFIX}signingScheme", 258)
    assert judged(hash_envelope(hashed, label, critical=marked, **own)).reason == ""


def test_attack_08_hash_envelope_is_of_the_keys_hash() -> None:
    """The specification deduces the hash from the certified key."""
    assert reason(hash_envelope("sha512", -44)) == "ALGORITHM_MISMATCH"


WRONG_HASHES = {
    "a hash that is not allowed": {"label": -14},
    "a hash by its name": {"label": "sha-256"},
    "a truth value": {"label": True},
    "a digest of another length": {"payload": b"short"},
    "a content type, too": {"without": ()},
    "a place that is no text": {"attributes": {260: 1}},
    "a place marked critical that is not there": {
        "critical": ("io.cncf.notary.signingScheme", 260)
    },
    "a description outside of the signature": {"beside": {259: "text/plain"}},
}


@pytest.mark.parametrize("changed", WRONG_HASHES.values(), ids=WRONG_HASHES.keys())
def test_attack_12_hash_envelope_of_another_form_is_malformed(changed: dict[str, Any]) -> None:
    assert reason(hash_envelope(**changed)) == "MALFORMED"


def test_attack_12_digest_is_no_document_and_a_document_no_digest() -> None:
    assert reason(cose(payload=digest_of(CONTENT).raw)) == "MALFORMED"
    assert reason(cose(attributes={258: -16}, without=("cty",))) == "MALFORMED"
    assert reason(cose(attributes={259: "text/plain"})) == "MALFORMED"


# --- attack class 16 ------------------------------------------------------------------------------


def test_attack_16_depth_and_size_are_bounded(make: Maker) -> None:
    small = Limits(evidence_bytes=1024, release_bytes=1024)
    assert reason(make(), limits=small) == "TOO_LARGE"
    deep = b'{"payload": "", "protected": "", "signature": "", "header": ' + b"[" * 100
    assert reason(deep) == "TOO_LARGE"
    assert reason(b"\xd2\x84" + b"\x81" * 100 + b"io.cncf.notary.") == "TOO_LARGE"


JUNK = st.binary(max_size=60)


@settings(max_examples=60, deadline=None, database=None)
@given(cut=st.integers(0, 600), rest=JUNK)
def test_no_cut_or_continued_envelope_verifies_or_raises(cut: int, rest: bytes) -> None:
    for whole in (_JWS, _COSE):
        found = judged(whole[:cut] + rest)
        assert found.outcome is not Outcome.VERIFIED
        assert not found.detail.startswith("reading it failed")


_JWS, _COSE = jws(), cose()
