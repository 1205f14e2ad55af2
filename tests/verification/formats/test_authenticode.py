"""Programs signed by the real osslsigncode, which is the second opinion, too."""

from __future__ import annotations

import struct
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from core.limits import Limits
from core.model import (
    Evidence,
    Outcome,
    Subject,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from tests.verification.specimens import DAY, NOW, authority_entry, certificate, pem, setting
from tests.verification.x509.x509_material import (
    CODE,
    EMAIL,
    OTHER_KEY,
    OTHER_ROOT,
    ROOT,
    ROOT_KEY,
    TIMES,
    Identity,
    attribute,
    identity,
    inside,
    oid,
    osslsigncode,
    program,
    signature_of,
    signed_data,
    signer_info,
    timestamp,
    tlv,
    with_unsigned,
)
from verification.archives.pe_file import read_pe
from verification.cms import identifiers
from verification.cms.signed_data import read_signed_data
from verification.cms.times import MAX_TIMES
from verification.format import Setting
from verification.formats.authenticode import INDIRECT_DATA, PE_IMAGE, Authenticode
from verification.readers import der
from verification.x509.usage import LIFETIME_SIGNING

FORMAT = Authenticode()
TRUST = authority_entry(ROOT)
TABLE_ENTRY = 0x40 + 24 + 112 + 32  # of PE32+: where the directory says where the signature is
CHECKSUM = 0x40 + 24 + 64


def judged(content: bytes, *entries: TrustEntry) -> Verification:
    offered = inside(content, "app.exe")
    assert FORMAT.recognises(offered)
    return FORMAT.verify(offered, setting(*(entries or (TRUST,))))


def signed(folder: Path, content: bytes, who: Identity, *words: str) -> bytes:
    who.write(folder)
    (folder / "root.pem").write_bytes(pem(ROOT))
    (folder / "in.exe").write_bytes(content)
    (folder / "out.exe").unlink(missing_ok=True)
    keys = ["-certs", "leaf.pem", "-key", "leaf.key", "-in", "in.exe", "-out", "out.exe"]
    done = osslsigncode(folder, "sign", *(words or ("-h", "sha256")), *keys)
    assert done.returncode == 0, done.stdout + done.stderr
    return (folder / "out.exe").read_bytes()


KINDS = ("p256", "p384", "rsa-2048")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wide", [True, False], ids=["pe32+", "pe32"])
@pytest.mark.parametrize("hashed", ["sha256", "sha384", "sha512"])
def test_program_of_osslsigncode(kind: str, *, wide: bool, hashed: str, tmp_path: Path) -> None:
    made = signed(tmp_path, program(wide=wide), identity(kind, CODE), "-h", hashed)
    verification = judged(made)
    assert verification.reason == ""
    assert verification.outcome is Outcome.VERIFIED
    assert verification.signer is not None
    assert verification.signer.identity == "CN=acme signer"
    assert verification.claims["authenticode_digest"].startswith(hashed)
    assert judged(made, authority_entry(OTHER_ROOT)).reason == "CERT_UNTRUSTED"


def test_program_without_signature() -> None:
    assert judged(program()).reason == "NOT_SIGNED"


def test_page_hashes_are_no_concern(tmp_path: Path) -> None:
    made = signed(tmp_path, program(), identity("p256", CODE), "-h", "sha256", "-ph")
    assert judged(made).outcome is Outcome.VERIFIED
    changed = made[:0x220] + bytes([made[0x220] ^ 1]) + made[0x221:]
    assert judged(changed).reason == "DIGEST_MISMATCH"


# --- every byte, and the second opinion -----------------------------------------------------------


def test_no_changed_byte_verifies_but_the_checksum(tmp_path: Path) -> None:
    made = signed(tmp_path, program(), identity("p256", CODE))
    assert judged(made).outcome is Outcome.VERIFIED
    good = [
        place
        for place in range(len(made))
        if FORMAT.verify(
            inside(made[:place] + bytes([made[place] ^ 1]) + made[place + 1 :]), setting(TRUST)
        ).outcome
        is Outcome.VERIFIED
    ]
    # Authenticode leaves the checksum of the header out: it changes when a file is signed.
    assert good == list(range(CHECKSUM, CHECKSUM + 4))


def test_osslsigncode_agrees(tmp_path: Path) -> None:
    """Whatever we verify of altered programs, osslsigncode verifies as well."""
    made = signed(tmp_path, program(), identity("p256", CODE))
    agreed = 0
    for place in [CHECKSUM, *range(3, len(made), 61)]:
        changed = made[:place] + bytes([made[place] ^ 1]) + made[place + 1 :]
        ours = FORMAT.verify(inside(changed), setting(TRUST)).outcome is Outcome.VERIFIED
        (tmp_path / "x.exe").write_bytes(changed)
        theirs = osslsigncode(
            tmp_path, "verify", "-CAfile", "root.pem", "-time", str(int(NOW.timestamp())),
            "-ignore-timestamp", "-in", "x.exe",
        )  # fmt: skip
        assert not ours or theirs.returncode == 0, (place, theirs.stdout)
        agreed += ours == (theirs.returncode == 0)
    assert agreed > 30


# --- attack class 12: what stands beside the signature --------------------------------------------


def test_attack_12_bytes_after_the_signature(tmp_path: Path) -> None:
    made = signed(tmp_path, program(), identity("p256", CODE))
    assert judged(made + bytes(8)).reason == "MALFORMED"
    assert judged(made + b"evil").reason == "MALFORMED"
    at, size = struct.unpack_from("<2L", made, TABLE_ENTRY)

    def table(body: bytes, length: int) -> bytes:
        whole = made[:at] + struct.pack("<L2H", length, 0x0200, 2) + body
        entry = struct.pack("<2L", at, len(whole) - at)
        return whole[:TABLE_ENTRY] + entry + whole[TABLE_ENTRY + 8 :]

    body = made[at + 8 :]
    assert judged(table(body, size)).outcome is Outcome.VERIFIED
    assert judged(table(body + b"evilevil", size + 8)).reason == "MALFORMED"
    assert judged(table(body + bytes(8), size + 8)).reason == "MALFORMED"
    assert judged(table(body + b"evilevil", size)).reason == "MALFORMED"
    further = made[at:]  # a second entry
    assert judged(table(body + further, size)).outcome is Outcome.VERIFIED
    assert judged(table(body + further[:-8], size)).reason == "MALFORMED"
    assert judged(table(body + further + b"evilevil", size)).reason == "MALFORMED"
    assert judged(table(body + further * 8, size)).reason == "TOO_LARGE"
    longer = struct.pack("<L2H", size, 0x0200, 1)
    assert judged(made[:at] + longer + body).reason == "MALFORMED"


def behind(first: bytes, second: bytes) -> bytes:
    """Return a signed program with the signature of the second behind its own, in the table."""
    at, size = struct.unpack_from("<2L", first, TABLE_ENTRY)
    further = second[at:]
    entry = struct.pack("<2L", at, size + len(further))
    return first[:TABLE_ENTRY] + entry + first[TABLE_ENTRY + 8 :] + further


def test_two_signatures_in_the_table_as_boot_loaders_have_them(tmp_path: Path) -> None:
    ours = signed(tmp_path, program(), identity("p256", CODE))
    stranger = identity("p256", CODE, name="stranger")
    usage = ((x509.ExtendedKeyUsage([CODE]), False),)
    issued = certificate("stranger", "other root", stranger.key, OTHER_KEY, usage)
    theirs = signed(tmp_path, program(), Identity(stranger.key, issued))
    both = behind(ours, theirs), behind(theirs, ours)
    assert {judged(one).outcome for one in both} == {Outcome.VERIFIED}
    other = authority_entry(OTHER_ROOT)
    assert {judged(one, other).outcome for one in both} == {Outcome.VERIFIED}
    assert judged(behind(theirs, theirs)).reason == "CERT_UNTRUSTED"
    elsewhere = signed(tmp_path, program()[:-1] + b"!", identity("p256", CODE))
    assert judged(behind(ours, elsewhere)).reason == "DIGEST_MISMATCH"
    assert judged(behind(elsewhere, ours)).reason == "DIGEST_MISMATCH"


def test_table_that_points_elsewhere(tmp_path: Path) -> None:
    made = signed(tmp_path, program(), identity("p256", CODE))
    at, size = struct.unpack_from("<2L", made, TABLE_ENTRY)
    for entry in ((at - 8, size + 8), (at, size - 8), (0, size), (at + 8, size - 8), (8, 8)):
        changed = made[:TABLE_ENTRY] + struct.pack("<2L", *entry) + made[TABLE_ENTRY + 8 :]
        assert judged(changed).reason == "MALFORMED"
    assert judged(made[:TABLE_ENTRY] + bytes(8) + made[TABLE_ENTRY + 8 :]).reason == "NOT_SIGNED"


def test_attack_01_signature_of_another_program(tmp_path: Path) -> None:
    first = signed(tmp_path, program(b"\x90" * 64), identity("p256", CODE))
    second = signed(tmp_path, program(b"\xcc" * 64), identity("p256", CODE))
    at, _ = struct.unpack_from("<2L", first, TABLE_ENTRY)
    swapped = first[:at] + second[at:]
    entry = struct.pack("<2L", at, len(second) - at)
    swapped = swapped[:TABLE_ENTRY] + entry + swapped[TABLE_ENTRY + 8 :]
    assert judged(swapped).reason == "DIGEST_MISMATCH"


def resigned(
    made: bytes,
    who: Identity,
    *,
    kind: str = PE_IMAGE,
    content_type: str = INDIRECT_DATA,
    countersigner: Identity | None = None,
    dated: bytes = b"",
    stamped_by: tuple[str, Identity] | None = None,
    nested: int = 0,
    tag: int = 0x30,
    bare: bool | None = None,
) -> bytes:
    """Return a program with its statement signed anew, and countersigned as a proof of time.

    `stamped_by` puts a timestamp in an attribute of that kind instead, and where signatures are
    nested, as many as may be in all of them. The statement is a sequence under the `tag`, or
    what is in it where it is `bare`: as it should be, unless said otherwise.
    """
    held = inside(made).subject.content
    assert held is not None
    data = read_signed_data(read_pe(held, Limits()).signatures[0], Limits())
    assert data.content is not None
    content = data.content.replace(oid(PE_IMAGE), oid(kind))
    content = content if (tag == der.SEQUENCE if bare is None else bare) else tlv(0x30, content)
    info, certificates = signer_info(who, content, content_type=content_type), [who.certificate]
    if countersigner is not None:
        other = signer_info(countersigner, signature_of(info), attributes=(dated,) if dated else ())
        info = with_unsigned(info, attribute("1.2.840.113549.1.9.6", other))
        certificates.append(countersigner.certificate)
    stamps: tuple[bytes, ...] = ()
    if stamped_by is not None:
        token = timestamp(stamped_by[1], signature_of(info), NOW)
        stamps = (attribute(stamped_by[0], *[token] * (MAX_TIMES if nested else 1)),)

    def block_of(*unsigned: bytes) -> bytes:
        whole = with_unsigned(info, *unsigned) if unsigned else info
        return signed_data(
            (whole,), tuple(certificates), content, content_type=content_type, tag=tag
        )

    inner = (
        (attribute(identifiers.NESTED_SIGNATURE, *[block_of(*stamps)] * nested),) if nested else ()
    )
    block = block_of(*stamps, *inner)
    at, _ = struct.unpack_from("<2L", made, TABLE_ENTRY)
    body = block + bytes(-len(block) % 8)
    whole = made[:at] + struct.pack("<L2H", len(body) + 8, 0x0200, 2) + body
    entry = struct.pack("<2L", at, len(body) + 8)
    return whole[:TABLE_ENTRY] + entry + whole[TABLE_ENTRY + 8 :]


def test_attack_04_statement_about_another_kind_of_file_is_about_no_program(
    tmp_path: Path,
) -> None:
    who = identity("p256", CODE)
    made = signed(tmp_path, program(), who)
    assert judged(resigned(made, who)).reason == ""
    installer = "1.3.6.1.4.1.311.2.1.30"
    assert judged(resigned(made, who, kind=installer)).reason == "PAYLOAD_TYPE"
    instead = "1.3.6.1.4.1.311.2.1.21"  # as in fwupd's boot loader of Debian 12
    assert judged(resigned(made, who, kind=instead)).reason == ""
    other = "1.3.6.1.4.1.311.10.1"  # a list of trusted certificates
    assert judged(resigned(made, who, content_type=other)).reason == "PAYLOAD_TYPE"


def test_statement_in_a_string_of_octets_as_signers_of_cms_write_it(tmp_path: Path) -> None:
    who = identity("p256", CODE)
    made = signed(tmp_path, program(), who)
    wrapped = resigned(made, who, tag=0x04)
    assert wrapped != resigned(made, who)
    assert judged(wrapped).reason == ""
    (tmp_path / "x.exe").write_bytes(wrapped)
    words = ("-CAfile", "root.pem", "-time", str(int(NOW.timestamp())), "-in", "x.exe")
    assert osslsigncode(tmp_path, "verify", *words).returncode == 0
    assert judged(wrapped[:0x220] + b"\x01" + wrapped[0x221:]).reason == "DIGEST_MISMATCH"
    # The same octets mean nothing where they are no string, and the other way round.
    for bare, tag in ((True, 0x04), (False, 0x30)):
        assert judged(resigned(made, who, tag=tag, bare=bare)).reason == "MALFORMED"


# --- several signatures, and weak ones ------------------------------------------------------------


def nested(folder: Path, outer: tuple[Identity, str], inner: tuple[Identity, str]) -> bytes:
    """Return a program with a second signature nested in the first."""
    once = signed(folder, program(), outer[0], "-h", outer[1])
    return signed(folder, once, inner[0], "-h", inner[1], "-nest")


def test_nested_signature_holds_where_the_outer_one_is_weak(tmp_path: Path) -> None:
    who = identity("p256", CODE)
    verification = judged(nested(tmp_path, (who, "sha1"), (who, "sha256")))
    assert verification.outcome is Outcome.VERIFIED
    assert any(check.reason == "ALGORITHM_WEAK" for check in verification.checks)
    weak = signed(tmp_path, program(), who, "-h", "sha1")
    assert judged(weak).reason == "ALGORITHM_WEAK"


def test_nested_signature_that_is_broken_refuses_the_program(tmp_path: Path) -> None:
    inner = identity("p256", CODE, name="inner")
    made = nested(tmp_path, (identity("p256", CODE), "sha256"), (inner, "sha256"))
    assert judged(made).outcome is Outcome.VERIFIED
    held = inside(made).subject.content
    assert held is not None
    outer = read_signed_data(read_pe(held, Limits()).signatures[0], Limits())
    (encoded,) = outer.signers[0].unsigned_values(identifiers.NESTED_SIGNATURE)
    begin = made.index(encoded)
    said: dict[str, int] = {}
    for place in range(begin, begin + len(encoded)):
        found = judged(made[:place] + bytes([made[place] ^ 1]) + made[place + 1 :])
        if found.outcome is Outcome.VERIFIED:
            reason = next(c.reason for c in found.checks if c.step == "further signature")
            said[reason] = said.get(reason, 0) + 1
    # A nested signature is an unsigned attribute, which anybody can take away or put there: one of
    # a stranger, or by an algorithm nobody knows, does not spoil the outer one. What names signer
    # and algorithms can be changed into that; what is signed, and the signature, cannot.
    assert said.keys() <= {"KEY_UNKNOWN", "CERT_UNTRUSTED", "FORMAT_UNSUPPORTED", "ALGORITHM_WEAK"}
    assert sum(said.values()) < len(encoded) // 2


def test_nested_signature_does_not_help_an_outer_one_without_its_signer(tmp_path: Path) -> None:
    """As osslsigncode, which cannot read such a program at all."""
    made = nested(
        tmp_path,
        (identity("p256", CODE), "sha256"),
        (identity("rsa-2048", CODE, name="in"), "sha384"),
    )
    assert judged(made).outcome is Outcome.VERIFIED
    held = inside(made).subject.content
    assert held is not None
    outer = read_signed_data(read_pe(held, Limits()).signatures[0], Limits())
    place = made.index(outer.certificates[0]) + 4  # the tag of what the certificate says
    broken = made[:place] + bytes([made[place] ^ 0x20]) + made[place + 1 :]
    assert judged(broken).reason == "KEY_UNKNOWN"
    (tmp_path / "broken.exe").write_bytes(broken)
    at = str(int(NOW.timestamp()))
    words = ("verify", "-CAfile", "root.pem", "-time", at, "-ignore-timestamp", "-in", "broken.exe")
    assert osslsigncode(tmp_path, *words).returncode != 0


def test_nested_signature_of_a_stranger_does_not_spoil_the_other(tmp_path: Path) -> None:
    who, mail = identity("p256", CODE), identity("p256", EMAIL, name="mail")
    made = nested(tmp_path, (who, "sha256"), (mail, "sha256"))
    assert judged(made).reason == "CERT_USAGE"


# --- time -----------------------------------------------------------------------------------------


def stamped(folder: Path, who: Identity, authority: Identity) -> bytes:
    authority.write(folder, "tsa")
    words = ("-h", "sha256", "-TSA-certs", "tsa.pem", "-TSA-key", "tsa.key")
    return signed(folder, program(), who, *words, "-TSA-time", str(int(NOW.timestamp())))


def test_timestamp_keeps_a_program_after_its_certificate(tmp_path: Path) -> None:
    tsa = identity("rsa-2048", TIMES, name="tsa", critical=True, until=NOW + 9 * DAY)
    made = stamped(tmp_path, identity("p256", CODE), tsa)
    later = setting(TRUST, now=NOW + 30 * DAY)
    verification = FORMAT.verify(inside(made), later)
    assert verification.reason == ""
    assert verification.signed_at == NOW
    assert verification.time_trusted
    assert verification.due_at is None
    plain = signed(tmp_path, program(), identity("p256", CODE))
    assert FORMAT.verify(inside(plain), later).reason == "CERT_EXPIRED_AT_SIGNING"


def test_attack_10_certificate_for_its_lifetime_ends_what_it_signed(tmp_path: Path) -> None:
    tsa = identity("rsa-2048", TIMES, name="tsa", critical=True, until=NOW + 9 * DAY)
    made = stamped(tmp_path, identity("p256", CODE, LIFETIME_SIGNING), tsa)
    held = judged(made)
    assert (held.reason, held.time_trusted) == ("", True)
    assert held.due_at == NOW + DAY + timedelta(seconds=1)
    later = FORMAT.verify(inside(made), setting(TRUST, now=NOW + 30 * DAY))
    assert later.reason == "CERT_EXPIRED_AT_SIGNING"


def token_on(made: bytes, who: Identity, kind: str, authority: Identity) -> Verification:
    """Judge a program with a timestamp in an attribute of that kind, when its signer has ended."""
    info_of = resigned(made, who, stamped_by=(kind, authority))
    return FORMAT.verify(inside(info_of), setting(TRUST, now=NOW + 30 * DAY))


WINDOWS_READS = {  # the timestamp's attribute, the purposes, critical → reason
    "Microsoft's": (identifiers.MICROSOFT_TIMESTAMP, (TIMES,), True, ""),
    "Microsoft's, not critical": (identifiers.MICROSOFT_TIMESTAMP, (TIMES,), False, ""),
    "Microsoft's, for more": (identifiers.MICROSOFT_TIMESTAMP, (TIMES, CODE), False, "CERT_USAGE"),
    "Microsoft's, for nothing": (identifiers.MICROSOFT_TIMESTAMP, (), False, "CERT_USAGE"),
    "RFC 3161's": (identifiers.TIMESTAMP, (TIMES,), True, ""),
    "RFC 3161's, not critical": (identifiers.TIMESTAMP, (TIMES,), False, "CERT_USAGE"),
}


@pytest.mark.parametrize(
    ("kind", "purposes", "critical", "reason"), WINDOWS_READS.values(), ids=WINDOWS_READS
)
def test_attack_09_purpose_of_microsofts_timestamps_need_not_be_critical(
    kind: str,
    purposes: tuple[x509.ObjectIdentifier, ...],
    critical: bool,  # noqa: FBT001 - one column of the table
    reason: str,
    tmp_path: Path,
) -> None:
    """Certificates of Microsoft's own authority are of that kind: Windows takes them."""
    who = identity("p256", CODE)
    made = signed(tmp_path, program(), who)
    tsa = identity("p256", *purposes, name="tsa", critical=critical, until=NOW + 9 * DAY)
    found = token_on(made, who, kind, tsa)
    assert (found.reason, found.time_trusted) == (reason, not reason)


def test_attack_16_timestamps_of_nested_signatures_are_counted_together(tmp_path: Path) -> None:
    who = identity("p256", CODE)
    made = signed(tmp_path, program(), who)
    tsa = identity("p256", TIMES, name="tsa", critical=True)
    for nested, reason in ((1, ""), (2, "TOO_LARGE")):
        whole = resigned(
            made, who, stamped_by=(identifiers.MICROSOFT_TIMESTAMP, tsa), nested=nested
        )
        assert judged(whole).reason == reason


SIGNED_NOW = attribute("1.2.840.113549.1.9.5", tlv(0x17, f"{NOW:%y%m%d%H%M%S}Z".encode()))


def test_attack_03_countersignature_proves_a_time_by_a_certificate_for_times_alone(
    tmp_path: Path,
) -> None:
    who, end = identity("p256", CODE), NOW + 9 * DAY
    made = signed(tmp_path, program(), who)
    later = setting(TRUST, now=NOW + 30 * DAY)

    def found(
        *purposes: x509.ObjectIdentifier, dated: bytes = SIGNED_NOW, under: Setting = later
    ) -> Verification:
        tsa = identity("p256", *purposes, name="old tsa", until=end)
        content = resigned(made, who, countersigner=tsa, dated=dated)
        return FORMAT.verify(inside(content), under)

    assert judged(resigned(made, who)).reason == ""
    good = found(TIMES)
    assert (good.reason, good.signed_at, good.time_trusted) == ("", NOW, True)
    assert found().outcome is not Outcome.VERIFIED  # a certificate that states no purpose
    assert found(CODE).outcome is not Outcome.VERIFIED
    assert found(TIMES, dated=b"").outcome is not Outcome.VERIFIED
    ahead = f"{NOW + timedelta(hours=1):%y%m%d%H%M%S}Z".encode()
    future = attribute("1.2.840.113549.1.9.5", tlv(0x17, ahead))
    assert found(TIMES, dated=future).reason == ""
    assert found(TIMES, dated=future, under=setting(TRUST)).reason == "TIME_IN_FUTURE"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (None, "CERT_REVOKED"),
        (x509.ReasonFlags.key_compromise, "CERT_REVOKED"),
        (x509.ReasonFlags.superseded, ""),
    ],
)
def test_attack_10_countersignature_of_a_revoked_authority(
    reason: x509.ReasonFlags | None, expected: str, tmp_path: Path
) -> None:
    who = identity("p256", CODE)
    tsa = identity("p256", TIMES, name="old tsa")
    content = resigned(signed(tmp_path, program(), who), who, countersigner=tsa, dated=SIGNED_NOW)
    now = NOW + 30 * DAY
    one = x509.RevokedCertificateBuilder().serial_number(tsa.certificate.serial_number)
    one = one.revocation_date(now - DAY)
    if reason is not None:
        one = one.add_extension(x509.CRLReason(reason), critical=False)
    builder = x509.CertificateRevocationListBuilder().issuer_name(ROOT.subject)
    builder = builder.last_update(now - DAY).next_update(now + DAY)
    assert isinstance(ROOT_KEY, ec.EllipticCurvePrivateKey)
    withdrawn = builder.add_revoked_certificate(one.build()).sign(ROOT_KEY, hashes.SHA256())
    listed = TrustEntry("list", TrustKind.REVOCATION, withdrawn.public_bytes(Encoding.DER), "test")
    found = FORMAT.verify(inside(content), setting(TRUST, listed, now=now))
    steps = [check.reason for check in found.checks if check.step == "revocation"]
    assert (expected in steps) if expected else found.reason == "", found
    assert (found.outcome is Outcome.VERIFIED) == (not expected)


# --- purpose, trust, limits -----------------------------------------------------------------------


def test_attack_09_certificate_must_be_for_code(tmp_path: Path) -> None:
    made = signed(tmp_path, program(), identity("p256", EMAIL))
    assert judged(made).reason == "CERT_USAGE"


def test_nothing_to_trust_is_unverifiable(tmp_path: Path) -> None:
    made = signed(tmp_path, program(), identity("p256", CODE))
    assert FORMAT.verify(inside(made), setting()).reason == "TRUST_ROOT_MISSING"


def test_bytes_must_be_at_hand(tmp_path: Path) -> None:
    made = signed(tmp_path, program(), identity("p256", CODE))
    named = Evidence(made, "", "a", Subject("a", (digest_of(made),)))
    assert FORMAT.verify(named, setting(TRUST)).reason == "CONTENT_NEEDED"
    content = inside(made).subject.content
    other = Evidence(made, "", "a", Subject("a", (digest_of(b"x"),), content))
    assert FORMAT.verify(other, setting(TRUST)).reason == "DIGEST_MISMATCH"
    limits = Limits(evidence_bytes=1024)
    small = FORMAT.verify(inside(made), setting(TRUST, limits=limits))
    assert small.reason in ("", "TOO_LARGE")


@pytest.mark.parametrize("length", [0, 2, 0x3F, 0x44, 0x60, 0xA0, 0xE0])
def test_cut_off_headers_are_malformed(length: int) -> None:
    content = program()[:length]
    verification = FORMAT.verify(inside(content), setting(TRUST))
    assert verification.reason == "MALFORMED"
