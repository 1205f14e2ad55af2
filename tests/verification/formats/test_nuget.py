"""NuGet packages. Debian has no signer for them: `x509_material` follows the specification."""

from __future__ import annotations

import io
import zipfile

import pytest

from core.model import Evidence, Outcome, Subject, TrustEntry, Verification, digest_of
from tests.verification.specimens import (
    DAY,
    NOW,
    authority_entry,
    certificate,
    pem,
    private_key,
    setting,
)
from tests.verification.x509.x509_material import (
    AUTHOR,
    CODE,
    EMAIL,
    OTHER_KEY,
    OTHER_ROOT,
    OWNERS,
    PACKAGE,
    REPOSITORY,
    ROOT,
    SERVICE,
    SHA256,
    TIMES,
    TOKEN,
    Identity,
    attribute,
    certificate_named,
    identity,
    inside,
    oid,
    package_signature,
    plain_archive,
    signature_of,
    signed_data,
    signed_package,
    signer_info,
    timestamp,
    tlv,
    with_entry,
    with_unsigned,
)
from verification.formats.nuget import NuGet
from verification.x509.usage import LIFETIME_SIGNING

FORMAT = NuGet()
TRUST = authority_entry(ROOT)
SIGNATURE = ".signature.p7s"
WHO = identity("rsa-2048", CODE, name="author")
FEED = identity("rsa-2048", CODE, name="repository")
COMMITTED = "1.2.840.113549.1.9.16.2.16"
PLACE = "1.3.6.1.4.1.311.84.2.1.1.1"


def judged(package: bytes, *entries: TrustEntry) -> Verification:
    offered = inside(package, "acme.nupkg")
    assert FORMAT.recognises(offered)
    return FORMAT.verify(offered, setting(*(entries or (TRUST,))))


def test_package_signed_by_its_author() -> None:
    verification = judged(signed_package(WHO))
    assert verification.outcome is Outcome.VERIFIED
    assert verification.signer is not None
    assert verification.signer.identity == "CN=author"
    assert verification.claims["nuget_signature"] == "author"


def test_package_with_names_of_other_packers_is_judged() -> None:
    """Such packages are on nuget.org, signed by it as all of them are."""
    files = {"lib\\net8.0\\acme.dll": b"1", "analyzers//acme.dll": b"2", "acme.nuspec": b"<a/>"}
    assert judged(signed_package(FEED, REPOSITORY, SERVICE, files=files)).reason == ""


def test_package_signed_by_a_repository_says_which() -> None:
    verification = judged(signed_package(FEED, REPOSITORY, SERVICE, OWNERS))
    assert verification.outcome is Outcome.VERIFIED
    assert verification.claims["nuget_signature"] == "repository"
    assert verification.claims["nuget_repository"] == "https://feed.acme.example/index.json"
    assert verification.claims["nuget_owners"] == "acme, bob"


def stranger(name: str = "stranger") -> Identity:
    """Return somebody whom the other root vouches for."""
    from cryptography import x509

    key = private_key("rsa-2048", name)
    usage = ((x509.ExtendedKeyUsage([CODE]), False),)
    return Identity(key, certificate(name, "other root", key, OTHER_KEY, usage))


def test_countersignature_of_the_repository_counts_by_itself() -> None:
    package = signed_package(stranger(), countersigner=FEED)
    verification = judged(package)
    assert verification.outcome is Outcome.VERIFIED
    assert verification.claims["nuget_signature"] == "repository"
    assert any(check.reason == "CERT_UNTRUSTED" for check in verification.checks)
    author = judged(package, authority_entry(OTHER_ROOT))
    assert author.claims["nuget_signature"] == "author"
    neither = judged(signed_package(stranger(), countersigner=stranger("other feed")))
    assert neither.reason == "CERT_UNTRUSTED"


def test_attack_13_broken_countersignature_refuses_the_package() -> None:
    package = signed_package(WHO, countersigner=FEED)
    assert judged(package).outcome is Outcome.VERIFIED
    encoded = _part(package, SIGNATURE)
    last = len(encoded) - 1
    broken = encoded[:last] + bytes([encoded[last] ^ 1])
    assert judged(_with_signature(broken)).reason == "SIGNATURE_INVALID"


def _part(package: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(package)) as opened:
        return opened.read(name)


def _with_signature(encoded: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    return with_entry(plain_archive(PACKAGE), SIGNATURE, encoded, method)


def test_package_without_signature() -> None:
    assert judged(plain_archive(PACKAGE)).reason == "NOT_SIGNED"
    name = next(iter(PACKAGE))
    for package, reason in (
        (plain_archive(PACKAGE), "NOT_SIGNED"),
        (signed_package(WHO), "MALFORMED"),
    ):
        with pytest.warns(UserWarning, match="Duplicate name"):
            twice = with_entry(package, name, b"again")
        assert judged(twice).reason == reason
    for name in ("a.txt", "a.signature.p7s", "lib/.signature.p7s"):
        assert not FORMAT.recognises(inside(plain_archive({name: b""})))
    jar = {"META-INF/MANIFEST.MF": b"", "acme.nuspec": b""}
    assert not FORMAT.recognises(inside(plain_archive(jar)))
    assert FORMAT.recognises(inside(plain_archive({".signature.p7s": b"", **jar})))


# --- what is covered ------------------------------------------------------------------------------


def test_attack_12_whatever_is_added_or_changed_is_noticed() -> None:
    encoded = _part(signed_package(WHO), SIGNATURE)
    assert judged(_with_signature(encoded)).outcome is Outcome.VERIFIED
    changes = (
        PACKAGE | {"lib/acme.dll": b"evil"},
        PACKAGE | {"lib/more.dll": b"evil"},
        {name: PACKAGE[name] for name in list(PACKAGE)[:-1]},
        dict(reversed(PACKAGE.items())),
    )
    for files in changes:
        package = with_entry(plain_archive(files), SIGNATURE, encoded)
        assert judged(package).reason == "DIGEST_MISMATCH"
    late = with_entry(_with_signature(encoded), "late.dll", b"evil")
    assert judged(late).reason == "DIGEST_MISMATCH"


def test_signature_may_stand_before_other_entries() -> None:
    """The offsets of what follows are hashed as they were without the signature."""
    encoded = _part(signed_package(WHO), SIGNATURE)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in (SIGNATURE, *PACKAGE):
            content = encoded if name == SIGNATURE else PACKAGE[name]
            method = zipfile.ZIP_STORED if name == SIGNATURE else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, method)
    assert judged(made.getvalue()).outcome is Outcome.VERIFIED


def signature_span(package: bytes) -> tuple[int, int]:
    """Return where the signature's local header begins and its data ends."""
    with zipfile.ZipFile(io.BytesIO(package)) as opened:
        entry = opened.getinfo(SIGNATURE)
    return entry.header_offset, entry.header_offset + 30 + len(SIGNATURE) + entry.file_size


@pytest.mark.parametrize("countersigner", [None, FEED], ids=["author", "and repository"])
def test_no_changed_byte_verifies_but_those_of_the_signature_s_own_headers(
    countersigner: Identity | None,
) -> None:
    package = signed_package(WHO, countersigner=countersigner)
    assert judged(package).outcome is Outcome.VERIFIED
    good = [
        place
        for place in range(len(package))
        if FORMAT.verify(
            inside(package[:place] + bytes([package[place] ^ 1]) + package[place + 1 :]),
            setting(TRUST),
        ).outcome
        is Outcome.VERIFIED
    ]
    begin, _ = signature_span(package)
    listed = package.rindex(b"PK\x01\x02")
    # The package is hashed without this entry: its versions, times and attributes are nobody's.
    local = {begin + place for place in (4, 5, *range(10, 14))}
    central = {listed + place for place in (*range(4, 8), *range(12, 16), *range(36, 42))}
    assert set(good) <= local | central


# --- the signature itself -------------------------------------------------------------------------


def signed_text(text: bytes, *attributes: bytes, signers: int = 1) -> bytes:
    info = signer_info(WHO, text, attributes=(*(attributes or (AUTHOR,)), certificate_named(WHO)))
    return signed_data((info,) * signers, (WHO.certificate,), text)


def hash_line(name: str = SHA256) -> bytes:
    import base64

    digest = base64.b64encode(digest_of(plain_archive(PACKAGE)).raw)
    return name.encode() + b"-Hash:" + digest + b"\n\n"


TEXTS = {
    "good": (b"Version:1\n\n" + hash_line(), ""),
    "more properties": (b"Version:1\n\nx:1\n" + hash_line(), ""),
    "version 2": (b"Version:2\n\n" + hash_line(), "MALFORMED"),
    "no version": (hash_line(), "MALFORMED"),
    "no digest": (b"Version:1\n\nx:1\n\n", "MALFORMED"),
    "unknown digest": (b"Version:1\n\n" + hash_line("1.3.14.3.2.26"), "MALFORMED"),
    "short digest": (b"Version:1\n\n" + SHA256.encode() + b"-Hash:AAAA\n\n", "MALFORMED"),
    "twice": (b"Version:1\n\n" + hash_line()[:-1] + hash_line(), "MALFORMED"),
    "no text": (b"\xff\xfe", "MALFORMED"),
    "in another section": (b"Version:1\n\nx:1\n\n" + hash_line(), "MALFORMED"),
}


@pytest.mark.parametrize(("text", "reason"), TEXTS.values(), ids=TEXTS.keys())
def test_signed_text(text: bytes, reason: str) -> None:
    assert judged(_with_signature(signed_text(text))).reason == reason


def test_one_primary_signature_over_content_it_holds() -> None:
    text = TEXTS["good"][0]
    assert judged(_with_signature(signed_text(text, signers=2))).reason == "MALFORMED"
    info = signer_info(WHO, text, attributes=(AUTHOR, certificate_named(WHO)))
    detached = signed_data((info,), (WHO.certificate,), None)
    assert judged(_with_signature(detached)).reason == "MALFORMED"
    other = signed_data((info,), (WHO.certificate,), text, content_type="1.2.3")
    assert judged(_with_signature(other)).reason == "MALFORMED"
    unnamed = signed_data((signer_info(WHO, text, attributes=(AUTHOR,)),), (WHO.certificate,), text)
    assert judged(_with_signature(unnamed)).reason == "MALFORMED"


def test_two_repositories_are_one_too_many() -> None:
    text = TEXTS["good"][0]
    bare = signer_info(FEED, text, attributes=(REPOSITORY, certificate_named(FEED)))
    other = signer_info(
        FEED,
        signature_of(bare),
        content_type=None,
        attributes=(REPOSITORY, certificate_named(FEED)),
    )
    info = with_unsigned(bare, attribute("1.2.840.113549.1.9.6", other))
    made = signed_data((info,), (FEED.certificate,), text)
    assert judged(_with_signature(made)).reason == "MALFORMED"


def test_commitment_may_be_left_out() -> None:
    text = TEXTS["good"][0]
    info = signer_info(WHO, text)
    made = signed_data((info,), (WHO.certificate,), text)
    assert judged(_with_signature(made)).claims["nuget_signature"] == "unknown"


def test_attack_01_repository_countersigns_no_signature_that_names_no_certificate() -> None:
    """It is over the signature's bytes, which are also a signature by a key made to fit them.

    Such a key is found in minutes, for any other package. What names its certificate names its key.
    """
    text = TEXTS["good"][0]
    for committed in ((), (attribute(COMMITTED, tlv(0x30, oid("1.2.840.113549.1.9.16.6.5"))),)):
        bare = signer_info(stranger(), text, attributes=committed)
        named = (REPOSITORY, SERVICE, certificate_named(FEED))
        other = signer_info(FEED, signature_of(bare), content_type=None, attributes=named)
        info = with_unsigned(bare, attribute("1.2.840.113549.1.9.6", other))
        made = signed_data((info,), (stranger().certificate, FEED.certificate), text)
        assert judged(_with_signature(made)).reason == "MALFORMED"
    assert judged(signed_package(stranger(), countersigner=FEED)).reason == ""


@pytest.mark.parametrize("address", [None, b"feed.acme.example", b"http://feed.acme.example"])
def test_repository_says_where_it_is(address: bytes | None) -> None:
    place = () if address is None else (attribute(PLACE, tlv(0x16, address)),)
    assert judged(signed_package(FEED, REPOSITORY, *place)).reason == "MALFORMED"
    assert judged(signed_package(FEED, REPOSITORY, SERVICE)).reason == ""


CERTIFICATES = {
    "not RSA": (identity("p256", CODE, name="ec"), "ALGORITHM_MISMATCH"),
    "for mail": (identity("rsa-2048", EMAIL, name="mail"), "CERT_USAGE"),
    "short": (identity("rsa-1024", CODE, name="short"), "ALGORITHM_WEAK"),
    "for its lifetime": (
        identity("rsa-2048", CODE, LIFETIME_SIGNING, name="lifetime"),
        "CERT_USAGE",
    ),
}


@pytest.mark.parametrize(("who", "reason"), CERTIFICATES.values(), ids=CERTIFICATES.keys())
def test_certificate_that_packages_do_not_take(who: Identity, reason: str) -> None:
    assert judged(signed_package(who)).reason == reason


def test_timestamp_keeps_a_package_after_its_certificate() -> None:
    tsa = identity("p256", TIMES, name="tsa", critical=True)
    package = plain_archive(PACKAGE)
    text = TEXTS["good"][0]
    bare = signer_info(WHO, text, attributes=(AUTHOR, certificate_named(WHO)))
    token = timestamp(tsa, signature_of(bare), NOW)
    info = with_unsigned(bare, attribute(TOKEN, token))
    made = with_entry(package, SIGNATURE, signed_data((info,), (WHO.certificate,), text))
    later = setting(TRUST, now=NOW + 30 * DAY)
    verification = FORMAT.verify(inside(made), later)
    assert verification.outcome is Outcome.VERIFIED
    assert verification.signed_at == NOW
    plain = FORMAT.verify(inside(signed_package(WHO)), later)
    assert plain.reason == "CERT_EXPIRED_AT_SIGNING"


# --- the archive ----------------------------------------------------------------------------------


def test_signature_must_be_stored_as_it_is() -> None:
    encoded = package_signature(plain_archive(PACKAGE), WHO, AUTHOR)
    assert judged(_with_signature(encoded, zipfile.ZIP_DEFLATED)).reason == "MALFORMED"


def test_bytes_must_be_at_hand() -> None:
    package = signed_package(WHO)
    named = Evidence(package, "", "a", Subject("a", (digest_of(package),)))
    assert FORMAT.verify(named, setting(TRUST)).reason == "CONTENT_NEEDED"
    assert FORMAT.verify(inside(package), setting()).reason == "TRUST_ROOT_MISSING"
    assert judged(package, authority_entry(OTHER_ROOT)).reason == "CERT_UNTRUSTED"
    assert pem(ROOT) != pem(OTHER_ROOT)
