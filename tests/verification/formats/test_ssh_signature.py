"""SSH signatures over files: what ssh-keygen accepts and what it refuses, and a little more."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from core.limits import Limits
from core.model import (
    CheckOutcome,
    MemoryContent,
    SignerKind,
    Subject,
    Trust,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from tests.verification.specimens import NOW, evidence, flipped, is_verified
from tests.verification.ssh.ssh_material import (
    KINDS,
    MESSAGE,
    PRINCIPAL,
    armored,
    browser_signature,
    envelope,
    keys,
    line,
    security_key_signature,
    signature,
    signers,
    to_be_signed,
    unarmored,
)
from verification.format import Setting
from verification.formats.ssh_signature import SshSignatureBeside
from verification.ssh.key import fingerprint_of
from verification.ssh.wire import WireReader, wire_string
from verification.verifier import IdentityDemand, demand_identity

STRONG = [name for name in KINDS if name not in ("short", "other", "ca", "rsa-ca")]
UNTIL_TOMORROW = ("-V", "20261101000000:20261124000000")


def judged(
    armor: bytes,
    *entries: TrustEntry,
    content: bytes = MESSAGE,
    now: datetime = NOW,
    namespace: str = "file",
    subject: Subject | None = None,
) -> Verification:
    subject = subject or Subject("file", (digest_of(content),), MemoryContent(content))
    setting = Setting(Trust(entries), now, Limits(), namespace)
    return SshSignatureBeside().verify(evidence(armor, subject), setting)


@pytest.mark.parametrize("name", STRONG)
def test_every_strong_key_verifies_and_ssh_keygen_agrees(name: str) -> None:
    verification = judged(signature(name), signers(line(name)))
    assert is_verified(verification), verification.detail
    assert keys().accepts(signature(name), line(name))
    signer = verification.signer
    assert signer is not None
    assert (signer.kind, signer.identity) == (SignerKind.SSH, PRINCIPAL)
    printed = keys().run("-l", "-f", f"{name}.pub").stdout.decode().split()[1]
    assert signer.key_fingerprint == printed
    assert verification.anchors == (printed,)


@pytest.mark.parametrize("name", STRONG)
def test_altered_content_is_refused(name: str) -> None:
    altered = MESSAGE + b"x"
    verification = judged(signature(name), signers(line(name)), content=altered)
    assert verification.reason == "SIGNATURE_INVALID"
    assert not keys().accepts(signature(name), line(name), content=altered)


def test_sha256_is_an_allowed_hash_and_a_digest_is_enough() -> None:
    made = keys().sign("ed25519", "-O", "hashalg=sha256")
    known = Subject("file", (digest_of(MESSAGE, "sha256"),))
    assert is_verified(judged(made, signers(line("ed25519")), subject=known))
    other = judged(signature("ed25519"), signers(line("ed25519")), subject=known)
    assert other.reason == "CONTENT_NEEDED"


def test_attack_10_short_rsa_keys_prove_nothing() -> None:
    """Attack class 10."""
    assert judged(signature("short"), signers(line("short"))).reason == "ALGORITHM_WEAK"


def test_attack_10_rsa_with_sha1_is_refused() -> None:
    """Attack class 10: ssh-rsa is SHA-1, whatever the key."""
    fields = WireReader(unarmored(signature("rsa"))[10:], "test")
    public, _, _, _, inner = (fields.string() for _ in range(5))
    reader = WireReader(inner, "test")
    reader.string()
    weak = wire_string(b"ssh-rsa") + wire_string(reader.string())
    verification = judged(armored(envelope(public, weak)), signers(line("rsa")))
    assert verification.reason == "ALGORITHM_WEAK"
    assert not keys().accepts(armored(envelope(public, weak)), line("rsa"))


def test_hash_that_is_not_allowed_is_refused() -> None:
    fields = WireReader(unarmored(signature("ed25519"))[10:], "test")
    public, _, _, _, inner = (fields.string() for _ in range(5))
    altered = armored(envelope(public, inner, hash_algorithm=b"sha1"))
    assert judged(altered, signers(line("ed25519"))).reason == "ALGORITHM_WEAK"


def test_attack_08_algorithm_of_another_kind_of_key_is_refused() -> None:
    one = WireReader(unarmored(signature("ed25519"))[10:], "test").string()
    fields = WireReader(unarmored(signature("p256"))[10:], "test")
    inner = [fields.string() for _ in range(5)][-1]
    mixed = armored(envelope(one, inner))
    assert judged(mixed, signers(line("ed25519"))).reason == "ALGORITHM_MISMATCH"


def test_attack_04_signature_for_another_use_is_refused() -> None:
    """Attack class 4: a signature made for Git, or for mail, is none over a file."""
    for namespace in ("git", "email", "file2"):
        made = signature("ed25519", namespace)
        assert judged(made, signers(line("ed25519"))).reason == "PAYLOAD_TYPE"
        assert is_verified(judged(made, signers(line("ed25519")), namespace=namespace))
        assert not keys().accepts(made, line("ed25519"))


def test_key_counts_only_for_the_namespaces_of_its_line() -> None:
    made = signature("ed25519")
    for options, good in (
        ('namespaces="file"', True),
        ('namespaces="git,fi*"', True),
        ('namespaces="git"', False),
        ('namespaces="*,!file"', False),
    ):
        verification = judged(made, signers(line("ed25519", options)))
        assert is_verified(verification) is good
        assert keys().accepts(made, line("ed25519", options)) is good
        assert good or verification.reason == "KEY_UNKNOWN"


def test_key_that_is_not_listed_is_unknown() -> None:
    verification = judged(signature("other"), signers(line("ed25519")))
    assert verification.reason == "KEY_UNKNOWN"
    assert fingerprint_of(WireReader(unarmored(signature("other"))[10:], "test").string()) in (
        verification.found
    )


@pytest.mark.parametrize(
    ("names", "good"),
    [
        (f"{PRINCIPAL},", True),
        (f",{PRINCIPAL}", True),
        (f"bob@acme.test,,{PRINCIPAL}", True),
        (f"!{PRINCIPAL},,*", False),
        (f'"bob@acme.test, {PRINCIPAL}"', False),
        (f'"{PRINCIPAL} "', False),
        (",", False),
    ],
)
def test_names_are_parted_as_ssh_keygen_parts_them(names: str, good: bool) -> None:  # noqa: FBT001 - a column of the table
    made, listed = signature("ed25519"), line("ed25519", principal=names)
    verification = judged(made, signers(listed))
    demanded = demand_identity(verification, IdentityDemand(identity=PRINCIPAL))
    assert is_verified(demanded) is good
    assert keys().accepts(made, listed) is good


def test_without_a_list_nothing_is_judged() -> None:
    assert judged(signature("ed25519")).reason == "TRUST_ROOT_MISSING"
    broken = TrustEntry("signers", TrustKind.SSH_SIGNERS, b"nothing here\n", "test")
    assert judged(signature("ed25519"), broken).reason == "KEYRING_UNUSABLE"
    mended = judged(signature("ed25519"), broken, signers(line("ed25519")))
    assert is_verified(mended)
    assert any(check.reason == "KEYRING_UNUSABLE" for check in mended.checks)


@pytest.mark.parametrize(
    ("options", "good"),
    [
        ('valid-after="20261101Z"', True),
        ('valid-after="20261201Z"', False),
        ('valid-before="20261201"', True),
        ('valid-before="20261122Z"', False),
        ('valid-after="202611231200Z",valid-before="20261123120000Z"', False),
        ('valid-after="202611231200Z",valid-before="20261123120001Z"', True),
        ('valid-after="20261123115959Z",valid-before="20261123120000Z"', True),
        ('valid-after="20261123120001Z"', False),
        ('valid-before="20261123115959Z"', False),
        ('valid-before="20261123115959UTC"', False),
        ('valid-before="20261123120000z"', True),
        ('valid-before="20261201utc"', True),
        ('valid-before="20261201U"', False),
        ('valid-before="20261201",', False),
    ],
)
def test_attack_02_line_counts_only_in_its_window(options: str, good: bool) -> None:  # noqa: FBT001 - a column of the table
    made = signature("ed25519")
    verification = judged(made, signers(line("ed25519", options)))
    assert is_verified(verification) is good
    assert good or verification.reason in ("KEY_EXPIRED", "KEYRING_UNUSABLE")
    when = NOW.strftime("-Overify-time=%Y%m%d%H%M%SZ")
    assert keys().accepts(made, line("ed25519", options), when) is good


def test_end_of_the_window_is_when_it_is_due() -> None:
    until = line("ed25519", 'valid-before="20261130Z"')
    verification = judged(signature("ed25519"), signers(until))
    end = datetime(2026, 11, 30, tzinfo=UTC)
    assert (verification.due_at, verification.due_reason) == (
        end + timedelta.resolution,
        "KEY_EXPIRED",
    )
    both = judged(signature("ed25519"), signers(until, line("ed25519")))
    assert both.due_at is None


def test_several_lines_of_one_key_add_up() -> None:
    gone = line("ed25519", 'valid-before="20250101Z"', "old@acme.test")
    verification = judged(signature("ed25519"), signers(gone, line("ed25519")))
    assert is_verified(verification)
    assert json.loads(verification.claims["principals"]) == [PRINCIPAL]


@pytest.mark.parametrize(
    ("principals", "identity", "good"),
    [
        (PRINCIPAL, PRINCIPAL, True),
        ("bob@acme.test," + PRINCIPAL, PRINCIPAL, True),
        ("*@acme.test", PRINCIPAL, True),
        ("*@acme.test,!" + PRINCIPAL, PRINCIPAL, False),
        ("alice@acme", PRINCIPAL, False),
        ("?lice@acme.test", PRINCIPAL, True),
        ("*@acme.test", "alice@acme.test.evil", False),
        ("*@acme.test", "eve@evil.test", False),
    ],
)
def test_attack_06_identity_is_of_the_line(principals: str, identity: str, good: bool) -> None:  # noqa: FBT001 - a column of the table
    listed = line("ed25519", principal=principals)
    verification = demand_identity(
        judged(signature("ed25519"), signers(listed)), IdentityDemand(identity)
    )
    assert is_verified(verification) is good
    assert good or verification.reason == "IDENTITY_MISMATCH"
    assert keys().accepts(signature("ed25519"), listed, principal=identity) is good


def test_bare_public_key_vouches_for_no_name() -> None:
    verification = judged(signature("ed25519"), signers(keys().public("ed25519")))
    assert is_verified(verification)
    assert verification.signer is not None
    assert verification.signer.identity == ""
    named = demand_identity(verification, IdentityDemand(PRINCIPAL))
    assert named.reason == "IDENTITY_MISMATCH"


@pytest.mark.parametrize(
    "kind", ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"]
)
def test_security_keys_sign_their_flags_and_counter(kind: str) -> None:
    public, made = security_key_signature(kind)
    listed = f"{PRINCIPAL} {public}"
    verification = judged(made, signers(listed))
    assert is_verified(verification), verification.detail
    assert keys().accepts(made, listed)
    assert verification.claims["user_present"] == "true"
    assert verification.claims["user_verified"] == "false"
    assert verification.claims["signature_counter"] == "7"
    raw = unarmored(made)
    for place in range(len(raw) - 5, len(raw)):
        altered = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        assert judged(armored(altered), signers(listed)).reason == "SIGNATURE_INVALID"


def test_untouched_security_key_is_noted() -> None:
    public, made = security_key_signature("sk-ssh-ed25519@openssh.com", flags=0)
    verification = judged(made, signers(f"{PRINCIPAL} {public}"))
    assert is_verified(verification)
    assert any(
        check.outcome is CheckOutcome.NOTED and check.step == "security key"
        for check in verification.checks
    )


_WORDS = b'{"type":"webauthn.get","challenge":"%b","origin":"%b"'


@pytest.mark.parametrize(
    ("flags", "extensions", "words", "good"),
    [
        (0x01, b"", _WORDS + b',"crossOrigin":false}', True),
        (0x05, b"", _WORDS + b"}", True),
        (0x81, b"\xa0", _WORDS + b',"other":[]}', True),
        (0x01, b"\xa0", _WORDS + b"}", False),
        (0x81, b"", _WORDS + b"}", False),
        (0x41, b"", _WORDS + b"}", False),
        (0x01, b"", _WORDS.replace(b"webauthn.get", b"webauthn.create") + b"}", False),
        (0x01, b"", _WORDS.replace(b'"%b","origin"', b'"x%b","origin"') + b"}", False),
        (0x01, b"", _WORDS.replace(b'"origin":"', b'"origin":"x') + b"}", False),
        (0x01, b"", b'{"challenge":"%b","type":"webauthn.get","origin":"%b"}', False),
    ],
)
def test_security_key_signs_what_a_browser_says_of_the_message(
    flags: int,
    extensions: bytes,
    words: bytes,
    good: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """PROTOCOL.u2f, webauthn signatures: the signature holds in all of these."""
    public, made = browser_signature(flags=flags, extensions=extensions, words=words)
    verification = judged(made, signers(f"{PRINCIPAL} {public}"))
    assert is_verified(verification) is good, verification.detail
    assert good or verification.reason == "SIGNATURE_INVALID"
    assert keys().accepts(made, f"{PRINCIPAL} {public}") is good
    assert verification.claims["browser_origin"] == "https://acme.test"


def test_words_of_a_browser_end_where_their_origin_ends() -> None:
    quoted = browser_signature(origin=b'https://acme.test","a":"')
    prolonged = browser_signature(words=_WORDS[:-1] + b'.evil"}')
    ended = browser_signature(origin=b"https://acme.test\0.evil")
    for public, made in (quoted, prolonged, ended):
        assert judged(made, signers(f"{PRINCIPAL} {public}")).reason == "SIGNATURE_INVALID"
    assert not keys().accepts(ended[1], f"{PRINCIPAL} {ended[0]}")


def test_no_altered_byte_of_a_browsers_signature_verifies() -> None:
    public, made = browser_signature(flags=0x81, extensions=b"\xa0")
    raw, listed = unarmored(made), signers(f"{PRINCIPAL} {public}")
    assert is_verified(judged(made, listed))
    mutants = [(place, judged(armored(mutant), listed)) for place, mutant in flipped(raw)]
    assert len(mutants) == len(raw)
    assert [place for place, verification in mutants if is_verified(verification)] == []


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (b"ssh-dss", "ALGORITHM_WEAK"),
        (b"ssh-xmss@openssh.com", "FORMAT_UNSUPPORTED"),
        (b"ssh-new-cert-v01@openssh.com", "FORMAT_UNSUPPORTED"),
    ],
)
def test_key_of_a_type_that_is_not_read_is_weak_or_unsupported(kind: bytes, reason: str) -> None:
    for inner in (
        wire_string(b"ssh-dss") + wire_string(bytes(40)),
        wire_string(b"sk-ssh-new@openssh.com") + wire_string(bytes(64)) + b"\1\0\0\0\2",
    ):
        made = armored(envelope(wire_string(kind) + wire_string(b"\5"), inner))
        assert judged(made, signers(line("ed25519"))).reason == reason


# --- certificates ---------------------------------------------------------------------------------


def certified(*options: str, authority: str = "ca", name: str = "ed25519") -> bytes:
    words = options or ("-n", PRINCIPAL, *UNTIL_TOMORROW)
    keys().certify(name, *words, authority=authority)
    return keys().sign(f"certified/{name}-cert.pub")


AUTHORITY = 'cert-authority,namespaces="file"'


@pytest.mark.parametrize("end", ["forever", "0x7fffffffffffffff", "99991231", "253402300800"])
def test_certificate_whose_end_no_calendar_has_is_without_end(end: str) -> None:
    end = hex(int(end)) if end.startswith("2") else end
    made = certified("-n", PRINCIPAL, "-V", f"always:{end}")
    verification = judged(made, signers(line("ca", AUTHORITY, "*@acme.test")))
    assert is_verified(verification)
    assert (verification.due_at is None) is (end != "99991231")


@pytest.mark.parametrize("authority", ["ca", "rsa-ca"])
def test_certified_key_verifies_under_its_authority(authority: str) -> None:
    made = certified(authority=authority)
    listed = line(authority, AUTHORITY, "*@acme.test")
    verification = judged(made, signers(listed))
    assert is_verified(verification), verification.detail
    assert keys().accepts(made, listed, NOW.strftime("-Overify-time=%Y%m%d%H%M%SZ"))
    assert verification.signer is not None
    assert verification.signer.identity == PRINCIPAL
    assert verification.signer.issuer == verification.anchors[0]
    assert verification.due_reason == "CERT_EXPIRED_AT_SIGNING"
    assert is_verified(demand_identity(verification, IdentityDemand(PRINCIPAL)))
    other = demand_identity(verification, IdentityDemand("bob@acme.test"))
    assert other.reason == "IDENTITY_MISMATCH"


@pytest.mark.parametrize(
    ("options", "listed", "reason"),
    [
        (("-n", PRINCIPAL), ("ca", AUTHORITY, "*@evil.test"), "CERT_UNTRUSTED"),
        (("-n", "eve@evil.test"), ("ca", AUTHORITY, "*@acme.test"), "CERT_UNTRUSTED"),
        (("-n", PRINCIPAL), ("ca", "", "*"), "KEY_UNKNOWN"),
        (("-n", PRINCIPAL), ("ed25519", "", "*"), "KEY_UNKNOWN"),
        (("-n", PRINCIPAL), ("rsa-ca", AUTHORITY, "*"), "KEY_UNKNOWN"),
        ((), ("ca", AUTHORITY, "*"), "CERT_USAGE"),
        (("-h", "-n", PRINCIPAL), ("ca", AUTHORITY, "*"), "CERT_USAGE"),
        (("-n", PRINCIPAL, "-O", "critical:x@y=1"), ("ca", AUTHORITY, "*"), "CERT_USAGE"),
        (("-n", PRINCIPAL, "-O", "verify-required"), ("ca", AUTHORITY, "*"), "CERT_USAGE"),
    ],
)
def test_certificate_that_does_not_fit_is_refused(
    options: tuple[str, ...], listed: tuple[str, str, str], reason: str
) -> None:
    made = certified(*options, *UNTIL_TOMORROW)
    name, words, principals = listed
    verification = judged(made, signers(line(name, words, principals)))
    assert verification.reason == reason


def test_attack_09_key_listed_as_authority_does_not_sign_by_itself() -> None:
    made = signature("ca")
    assert judged(made, signers(line("ca", AUTHORITY))).reason == "KEY_UNKNOWN"
    assert not keys().accepts(made, line("ca", AUTHORITY))


def test_attack_10_certificate_whose_end_has_passed_proves_nothing() -> None:
    """Attack class 10: no time of signing is proved, so it must be valid now."""
    made = certified()
    listed = signers(line("ca", AUTHORITY, "*"))
    end = datetime(2026, 11, 24, tzinfo=UTC)
    assert is_verified(judged(made, listed, now=end - timedelta.resolution))
    late = judged(made, listed, now=end)
    assert late.reason == "CERT_EXPIRED_AT_SIGNING"
    early = judged(made, listed, now=datetime(2026, 10, 31, 23, 59, tzinfo=UTC))
    assert early.reason == "CERT_EXPIRED_AT_SIGNING"
    assert early.due_at is not None
    assert is_verified(judged(made, listed, now=early.due_at))


def test_flipped_certificate_is_refused() -> None:
    made = certified()
    raw = unarmored(made)
    blob = WireReader(raw[10:], "test").string()
    listed = signers(line("ca", AUTHORITY, "*"))
    assert is_verified(judged(made, listed))
    count = 0
    for place, altered in flipped(blob):
        count += 1
        at = 14 + place
        whole = raw[:at] + bytes([altered[place]]) + raw[at + 1 :]
        assert not is_verified(judged(armored(whole), listed)), place
    assert count == len(blob)


def test_forged_certificate_authority_is_refused() -> None:
    """The certificate names the trusted authority and is signed by another."""
    made = unarmored(certified())
    forged = unarmored(certified(authority="rsa-ca"))
    blob, other = (WireReader(one[10:], "test").string() for one in (made, forged))
    tail = blob[len(blob) - 83 :]
    assert blob.endswith(tail)
    assert len(other) > len(blob)
    # Taking the other's body with our authority's signature at the end.
    swapped = other.replace(blob[:40], blob[:40])[: len(other) - 83] + tail
    whole = made.replace(wire_string(blob), wire_string(swapped))
    assert whole != made
    assert not is_verified(judged(armored(whole), signers(line("ca", AUTHORITY, "*"))))


# --- revocation -----------------------------------------------------------------------------------


def revocation(content: bytes) -> TrustEntry:
    return TrustEntry("revoked", TrustKind.REVOCATION, content, "test")


def binary_list(*words: str) -> bytes:
    made = keys().run("-q", "-k", "-f", "krl", *words)
    assert made.returncode == 0, made.stderr
    return (keys().home / "krl").read_bytes()


def test_attack_10_withdrawn_key_is_refused_whichever_way_it_is_listed() -> None:
    made, listed = signature("ed25519"), signers(line("ed25519"))
    home = keys().home
    public = keys().public("ed25519")
    (home / "by-sha1").write_text(f"sha1: {public}\n")
    (home / "by-sha256").write_text(f"sha256: {public}\n")
    lists = [
        public.encode() + b"\n",
        binary_list("ed25519.pub"),
        binary_list("by-sha1"),
        binary_list("by-sha256"),
    ]
    for content in lists:
        assert judged(made, listed, revocation(content)).reason == "KEY_REVOKED"
        (home / "revoked").write_bytes(content)
        assert not keys().accepts(made, line("ed25519"), "-r", "revoked")
        assert is_verified(judged(signature("other"), signers(line("other")), revocation(content)))


def test_withdrawn_key_is_refused_whatever_stands_before_it_in_the_list() -> None:
    made, listed = signature("ed25519"), signers(line("ed25519"))
    mine, certificate = keys().public("ed25519").encode(), keys().certify("other", "-n", "x")
    obsolete = b"ssh-dss " + base64.b64encode(wire_string(b"ssh-dss") + wire_string(b"\5"))
    for before in (
        certificate,
        obsolete + b"\n",
        b"# a note\n" * 600,
        b"\n \n" * 2000,
        b"# \xff\n",
    ):
        content = before + mine + b" gone\n"
        assert judged(made, listed, revocation(content)).reason == "KEY_REVOKED", before[:20]
        (keys().home / "revoked").write_bytes(content)
        assert not keys().accepts(made, line("ed25519"), "-r", "revoked")


def test_list_with_a_certificate_withdraws_the_key_in_it() -> None:
    content = keys().certify("ed25519", "-n", "x")
    (keys().home / "revoked").write_bytes(content)
    assert keys().accepts(signature("ed25519"), line("ed25519"))
    assert not keys().accepts(signature("ed25519"), line("ed25519"), "-r", "revoked")
    verification = judged(signature("ed25519"), signers(line("ed25519")), revocation(content))
    assert verification.reason == "KEY_REVOKED"


@pytest.mark.parametrize(
    "content",
    [b"x", b"serial: 1\n", b"\xef\xbb\xbf{key}\n", b"0 {key}\n{other}", b"ssh-rsa {blob}\n"],
)
def test_list_that_nothing_reads_is_never_passed_over(content: bytes) -> None:
    key = keys().public("ed25519").encode()
    content = content.replace(b"{key}", key).replace(b"{blob}", key.split()[1])
    verification = judged(signature("other"), signers(line("other")), revocation(content))
    assert verification.reason == "KEYRING_UNUSABLE"


def test_certificate_list_is_no_concern_of_ssh_keys_unless_it_names_one() -> None:
    pem = b"text before\n-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"
    made, listed = signature("ed25519"), signers(line("ed25519"))
    for content in (pem, b"\x30\x82\x01\x00", b"\x30\x03\x0a\x01\x06"):
        assert is_verified(judged(made, listed, revocation(content)))
    mixed = keys().public("ed25519").encode() + b"\n" + pem
    assert not is_verified(judged(made, listed, revocation(mixed)))


def test_dense_list_of_serials_is_read_without_a_step_for_each() -> None:
    made = certified("-n", PRINCIPAL, "-z", "599999", *UNTIL_TOMORROW)
    listed = signers(line("ca", AUTHORITY, "*"))
    odd = "".join(f"serial: {one}\n" for one in range(1, 600_000, 2))
    (keys().home / "spec").write_text(odd)
    content = binary_list("-s", "ca.pub", "spec")
    begun = time.process_time()
    assert judged(made, listed, revocation(content)).reason == "KEY_REVOKED"
    assert time.process_time() - begun < 1  # by a step for each of so many bits: 9 seconds
    even = certified("-n", PRINCIPAL, "-z", "599998", *UNTIL_TOMORROW)
    assert is_verified(judged(even, listed, revocation(content)))
    for edge, withdrawn in (("1", True), ("2", False), ("600000", False), ("600001", False)):
        at_edge = certified("-n", PRINCIPAL, "-z", edge, *UNTIL_TOMORROW)
        found = judged(at_edge, listed, revocation(content)).reason
        assert (found == "KEY_REVOKED") is withdrawn, edge


def test_withdrawn_certificate_is_refused_by_serial_key_id_and_authority() -> None:
    made = certified("-n", PRINCIPAL, "-z", "41", *UNTIL_TOMORROW)
    listed = signers(line("ca", AUTHORITY, "*"))
    home = keys().home
    specifications = {
        "serial: 41": True,
        "serial: 40-50": True,
        "serial: 1\nserial: 3\nserial: 41": True,
        "id: a key id": True,
        "serial: 42": False,
        "id: another": False,
    }
    for text, withdrawn in specifications.items():
        (home / "spec").write_text(f"{text}\n")
        content = binary_list("-s", "ca.pub", "spec")
        verification = judged(made, listed, revocation(content))
        assert (verification.reason == "KEY_REVOKED") is withdrawn, text
    by_authority = revocation(binary_list("ca.pub"))
    assert judged(made, listed, by_authority).reason == "KEY_REVOKED"


def test_broken_revocation_list_is_never_an_empty_one() -> None:
    content = binary_list("ed25519.pub")
    for broken in (content[:-1], content + b"\x09\0\0\0\0", b"ssh-ed25519 AAAA*\n"):
        verification = judged(signature("other"), signers(line("other")), revocation(broken))
        assert verification.reason == "KEYRING_UNUSABLE"


# --- the envelope ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ed25519", "p256", "rsa"])
def test_flipped_envelope_is_refused(name: str) -> None:
    raw = unarmored(signature(name))
    listed = signers(line(name))
    assert is_verified(judged(signature(name), listed))
    passed = [at for at, altered in flipped(raw) if is_verified(judged(armored(altered), listed))]
    assert passed == []


def test_flipped_armor_is_refused() -> None:
    armor = signature("ed25519")
    listed = signers(line("ed25519"))
    passed = [at for at, altered in flipped(armor) if is_verified(judged(altered, listed))]
    assert passed == []


def test_attack_11_text_around_the_armor_is_refused() -> None:
    """Attack class 11."""
    armor = signature("ed25519")
    for whole in (
        b"x\n" + armor,
        armor + b"x\n",
        armor + armor,
        armor[:-30],
        armor[40:],
        armored(b""),
    ):
        assert judged(whole, signers(line("ed25519"))).reason == "MALFORMED"
    assert is_verified(judged(armor + b"\n\n", signers(line("ed25519"))))
    for before in (b"\n", b"\t"):
        assert judged(before + armor, signers(line("ed25519"))).reason == "MALFORMED"
        assert not keys().accepts(before + armor, line("ed25519"))


@pytest.mark.parametrize(
    ("old", "new", "good"),
    [
        (b"\n", b"\n\n", True),
        (b"AAAA", b"AA AA", True),
        (b"AAAA", b"AA\tA\r\nA", True),
        (b"\n-----END", b" \n-----END", True),
        (b"\n", b"\r\n", False),
        (b"NATURE-----\n", b"NATURE----- \n", False),
        (b"\n-----END", b"\n -----END", False),
        (b"\n-----END", b"-----END", False),
    ],
)
def test_armor_is_read_as_ssh_keygen_reads_it(old: bytes, new: bytes, good: bool) -> None:  # noqa: FBT001 - a column of the table
    armor = signature("ed25519")
    altered = armor.replace(old, new)
    assert altered != armor
    verification = judged(altered, signers(line("ed25519")))
    assert is_verified(verification) is good
    assert good or verification.reason == "MALFORMED"
    assert keys().accepts(altered, line("ed25519")) is good


def test_future_version_is_malformed() -> None:
    raw = unarmored(signature("ed25519"))
    later = raw[:9] + b"\x02" + raw[10:]
    assert judged(armored(later), signers(line("ed25519"))).reason == "MALFORMED"


def test_signed_bytes_are_those_of_the_protocol() -> None:
    assert to_be_signed(b"").startswith(b"SSHSIG\0\0\0\4file\0\0\0\0\0\0\0\6sha512")
