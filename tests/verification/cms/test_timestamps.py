"""Timestamps by RFC 3161: what they prove, and everything that keeps them from it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

from core.limits import Limits
from core.model import Trust, digest_of
from tests.verification.cms.timestamp_specimens import (
    FAR,
    MADE_AT,
    SIGNED,
    STAMPER,
    STAMPING,
    YEAR,
    Stamper,
    openssl_token,
    refusal,
    response,
    stamper,
    token,
)
from tests.verification.specimens import (
    AUTHORITY,
    DAY,
    NOW,
    Extensions,
    authority_entry,
    certificate,
    flipped,
    private_key,
)
from verification.cms.timestamp_token import Token, is_timestamp, read_timestamp
from verification.cms.timestamps import (
    ProvedTime,
    TimestampAuthority,
    chain_authority,
    given_timestamp_authorities,
    judge_timestamp,
    verify_timestamp,
)
from verification.fault import Fault
from verification.readers import der
from verification.readers.der import DerReader
from verification.x509.anchors import Anchors
from verification.x509.certificates import certificate_digest
from verification.x509.chain import given_authorities

LIMITS = Limits()
EKU = x509.ExtendedKeyUsage
STAMP, CODE = ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING


def judge(held: bytes, made: Stamper = STAMPER, signed: bytes = SIGNED) -> ProvedTime | Fault:
    return verify_timestamp(held, signed, [made.authority()], LIMITS)


def reason(held: bytes, made: Stamper = STAMPER, signed: bytes = SIGNED) -> str:
    found = judge(held, made, signed)
    assert isinstance(found, Fault), found
    assert found.expected
    assert found.found
    assert found.detail
    return found.reason


def proved(held: bytes, made: Stamper = STAMPER) -> ProvedTime:
    found = judge(held, made)
    assert isinstance(found, ProvedTime), found
    return found


# --- what is proved -------------------------------------------------------------------------------


def test_token_proves_its_time_within_the_accuracy_stated() -> None:
    found = proved(token(accuracy={"seconds": 2, "millis": 500, "micros": 7}))
    margin = timedelta(seconds=2, milliseconds=500, microseconds=7)
    assert (found.at, found.after, found.before) == (MADE_AT, MADE_AT - margin, MADE_AT + margin)
    assert found.anchor == certificate_digest(STAMPER.root)
    assert found.signer == STAMPER.signer
    assert found.imprint == digest_of(SIGNED)
    assert (found.policy, found.serial) == ("1.2.3.4", 0x1234)


def test_token_without_accuracy_states_an_instant() -> None:
    found = proved(token(accuracy=None))
    assert found.after == found.at == found.before


def test_fractions_of_a_second_are_read() -> None:
    moment = MADE_AT + timedelta(microseconds=123_400)
    assert proved(token(made_at=moment)).at == moment


@pytest.mark.parametrize("state", ["granted", "granted_with_mods"])
def test_answer_that_grants_is_as_good_as_its_token(state: str) -> None:
    assert proved(response(token(), state)).at == MADE_AT


def test_answer_that_grants_nothing_is_refused() -> None:
    assert is_timestamp(refusal())
    assert reason(refusal()) == "TIMESTAMP_INVALID"
    assert reason(response(token(), "rejection")) == "TIMESTAMP_INVALID"


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa-2048", "ed25519"])
@pytest.mark.parametrize("hashed", ["sha256", "sha384", "sha512"])
def test_strong_keys_and_hashes_are_accepted(kind: str, hashed: str) -> None:
    made = stamper(kind=kind, name=kind)
    digest = "sha512" if kind == "ed25519" else hashed  # RFC 8419 section 3.1
    assert proved(token(made, digest=digest, imprint=hashed), made).at == MADE_AT


def test_signature_with_probabilistic_padding_is_accepted() -> None:
    made = stamper(kind="rsa-2048", name="pss")
    assert "PSS" in proved(token(made, padding="pss"), made).scheme


def test_attack_08_ed25519_goes_with_sha512_alone() -> None:
    made = stamper(kind="ed25519", name="edwards")
    assert reason(token(made, digest="sha256"), made) == "FORMAT_UNSUPPORTED"


@pytest.mark.parametrize("ess", [("v1",), ("v2",), ("v1", "v2"), ("v2 by SHA-1",)])
@pytest.mark.parametrize("by_key", [False, True])
def test_signer_may_be_named_in_every_way_there_is(ess: tuple[str, ...], by_key: bool) -> None:  # noqa: FBT001
    assert proved(token(ess=ess, by_key=by_key)).at == MADE_AT


@pytest.mark.parametrize("is_set_empty", [False, True])
def test_certificate_need_not_come_along_where_the_trust_has_it(is_set_empty: bool) -> None:  # noqa: FBT001
    bare = token(certificates=())
    if is_set_empty:  # as Sigstore's and GitHub's authorities write it
        parsed = cms.ContentInfo.load(bare)
        parsed["content"]["certificates"] = []
        bare = parsed.dump(force=True)
        assert b"\xa0\x001" in bare
    assert reason(bare) == "CERT_UNTRUSTED"
    known = STAMPER.authority(others=(STAMPER.signer,))
    found = verify_timestamp(bare, SIGNED, [known], LIMITS)
    assert isinstance(found, ProvedTime)


def test_certificates_may_come_in_any_order_and_number() -> None:
    strangers = tuple(stamper(name=f"stranger {number}").signer for number in range(3))
    held = token(certificates=(strangers[2], STAMPER.root, STAMPER.signer, *strangers))
    assert proved(held).at == MADE_AT
    parsed = cms.ContentInfo.load(held)
    along = list(parsed["content"]["certificates"])
    reverse = [each.dump() for each in reversed(along)]
    inner = b"".join(reverse)
    turned = held.replace(b"".join(each.dump() for each in along), inner)
    assert turned != held
    assert proved(turned).at == MADE_AT


def test_broken_certificate_beside_the_right_one_changes_nothing() -> None:
    beside = stamper(name="broken").signer
    held = token(certificates=(beside, STAMPER.signer))
    broken = beside.public_bytes(Encoding.DER)
    changed = held.replace(broken, broken.replace(b"\x17\x0d2", b"\x17\x0dx"))
    assert changed != held
    assert proved(changed).at == MADE_AT


# --- time -----------------------------------------------------------------------------------------


def test_expired_authority_still_proves_what_it_stamped() -> None:
    made = stamper(name="past", since=NOW - YEAR, until=NOW - 300 * DAY)
    assert proved(token(made, made_at=NOW - 320 * DAY), made).at == NOW - 320 * DAY


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_validity_is_a_closed_interval(late: int) -> None:
    made = stamper(name="bounds", since=NOW - 9 * DAY, until=NOW - 3 * DAY)
    for bound, sign in ((NOW - 9 * DAY, -1), (NOW - 3 * DAY, 1)):
        found = judge(token(made, made_at=bound + sign * late * timedelta(seconds=1)), made)
        assert isinstance(found, ProvedTime) == (late <= 0)
        if isinstance(found, Fault):
            assert found.reason == "CERT_EXPIRED_AT_SIGNING"


def test_attack_02_authority_counts_in_its_closed_window_alone() -> None:
    second = timedelta(seconds=1)
    for opens, ends, counts in (
        (MADE_AT, MADE_AT, True),
        (MADE_AT + second, None, False),
        (None, MADE_AT - second, False),
    ):
        authority = STAMPER.authority(valid_from=opens, valid_until=ends)
        found = verify_timestamp(token(), SIGNED, [authority], LIMITS)
        assert isinstance(found, ProvedTime) == counts
        if isinstance(found, Fault):
            assert found.reason == "CERT_UNTRUSTED"


def test_a_path_that_is_kept_is_not_used_outside_its_time() -> None:
    made = stamper(name="kept", since=NOW - 9 * DAY, until=NOW - 3 * DAY)
    for _ in range(2):
        assert proved(token(made, made_at=NOW - 5 * DAY), made).at == NOW - 5 * DAY
        assert reason(token(made, made_at=NOW - 2 * DAY), made) == "CERT_EXPIRED_AT_SIGNING"


# --- who ------------------------------------------------------------------------------------------


def test_stranger_is_untrusted() -> None:
    other = stamper(name="other")
    assert reason(token(other)) == "CERT_UNTRUSTED"
    assert isinstance(verify_timestamp(token(), SIGNED, [], LIMITS), Fault)


def test_given_certificates_are_authorities_in_their_windows() -> None:
    entry = authority_entry(STAMPER.root, until=MADE_AT - DAY)
    other = authority_entry(stamper(name="other").root)
    given_roots = given_timestamp_authorities(given_authorities(Trust((entry, other))))
    assert len(given_roots) == 2
    found = verify_timestamp(token(), SIGNED, given_roots, LIMITS)
    assert isinstance(found, Fault)
    open_ended = given_authorities(Trust((authority_entry(STAMPER.root), other)))
    roots = given_timestamp_authorities(open_ended)
    assert isinstance(verify_timestamp(token(), SIGNED, roots, LIMITS), ProvedTime)


def test_chain_of_a_root_file_pins_its_signer() -> None:
    authority = chain_authority([STAMPER.signer, STAMPER.root])
    assert authority.signer == STAMPER.signer
    assert isinstance(verify_timestamp(token(), SIGNED, [authority], LIMITS), ProvedTime)
    root_key, key = private_key("p256", "tsa root "), private_key("p256", "second")
    second = Stamper(
        STAMPER.root, certificate("stamper 2", "stamp root ", key, root_key, STAMPING), key
    )
    held = token(second, made_at=NOW)
    assert proved(held, second).at == NOW
    found = verify_timestamp(held, SIGNED, [authority], LIMITS)
    assert isinstance(found, Fault)
    assert found.reason == "CERT_UNTRUSTED"
    assert certificate_digest(STAMPER.signer) in found.expected


def test_chain_of_a_root_file_may_be_without_its_signer() -> None:
    authority = chain_authority([STAMPER.root])
    assert authority.signer is None
    assert isinstance(verify_timestamp(token(), SIGNED, [authority], LIMITS), ProvedTime)


def test_intermediates_lead_to_the_root() -> None:
    made, link = _with_intermediate(())
    found = proved(token(made, certificates=(made.signer, link)), made)
    assert len(found.path.links) == 3
    assert reason(token(made), made) == "CERT_UNTRUSTED"


def test_intermediate_for_other_purposes_does_not_lead_there() -> None:
    made, link = _with_intermediate(((EKU([ExtendedKeyUsageOID.SERVER_AUTH]), False),))
    assert reason(token(made, certificates=(made.signer, link)), made) == "CERT_UNTRUSTED"
    fit, fitting = _with_intermediate(((EKU([STAMP]), False),))
    assert proved(token(fit, certificates=(fit.signer, fitting)), fit).at == MADE_AT


def _with_intermediate(extensions: Extensions) -> tuple[Stamper, x509.Certificate]:
    key = private_key("p256", "stamp link")
    wide = {"since": NOW - YEAR, "until": NOW + YEAR}
    link = certificate(
        "link", "stamp root ", key, private_key("p256", "tsa root "), (*AUTHORITY, *extensions),
        **wide,
    )  # fmt: skip
    signer = certificate("below", "link", STAMPER.key, key, STAMPING, **wide)
    return Stamper(STAMPER.root, signer, STAMPER.key), link


@pytest.mark.parametrize(
    "extensions",
    [
        (),
        ((EKU([STAMP]), False),),
        ((EKU([STAMP, CODE]), True),),
        ((EKU([CODE]), True),),
        ((EKU([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), True),),
        (*STAMPING, (x509.BasicConstraints(ca=True, path_length=None), True)),
        (
            *STAMPING,
            (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), True),
        ),
    ],
)
def test_attack_09_certificate_for_other_uses_does_not_stamp(extensions: Extensions) -> None:
    made = stamper(extensions, name="wrong use")
    assert reason(token(made), made) == "CERT_USAGE"


def test_attack_09_key_usage_must_allow_signatures() -> None:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    for allowed, fits in (("digital_signature", True), ("content_commitment", True),
                          ("crl_sign", False)):  # fmt: skip
        bits = {name: name == allowed for name in names}
        made = stamper((*STAMPING, (x509.KeyUsage(**bits), True)), name="bits")
        found = judge(token(made), made)
        assert isinstance(found, ProvedTime) == fits
        if isinstance(found, Fault):
            assert found.reason == "CERT_USAGE"


def test_attack_10_short_keys_are_weak() -> None:
    made = stamper(kind="rsa-1024", name="short")
    assert reason(token(made), made) == "ALGORITHM_WEAK"


# --- what was signed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_parts", "expected"),
    [
        ({"signed": b"other bytes"}, "TIMESTAMP_INVALID"),
        ({"imprint": "sha1"}, "ALGORITHM_WEAK"),
        ({"imprint": "md5"}, "ALGORITHM_WEAK"),
        ({"imprint": "sha224"}, "ALGORITHM_WEAK"),
        ({"digest": "sha1"}, "ALGORITHM_WEAK"),
        ({"content_type": "data"}, "TIMESTAMP_INVALID"),
        ({"message_digest": b"\x01" * 32}, "TIMESTAMP_INVALID"),
        ({"without": ("content_type",)}, "MALFORMED"),
        ({"without": ("message_digest",)}, "MALFORMED"),
        ({"ess": ()}, "MALFORMED"),
        ({"twice": ("content_type",)}, "MALFORMED"),
        ({"twice": ("message_digest",)}, "MALFORMED"),
        ({"twice": ("signing_certificate_v2",)}, "MALFORMED"),
        ({"ess_of": STAMPER.root}, "TIMESTAMP_INVALID"),
        ({"accuracy": {"seconds": -1}}, "MALFORMED"),
        ({"accuracy": {"millis": 1000}}, "MALFORMED"),
        ({"extensions": [{"extn_id": "1.2.3", "critical": True, "extn_value": b"x"}]}, "MALFORMED"),
    ],
)
def test_what_is_wrong_has_its_reason(given_parts: dict[str, Any], expected: str) -> None:
    assert reason(token(**given_parts)) == expected


def _directory(*parts: dict[str, str]) -> asn1_x509.GeneralName:
    return asn1_x509.GeneralName("directory_name", asn1_x509.Name.build(*parts))


def test_name_that_the_authority_states_is_one_of_its_certificate() -> None:
    """RFC 3161 section 2.4.2: where it is present it must be; openssl refuses others, too."""
    beside = x509.SubjectAlternativeName([x509.DNSName("tsa.example")])
    made = stamper(extensions=(*STAMPING, (beside, False)), name="named")
    subject = {"common_name": "stamper named"}
    for stated in (
        _directory(subject),
        _directory({"common_name": "Stamper  NAMED"}),
        asn1_x509.GeneralName("dns_name", "tsa.example"),
    ):
        assert proved(token(made, tsa=stated), made).at == MADE_AT
    for stated in (
        _directory({"common_name": "stamper other"}),
        _directory({"organization_name": "stamper named"}),
        _directory(subject | {"organization_name": "acme"}),
        asn1_x509.GeneralName("dns_name", "other.example"),
        asn1_x509.GeneralName("uniform_resource_identifier", "tsa.example"),
    ):
        assert reason(token(made, tsa=stated), made) == "TIMESTAMP_INVALID"
    assert reason(token(tsa=_directory(subject))) == "TIMESTAMP_INVALID"


def test_extension_that_is_not_critical_is_let_through() -> None:
    stated = [{"extn_id": "1.2.3", "critical": False, "extn_value": b"x"}]
    assert proved(token(extensions=stated)).at == MADE_AT


def test_digest_that_is_not_at_hand_is_asked_for() -> None:
    def only_sha256(name: str) -> Any:
        return digest_of(SIGNED) if name == "sha256" else None

    found = judge_timestamp(token(imprint="sha512"), only_sha256, [STAMPER.authority()], LIMITS)
    assert isinstance(found, Fault)
    assert found.reason == "CONTENT_NEEDED"


def test_attack_01_signature_of_another_token_does_not_fit() -> None:
    read, other = (read_timestamp(token(made_at=MADE_AT + timedelta(days=each)), LIMITS)
                   for each in (0, 1))  # fmt: skip
    assert isinstance(read, Token)
    assert isinstance(other, Token)
    held = token()
    assert proved(held).at == MADE_AT
    swapped = held.replace(read.info_bytes, other.info_bytes)
    assert swapped != held
    assert reason(swapped) == "TIMESTAMP_INVALID"


def test_two_signers_are_refused() -> None:
    parsed = cms.ContentInfo.load(token())
    infos = parsed["content"]["signer_infos"]
    infos.append(cms.ContentInfo.load(token(digest="sha512"))["content"]["signer_infos"][0])
    assert reason(parsed.dump(force=True)) == "MALFORMED"


def test_scheme_names_the_hash_of_the_digest() -> None:
    """RFC 5754 section 3: one hash for both; OpenSSL and others go by the digest alone."""
    made = stamper(kind="rsa-2048", name="rsa")
    held = token(made, digest="sha512")
    assert proved(held, made).at == MADE_AT
    rsa = bytes.fromhex("2a864886f70d0101")
    before, _, behind = held.rpartition(rsa + b"\x01")  # the key's own algorithm: any hash
    assert proved(before + rsa + b"\x0d" + behind, made).at == MADE_AT
    named = before + rsa + b"\x0b" + behind
    assert reason(named, made) == "ALGORITHM_MISMATCH"


def test_attributes_in_another_order_are_signed_as_der_sorts_them() -> None:
    """RFC 5652 section 5.4: what is signed is their DER encoding, however they were sent."""
    content = token()
    read = read_timestamp(content, LIMITS)
    assert isinstance(read, Token)
    listed = DerReader(read.signer.attributes, "made").inside(der.SET)
    spelled = []
    while listed.tag >= 0:
        spelled.append(listed.element())
    assert sorted(spelled) == spelled
    turned = content.replace(b"".join(spelled), b"".join(reversed(spelled)))
    assert turned != content
    assert proved(turned).at == MADE_AT


# --- mutation -------------------------------------------------------------------------------------


def _variants(content: bytes) -> Iterator[tuple[int, bytes]]:
    yield from flipped(content)
    for place in range(len(content)):
        yield place, content[:place] + bytes([content[place] ^ 0x80]) + content[place + 1 :]
        yield place, content[:place] + content[place + 1 :]


def test_every_changed_byte_is_refused() -> None:
    content = token()
    assert proved(content).at == MADE_AT
    mutants = list(_variants(content))
    assert len(mutants) == 3 * len(content)
    assert all(mutant != content for _, mutant in mutants)
    accepted = [place for place, mutant in mutants if isinstance(judge(mutant), ProvedTime)]
    assert accepted == []


def test_every_changed_byte_of_probabilistic_padding_is_refused() -> None:
    """RFC 4056: no signature is over the parameters, so only those it was made with may hold."""
    made = stamper(kind="rsa-2048", name="pss")
    content = token(made, padding="pss")
    assert proved(content, made).at == MADE_AT
    mutants = list(_variants(content))
    accepted = [place for place, mutant in mutants if isinstance(judge(mutant, made), ProvedTime)]
    assert accepted == []


def test_every_changed_byte_of_an_answer_is_refused_but_its_state() -> None:
    held = token()
    content = response(held)
    head = len(content) - len(held)
    assert proved(content).at == MADE_AT
    mutants = [each for each in flipped(content) if each[0] < head]
    assert len(mutants) == head
    accepted = [place for place, mutant in mutants if isinstance(judge(mutant), ProvedTime)]
    # PKIStatus is outside the signature: granted (0) and granted with modifications (1) are one.
    assert accepted == [content.index(b"\x02\x01\x00") + 2]


def test_every_certificate_swapped_is_refused() -> None:
    swaps = (stamper(name="swap").signer, STAMPER.root)
    for other in swaps:
        assert reason(token(certificates=(other,))) == "TIMESTAMP_INVALID"


@settings(max_examples=100, deadline=None, database=None)
@given(content=st.binary(max_size=200) | st.builds(
    lambda cut, rest: token()[:cut] + rest, st.integers(0, 700), st.binary(max_size=40)
))  # fmt: skip
def test_no_bytes_prove_anything_or_raise(content: bytes) -> None:
    assert is_timestamp(content) in (True, False)
    assert isinstance(judge(content), Fault)


def test_attack_16_depth_and_size_are_counted_first() -> None:
    assert reason(b"\x30\x80" * 70) == "TOO_LARGE"
    small = Limits(evidence_bytes=1024)
    found = verify_timestamp(token() + b"\x00" * 1024, SIGNED, [STAMPER.authority()], small)
    assert isinstance(found, Fault)
    assert found.reason == "TOO_LARGE"


# --- other hands ----------------------------------------------------------------------------------


def test_what_openssl_stamps_is_proved_and_openssl_agrees(tmp_path: Path) -> None:
    root_key, key = private_key("p256", "tsa root long"), private_key("p256", "tsa long")
    wide = certificate("wide", "wide", root_key, root_key, AUTHORITY, since=NOW - 2 * YEAR,
                       until=NOW + FAR)  # fmt: skip
    signer = certificate("stamper", "wide", key, root_key, STAMPING, since=NOW - 2 * YEAR,
                         until=NOW + FAR)  # fmt: skip
    made = Stamper(wide, signer, key)
    before = datetime.now(UTC) - timedelta(seconds=5)
    held = openssl_token(tmp_path, made, SIGNED, "-cert")
    found = proved(held, made)
    assert before < found.at < datetime.now(UTC) + timedelta(seconds=5)
    assert found.before - found.at == timedelta(seconds=1, milliseconds=500, microseconds=100)
    said = subprocess.run(
        ["openssl", "ts", "-verify", "-in", "reply.tsr", "-data", "signed", "-CAfile", "root.pem"],
        cwd=tmp_path, check=False, capture_output=True,
    )  # fmt: skip
    assert b"Verification: OK" in said.stdout
    without = openssl_token(tmp_path, made, SIGNED)
    assert reason(without, made) == "CERT_UNTRUSTED"
    authority = TimestampAuthority(Anchors.of([made.root]), (made.signer,))
    assert isinstance(verify_timestamp(without, SIGNED, [authority], LIMITS), ProvedTime)


@pytest.mark.parametrize(
    "given_parts",
    [{}, {"imprint": "sha512"}, {"digest": "sha384"}, {"message_digest": b"\x01" * 32},
     {"content_type": "data"}, {"signed": b"other"}, {"ess": ("v1",)}],
)  # fmt: skip
def test_the_library_agrees(given_parts: dict[str, Any]) -> None:
    held = response(token(**given_parts))
    verifier = VerifierBuilder().add_root_certificate(STAMPER.root).build()
    try:
        theirs = verifier.verify_message(decode_timestamp_response(held), SIGNED)
    except (VerificationError, ValueError):
        theirs = False
    # RFC 5652 section 11.1: the library lets another content type than the TSTInfo's pass.
    theirs = theirs and given_parts.get("content_type") != "data"
    assert isinstance(judge(held), ProvedTime) == theirs


def test_streamed_encoding_is_read() -> None:
    streamed = _streamed(token())
    assert streamed[:2] == b"\x30\x80"
    assert is_timestamp(streamed)
    assert proved(streamed).at == MADE_AT


def _streamed(content: bytes) -> bytes:
    """Return the token with the lengths of its outer three elements left open."""
    parsed = cms.ContentInfo.load(content)
    signed_data = parsed["content"]
    parts = b"".join(signed_data[name].dump() for name in
                     ("version", "digest_algorithms", "encap_content_info", "certificates",
                      "signer_infos"))  # fmt: skip
    oid = parsed["content_type"].dump()
    start = b"\x30\x80" + bytes(oid)
    return start + b"\xa0\x80\x30\x80" + parts + b"\x00\x00" * 3
