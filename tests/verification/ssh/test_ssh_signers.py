"""Reading allowed signers, keys, certificates and the wire: strict, bounded, never raising."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import TrustEntry, TrustKind
from tests.verification.specimens import NOW
from tests.verification.ssh.ssh_material import PRINCIPAL, keys, line, mpint, signers
from verification.ssh.certificate import is_certificate, read_certificate
from verification.ssh.envelope import read_envelope
from verification.ssh.key import read_key, read_signature
from verification.ssh.revocation import given_revocations, is_revocation_list
from verification.ssh.signers import matches, read_signers
from verification.ssh.wire import WireReader, wire_string
from verification.trust import describe
from verification.x509.revocation_data import given_revocations as revocations_of_certificates

FEW = settings(max_examples=200, deadline=None, database=None)


def test_comments_and_blank_lines_are_passed_over() -> None:
    read = read_signers(signers("# a comment", "", "  ", line("ed25519")), Limits())
    assert [one.line for one in read.signers] == [4]
    assert read.notes == ()


def test_every_option_is_read() -> None:
    options = 'CERT-AUTHORITY,namespaces="git,file",valid-after="20260101Z",valid-before="20270101"'
    (one,) = read_signers(signers(line("ca", options, "a@b,*@c")), Limits()).signers
    assert one.principals == ("a@b", "*@c")
    assert one.is_authority
    assert one.namespaces == ("git", "file")
    assert one.valid_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert one.valid_until == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("note", ["", " alice's", ' "alice', " a b c d"])
@pytest.mark.parametrize("options", ["", 'namespaces="file" '])
def test_principals_end_at_the_closing_quote_and_notes_are_free(options: str, note: str) -> None:
    for written, names in (
        ('"alice@acme.test,al ice"', ("alice@acme.test", "al ice")),
        ('alice"@acme.test"', ("alice@acme.test",)),
    ):
        (one,) = read_signers(
            signers(f"{written} {options}{keys().public('ed25519')}{note}"), Limits()
        ).signers
        assert one.principals == names


def test_window_of_the_entry_narrows_that_of_the_line() -> None:
    content = line("ed25519", 'valid-after="20250101Z",valid-before="20280101Z"').encode()
    entry = TrustEntry("x", TrustKind.SSH_SIGNERS, content, "t", (), NOW, NOW)
    (one,) = read_signers(entry, Limits()).signers
    assert (one.valid_from, one.valid_until) == (NOW, NOW)


def test_only_narrows_a_list_to_fingerprints() -> None:
    wanted = read_signers(signers(line("p256")), Limits()).signers[0].key.fingerprint
    content = f"{line('ed25519')}\n{line('p256')}\n".encode()
    entry = TrustEntry("x", TrustKind.SSH_SIGNERS, content, "t", (wanted,))
    assert [one.key.fingerprint for one in read_signers(entry, Limits()).signers] == [wanted]


@pytest.mark.parametrize(
    "broken",
    [
        "\x1f",
        "alice@acme.test\x1f{key}",
        "alice@acme.test",
        "alice@acme.test ssh-ed25519",
        "alice@acme.test ssh-ed25519 AAAA",
        "alice@acme.test unknown-option {key}",
        'alice@acme.test namespaces="x",namespaces="y" {key}',
        "alice@acme.test namespaces {key}",
        'alice@acme.test cert-authority="x" {key}',
        'alice@acme.test valid-after="2026" {key}',
        'alice@acme.test valid-after="20261301Z" {key}',
        'alice@acme.test valid-after="20270101Z",valid-before="20260101Z" {key}',
        'alice@acme.test namespaces="" {key}',
        ", {key}",
        'alice@acme.test namespaces="," {key}',
        'alice@acme.test namespaces="file", {key}',
        '"alice {key}',
        '*,!alice\rnamespaces="git" {key}',  # OpenSSH: two names, and one option
        '"al ice",alice@acme.test {key}',
        '"al ice",alice@acme.test namespaces="file" {key}',
        '"alice@acme.test"bob@acme.test {key}',
        "alice@acme.test ssh-rsa {blob}",
    ],
)
def test_line_that_cannot_be_read_is_left_out_and_noted(broken: str) -> None:
    key = keys().public("ed25519")
    text = broken.format(key=key, blob=key.split()[1])
    read = read_signers(signers(text, line("p256")), Limits())
    assert [one.line for one in read.signers] == [2]
    assert len(read.notes) == 1
    assert read.notes[0].startswith("line 1: ")


def test_list_without_a_readable_line_is_an_error_and_one_too_large_as_well() -> None:
    for content in (b"", b"# nothing\n", b"\xff\n"):
        with pytest.raises(MalformedError):
            read_signers(TrustEntry("x", TrustKind.SSH_SIGNERS, content, "t"), Limits())
    with pytest.raises(TooLargeError):
        read_signers(signers(*[line("ed25519")] * 20), Limits(evidence_bytes=1024))


def test_described_for_the_trust_page() -> None:
    first, second = describe(
        signers(line("ed25519"), line("ca", "cert-authority", "*@acme.test")), Limits()
    )
    assert (first.kind, first.identity, first.algorithm) == (
        TrustKind.SSH_SIGNERS,
        PRINCIPAL,
        "Ed25519",
    )
    assert (second.identity, second.algorithm) == ("*@acme.test", "Ed25519, authority")
    assert first.fingerprint.startswith("SHA256:")


@pytest.mark.parametrize(
    ("patterns", "text", "good"),
    [
        (("*",), "", True),
        (("a*b*c",), "aXbYc", True),
        (("a*b*c",), "aXbY", False),
        (("?",), "", False),
        (("*a",), "aaab", False),
        (("*", "!x"), "x", False),
        (("!x",), "y", False),
        (("a.c",), "abc", False),
        (("[ab]",), "a", False),
    ],
)
def test_patterns(patterns: tuple[str, ...], text: str, good: bool) -> None:  # noqa: FBT001 - a column of the table
    assert matches(patterns, text) is good


def test_attack_06_pattern_takes_no_exponential_time() -> None:
    """Attack class 6."""
    assert not matches(("*a" * 200 + "b",), "a" * 2000)


# --- readers never do worse than refuse ----------------------------------------------------------


@FEW
@given(st.binary(max_size=400))
def test_readers_raise_nothing_but_malformed(content: bytes) -> None:
    for read in (read_key, read_signature, read_certificate, read_envelope):
        with pytest.raises(MalformedError):
            read(content)
    assert is_certificate(content) in (True, False)


@FEW
@given(
    st.sampled_from(
        ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519-cert-v01@openssh.com"]
    ),
    st.lists(st.binary(max_size=40), max_size=6),
)
def test_fields_of_any_content_are_refused_or_read(kind: str, fields: list[bytes]) -> None:
    blob = wire_string(kind.encode()) + b"".join(map(wire_string, fields))
    for read in (read_key, read_certificate):
        try:
            read(blob)
        except MalformedError:
            continue


@FEW
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_any_line_is_read_or_noted(text: str) -> None:
    entry = signers(text.replace("\n", " "), line("ed25519"))
    read = read_signers(entry, Limits())
    assert len(read.signers) + len(read.notes) <= 2
    assert read.signers[-1].line == 2


@FEW
@given(st.binary(max_size=200))
@example(b"\0\0\0\1" + bytes(32))
def test_any_revocation_list_is_read_or_refused(content: bytes) -> None:
    from core.model import Trust

    entry = TrustEntry("x", TrustKind.REVOCATION, b"SSHKRL\n\0" + content, "t")
    assert is_revocation_list(entry.content)
    try:
        read = given_revocations(Trust((entry,)))
    except MalformedError:
        return
    assert read.count <= len(content)  # a list that names nobody may be made by chance


@given(st.integers(min_value=1, max_value=2**600))
def test_numbers_have_one_form(number: int) -> None:
    assert WireReader(wire_string(mpint(number)), "x").positive() == number
    with pytest.raises(MalformedError):
        WireReader(wire_string(b"\0" + mpint(number)), "x").positive()


def test_numbers_are_positive() -> None:
    for raw in (b"", b"\0", b"\x80", b"\xff\x01"):
        with pytest.raises(MalformedError):
            WireReader(wire_string(raw), "x").positive()


def test_key_with_bytes_after_it_or_a_point_off_the_curve_is_refused() -> None:
    blob = base64.b64decode(keys().public("p256").split()[1])
    assert read_key(blob).algorithm == "ECDSA-P256"
    for broken in (blob + b"\0", blob[:-1], blob[:-1] + bytes([blob[-1] ^ 1])):
        with pytest.raises(MalformedError):
            read_key(broken)


def test_revocation_lists_of_ssh_are_described_and_no_concern_of_certificates() -> None:
    content = keys().public("ed25519").encode() + b"\n"
    entry = TrustEntry("gone", TrustKind.REVOCATION, content, "t")
    (described,) = describe(entry, Limits())
    assert described.algorithm == "OpenSSH revocation list, 1 entry"
    assert revocations_of_certificates((entry,)).broken == ()
