"""Revocation by lists and OCSP answers: made by openssl where a tool is the judge, else built."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MalformedError
from core.limits import Limits
from core.model import CheckOutcome, Trust, TrustEntry, TrustKind
from tests.verification.cms.timestamp_specimens import MADE_AT, SIGNED, STAMPER, token
from tests.verification.specimens import (
    AUTHORITY,
    DAY,
    NOW,
    Extensions,
    PrivateKey,
    artifact,
    authority_entry,
    certificate,
    evidence,
    flipped,
    openssl,
    pem,
    private_key,
    private_pem,
    setting,
)
from tests.verification.x509.x509_material import oid, raw_sign, tlv
from verification.cms.timestamps import ProvedTime, given_timestamp_authorities, verify_timestamp
from verification.readers.der import DerReader
from verification.trust import describe
from verification.verifier import verify
from verification.x509.certificates import read_certificates
from verification.x509.chain import Chain, Fault, given_authorities, verify_chain
from verification.x509.revocation import RevokedLater, judge_revocation
from verification.x509.revocation_data import Revocations, given_revocations, read_revocation

YEAR = 365 * DAY
LIMITS = Limits()
Reason = x509.ReasonFlags
WIDE: dict[str, Any] = {"since": NOW - 2 * YEAR, "until": NOW + 2 * YEAR}
ROOT_KEY, LINK_KEY = private_key("p256", "revoking root"), private_key("p256", "revoking link")
LEAF_KEY, HELPER_KEY = private_key("p256", "revoked leaf"), private_key("p256", "responder")
ROOT = certificate("root", "root", ROOT_KEY, ROOT_KEY, AUTHORITY, **WIDE)
LINK = certificate("link", "root", LINK_KEY, ROOT_KEY, AUTHORITY, **WIDE)
LEAF = certificate("signer", "link", LEAF_KEY, LINK_KEY, **WIDE)
PATH = (LEAF, LINK, ROOT)
AUTHORITIES = (authority_entry(ROOT),)
LATER, BEFORE = NOW - 10 * DAY, NOW - 100 * DAY
PROVED = NOW - 50 * DAY


def entry(content: bytes, name: str = "list") -> TrustEntry:
    return TrustEntry(name, TrustKind.REVOCATION, content, "test")


def revoked(
    serial: int, at: datetime, reason: Reason | None = None, invalid: datetime | None = None
) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
    if reason is not None:
        builder = builder.add_extension(x509.CRLReason(reason), critical=False)
    if invalid is not None:
        builder = builder.add_extension(x509.InvalidityDate(invalid), critical=False)
    return builder.build()


def crl(
    *listed: x509.RevokedCertificate,
    issuer: x509.Certificate = LINK,
    key: PrivateKey = LINK_KEY,
    since: datetime = NOW - DAY,
    until: datetime = NOW + DAY,
    extensions: Extensions = (),
) -> TrustEntry:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(since)
        .next_update(until)
    )
    for each in listed:
        builder = builder.add_revoked_certificate(each)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return entry(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))


def answer(
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    at: datetime | None = None,
    reason: Reason | None = None,
    *,
    signer: x509.Certificate = LINK,
    key: PrivateKey = LINK_KEY,
    since: datetime = NOW - DAY,
    until: datetime | None = NOW + DAY,
    along: tuple[x509.Certificate, ...] = (),
    hashed: hashes.HashAlgorithm | None = None,
) -> TrustEntry:
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(LEAF, LINK, hashes.SHA1(), status, since, until, at, reason)
        .responder_id(ocsp.OCSPResponderEncoding.HASH, signer)
    )
    if along:
        builder = builder.certificates(list(along))
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return entry(builder.sign(key, hashed or hashes.SHA256()).public_bytes(Encoding.DER), "answer")


def judge(
    *entries: TrustEntry,
    proved_at: datetime | None = None,
    later: RevokedLater = RevokedLater.NOTED,
    now: datetime = NOW,
) -> str:
    """Return CERT_REVOKED, or what is said of the leaf."""
    found = judge_revocation(
        PATH, given_revocations(entries), now, proved_at=proved_at, later=later
    )
    if isinstance(found, Fault):
        assert found.expected
        assert found.found
        return found.reason
    word = next(
        each for each in found if "CN=signer" in each.detail or "not checked" in each.detail
    )
    return f"{word.outcome}: {word.detail}"


SERIAL = LEAF.serial_number
GOOD = "passed: CN=signer is not revoked"


REASONS = [None, *(each for each in Reason if each is not Reason.remove_from_crl)]


# --- the table ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("proved_at", [None, PROVED])
@pytest.mark.parametrize("at", [BEFORE, LATER, NOW + DAY])
def test_revocation_counts_by_time_and_reason(
    reason: Reason | None, proved_at: datetime | None, at: datetime
) -> None:
    compromise = {Reason.key_compromise, Reason.ca_compromise, Reason.aa_compromise}
    stands = proved_at is not None and at > proved_at and reason not in compromise
    found = judge(crl(revoked(SERIAL, at, reason)), proved_at=proved_at)
    assert (found != "CERT_REVOKED") == stands, found
    assert not stands or "after the time that is proved" in found
    if reason is not Reason.unspecified:
        said = ocsp.OCSPCertStatus.REVOKED
        found = judge(answer(said, at, reason), proved_at=proved_at)
        assert (found != "CERT_REVOKED") == stands, found


def test_strict_rule_refuses_later_revocations_too() -> None:
    late = crl(revoked(SERIAL, LATER, Reason.superseded))
    assert judge(late, proved_at=PROVED) != "CERT_REVOKED"
    assert judge(late, proved_at=PROVED, later=RevokedLater.REFUSED) == "CERT_REVOKED"


@pytest.mark.parametrize("reason", REASONS)
def test_attack_10_revoked_authority_of_timestamps_proves_no_time_without_a_harmless_reason(
    reason: Reason | None,
) -> None:
    harmless = {
        Reason.unspecified, Reason.affiliation_changed, Reason.superseded,
        Reason.cessation_of_operation,
    }  # fmt: skip
    rule = RevokedLater.NOTED_IF_STATED
    late = crl(revoked(SERIAL, LATER, reason))
    found = judge(late, proved_at=PROVED, later=rule)
    assert (found != "CERT_REVOKED") == (reason in harmless), found
    assert judge(late, later=rule) == "CERT_REVOKED"
    early = crl(revoked(SERIAL, BEFORE, reason))
    assert judge(early, proved_at=PROVED, later=rule) == "CERT_REVOKED"


def test_date_of_invalidity_counts_where_it_is_earlier() -> None:
    listed = revoked(SERIAL, LATER, Reason.superseded, invalid=BEFORE)
    assert judge(crl(listed), proved_at=PROVED) == "CERT_REVOKED"


NO_DATE = x509.UnrecognizedExtension(x509.InvalidityDate.oid, b"\x05\x00")
DATED = {  # what an answer states besides, and whether it was before the proved time
    "date before": (x509.InvalidityDate(BEFORE), True),
    "date after": (x509.InvalidityDate(LATER - DAY), False),
    "no date": (NO_DATE, True),
    "something else": (x509.OCSPNonce(b"x"), False),
}


@pytest.mark.parametrize(("stated", "refutes"), DATED.values(), ids=DATED)
def test_attack_10_date_of_invalidity_counts_in_answers_too(
    stated: x509.ExtensionType, *, refutes: bool
) -> None:
    """RFC 6960 section 4.4.5: what entries of lists may state, single answers may, too."""
    given = answer(ocsp.OCSPCertStatus.REVOKED, LATER, Reason.superseded)
    dated = entry(_with_single_extension(given.content, stated), "answer")
    assert judge(given, proved_at=PROVED).startswith("noted")
    assert (judge(dated, proved_at=PROVED) == "CERT_REVOKED") == refutes
    assert judge(dated) == "CERT_REVOKED"


def _with_single_extension(encoded: bytes, stated: x509.ExtensionType) -> bytes:
    """Return an answer with an extension of its single answer, signed anew by the issuer."""
    reader = DerReader(ocsp.load_der_ocsp_response(encoded).tbs_response_bytes, "made").inside(0x30)
    before = [reader.element(), reader.element()]
    single = reader.inside(0x30).inside(0x30)
    parts = [single.element() for _ in range(4)]
    extension = tlv(0x30, oid(stated.oid.dotted_string), tlv(0x04, stated.public_bytes()))
    parts.append(tlv(0xA1, tlv(0x30, extension)))
    signed = tlv(0x30, *before, tlv(0x30, tlv(0x30, *parts)))
    algorithm, signature = raw_sign(LINK_KEY, signed)
    basic = tlv(0x30, signed, algorithm, tlv(0x03, b"\0" + signature))
    held = tlv(0x30, oid("1.3.6.1.5.5.7.48.1.1"), tlv(0x04, basic))
    return tlv(0x30, tlv(0x0A, b"\0"), tlv(0xA0, held))


def test_attack_10_entry_that_comes_again_counts_by_its_worst() -> None:
    mild = revoked(SERIAL, LATER, Reason.superseded)
    for grave in (revoked(SERIAL, LATER, Reason.key_compromise), revoked(SERIAL, BEFORE)):
        for listed in ((mild, grave), (grave, mild)):
            assert judge(crl(*listed), proved_at=PROVED) == "CERT_REVOKED"
    assert judge(crl(mild, mild), proved_at=PROVED).startswith("noted")


def test_certificate_that_is_not_listed_passes() -> None:
    assert judge(crl(revoked(SERIAL + 1, BEFORE))).startswith(GOOD)
    assert judge(answer()).startswith(GOOD)


def test_nothing_given_is_noted() -> None:
    assert judge() == "noted: revocation not checked: no list and no answer was given"


def test_list_of_another_authority_says_nothing() -> None:
    other = crl(issuer=ROOT, key=ROOT_KEY)
    assert "nothing that was given speaks of it" in judge(other)


def test_a_word_that_it_is_revoked_outweighs_one_that_it_is_good() -> None:
    bad = crl(revoked(SERIAL, BEFORE))
    for order in ((bad, crl()), (crl(), bad), (answer(), bad), (bad, answer())):
        assert judge(*order) == "CERT_REVOKED"


def test_intermediate_authority_may_be_revoked() -> None:
    of_link = crl(revoked(LINK.serial_number, BEFORE), issuer=ROOT, key=ROOT_KEY)
    assert judge(crl(), of_link) == "CERT_REVOKED"
    late = crl(revoked(LINK.serial_number, LATER), issuer=ROOT, key=ROOT_KEY)
    found = judge_revocation(PATH, given_revocations((crl(), late)), NOW, proved_at=PROVED)
    assert isinstance(found, tuple)
    assert [each.outcome for each in found] == [CheckOutcome.PASSED, CheckOutcome.NOTED]


# --- freshness ------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [crl, answer])
def test_out_of_date_word_does_not_vouch_but_refutes(make: Callable[..., TrustEntry]) -> None:
    old: dict[str, Any] = {"since": NOW - 9 * DAY, "until": NOW - 8 * DAY}
    assert "out of date" in judge(make(**old))
    assert judge(crl(revoked(SERIAL, BEFORE), **old)) == "CERT_REVOKED"
    said = ocsp.OCSPCertStatus.REVOKED
    assert judge(answer(said, BEFORE, **old)) == "CERT_REVOKED"


@pytest.mark.parametrize("make", [crl, answer])
def test_bounds_of_freshness_are_closed(make: Callable[..., TrustEntry]) -> None:
    second = timedelta(seconds=1)
    for since, until, fresh in (
        (NOW, NOW + DAY, True), (NOW - DAY, NOW, True),
        (NOW + second, NOW + DAY, False), (NOW - DAY, NOW - second, False),
    ):  # fmt: skip
        assert judge(make(since=since, until=until)).startswith(GOOD) == fresh


def test_answer_without_an_end_counts_for_a_week() -> None:
    assert judge(answer(since=NOW - 7 * DAY, until=None)).startswith(GOOD)
    assert "not stated" in judge(answer(since=NOW - 8 * DAY, until=None))


def test_hold_counts_while_it_is_fresh() -> None:
    listed = revoked(SERIAL, BEFORE, Reason.certificate_hold)
    assert judge(crl(listed)) == "CERT_REVOKED"
    assert "on hold" in judge(crl(listed, since=NOW - 9 * DAY, until=NOW - DAY))
    said = ocsp.OCSPCertStatus.REVOKED
    old = answer(said, BEFORE, Reason.certificate_hold, since=NOW - 9 * DAY, until=NOW - DAY)
    assert "on hold" in judge(old)


def test_hold_of_a_clock_ahead_of_ours_counts() -> None:
    """Else it would begin to count by time alone, when nobody looks."""
    listed, soon = revoked(SERIAL, BEFORE, Reason.certificate_hold), NOW + timedelta(minutes=1)
    assert judge(crl(listed, since=soon)) == "CERT_REVOKED"
    said = ocsp.OCSPCertStatus.REVOKED
    assert judge(answer(said, BEFORE, Reason.certificate_hold, since=soon)) == "CERT_REVOKED"


# --- who says so ----------------------------------------------------------------------------------


def test_list_must_be_signed_by_the_issuer() -> None:
    forged = crl(revoked(SERIAL, BEFORE), key=HELPER_KEY)
    assert "signature does not hold" in judge(forged)


def test_every_changed_byte_of_a_list_is_refused_or_says_nothing() -> None:
    given_list = crl(revoked(SERIAL, BEFORE, Reason.key_compromise))
    assert judge(given_list) == "CERT_REVOKED"
    good = crl()
    assert judge(good).startswith(GOOD)
    for whole in (given_list.content, good.content):
        mutants = list(flipped(whole))
        assert len(mutants) == len(whole)
        for _, mutant in mutants:
            found = judge(entry(mutant))
            assert not found.startswith(GOOD)
            assert found != "CERT_REVOKED"


def test_every_changed_byte_of_an_answer_is_refused_or_says_nothing() -> None:
    whole = answer().content
    accepted = [at for at, mutant in flipped(whole) if judge(entry(mutant)).startswith(GOOD)]
    assert accepted == []


@pytest.mark.parametrize(
    ("extension", "words"),
    [
        (x509.DeltaCRLIndicator(1), "changes alone"),
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), "unknown"),
        (x509.IssuingDistributionPoint(None, None, True, False, None, False, False), "signers"),
        (x509.IssuingDistributionPoint(None, None, False, True, None, False, False), "authorities"),
        (x509.IssuingDistributionPoint(None, None, False, False, None, True, False), "several"),
        (x509.IssuingDistributionPoint(None, None, False, False, None, False, True), "attribute"),
        (x509.IssuingDistributionPoint(
            None, None, False, False, frozenset({Reason.superseded}), False, False), "some rea"),
        (x509.IssuingDistributionPoint(
            [x509.UniformResourceIdentifier("http://crl.example/1")], None, False, False, None,
            False, False), "one part"),
    ],
)  # fmt: skip
def test_list_of_another_scope_does_not_vouch(extension: x509.ExtensionType, words: str) -> None:
    found = judge(crl(extensions=((extension, True),)))
    if words == "signers":
        assert found.startswith(GOOD)  # it is about signers, and this is one
    else:
        assert words in found


@pytest.mark.parametrize("reason", [None, Reason.superseded, Reason.certificate_hold])
def test_attack_10_what_a_delta_lists_is_revoked(reason: Reason | None) -> None:
    delta: Extensions = ((x509.DeltaCRLIndicator(1), True),)
    listed = crl(revoked(SERIAL, BEFORE, reason), extensions=delta)
    assert judge(listed) == judge(crl(), listed) == "CERT_REVOKED"
    assert judge(crl(), crl(extensions=delta)).startswith(GOOD)
    taken_off = crl(revoked(SERIAL, BEFORE, Reason.remove_from_crl), extensions=delta)
    assert judge(taken_off) != "CERT_REVOKED"
    assert not judge(taken_off).startswith(GOOD)


def _of(issuer: x509.Certificate, serial: int) -> x509.RevokedCertificate:
    name = x509.CertificateIssuer([x509.DirectoryName(issuer.subject)])
    builder = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(BEFORE)
    return builder.add_extension(name, critical=True).build()


def test_attack_10_indirect_list_lists_the_certificates_of_its_issuer_and_of_others() -> None:
    """RFC 5280 section 5.3.3: an entry is of the issuer that it or the one before it names."""
    scope: Extensions = (
        (x509.IssuingDistributionPoint(None, None, False, False, None, True, False), True),
    )
    plain, other, own = revoked(SERIAL, BEFORE), _of(ROOT, 3), _of(LINK, 4)
    for listed, is_ours in (
        ((plain,), True),
        ((other, plain), False),
        ((other, own, plain), True),
        ((_of(ROOT, SERIAL),), False),
        ((_of(LINK, SERIAL),), True),
        ((other, _of(LINK, SERIAL)), True),
    ):
        found = judge(crl(*listed, extensions=scope))
        assert (found == "CERT_REVOKED") == is_ours, listed
        assert is_ours or "several authorities" in found


def test_attack_10_broken_entry_of_another_issuer_hides_no_revocation() -> None:
    scope: Extensions = (
        (x509.IssuingDistributionPoint(None, None, False, False, None, True, False), True),
    )
    builder = x509.RevokedCertificateBuilder().serial_number(3).revocation_date(BEFORE)
    broken = x509.UnrecognizedExtension(x509.CRLReason.oid, b"\xff")
    unread = builder.add_extension(broken, critical=False).build()
    for listed in ((_of(LINK, 4), unread, revoked(SERIAL, BEFORE)), (unread, _of(LINK, SERIAL))):
        assert judge(crl(*listed, extensions=scope)) == "CERT_REVOKED"
    # Nor does it say more than the list does of a certificate that is not in it.
    assert "several authorities" in judge(crl(unread, extensions=scope))


def test_list_of_signers_says_nothing_of_authorities() -> None:
    scope = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    of_link = crl(issuer=ROOT, key=ROOT_KEY, extensions=((scope, True),))
    found = judge_revocation(PATH, given_revocations((of_link,)), NOW)
    assert isinstance(found, tuple)
    assert "signers alone" in found[1].detail


def test_issuer_whose_key_may_not_sign_lists_says_nothing() -> None:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    bits = {name: name == "key_cert_sign" for name in names}
    link = certificate(
        "link", "root", LINK_KEY, ROOT_KEY, (*AUTHORITY, (x509.KeyUsage(**bits), True)), **WIDE
    )
    given_list = given_revocations((crl(revoked(SERIAL, BEFORE)),))
    assert isinstance(judge_revocation((LEAF, link, ROOT), given_list, NOW), tuple)


OCSP_SIGNING: Extensions = ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),)


@pytest.mark.parametrize(
    ("issuer", "issuer_key", "extensions", "window", "good"),
    [
        ("link", LINK_KEY, OCSP_SIGNING, WIDE, True),
        ("link", LINK_KEY, (), WIDE, False),
        ("link", LINK_KEY, ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),),
         WIDE, False),
        ("root", ROOT_KEY, OCSP_SIGNING, WIDE, False),
        ("link", ROOT_KEY, OCSP_SIGNING, WIDE, False),
        ("link", LINK_KEY, OCSP_SIGNING, {"since": NOW - 2 * YEAR, "until": NOW - YEAR}, False),
    ],
)  # fmt: skip
def test_attack_09_delegate_of_the_issuer_must_be_made_for_answers(
    issuer: str,
    issuer_key: PrivateKey,
    extensions: Extensions,
    window: dict[str, Any],
    good: bool,  # noqa: FBT001 - a column of a table
) -> None:
    helper = certificate("responder", issuer, HELPER_KEY, issuer_key, extensions, **window)
    found = judge(answer(signer=helper, key=HELPER_KEY, along=(helper,)))
    assert found.startswith(GOOD) == good, found


@pytest.mark.parametrize("value", ["3003020106", "3004a3023000"])
def test_responder_whose_certificate_cannot_be_read_is_none(value: str) -> None:
    kind = x509.TLSFeature.oid if value.endswith("06") else x509.SubjectAlternativeName.oid
    odd = (x509.UnrecognizedExtension(kind, bytes.fromhex(value)), False)
    helper = certificate("responder", "link", HELPER_KEY, LINK_KEY, (*OCSP_SIGNING, odd),
                         since=NOW - 9 * YEAR, until=NOW + 60 * YEAR)  # fmt: skip
    assert "neither by" in judge(answer(signer=helper, key=HELPER_KEY, along=(helper,)))


def test_answer_by_a_stranger_says_nothing() -> None:
    bad = answer(ocsp.OCSPCertStatus.REVOKED, BEFORE, signer=ROOT, key=ROOT_KEY)
    assert "neither by the issuer" in judge(bad)


def test_unknown_is_not_good() -> None:
    assert "does not know" in judge(answer(ocsp.OCSPCertStatus.UNKNOWN))


# --- reading --------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None, database=None)
@given(content=st.binary(max_size=120) | st.builds(
    lambda cut, rest: crl().content[:cut] + rest, st.integers(0, 140), st.binary(max_size=20)
))  # fmt: skip
def test_any_bytes_are_a_broken_entry_at_worst(content: bytes) -> None:
    found = given_revocations((entry(content),))
    assert isinstance(found, Revocations)
    assert judge(entry(content)).startswith("noted")


def test_broken_entry_is_noted_beside_good_ones() -> None:
    found = judge_revocation(PATH, given_revocations((entry(b"x"), crl())), NOW)
    assert isinstance(found, tuple)
    assert found[0].reason == "KEYRING_UNUSABLE"
    assert found[1].outcome is CheckOutcome.PASSED


def test_answer_that_answers_nothing_is_malformed() -> None:
    built = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    with pytest.raises(MalformedError, match="try_later"):
        read_revocation(entry(built.public_bytes(Encoding.DER)))


def test_entries_are_described_for_the_trust_page() -> None:
    (of_list,) = describe(crl(revoked(SERIAL, BEFORE)), LIMITS)
    assert (of_list.identity, of_list.algorithm) == ("CN=link", "CRL, 1 revoked")
    assert (of_list.valid_from, of_list.valid_until) == (NOW - DAY, NOW + DAY)
    (of_answer,) = describe(answer(), LIMITS)
    assert of_answer.algorithm == "OCSP, 1 answered"
    assert of_answer.valid_until == NOW + DAY
    with pytest.raises(MalformedError):
        describe(entry(b"nothing"), LIMITS)


# --- an authority with several keys ---------------------------------------------------------------

NEW_KEY, LISTS_KEY = private_key("p256", "renewed link"), private_key("p256", "lists of link")
LISTS = (
    x509.KeyUsage(
        crl_sign=True, digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=False, encipher_only=False,
        decipher_only=False,
    ),
    True,
)  # fmt: skip
RENEWED = certificate("link", "root", NEW_KEY, ROOT_KEY, AUTHORITY, **WIDE)
BY_LINK = certificate("link", "link", LISTS_KEY, LINK_KEY, (LISTS,), **WIDE)
OLD_BY_NEW = certificate("link", "link", LINK_KEY, NEW_KEY, AUTHORITY, **WIDE)
STRANGER = certificate("link", "link", LISTS_KEY, LISTS_KEY, AUTHORITY, **WIDE)
PLAIN = certificate("link", "root", LISTS_KEY, ROOT_KEY, **WIDE)  # says neither of the two
FURTHER = {  # the lists' key, what came along, what was given → whether its lists are the issuer's
    "renewed by the root": (NEW_KEY, (LINK, RENEWED), (ROOT,), True),
    "for lists alone": (LISTS_KEY, (LINK, BY_LINK), (ROOT,), True),
    "renewed and above": (NEW_KEY, (OLD_BY_NEW, RENEWED), (ROOT,), True),
    "under another anchor": (NEW_KEY, (LINK,), (ROOT, RENEWED), False),
    "a stranger's": (LISTS_KEY, (LINK, STRANGER), (ROOT,), False),
    "neither authority nor for lists": (LISTS_KEY, (LINK, PLAIN), (ROOT,), False),
    "not at hand": (NEW_KEY, (LINK,), (ROOT,), False),
}


@pytest.mark.parametrize(("key", "along", "given", "counts"), FURTHER.values(), ids=FURTHER)
def test_attack_10_list_by_another_key_of_the_issuer_refutes_and_does_not_vouch(
    key: PrivateKey,
    along: tuple[x509.Certificate, ...],
    given: tuple[x509.Certificate, ...],
    *,
    counts: bool,
) -> None:
    """RFC 5280 section 6.3.3 (f): an authority may sign its lists with another of its keys."""

    def found(*listed: x509.RevokedCertificate) -> Chain | Fault:
        trust = Trust((authority_entry(*given), crl(*listed, key=key)))
        return verify_chain((LEAF, *along), given_authorities(trust), NOW)

    refuted, passed = found(revoked(SERIAL, BEFORE)), found()
    assert isinstance(refuted, Fault) == counts
    assert not isinstance(refuted, Fault) or refuted.reason == "CERT_REVOKED"
    assert isinstance(passed, Chain)
    assert not any(check.detail.startswith("CN=signer is not") for check in passed.checks)
    words = "another key of the issuer" if counts else "does not hold under the issuer's key"
    assert any(words in check.detail for check in passed.checks)


# --- through the chain ----------------------------------------------------------------------------


def chained(*entries: TrustEntry, proved_at: datetime | None = None) -> Chain | Fault:
    authorities = given_authorities(Trust((*AUTHORITIES, *entries)))
    return verify_chain((LEAF, LINK), authorities, NOW, proved_at=proved_at)


def test_attack_10_chain_with_a_revoked_certificate_is_refused() -> None:
    found = chained(crl(revoked(SERIAL, BEFORE)))
    assert isinstance(found, Fault)
    assert found.reason == "CERT_REVOKED"
    found = chained(crl(revoked(SERIAL, LATER, Reason.superseded)), proved_at=PROVED)
    assert isinstance(found, Chain)
    assert any("after the time" in check.detail for check in found.checks)


def test_attack_10_anchor_that_another_one_withdrew_is_refused() -> None:
    """A bundle of authorities has those in it that others of it issued."""
    of_link = crl(revoked(LINK.serial_number, BEFORE), issuer=ROOT, key=ROOT_KEY)
    given, of_leaf = authority_entry(LINK), crl(revoked(SERIAL, BEFORE))
    for entries in ((given, of_link), (authority_entry(LEAF), given, of_leaf)):
        found = chained(*entries)
        assert isinstance(found, Fault)
        assert found.reason == "CERT_REVOKED"
        authorities = given_authorities(Trust(entries))  # no other anchor: its word is the trust
        assert isinstance(verify_chain((LEAF, LINK), authorities, NOW), Chain) == (
            of_link in entries
        )
    found = chained(given, crl(issuer=ROOT, key=ROOT_KEY))
    assert isinstance(found, Chain)
    assert len(found.links) == 2
    assert found.checks[1].outcome is CheckOutcome.PASSED


def test_chain_says_what_was_not_checked() -> None:
    found = chained()
    assert isinstance(found, Chain)
    assert [check.detail for check in found.checks] == [
        "revocation not checked: no list and no answer was given"
    ]
    found = chained(crl(), crl(issuer=ROOT, key=ROOT_KEY))
    assert isinstance(found, Chain)
    assert [check.outcome for check in found.checks] == [CheckOutcome.PASSED] * 2


def test_chain_holds_at_a_proved_time_after_its_end() -> None:
    old = certificate("old", "root", LEAF_KEY, ROOT_KEY, since=NOW - YEAR, until=NOW - 20 * DAY)
    authorities = given_authorities(Trust(AUTHORITIES))
    now = verify_chain((old,), authorities, NOW)
    assert isinstance(now, Fault)
    assert now.reason == "CERT_EXPIRED_AT_SIGNING"
    assert "nothing proves" in now.detail
    then = verify_chain((old,), authorities, NOW, proved_at=PROVED)
    assert isinstance(then, Chain)
    assert then.due_at is None
    late = verify_chain((old,), authorities, NOW, proved_at=NOW - 19 * DAY)
    assert isinstance(late, Fault)
    assert "at the time that is proved" in late.detail


@pytest.mark.parametrize(
    ("at", "reason", "stands"),
    [
        (MADE_AT - DAY, Reason.superseded, False),
        (MADE_AT + DAY, Reason.superseded, True),
        (MADE_AT + DAY, Reason.key_compromise, False),
        (MADE_AT + DAY, Reason.privilege_withdrawn, False),
        (MADE_AT + DAY, Reason.unspecified, True),
        (MADE_AT + DAY, None, False),
    ],
)
def test_attack_10_timestamp_of_a_revoked_authority(
    at: datetime,
    reason: Reason | None,
    stands: bool,  # noqa: FBT001 - a column of a table
) -> None:
    key = private_key("p256", "tsa root ")
    withdrawn = crl(revoked(STAMPER.signer.serial_number, at, reason), issuer=STAMPER.root, key=key)
    trust = setting(authority_entry(STAMPER.root), withdrawn)
    alone = verify(evidence(token(), artifact(SIGNED)), trust)
    assert (alone.format, alone.reason) == ("rfc3161", "" if stands else "CERT_REVOKED")
    given_trust = given_authorities(Trust((authority_entry(STAMPER.root), withdrawn)))
    roots = given_timestamp_authorities(given_trust)
    found = verify_timestamp(token(), SIGNED, roots, LIMITS)
    assert isinstance(found, ProvedTime) == stands
    if isinstance(found, Fault):
        assert found.reason == "CERT_REVOKED"


@pytest.mark.parametrize("turn", [1, -1])
def test_authority_of_another_time_says_nothing_of_a_revoked_one(turn: int) -> None:
    """Its entry is given twice, for two times: the order of entries changes nothing."""
    key = private_key("p256", "tsa root ")
    listed = revoked(STAMPER.signer.serial_number, MADE_AT - DAY)
    root = authority_entry(STAMPER.root)
    entries = (root, replace(root, valid_until=MADE_AT - DAY))[::turn]
    trust = setting(*entries, crl(listed, issuer=STAMPER.root, key=key))
    assert verify(evidence(token(), artifact(SIGNED)), trust).reason == "CERT_REVOKED"
    assert verify(evidence(token(), artifact(SIGNED)), setting(*entries)).reason == ""


# --- real tools -----------------------------------------------------------------------------------

CONFIGURATION = """\
[ca]
default_ca = mine
[mine]
database = index.txt
crlnumber = number
default_md = sha256
default_crl_days = 30
unique_subject = no
"""


def _office(folder: Path, *lines: str) -> None:
    """Lay out what `openssl ca` and `openssl ocsp` work on, with these lines in the index."""
    for name, content in (
        ("link.pem", pem(LINK)), ("link.key", private_pem(LINK_KEY)), ("leaf.pem", pem(LEAF)),
        ("ca.cnf", CONFIGURATION.encode()), ("number", b"01\n"),
        ("index.txt", "".join(f"{line}\n" for line in lines).encode()),
    ):  # fmt: skip
        (folder / name).write_bytes(content)


def _line(standing: str) -> str:
    state, _, at = standing.partition(" ")
    serial = f"{SERIAL:X}"
    serial = serial if len(serial) % 2 == 0 else f"0{serial}"
    return f"{state}\t291122120000Z\t{at}\t{serial}\tunknown\t/CN=signer"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("V", GOOD),
        ("R 261023120000Z,superseded", "CERT_REVOKED"),
        ("R 261023120000Z,keyCompromise", "CERT_REVOKED"),
        ("R 261023120000Z", "CERT_REVOKED"),
    ],
)
def test_list_by_openssl(tmp_path: Path, line: str, expected: str) -> None:
    _office(tmp_path, _line(line))
    openssl(
        tmp_path, "ca", "-config", "ca.cnf", "-gencrl", "-cert", "link.pem", "-keyfile", "link.key",
        "-out", "list.pem", "-crl_lastupdate", "261122120000Z", "-crl_nextupdate", "261224120000Z",
    )  # fmt: skip
    listed = entry((tmp_path / "list.pem").read_bytes())
    assert judge(listed).startswith(expected)
    before = datetime.fromisoformat("2026-10-01T00:00:00+00:00")
    stands = expected == GOOD or "keyCompromise" not in line
    assert (judge(listed, proved_at=before) != "CERT_REVOKED") == stands


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("V", GOOD),
        ("R 261023120000Z,superseded", "CERT_REVOKED"),
        ("", "does not know"),
    ],
)
@pytest.mark.parametrize("delegated", [True, False])
def test_answer_by_openssl(tmp_path: Path, line: str, expected: str, delegated: bool) -> None:  # noqa: FBT001
    _office(tmp_path, *([_line(line)] if line else []))
    helper = certificate("responder", "link", HELPER_KEY, LINK_KEY, OCSP_SIGNING,
                         since=NOW - 9 * YEAR, until=NOW + 60 * YEAR)  # fmt: skip
    (tmp_path / "helper.pem").write_bytes(pem(helper))
    (tmp_path / "helper.key").write_bytes(private_pem(HELPER_KEY))
    name = "helper" if delegated else "link"
    openssl(tmp_path, "ocsp", "-issuer", "link.pem", "-cert", "leaf.pem", "-no_nonce",
            "-reqout", "request.der")  # fmt: skip
    openssl(tmp_path, "ocsp", "-index", "index.txt", "-CA", "link.pem", "-rsigner", f"{name}.pem",
            "-rkey", f"{name}.key", "-reqin", "request.der", "-respout", "answer.der",
            "-ndays", "3")  # fmt: skip
    content = (tmp_path / "answer.der").read_bytes()
    (single,) = ocsp.load_der_ocsp_response(content).responses
    found = judge(entry(content), now=single.this_update_utc + DAY)
    assert expected in found


def test_openssl_and_we_agree_on_a_revoked_chain(tmp_path: Path) -> None:
    folder = tmp_path
    listed = crl(revoked(SERIAL, BEFORE), extensions=((x509.CRLNumber(1), False),))
    of_root = crl(issuer=ROOT, key=ROOT_KEY, extensions=((x509.CRLNumber(1), False),))
    for name, content in (("root.pem", pem(ROOT)), ("link.pem", pem(LINK)),
                          ("leaf.pem", pem(LEAF))):  # fmt: skip
        (folder / name).write_bytes(content)
    for lists, stands in (((crl(extensions=((x509.CRLNumber(1), False),)), of_root), True),
                          ((listed, of_root), False)):  # fmt: skip
        (folder / "lists.pem").write_bytes(b"".join(
            x509.load_der_x509_crl(each.content).public_bytes(Encoding.PEM) for each in lists
        ))  # fmt: skip
        said = subprocess.run(
            ["openssl", "verify", "-attime", str(int(NOW.timestamp())), "-crl_check_all",
             "-CRLfile", "lists.pem", "-CAfile", "root.pem", "-untrusted", "link.pem", "leaf.pem"],
            cwd=folder, check=False, capture_output=True,
        )  # fmt: skip
        assert (said.returncode == 0) == stands, said.stderr
        assert isinstance(chained(*lists), Chain) == stands


@pytest.mark.parametrize("form", ["uncompressed", "compressed"])
def test_attack_10_answer_names_the_issuer_by_its_key_as_it_stands_in_the_certificate(
    tmp_path: Path, form: str
) -> None:
    """RFC 6960 section 4.1.1 hashes the octets of the key, whichever form they have."""
    for name in ("ca", "leaf"):
        words = f"ecparam -name prime256v1 -genkey -noout -out {name}.key"
        openssl(tmp_path, *words.split())
    openssl(tmp_path, *f"ec -in ca.key -conv_form {form} -out form.key".split())
    openssl(
        tmp_path,
        *["req", "-x509", "-key", "form.key", "-subj", "/CN=ca", "-days", "9", "-out", "ca.pem"],
    )
    openssl(tmp_path, *["req", "-new", "-key", "leaf.key", "-subj", "/CN=leaf", "-out", "leaf.csr"])
    words = "x509 -req -in leaf.csr -CA ca.pem -CAkey form.key -set_serial 4660 -out leaf.pem"
    openssl(tmp_path, *words.split())
    (tmp_path / "index").write_text("R\t300101000000Z\t260101000000Z\t1234\tunknown\t/CN=leaf\n")
    words = "ocsp -issuer ca.pem -cert leaf.pem -no_nonce -reqout asked"
    openssl(tmp_path, *words.split())
    words = "ocsp -index index -rsigner ca.pem -rkey form.key -CA ca.pem -reqin asked -ndays 9"
    openssl(tmp_path, *words.split(), "-respout", "answer")
    path = [
        read_certificates((tmp_path / f"{name}.pem").read_bytes())[0] for name in ("leaf", "ca")
    ]
    given = given_revocations((entry((tmp_path / "answer").read_bytes()),))
    found = judge_revocation(path, given, NOW)
    assert isinstance(found, Fault)
    assert found.reason == "CERT_REVOKED"
