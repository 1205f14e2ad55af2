"""CMS beside and around a file, made by the real openssl; openssl is the second opinion, too."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.limits import Limits
from core.model import (
    Outcome,
    SignerKind,
    Subject,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from tests.verification.cms.timestamp_specimens import STAMPER, token
from tests.verification.specimens import (
    AUTHORITY,
    CONTENT,
    DAY,
    NOW,
    artifact,
    authority_entry,
    certificate,
    evidence,
    flipped,
    key_entry,
    openssl,
    pem,
    private_key,
    setting,
)
from tests.verification.x509.x509_material import (
    CODE,
    EMAIL,
    OTHER_ROOT,
    ROOT,
    ROOT_KEY,
    TIMES,
    TOKEN,
    Identity,
    attribute,
    certificate_named,
    identity,
    oid,
    raw_sign,
    signature_of,
    signed_data,
    signer_info,
    timestamp,
    timestamped,
    tlv,
    with_unsigned,
)
from verification.cms import identifiers
from verification.formats.cms_detached import CmsDetached
from verification.readers import der
from verification.readers.der import DerReader
from verification.x509.certificates import read_certificates

FORMAT = CmsDetached()
TRUST = authority_entry(ROOT)
DATA = "1.2.840.113549.1.7.1"
LATER = NOW + 30 * DAY
HOUR = timedelta(hours=1)


def judged(
    signature: bytes,
    *entries: TrustEntry,
    subject: Subject | None = None,
    hint: bytes = b"",
    now: object = NOW,
) -> Verification:
    offered = evidence(signature, subject, hint=hint)
    assert FORMAT.recognises(offered)
    return FORMAT.verify(offered, setting(*(entries or (TRUST,)), now=now))  # type: ignore[arg-type]


def signed(folder: Path, who: Identity, words: str) -> bytes:
    """Return what openssl makes of CONTENT; the words name the command and its options."""
    who.write(folder)
    (folder / "root.pem").write_bytes(pem(ROOT))
    (folder / "artifact").write_bytes(CONTENT)
    parts = "-signer leaf.pem -inkey leaf.key -in artifact -out sig"
    openssl(folder, *words.split(" ", 1)[0:1], *words.split(" ", 1)[1].split(), *parts.split())
    return (folder / "sig").read_bytes()


MADE = {
    "cms": "cms -sign -binary -outform DER",
    "pem": "cms -sign -binary -outform PEM",
    "key id": "cms -sign -binary -outform DER -keyid",
    "no attributes": "cms -sign -binary -outform DER -noattr",
    "attached": "cms -sign -binary -outform DER -nodetach",
    "streamed": "cms -sign -binary -outform DER -stream",
    "attached, streamed": "cms -sign -binary -outform DER -nodetach -stream",
    "sha512, cades": "cms -sign -binary -outform DER -md sha512 -cades",
    "smime": "smime -sign -binary -outform DER",
    "smime pem": "smime -sign -binary -outform PEM",
}
KINDS = ("p256", "p384", "p521", "rsa-2048")


@pytest.mark.parametrize("words", MADE.values(), ids=MADE.keys())
@pytest.mark.parametrize("kind", KINDS)
def test_signature_of_openssl(kind: str, words: str, tmp_path: Path) -> None:
    who = identity(kind, EMAIL)
    signature = signed(tmp_path, who, words)
    verification = judged(signature)
    assert verification.reason == ""
    assert verification.outcome is Outcome.VERIFIED
    assert verification.checks[0].detail == "1 signer"
    assert verification.signer is not None
    assert verification.signer.kind is SignerKind.CERTIFICATE
    assert verification.signer.identity == "CN=acme signer"
    changed = judged(signature, subject=artifact(CONTENT + b"x"))
    assert changed.outcome is Outcome.INVALID
    assert judged(signature, authority_entry(OTHER_ROOT)).reason == "CERT_UNTRUSTED"
    assert judged(signature, key_entry(private_key("p384"))).reason == "KEY_UNKNOWN"
    keyed = judged(signature, key_entry(who.key))
    assert (keyed.outcome, keyed.signer and keyed.signer.kind) == (
        Outcome.VERIFIED,
        SignerKind.KEY,
    )


def test_openssl_agrees(tmp_path: Path) -> None:
    """What we verify of altered signatures, openssl verifies as well: here nothing."""
    signature = signed(tmp_path, identity("p256", EMAIL), MADE["cms"])
    places = range(0, len(signature), 37)
    for place in places:
        (tmp_path / "sig").write_bytes(
            signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :]
        )
        words = "cms -verify -binary -inform DER -in sig -content artifact -CAfile root.pem"
        done = subprocess.run(
            ["openssl", *words.split(), "-attime", str(int(NOW.timestamp())), "-out", "/dev/null"],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        ours = FORMAT.verify(evidence((tmp_path / "sig").read_bytes()), setting(TRUST))
        assert ours.outcome is not Outcome.VERIFIED or done.returncode == 0


PSS = (
    "cms -sign -binary -outform DER -keyopt rsa_padding_mode:pss",
    "cms -sign -binary -outform DER -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:20",
)


@pytest.mark.parametrize("words", PSS)
def test_pss_is_checked_with_the_parameters_stated(words: str, tmp_path: Path) -> None:
    who = identity("rsa-2048", EMAIL)
    who.write(tmp_path)
    (tmp_path / "artifact").write_bytes(CONTENT)
    head, _, keyopt = words.partition(" -keyopt ")
    parts = "-in artifact -out sig -signer leaf.pem -inkey leaf.key"
    options = [word for part in keyopt.split(" -keyopt ") for word in ("-keyopt", part)]
    openssl(tmp_path, *head.split(), *parts.split(), *options)
    signature = (tmp_path / "sig").read_bytes()
    assert judged(signature).outcome is Outcome.VERIFIED
    start = signature.rindex(bytes.fromhex("06092a864886f70d01010a"))
    for place in range(start, start + 63):
        changed = bytearray(signature)
        changed[place] ^= 1
        assert judged(bytes(changed)).outcome is not Outcome.VERIFIED


def pss_parameters(hashed: str, masked: str, salt_bytes: int) -> bytes:
    def algorithm(name: str) -> bytes:
        return tlv(
            0x30, oid(next(each for each, known in identifiers.DIGESTS.items() if known == name))
        )

    mask = tlv(0x30, oid("1.2.840.113549.1.1.8"), algorithm(masked))
    salt = tlv(0xA2, tlv(0x02, bytes([salt_bytes])))
    stated = tlv(0x30, tlv(0xA0, algorithm(hashed)), tlv(0xA1, mask), salt)
    return tlv(0x30, oid("1.2.840.113549.1.1.10"), stated)


STATED_PSS = {
    "as it is": (pss_parameters("sha256", "sha256", 32), ""),
    "another salt": (pss_parameters("sha256", "sha256", 20), "SIGNATURE_INVALID"),
    "another mask": (pss_parameters("sha256", "sha512", 32), "FORMAT_UNSUPPORTED"),
    "another hash": (pss_parameters("sha512", "sha512", 32), "ALGORITHM_MISMATCH"),
    "defaults": (tlv(0x30, oid("1.2.840.113549.1.1.10"), b"\x30\x00"), "ALGORITHM_MISMATCH"),
    "none": (tlv(0x30, oid("1.2.840.113549.1.1.10")), "MALFORMED"),
    "broken": (tlv(0x30, oid("1.2.840.113549.1.1.10"), b"\x30\x02\xa0\x00"), "MALFORMED"),
}


def resigned_with_pss(who: Identity, stated: bytes) -> bytes:
    """Return a CMS signed with PSS by SHA-256 and 32 bytes of salt, whatever it states."""
    assert isinstance(who.key, rsa.RSAPrivateKey)
    info = DerReader(signer_info(who, CONTENT), "made").inside(der.SEQUENCE)
    *head, attributes = (info.element() for _ in range(4))
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    made = who.key.sign(b"\x31" + attributes[1:], scheme, hashes.SHA256())
    signer = tlv(0x30, *head, attributes, stated, tlv(0x04, made))
    return signed_data((signer,), (who.certificate,), None)


@pytest.mark.parametrize(("stated", "reason"), STATED_PSS.values(), ids=STATED_PSS)
def test_refusal_of_pss_names_the_parameters_it_is_about(stated: bytes, reason: str) -> None:
    assert judged(resigned_with_pss(identity("rsa-2048", EMAIL), stated)).reason == reason


def test_attack_08_certificate_made_for_pss_keeps_its_signatures_to_pss(tmp_path: Path) -> None:
    options = "rsa_keygen_bits:2048 rsa_pss_keygen_md:sha256 rsa_pss_keygen_mgf1_md:sha256"
    words = [word for each in options.split() for word in ("-pkeyopt", each)]
    openssl(tmp_path, "genpkey", "-algorithm", "RSA-PSS", *words, "-out", "leaf.key")
    subject = ("-subj", "/CN=made for PSS", "-out", "leaf.pem")
    openssl(tmp_path, "req", "-x509", "-new", "-key", "leaf.key", *subject)
    key = serialization.load_pem_private_key((tmp_path / "leaf.key").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    (own,) = read_certificates((tmp_path / "leaf.pem").read_bytes())
    who = Identity(key, own)
    pinned = key_entry(openssl(tmp_path, "pkey", "-in", "leaf.key", "-pubout"))
    plain = signed_data((signer_info(who, CONTENT),), (own,), None)
    assert judged(plain, pinned).reason == "ALGORITHM_MISMATCH"
    fitting = resigned_with_pss(who, pss_parameters("sha256", "sha256", 32))
    assert judged(fitting, pinned).outcome is Outcome.VERIFIED
    short = resigned_with_pss(who, pss_parameters("sha256", "sha256", 19))
    assert judged(short, pinned).reason == "ALGORITHM_MISMATCH"


def test_authorities_of_one_name_are_told_apart_by_their_keys() -> None:
    keys = [private_key("p256", f"twin {each}") for each in range(2)]
    twins = [certificate("twin", "acme root", key, ROOT_KEY, AUTHORITY) for key in keys]
    own = private_key("p256", "under a twin")
    for key in keys:
        who = Identity(own, certificate("under a twin", "twin", own, key))
        made = signed_data((signer_info(who, CONTENT),), (who.certificate, *twins), None)
        assert judged(made).outcome is Outcome.VERIFIED


def test_ed25519_is_read_although_this_openssl_cannot_make_it() -> None:
    who = identity("ed25519", EMAIL)
    made = signed_data((signer_info(who, CONTENT),), (who.certificate,), None)
    assert judged(made).outcome is Outcome.VERIFIED
    assert judged(made, subject=artifact(b"x")).reason == "DIGEST_MISMATCH"


# --- what the evidence says, field by field -------------------------------------------------------

# Fields that a signature does not cover by specification, by the bytes before them.
UNAUTHENTICATED = {"version": "RFC 5652 5.1: the version of SignedData is under no signature"}


@pytest.mark.parametrize("name", ["cms", "no attributes", "attached", "key id", "sha512, cades"])
@pytest.mark.parametrize(
    ("kind", "mask"), [("p256", 0x01), ("p256", 0x80), ("rsa-2048", 0x01), ("rsa-2048", 0x80)]
)
def test_no_changed_byte_verifies(name: str, kind: str, mask: int, tmp_path: Path) -> None:
    who = identity(kind, EMAIL)
    signature = signed(tmp_path, who, MADE[name])
    assert judged(signature).outcome is Outcome.VERIFIED
    mutants = [
        (place, signature[:place] + bytes([signature[place] ^ mask]) + signature[place + 1 :])
        for place in range(len(signature))
    ]
    assert len({changed for _, changed in mutants} - {signature}) == len(signature)
    good = [
        place
        for place, changed in mutants
        if FORMAT.verify(evidence(changed), setting(TRUST)).outcome is Outcome.VERIFIED
    ]
    assert good == []


def test_version_is_the_field_nothing_covers() -> None:
    who = identity("p256", EMAIL)
    made = [
        signed_data((signer_info(who, CONTENT),), (who.certificate,), None, version=version)
        for version in range(8)
    ]
    outcomes = [judged(each).outcome is Outcome.VERIFIED for each in made]
    assert outcomes == [version in (1, 3, 4, 5) for version in range(8)]
    assert UNAUTHENTICATED.keys() == {"version"}


def test_no_changed_byte_of_a_timestamped_signature_verifies_once_only_the_time_holds_it() -> None:
    who = identity("p256", EMAIL, since=NOW - DAY, until=NOW + DAY)
    tsa = identity("p256", TIMES, name="tsa", critical=True)
    made = timestamped(who, CONTENT, tsa, NOW)
    verification = judged(made, now=LATER)
    assert verification.outcome is Outcome.VERIFIED
    assert (verification.signed_at, verification.time_trusted) == (NOW, True)
    assert verification.time_source == "rfc3161"
    assert verification.due_at is None
    good = [
        place
        for place, changed in flipped(made)
        if FORMAT.verify(evidence(changed), setting(TRUST, now=LATER)).outcome is Outcome.VERIFIED
    ]
    assert good == []


def test_attack_01_certificate_of_another_signer_does_not_serve() -> None:
    who, other = identity("p256", EMAIL), identity("p256", EMAIL, name="other")
    made = signed_data((signer_info(who, CONTENT),), (other.certificate,), None)
    assert judged(made).reason == "KEY_UNKNOWN"
    both = signed_data((signer_info(who, CONTENT),), (other.certificate, who.certificate), None)
    assert judged(both).signer == judged(signed_data(
        (signer_info(who, CONTENT),), (who.certificate,), None)).signer  # fmt: skip
    again = identity("p256", EMAIL, name="acme signer")  # same name and key id, another serial
    named = signed_data((signer_info(who, CONTENT),), (again.certificate,), None)
    assert judged(named).reason == "KEY_UNKNOWN"


def test_two_certificates_that_fit_are_one_too_many(tmp_path: Path) -> None:
    signature = signed(tmp_path, identity("p256", EMAIL), MADE["key id"])
    twin = identity("p256", EMAIL)  # the same key identifier on another certificate
    verification = judged(signature, hint=pem(twin.certificate))
    assert verification.reason == "MALFORMED"
    assert "2 different certificates" in verification.detail


def test_certificate_may_lie_beside_the_signature_or_be_given() -> None:
    who = identity("p256", EMAIL)
    made = signed_data((signer_info(who, CONTENT),), (), None)
    assert judged(made).reason == "KEY_UNKNOWN"
    assert judged(made, hint=pem(who.certificate)).outcome is Outcome.VERIFIED
    pinned = judged(made, authority_entry(who.certificate))
    assert pinned.outcome is Outcome.VERIFIED


# --- attributes -----------------------------------------------------------------------------------


def made_with(*attributes: bytes, **options: object) -> bytes:
    who = identity("p256", EMAIL)
    info = signer_info(who, CONTENT, attributes=attributes, **options)  # type: ignore[arg-type]
    return signed_data((info,), (who.certificate,), None)


ALGORITHMS = tlv(0x30, oid("2.16.840.1.101.3.4.2.1"))
ECDSA_SHA256 = tlv(0xA1, oid("1.2.840.10045.4.3.2"))
OTHER_ALGORITHMS = tlv(0x30, ALGORITHMS, tlv(0xA1, oid("1.2.3")))
TWICE = tuple(attribute(identifiers.SIGNING_TIME, value) for value in (b"\x17\x00", b"\x05\x00"))
ATTRIBUTES = {
    "another content type": (made_with(content_type="1.2.3"), "PAYLOAD_TYPE"),
    "no content type": (made_with(content_type=None), "MALFORMED"),
    "another digest": (made_with(digest=b"\0" * 32), "DIGEST_MISMATCH"),
    "digest of another length": (made_with(digest=b"\0"), "DIGEST_MISMATCH"),
    "an attribute twice": (made_with(*TWICE), "MALFORMED"),
    "two values": (
        made_with(attribute(identifiers.SIGNING_TIME, b"\x17\x00", b"\x05\x00")),
        "MALFORMED",
    ),
    "the certificate of another": (
        made_with(certificate_named(identity("p256", EMAIL, name="other"))),
        "MALFORMED",
    ),
    "other algorithms": (
        made_with(attribute(identifiers.ALGORITHM_PROTECTION, OTHER_ALGORITHMS)),
        "ALGORITHM_MISMATCH",
    ),
    "broken algorithms": (
        made_with(attribute(identifiers.ALGORITHM_PROTECTION, b"\x30\x00")),
        "MALFORMED",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("made", "reason"), ATTRIBUTES.values(), ids=ATTRIBUTES.keys())
def test_signed_attributes_that_do_not_fit(made: bytes, reason: str) -> None:
    assert judged(made).reason == reason


def test_algorithms_in_a_signed_attribute_that_fit() -> None:
    stated = attribute(identifiers.ALGORITHM_PROTECTION, tlv(0x30, ALGORITHMS, ECDSA_SHA256))
    assert judged(made_with(stated)).outcome is Outcome.VERIFIED


def test_attack_04_attributes_of_one_signature_are_not_content_of_another() -> None:
    """RFC 5652 section 14: a signature over attributes is one over content of the same bytes."""
    who = identity("p256", EMAIL)
    info = signer_info(who, CONTENT)
    signature = signature_of(info)
    digest = attribute(identifiers.MESSAGE_DIGEST, tlv(0x04, hashlib.sha256(CONTENT).digest()))
    body = b"".join(sorted((attribute(identifiers.CONTENT_TYPE, oid(DATA)), digest)))
    forged = tlv(0x31, body)
    reader = DerReader(info, "made").inside(0x30)
    version, sid, algorithm, _, signing = (reader.element() for _ in range(5))
    bare = tlv(0x30, version, sid, algorithm, signing, tlv(0x04, signature))
    made = signed_data((bare,), (who.certificate,), None)
    verification = judged(made, subject=artifact(forged))
    assert (verification.outcome, verification.reason) == (Outcome.INVALID, "MALFORMED")
    assert "signed attributes of another signature" in verification.detail
    # Its digest alone does not tell what it reads as.
    unseen = Subject("forged", (digest_of(forged),))
    assert judged(made, subject=unseen).reason == "CONTENT_NEEDED"


@pytest.mark.parametrize(
    "odd",
    [
        (attribute("1.2.3.4"),),
        tuple(attribute(f"1.2.3.{number}", b"\x05\x00") for number in range(80)),
        TWICE,
        (attribute("1.2.3.4", b"\x1f\x81\x01\x00"),),
    ],
    ids=["no value", "many", "twice", "a foreign tag"],
)
def test_attack_04_attributes_that_we_refuse_are_not_content_either(odd: tuple[bytes, ...]) -> None:
    """Other readers take them: a signer may well have signed them as what they are."""
    who = identity("p256", EMAIL)
    digest = attribute(identifiers.MESSAGE_DIGEST, tlv(0x04, hashlib.sha256(CONTENT).digest()))
    forged = tlv(0x31, *sorted((attribute(identifiers.CONTENT_TYPE, oid(DATA)), digest, *odd)))
    assert judged(bare_signature(who, forged), subject=artifact(forged)).reason == "MALFORMED"
    for plain in (forged + b"\0", forged[:-1], b"\x30" + forged[1:], tlv(0x31, *odd), b"1"):
        found = judged(bare_signature(who, plain), subject=artifact(plain))
        assert found.outcome is Outcome.VERIFIED


def test_attack_04_more_attributes_than_are_looked_through_are_not_content() -> None:
    """DER sorts a set: small attributes push the message digest as far back as one likes."""
    who = identity("p256", EMAIL)
    digest = attribute(identifiers.MESSAGE_DIGEST, tlv(0x04, hashlib.sha256(CONTENT).digest()))
    small = (attribute(f"1.2.3.{number}", b"\x05\x00") for number in range(7_000))
    forged = tlv(0x31, *sorted((*small, digest)))
    assert forged.index(digest) > 64 * 1024
    assert judged(bare_signature(who, forged), subject=artifact(forged)).reason == "MALFORMED"


def bare_signature(who: Identity, content: bytes) -> bytes:
    """Return a signature over content itself, without attributes between."""
    reader = DerReader(signer_info(who, content), "made").inside(0x30)
    version, sid, algorithm, _, signing = (reader.element() for _ in range(5))
    signature = tlv(0x04, raw_sign(who.key, content)[1])
    bare = tlv(0x30, version, sid, algorithm, signing, signature)
    return signed_data((bare,), (who.certificate,), None)


SEVERAL = {
    "two values": (attribute("1.2.3.4", tlv(0x04, b"a"), tlv(0x04, b"b")),),
    "two of a type": (attribute("1.2.3.4", b"\x05\x00"), attribute("1.2.3.4", tlv(0x04, b"b"))),
}


@pytest.mark.parametrize("attributes", SEVERAL.values(), ids=SEVERAL.keys())
def test_signed_attribute_that_nothing_reads_may_have_several_values(
    attributes: tuple[bytes, ...],
) -> None:
    assert judged(made_with(*attributes)).reason == ""
    assert judged(made_with(attribute("1.2.3.4"))).reason == "MALFORMED"


def test_attributes_in_another_order_than_der_hold_as_der_sorts_them() -> None:
    who = identity("p256", EMAIL)
    info = signer_info(who, CONTENT)
    digest = attribute(identifiers.MESSAGE_DIGEST, tlv(0x04, hashlib.sha256(CONTENT).digest()))
    kind = attribute(identifiers.CONTENT_TYPE, oid(DATA))
    ordered, other = sorted((kind, digest)), sorted((kind, digest), reverse=True)
    swapped = info.replace(b"".join(ordered), b"".join(other))
    assert swapped != info
    assert judged(signed_data((swapped,), (who.certificate,), None)).outcome is Outcome.VERIFIED


def test_content_without_attributes_is_plain_data() -> None:
    who = identity("p256", EMAIL)
    reader = DerReader(signer_info(who, CONTENT), "made").inside(0x30)
    version, sid, algorithm, _, signing, signature = (reader.element() for _ in range(6))
    bare = tlv(0x30, version, sid, algorithm, signing, signature)
    made = signed_data((bare,), (who.certificate,), None, content_type="1.2.3")
    assert judged(made).reason == "MALFORMED"


# --- several signers ------------------------------------------------------------------------------


def test_attack_13_every_signer_must_hold_and_all_are_told() -> None:
    first, second = identity("p256", EMAIL), identity("rsa-2048", EMAIL, name="second")
    both = (first.certificate, second.certificate)
    infos = (signer_info(first, CONTENT), signer_info(second, CONTENT))
    verification = judged(signed_data(infos, both, None))
    assert verification.outcome is Outcome.VERIFIED
    assert verification.claims["signers"] == '["CN=acme signer", "CN=second"]'
    broken = (infos[0], signer_info(second, b"something else"))
    assert judged(signed_data(broken, both, None)).reason == "DIGEST_MISMATCH"
    unknown = (infos[0], infos[1])
    assert judged(signed_data(unknown, both[:1], None)).reason == "KEY_UNKNOWN"


def test_certificates_alone_are_no_signature() -> None:
    assert judged(signed_data((), (ROOT,), None)).reason == "MALFORMED"


# --- time -----------------------------------------------------------------------------------------


def tsa(**options: object) -> Identity:
    return identity("p256", TIMES, name="tsa", critical=True, **options)  # type: ignore[arg-type]


def test_expired_certificate_holds_by_a_timestamp_from_its_time_and_by_nothing_else() -> None:
    who = identity("p256", EMAIL)
    bare = signed_data((signer_info(who, CONTENT),), (who.certificate,), None)
    assert judged(bare, now=LATER).reason == "CERT_EXPIRED_AT_SIGNING"
    claimed = attribute(identifiers.SIGNING_TIME, tlv(0x17, b"261123120000Z"))
    assert judged(made_with(claimed), now=LATER).reason == "CERT_EXPIRED_AT_SIGNING"
    late = tsa(until=NOW + 20 * DAY)
    assert judged(timestamped(who, CONTENT, late, NOW), now=LATER).outcome is Outcome.VERIFIED
    after = timestamped(who, CONTENT, late, NOW + 5 * DAY)
    assert judged(after, now=LATER).outcome is Outcome.UNTRUSTED


def superseded(who: Identity, at: datetime) -> TrustEntry:
    """Return ROOT's list with a certificate that was given another since."""
    builder = x509.RevokedCertificateBuilder().serial_number(who.certificate.serial_number)
    reason = x509.CRLReason(x509.ReasonFlags.superseded)
    listed = builder.revocation_date(at).add_extension(reason, critical=False).build()
    crl = x509.CertificateRevocationListBuilder().issuer_name(ROOT.subject)
    crl = crl.last_update(NOW - HOUR).next_update(NOW + DAY).add_revoked_certificate(listed)
    encoded = crl.sign(ROOT_KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    return TrustEntry("list", TrustKind.REVOCATION, encoded, "test")


def test_attack_10_revoked_within_the_accuracy_of_a_timestamp_is_revoked() -> None:
    """RFC 3161 section 2.4.2: with the accuracy added, it is the upper limit of its time."""
    who = identity("p256", EMAIL)
    bare = signer_info(who, CONTENT)
    over = signature_of(bare)
    for minutes, reason in ((5, ""), (15, "CERT_REVOKED"), (40, "CERT_REVOKED")):
        made = token(signed=over, made_at=NOW - 9 * HOUR, accuracy={"seconds": minutes * 60})
        info = with_unsigned(bare, attribute(TOKEN, made))
        found = signed_data((info,), (who.certificate,), None)
        at = NOW - 9 * HOUR + timedelta(minutes=10)
        listed = superseded(who, at)
        stampers = authority_entry(STAMPER.root)
        assert judged(found, TRUST, stampers, listed).reason == reason, minutes


def test_accuracy_that_reaches_past_now_ends_no_certificate_that_is_valid_now() -> None:
    who, authority = identity("p256", EMAIL, until=NOW + HOUR / 2), authority_entry(STAMPER.root)
    key = key_entry(who.key, until=NOW + HOUR / 2)
    bare = signer_info(who, CONTENT)
    for seconds, is_for_good in ((3600, False), (60, True)):
        made = token(signed=signature_of(bare), made_at=NOW, accuracy={"seconds": seconds})
        info = with_unsigned(bare, attribute(TOKEN, made))
        found = signed_data((info,), (who.certificate,), None)
        for given in (TRUST, key):
            at_first = judged(found, given, authority)
            assert (at_first.reason, at_first.due_at is None) == ("", is_for_good)
            later = judged(found, given, authority, now=NOW + HOUR)
            assert (later.reason == "") == is_for_good
            if not is_for_good:
                assert (later.reason, at_first.due_reason) == (at_first.due_reason,) * 2
                due = at_first.due_at
                assert due is not None
                assert judged(found, given, authority, now=due).reason == at_first.due_reason
                before = due - timedelta(microseconds=1)
                assert judged(found, given, authority, now=before).reason == ""


def test_attack_03_claimed_time_is_told_and_not_trusted() -> None:
    verification = judged(
        made_with(attribute(identifiers.SIGNING_TIME, tlv(0x17, b"261123110000Z")))
    )
    assert verification.outcome is Outcome.VERIFIED
    assert verification.signed_at == NOW - timedelta(hours=1)
    assert (verification.time_trusted, verification.time_source) == (False, "signing-time")
    assert verification.signed_before is None
    assert verification.due_reason == "CERT_EXPIRED_AT_SIGNING"


def with_token(token: bytes) -> bytes:
    who = identity("p256", EMAIL)
    info = with_unsigned(signer_info(who, CONTENT), attribute(TOKEN, token))
    return signed_data((info,), (who.certificate,), None)


def test_timestamp_may_be_streamed_within_a_signature_that_is_not() -> None:
    """As authorities write it whose tools stream; it is put in as it came."""
    who = identity("p256", EMAIL)
    bare = signer_info(who, CONTENT)
    token = DerReader(timestamp(tsa(until=NOW + 20 * DAY), signature_of(bare), NOW), "made")
    streamed = b"\x30\x80" + token.octets(0x30) + b"\0\0"
    info = with_unsigned(bare, attribute(TOKEN, streamed))
    found = judged(signed_data((info,), (who.certificate,), None), now=LATER)
    assert (found.reason, found.signed_at) == ("", NOW)


def test_attack_01_timestamp_over_something_else_refuses_the_signature() -> None:
    assert judged(with_token(timestamp(tsa(), b"other", NOW))).reason == "TIMESTAMP_INVALID"
    assert judged(with_token(b"\x30\x00")).outcome is Outcome.INVALID
    who = identity("p256", EMAIL)
    ahead = timestamped(who, CONTENT, tsa(), NOW + timedelta(hours=2))
    assert judged(ahead).reason == "TIME_IN_FUTURE"


def test_attack_03_timestamp_of_an_unknown_authority_proves_nothing_and_is_told() -> None:
    who = identity("p256", EMAIL)
    key = private_key("p256", "stranger")
    stranger = Identity(key, tsa().certificate)  # its certificate fits another key
    assert judged(timestamped(who, CONTENT, stranger, NOW)).reason == "TIMESTAMP_INVALID"
    foreign = identity("p256", TIMES, name="foreign tsa", critical=True)
    made = timestamped(who, CONTENT, foreign, NOW)
    pinned = judged(made, authority_entry(who.certificate))
    assert pinned.outcome is Outcome.VERIFIED
    assert (pinned.time_trusted, pinned.signed_before) == (False, None)
    assert [check.reason for check in pinned.checks if check.step == "certificate chain"]


def test_timestamp_that_cannot_be_judged_proves_nothing_and_is_told() -> None:
    edwards, own = private_key("ed25519", "clocks"), private_key("p256", "clock of clocks")
    clocks = certificate("clocks", "clocks", edwards, edwards, AUTHORITY)
    use = ((x509.ExtendedKeyUsage([TIMES]), True),)
    clock = Identity(own, certificate("clock", "clocks", own, edwards, use))
    made = timestamped(identity("p256", EMAIL), CONTENT, clock, NOW)
    found = judged(made, authority_entry(ROOT, clocks))
    assert (found.outcome, found.time_trusted) == (Outcome.VERIFIED, False)
    assert "FORMAT_UNSUPPORTED" in [check.reason for check in found.checks]
    assert judged(made, authority_entry(ROOT, clocks), now=LATER).outcome is Outcome.UNTRUSTED


# --- what a certificate is for --------------------------------------------------------------------

PURPOSES = {
    "mail": ((EMAIL,), ""),
    "code": ((CODE,), ""),
    "any": ((ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,), ""),
    "none stated": ((), ""),
    "a web server": ((ExtendedKeyUsageOID.SERVER_AUTH,), "CERT_USAGE"),
    "timestamps": ((TIMES,), "CERT_USAGE"),
}


@pytest.mark.parametrize(("purposes", "reason"), PURPOSES.values(), ids=PURPOSES.keys())
def test_attack_09_purpose_of_the_certificate(purposes: tuple[object, ...], reason: str) -> None:
    who = identity("p256", *purposes)  # type: ignore[arg-type]
    made = signed_data((signer_info(who, CONTENT),), (who.certificate,), None)
    assert judged(made).reason == reason


LIMITED = {
    "code alone, of both": ((EMAIL, CODE), (CODE,), ""),
    "code alone, of none stated": ((), (CODE,), ""),
    "code alone, of any": ((ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,), (CODE,), ""),
    "e-mail alone, of code": ((CODE,), (EMAIL,), "CERT_UNTRUSTED"),
}


@pytest.mark.parametrize(("own", "above", "reason"), LIMITED.values(), ids=LIMITED.keys())
def test_attack_09_one_purpose_has_to_be_allowed_by_signer_and_authorities(
    own: tuple[x509.ObjectIdentifier, ...], above: tuple[x509.ObjectIdentifier, ...], reason: str
) -> None:
    keys = [private_key("p256", f"limited {number}") for number in range(2)]
    usage = (x509.ExtendedKeyUsage(above), False)
    link = certificate("link", "acme root", keys[0], ROOT_KEY, (*AUTHORITY, usage))
    stated = ((x509.ExtendedKeyUsage(own), False),) if own else ()
    who = Identity(keys[1], certificate("limited", "link", keys[1], keys[0], stated))
    made = signed_data((signer_info(who, CONTENT),), (who.certificate, link), None)
    assert judged(made).reason == reason


def test_unsigned_attribute_that_nothing_reads_is_told() -> None:
    who = identity("p256", EMAIL)
    info = with_unsigned(signer_info(who, CONTENT), attribute("1.2.3.4", tlv(0x04, b"anything")))
    verification = judged(signed_data((info,), (who.certificate,), None))
    assert verification.outcome is Outcome.VERIFIED
    notes = [one.detail for one in verification.checks if one.step == "unsigned attributes"]
    assert notes == ["covered by no signature and not read: 1.2.3.4"]


# --- what is signed -------------------------------------------------------------------------------


def test_content_inside_must_be_the_artifact(tmp_path: Path) -> None:
    signature = signed(tmp_path, identity("p256", EMAIL), MADE["attached"])
    named = Subject("a", (digest_of(CONTENT, "sha512"),))
    assert judged(signature, subject=named).outcome is Outcome.VERIFIED
    assert judged(signature, subject=artifact(b"other")).reason == "SUBJECT_MISMATCH"


def test_content_inside_is_bound_by_nothing_weaker_than_sha_256(tmp_path: Path) -> None:
    signature = signed(tmp_path, identity("p256", EMAIL), MADE["attached"])
    assert judged(signature, subject=Subject("unnamed", ())).outcome is Outcome.VERIFIED
    weak = Subject("a", (digest_of(CONTENT, "sha1"),))
    assert judged(signature, subject=weak).reason == "CONTENT_NEEDED"


def test_digests_serve_where_the_bytes_are_not_at_hand(tmp_path: Path) -> None:
    signature = signed(tmp_path, identity("p256", EMAIL), MADE["cms"])
    assert judged(signature, subject=Subject("a", (digest_of(CONTENT),))).outcome is (
        Outcome.VERIFIED
    )
    other = Subject("a", (digest_of(CONTENT, "sha512"),))
    assert judged(signature, subject=other).reason == "CONTENT_NEEDED"


def signing(who: Identity, algorithm: bytes) -> bytes:
    """Return a signature that is said to be made by another algorithm."""
    reader = DerReader(signer_info(who, CONTENT), "made").inside(0x30)
    parts = [reader.element() for _ in range(6)]
    info = tlv(0x30, *parts[:4], algorithm, parts[5])
    return signed_data((info,), (who.certificate,), None)


RSA_SHA256, ECDSA_SHA512 = oid("1.2.840.113549.1.1.11"), oid("1.2.840.10045.4.3.4")
STATED = {
    "as it is": (tlv(0x30, oid("1.2.840.10045.4.3.2")), ""),
    "as old Java writes it": (tlv(0x30, oid("1.2.840.10045.2.1")), ""),
    "of another key": (tlv(0x30, RSA_SHA256), "ALGORITHM_MISMATCH"),
    "of another hash": (tlv(0x30, ECDSA_SHA512), "ALGORITHM_MISMATCH"),
    "with parameters": (tlv(0x30, oid("1.2.840.10045.4.3.2"), tlv(4, b"x")), "MALFORMED"),
    "unknown": (tlv(0x30, oid("1.2.3")), "FORMAT_UNSUPPORTED"),
    "weak": (tlv(0x30, oid("1.2.840.10045.4.1")), "ALGORITHM_WEAK"),
    "weak DSA": (tlv(0x30, oid("1.2.840.10040.4.3")), "ALGORITHM_WEAK"),
    "DSA": (tlv(0x30, oid("2.16.840.1.101.3.4.3.2")), "FORMAT_UNSUPPORTED"),
}


@pytest.mark.parametrize(("algorithm", "reason"), STATED.values(), ids=STATED.keys())
def test_attack_08_algorithm_that_is_stated_fits_key_and_digest(
    algorithm: bytes, reason: str
) -> None:
    assert judged(signing(identity("p256", EMAIL), algorithm)).reason == reason


def test_attack_10_weak_algorithms(tmp_path: Path) -> None:
    weak = signed(tmp_path, identity("p256", EMAIL), "cms -sign -binary -outform DER -md sha1")
    assert judged(weak).reason == "ALGORITHM_WEAK"
    short = signed(tmp_path, identity("rsa-1024", EMAIL), MADE["cms"])
    assert judged(short).reason == "ALGORITHM_WEAK"


def test_nothing_to_trust_is_unverifiable() -> None:
    who = identity("p256", EMAIL)
    made = signed_data((signer_info(who, CONTENT),), (who.certificate,), None)
    verification = FORMAT.verify(evidence(made), setting())
    assert verification.reason == "TRUST_ROOT_MISSING"
    ring = TrustEntry("ring", TrustKind.KEYRING, b"", "test")
    assert judged(made, ring).reason == "TRUST_ROOT_MISSING"
    other = FORMAT.verify(evidence(made, artifact(b"other")), setting())
    assert other.reason == "DIGEST_MISMATCH"
    torn = TrustEntry("ca", TrustKind.AUTHORITY, b"torn", "test")
    assert judged(made, torn).reason == "KEYRING_UNUSABLE"
    early = replace(TRUST, valid_from=NOW + HOUR)
    assert judged(made, torn, early).due_at == NOW + HOUR


def test_attack_02_key_counts_inside_its_window_only() -> None:
    who = identity("p256", EMAIL)
    made = signed_data((signer_info(who, CONTENT),), (who.certificate,), None)
    assert judged(made, key_entry(who.key, until=NOW - DAY)).reason == "KEY_EXPIRED"
    assert judged(made, key_entry(who.key, until=NOW + DAY)).due_reason == "KEY_EXPIRED"


def test_key_given_twice_counts_in_the_window_of_the_time_that_is_proved() -> None:
    who, stamping = identity("p256", EMAIL), identity("p256", TIMES, name="tsa", critical=True)
    made = timestamped(who, CONTENT, stamping, NOW - 9 * HOUR)
    then = key_entry(who.key, until=NOW - 5 * HOUR)
    since = replace(key_entry(who.key), valid_from=NOW - HOUR)
    for entries in ((then, since), (since, then)):
        verification = judged(made, TRUST, *entries)
        assert (verification.reason, verification.due_at) == ("", None)
    assert judged(made, TRUST, since).reason == "KEY_EXPIRED"
    bare = signed_data((signer_info(who, CONTENT),), (who.certificate,), None)
    soon = replace(since, valid_from=NOW + HOUR)
    later = replace(since, valid_from=NOW + DAY)
    for entries in ((then, soon), (soon, then), (later, soon), (soon, later)):
        assert judged(bare, TRUST, *entries).due_at == NOW + HOUR


def test_attack_16_timestamps_of_all_signers_together_are_bounded() -> None:
    people = [identity("p256", EMAIL, name=f"signer {number}") for number in range(3)]
    stamps = attribute(TOKEN, *[b"\x30\x00"] * 12)
    for count, reason in ((2, "MALFORMED"), (3, "TOO_LARGE")):
        infos = tuple(with_unsigned(signer_info(each, CONTENT), stamps) for each in people[:count])
        made = signed_data(infos, tuple(each.certificate for each in people), None)
        assert judged(made).reason == reason


def test_limits_are_counted_before_anything_is_read() -> None:
    limits = Limits(evidence_bytes=2048)
    large = tlv(0x30, oid(identifiers.SIGNED_DATA), tlv(0xA0, bytes(4096)))
    for content in (large, b"\x30\x80" + large[4:]):
        verification = FORMAT.verify(evidence(content), setting(TRUST, limits=limits))
        assert verification.reason == "TOO_LARGE"
    deep = b""
    for _ in range(70):
        deep = tlv(0x30, deep)
    nested = tlv(0x30, oid(identifiers.SIGNED_DATA), tlv(0xA0, deep))
    assert judged(nested).reason == "TOO_LARGE"
    streamed = b"\x30\x80" + oid(identifiers.SIGNED_DATA) + b"\xa0\x80" + b"\x30\x80" * 100
    assert judged(streamed).reason == "TOO_LARGE"


FOREIGN = {
    "empty": b"",
    "text": b"hello",
    "certificate": pem(ROOT),
    "a sequence": b"\x30\x03\x02\x01\x00",
    "base64 of nothing": b"AAAA",
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN.keys())
def test_other_evidence_is_left_alone(content: bytes) -> None:
    assert not FORMAT.recognises(evidence(content))
    assert FORMAT.verify(evidence(content), setting(TRUST)).reason == "MALFORMED"


def test_timestamp_is_no_signature_of_a_file() -> None:
    assert not FORMAT.recognises(evidence(timestamp(tsa(), CONTENT, NOW)))
