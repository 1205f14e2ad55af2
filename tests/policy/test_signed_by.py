"""Who signed: distinct signers, three values, and names from the settings."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import ConfigurationError
from core.model import (
    Facts,
    FindingOutcome,
    Outcome,
    Role,
    Signer,
    SignerKind,
    Status,
    Verdict,
    Verification,
)
from core.reasons import REASONS
from policy.case import describe, distinct
from policy.engine import CompiledPolicy

MakeFacts = Callable[..., Facts]
MakePiece = Callable[..., Verification]
MakePolicy = Callable[..., CompiledPolicy]

A, B, C = "A" * 40, "B" * 40, "C" * 40
KEY = "sha256:" + "1" * 64
AUTHORITY = "sha256:" + "c" * 64
ONE = "signed_by: {any: [{openpgp: {ref: maintainers}}]}"
TWO = "signed_by: {at_least: 2, any: [{openpgp: {ref: maintainers}}, {key: {ref: release}}]}"
CA = "signed_by: {any: [{ca: {ref: acme-ca, subject: 'CN=release-*'}}]}"


def outcome(verdict: Verdict) -> tuple[str, str]:
    (finding,) = verdict.findings
    assert (finding.reason == "") == (finding.outcome is FindingOutcome.PASSED)
    return finding.outcome.value, finding.reason


@pytest.mark.parametrize(
    ("fingerprint", "kind", "expected"),
    [
        (A, SignerKind.OPENPGP, ("passed", "")),
        (B, SignerKind.OPENPGP, ("passed", "")),
        (C, SignerKind.OPENPGP, ("failed", "IDENTITY_MISMATCH")),
        (A, SignerKind.KEY, ("failed", "IDENTITY_MISMATCH")),
        (A, SignerKind.CERTIFICATE, ("failed", "IDENTITY_MISMATCH")),
        (A[:-1] + "B", SignerKind.OPENPGP, ("failed", "IDENTITY_MISMATCH")),
        (A[-16:], SignerKind.OPENPGP, ("failed", "IDENTITY_MISMATCH")),
        ("", SignerKind.OPENPGP, ("failed", "IDENTITY_MISMATCH")),
    ],
)
def test_only_the_named_signer_of_the_named_kind_counts(
    policy: MakePolicy,
    facts: MakeFacts,
    piece: MakePiece,
    fingerprint: str,
    kind: SignerKind,
    expected: tuple[str, str],
) -> None:
    verdict = policy(ONE).evaluate(facts(piece(fingerprint, kind=kind)))
    assert outcome(verdict) == expected


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("piece_outcome", list(Outcome))
def test_it_passes_only_where_status_and_evidence_both_say_verified(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece, status: Status, piece_outcome: Outcome
) -> None:
    verdict = policy(ONE).evaluate(facts(piece(A, piece_outcome), status=status))
    passed = verdict.findings[0].outcome is FindingOutcome.PASSED
    assert passed == (status is Status.VERIFIED and piece_outcome is Outcome.VERIFIED)


def test_unknown_artifacts_are_unknown_whatever_lies_there(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    for pieces in ((), (piece(A),), (piece(A, Outcome.INVALID),)):
        seen = facts(*pieces, status=Status.UNKNOWN, reason="SOURCE_THROTTLED")
        assert outcome(policy(ONE).evaluate(seen)) == ("unknown", "SOURCE_THROTTLED")


def test_only_unverifiable_evidence_is_unknown_with_its_reason(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    seen = facts(piece("", Outcome.UNVERIFIABLE, reason="TRUST_ROOT_MISSING"))
    assert outcome(policy(ONE).evaluate(seen)) == ("unknown", "TRUST_ROOT_MISSING")


def test_attack_13_an_unread_signature_may_be_the_missing_one(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    unread = piece("", Outcome.UNVERIFIABLE, reason="FORMAT_UNSUPPORTED")
    assert outcome(policy(ONE).evaluate(facts(piece(C), unread)))[0] == "unknown"
    assert outcome(policy(TWO).evaluate(facts(piece(A), unread)))[0] == "unknown"
    assert outcome(policy(TWO).evaluate(facts(piece(C), unread)))[0] == "failed"
    attested = piece("", Outcome.UNVERIFIABLE, role=Role.ATTESTATION)
    assert outcome(policy(ONE).evaluate(facts(piece(C), attested)))[0] == "failed"


def test_nothing_verified_keeps_the_evidence_s_own_reason(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    compiled = policy(ONE)
    expired = piece(A, Outcome.UNTRUSTED, reason="KEY_EXPIRED", expected="valid", found="old")
    finding = compiled.evaluate(facts(expired)).findings[0]
    assert (finding.reason, finding.expected, finding.found) == ("KEY_EXPIRED", "valid", "old")
    assert finding.solution == REASONS["KEY_EXPIRED"].fix
    assert outcome(compiled.evaluate(facts())) == ("failed", "NO_SIGNATURE")
    listed = facts(status=Status.UNSIGNED, reason="LIST_UNSIGNED")
    assert outcome(compiled.evaluate(listed)) == ("failed", "LIST_UNSIGNED")


@pytest.mark.parametrize("role", list(Role))
def test_only_signatures_and_provenance_count(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece, role: Role
) -> None:
    seen = facts(piece(A, role=role), piece(C))
    expected = role in (Role.SIGNATURE, Role.PROVENANCE)
    assert (outcome(policy(ONE).evaluate(seen))[0] == "passed") == expected


def test_two_signatures_by_one_signer_count_once(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    compiled = policy(TWO)
    key = piece(KEY, kind=SignerKind.KEY)
    assert outcome(compiled.evaluate(facts(piece(A), piece(A)))) == ("failed", "SIGNERS_TOO_FEW")
    assert outcome(compiled.evaluate(facts(piece(A), piece(C)))) == ("failed", "SIGNERS_TOO_FEW")
    assert outcome(compiled.evaluate(facts(piece(A), piece(B)))) == ("passed", "")
    assert outcome(compiled.evaluate(facts(piece(A), key))) == ("passed", "")
    certified = piece(KEY, kind=SignerKind.CERTIFICATE, identity="x", issuer="y")
    assert outcome(compiled.evaluate(facts(key, certified))) == ("failed", "SIGNERS_TOO_FEW")


def test_a_renewed_certificate_is_the_same_signer() -> None:
    def certificate(key: str, identity: str, issuer: str = "CA") -> Signer:
        return Signer(SignerKind.CERTIFICATE, key, "RSA-4096", identity, issuer)

    assert len(distinct([certificate("1", "ann"), certificate("2", "ann")])) == 1
    assert len(distinct([certificate("1", "ann"), certificate("2", "bob")])) == 2
    assert len(distinct([certificate("1", "ann"), certificate("2", "ann", "other")])) == 2
    # 1 and 2 share a person, 2 and 3 a key: one signer, in any order.
    chain = [certificate("1", "ann"), certificate("2", "ann"), certificate("2", "bob")]
    for order in itertools.permutations(chain):
        assert len(distinct(order)) == 1
    # An OpenPGP user id is a claim: the same one on two keys joins nothing.
    claimed = [Signer(SignerKind.OPENPGP, key, "Ed25519", "Ann <a@x>") for key in (A, B)]
    assert len(distinct(claimed)) == 2
    nameless = [Signer(SignerKind.CERTIFICATE, "", "", "") for _ in range(3)]
    assert len(distinct(nameless)) == 1


@given(st.lists(st.tuples(st.sampled_from("123"), st.sampled_from(["", "a", "b"])), max_size=7))
def test_distinct_never_counts_more_than_keys_or_depends_on_order(
    marks: list[tuple[str, str]],
) -> None:
    signers = [Signer(SignerKind.CERTIFICATE, key, "", identity) for key, identity in marks]
    count = len(distinct(signers))
    assert count <= len({key for key, _ in marks})
    assert count == len(distinct(reversed(signers)))
    assert count == len(distinct(signers + signers))


@pytest.mark.parametrize(
    ("identity", "anchor", "expected"),
    [
        ("CN=release-1", AUTHORITY, "passed"),
        ("CN=release-1/evil", AUTHORITY, "failed"),
        ("O=x,CN=release-1", AUTHORITY, "failed"),
        ("", AUTHORITY, "failed"),
        ("CN=release-1", "sha256:" + "d" * 64, "failed"),
        ("CN=release-1", "", "failed"),
    ],
)
def test_a_certificate_needs_the_authority_and_the_whole_subject(
    policy: MakePolicy,
    facts: MakeFacts,
    piece: MakePiece,
    identity: str,
    anchor: str,
    expected: str,
) -> None:
    seen = piece(KEY, kind=SignerKind.CERTIFICATE, identity=identity, anchors=(anchor,))
    assert outcome(policy(CA).evaluate(facts(seen)))[0] == expected
    # The same anchor under another kind of signature proves no certificate.
    other = piece(KEY, kind=SignerKind.KEY, identity=identity, anchors=(anchor,))
    assert outcome(policy(CA).evaluate(facts(other)))[0] == "failed"


@pytest.mark.parametrize(
    ("requirement", "named"),
    [
        (ONE, True),
        (CA, True),
        ("signed_by: {any: [{ca: {ref: acme-ca}}]}", False),
        ("signed_by: {any: [{ca: {ref: acme-ca, subject: '**'}}]}", False),
        ("signed_by: {any: [{ca: {ref: acme-ca}}, {key: {ref: release}}]}", False),
        ("any: [{verified: {}}, {signed_by: {any: [{key: {ref: release}}]}}]", False),
        ("any: [{signed_by: {any: [{key: {ref: release}}]}}]", True),
        ("verified: {}", False),
    ],
)
def test_a_policy_names_signers_only_if_it_shuts_somebody_out(
    policy: MakePolicy, requirement: str, *, named: bool
) -> None:
    assert policy(requirement).names_signers is named


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("{key: {ref: relase}}", "did you mean `release`"),
        ("{key: {ref: maintainers}}", "holds no public key"),
        ("{openpgp: {ref: release}}", "holds no OpenPGP certificate"),
        ("{ca: {ref: empty}}", "holds no certificate authority"),
        ("{ca: {subject: x}}", "`require[0].signed_by.any[0].ca.ref` is missing"),
        ("{key: {}}", "either ref or fingerprint"),
        (f"{{openpgp: {{ref: maintainers, fingerprint: {A}}}}}", "either ref or fingerprint"),
        ("{openpgp: {fingerprint: ABCDEF0123456789}}", "a shorter key id can be forged"),
        ("{openpgp: {fingerprint: '0xABCDEF0123456789ABCDEF0123456789ABCDEF01'}}", "40 or 64"),
        ("{key: {fingerprint: 1234abcd}}", "sha256: and 64 hex digits"),
        ("{}", "key, openpgp, ssh, ca or keyless"),
        ("{key: {ref: release}, openpgp: {ref: maintainers}}", "key, openpgp, ssh, ca or keyless"),
        ("{github_workflow: {signer: x}}", "not supported yet"),
        ("{key: {ref: release, valid: {from: 2025-01-01}}}", "not supported yet"),
        ("{kee: {ref: release}}", "did you mean `key`"),
    ],
)
def test_a_broken_alternative_is_one_error_with_a_place(
    policy: MakePolicy, entry: str, complaint: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        policy(f"signed_by: {{any: [{entry}]}}")
    assert complaint in caught.value.message
    assert (caught.value.line, caught.value.path) == (7, "p.yaml")
    assert caught.value.column > 10


@pytest.mark.parametrize(
    "options", ["{any: []}", "{}", "{at_least: 0, any: [{key: {ref: release}}]}"]
)
def test_a_demand_for_nobody_is_an_error(policy: MakePolicy, options: str) -> None:
    with pytest.raises(ConfigurationError):
        policy(f"signed_by: {options}")


def test_a_spaced_fingerprint_is_read_as_gpg_prints_it(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    spaced = " ".join([A.lower()[i : i + 4] for i in range(0, 40, 4)])
    compiled = policy(f"signed_by: {{any: [{{openpgp: {{fingerprint: '{spaced}'}}}}]}}")
    assert outcome(compiled.evaluate(facts(piece(A)))) == ("passed", "")


def test_hostile_names_are_made_visible_and_short(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    loud = piece(C, identity="<b>\x1b[31m\u202e" + "x" * 5000)
    finding = policy(ONE).evaluate(facts(*[loud] * 1)).findings[0]
    assert "\x1b" not in finding.found
    assert "\u202e" not in finding.found
    assert len(finding.found) < 400
    many = [Signer(SignerKind.KEY, f"k{i}", "") for i in range(64)]
    assert describe(many).endswith("and 59 more")


OUTCOMES = st.sampled_from(list(Outcome))
PIECES = st.lists(st.tuples(st.sampled_from([A, B, C]), OUTCOMES), max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PIECES, st.integers(1, 3))
def test_more_evidence_is_judged_like_a_count_written_apart(
    policy: MakePolicy,
    facts: MakeFacts,
    piece: MakePiece,
    pieces: list[tuple[str, Outcome]],
    at_least: int,
) -> None:
    compiled = policy(
        f"signed_by: {{at_least: {at_least}, any: [{{openpgp: {{ref: maintainers}}}}]}}"
    )
    seen = facts(*[piece(fingerprint, one) for fingerprint, one in pieces])
    good = {f for f, one in pieces if one is Outcome.VERIFIED and f in (A, B)}
    unread = sum(one is Outcome.UNVERIFIABLE for _, one in pieces)
    got = compiled.evaluate(seen).findings[0].outcome.value
    if seen.status is Status.UNKNOWN:
        assert got == "unknown"
    elif len(good) >= at_least:
        assert got == "passed"
    else:
        assert got == ("unknown" if len(good) + unread >= at_least else "failed")


IDENTITY = "https://forge.example/acme/app/.ci/release.yml@refs/heads/main"
ISSUER = "https://token.forge.example"
KEYLESS = "signed_by: {any: [{keyless: {identity: '%s', issuer: '%s'}}]}"
SSH_KEY = "SHA256:" + "A" * 43
OTHER_SSH_KEY = "SHA256:" + "B" * 43
PASSED, ANOTHER = ("passed", ""), ("failed", "IDENTITY_MISMATCH")


@pytest.mark.parametrize(
    ("identity", "issuer", "expected"),
    [
        (IDENTITY, ISSUER, PASSED),
        ("https://forge.example/acme/app/.ci/release.yml@**", ISSUER, PASSED),
        ("https://forge.example/acme/**", ISSUER, PASSED),
        ("https://forge.example/acme/*", ISSUER, ANOTHER),  # `*` ends at a slash
        ("forge.example/acme/**", ISSUER, ANOTHER),
        (IDENTITY[:-1], ISSUER, ANOTHER),
        (IDENTITY, ISSUER + "/", ANOTHER),
        (IDENTITY, "https://token.forge.example.evil", ANOTHER),
        (IDENTITY, "https://token?forge.example", ANOTHER),
        (IDENTITY.replace("forge.example", "FORGE.example"), ISSUER, ANOTHER),
    ],
)
def test_attack_06_keyless_signer_is_its_identity_and_its_issuer(
    policy: MakePolicy,
    facts: MakeFacts,
    piece: MakePiece,
    identity: str,
    issuer: str,
    expected: tuple[str, str],
) -> None:
    compiled = policy(KEYLESS % (identity, issuer))
    signed = piece(KEY, kind=SignerKind.KEYLESS, identity=IDENTITY, issuer=ISSUER)
    verdict = compiled.evaluate(facts(signed))
    assert outcome(verdict) == expected
    assert verdict.names_signers


@pytest.mark.parametrize("kind", [kind for kind in SignerKind if kind is not SignerKind.KEYLESS])
def test_attack_06_same_words_in_another_kind_of_signer_are_no_keyless_identity(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece, kind: SignerKind
) -> None:
    signed = piece(KEY, kind=kind, identity=IDENTITY, issuer=ISSUER)
    assert outcome(policy(KEYLESS % (IDENTITY, ISSUER)).evaluate(facts(signed))) == ANOTHER


def test_many_certificates_of_one_keyless_identity_are_one_signer(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    words = (KEYLESS % ("https://forge.example/**", ISSUER)).replace("{any", "{at_least: 2, any")
    one, again = (
        piece(key, kind=SignerKind.KEYLESS, identity=IDENTITY, issuer=ISSUER) for key in (A, B)
    )
    other = piece(A, kind=SignerKind.KEYLESS, identity=IDENTITY + "2", issuer=ISSUER)
    assert outcome(policy(words).evaluate(facts(one, again))) == ("failed", "SIGNERS_TOO_FEW")
    assert outcome(policy(words).evaluate(facts(one, other))) == PASSED


def test_any_identity_at_all_names_nobody(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    signed = piece(KEY, kind=SignerKind.KEYLESS, identity=IDENTITY, issuer=ISSUER)
    verdict = policy(KEYLESS % ("**", ISSUER)).evaluate(facts(signed))
    assert (outcome(verdict), verdict.names_signers) == (PASSED, False)


@pytest.mark.parametrize("choice", ["ref: signers", f"fingerprint: '{SSH_KEY}'"])
@pytest.mark.parametrize(
    ("key", "kind", "expected"),
    [
        (SSH_KEY, SignerKind.SSH, PASSED),
        (OTHER_SSH_KEY, SignerKind.SSH, ANOTHER),
        (SSH_KEY.lower(), SignerKind.SSH, ANOTHER),
        (SSH_KEY, SignerKind.KEY, ANOTHER),
    ],
)
def test_ssh_key_is_named_by_its_fingerprint_or_its_list(
    policy: MakePolicy,
    facts: MakeFacts,
    piece: MakePiece,
    choice: str,
    key: str,
    kind: SignerKind,
    expected: tuple[str, str],
) -> None:
    compiled = policy(f"signed_by: {{any: [{{ssh: {{{choice}}}}}]}}")
    assert outcome(compiled.evaluate(facts(piece(key, kind=kind)))) == expected


@pytest.mark.parametrize(
    "entry",
    [
        "keyless: {identity: x}",
        f"keyless: {{issuer: '{ISSUER}'}}",
        f"keyless: {{identity: '', issuer: '{ISSUER}'}}",
        "keyless: {identity: x, issuer: 'https://*'}",
        "keyless: {identity: x, issuer: ''}",
        f"ssh: {{ref: signers, fingerprint: '{SSH_KEY}'}}",
        "ssh: {fingerprint: 'MD5:00'}",
        "ssh: {ref: maintainers}",
        f"ssh: {{fingerprint: '{SSH_KEY}'}}, key: {{ref: release}}",
    ],
)
def test_half_a_keyless_or_ssh_entry_is_refused(policy: MakePolicy, entry: str) -> None:
    with pytest.raises(ConfigurationError):
        policy(f"signed_by: {{any: [{{{entry}}}]}}")


def test_artifact_that_bears_no_signature_inside_is_unsigned_to_policies(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    bare = piece("", Outcome.UNVERIFIABLE, reason="NOT_SIGNED")
    unsigned = facts(bare, status=Status.UNSIGNED, reason="NO_SIGNATURE")
    assert outcome(policy(ONE).evaluate(unsigned)) == ("failed", "NO_SIGNATURE")
    assert outcome(policy("verified: {}").evaluate(unsigned)) == ("failed", "NO_SIGNATURE")
    assert outcome(policy(ONE).evaluate(facts(bare, piece(C)))) == ANOTHER
    assert outcome(policy(ONE).evaluate(facts(bare, piece(A)))) == PASSED
