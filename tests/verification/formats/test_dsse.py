"""DSSE envelopes: what holds, under which key, and about what."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from core.limits import Limits
from core.model import Outcome, Role, Subject, TrustEntry, Verification, digest_of
from tests.verification.predicates.predicate_specimens import ALL as PREDICATES
from tests.verification.specimens import (
    CONTENT,
    DAY,
    NOW,
    envelope,
    evidence,
    flipped,
    key_entry,
    private_key,
    public_pem,
    setting,
    statement,
)
from verification.envelope import read_envelope
from verification.formats.dsse import Dsse
from verification.keys.public_key import load_public_key

FORMAT = Dsse()
KEY, OTHER = private_key("p256"), private_key("p384")
OURS = digest_of(CONTENT)
GOOD = envelope(statement(OURS), KEY)
ENTRY: dict[str, str] = json.loads(json.dumps(GOOD))["signatures"][0]
SLSA = "https://slsa.dev/provenance/v1"


def judged(document: object, *entries: TrustEntry, subject: Subject | None = None) -> Verification:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    offered = evidence(content, subject)
    assert FORMAT.recognises(offered)
    return FORMAT.verify(offered, setting(*(entries or (key_entry(KEY),))))


def changed(**fields: object) -> dict[str, object]:
    return GOOD | fields


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "ed25519"])
def test_envelope_verifies_under_its_key_only(kind: str) -> None:
    document = envelope(statement(OURS), private_key(kind))
    verification = judged(document, key_entry(private_key(kind)))
    assert (verification.outcome, verification.role) == (Outcome.VERIFIED, Role.ATTESTATION)
    assert verification.statement is not None
    assert verification.statement.subjects[0].digests == (OURS,)
    other = judged(document, key_entry(private_key(kind, "other")))
    assert (other.outcome, other.reason) == (Outcome.INVALID, "SIGNATURE_INVALID")
    assert other.statement is None


@pytest.mark.parametrize(
    ("predicate_type", "role"),
    [
        (SLSA, Role.PROVENANCE),
        ("https://slsa.dev/provenance/v0.2", Role.PROVENANCE),
        ("https://slsa.dev/provenance/v0.1", Role.PROVENANCE),
        ("https://slsa.dev/provenance/v1/evil", Role.ATTESTATION),
        ("https://slsa.dev/verification_summary/v1", Role.ATTESTATION),
        ("https://spdx.dev/Document", Role.ATTESTATION),
        ("https://sigstore.dev/cosign/sign/v1", Role.SIGNATURE),
        ("https://sigstore.dev/cosign/sign/v1/evil", Role.ATTESTATION),
    ],
)
def test_attack_04_the_type_says_what_a_statement_can_prove(
    predicate_type: str, role: Role
) -> None:
    plain = statement(OURS, predicate_type=predicate_type)
    document = envelope(plain | {"predicate": PREDICATES.get(predicate_type, {})}, KEY)
    assert judged(document).role is role
    assert judged(document, key_entry(OTHER)).role is role


def test_provenance_that_breaks_its_form_holds_but_proves_no_provenance() -> None:
    judgement = judged(envelope(statement(OURS, predicate_type=SLSA), KEY))
    assert (judgement.outcome, judgement.role) == (Outcome.VERIFIED, Role.ATTESTATION)
    assert judgement.checks[-1].reason == "MALFORMED"
    assert "builder_id" not in judgement.claims


@pytest.mark.parametrize("predicate_type", ["https://spdx.dev/Document", SLSA])
def test_a_document_of_another_format_as_text_holds_and_claims_nothing(predicate_type: str) -> None:
    # `cosign attest --type spdx` writes a document of tags and values so.
    document = statement(OURS, predicate_type=predicate_type) | {"predicate": "SPDXVersion: SPDX"}
    judgement = judged(envelope(document, KEY))
    assert (judgement.outcome, judgement.role) == (Outcome.VERIFIED, Role.ATTESTATION)
    assert judgement.checks[-1].reason == "MALFORMED"
    assert not {"sbom_format", "builder_id"} & judgement.claims.keys()


def test_claims_of_a_predicate_come_only_with_a_signature_that_holds() -> None:
    signed = envelope(statement(OURS, predicate_type=SLSA) | {"predicate": PREDICATES[SLSA]}, KEY)
    builder = PREDICATES[SLSA]["runDetails"]["builder"]["id"]
    held = judged(signed)
    assert (held.claims["builder_id"], held.claims["slsa_level"]) == (builder, "not stated")
    assert held.claims["builder_id_certified"] == "not stated"
    assert "builder_id" not in judged(signed, key_entry(OTHER)).claims


def test_spellings_of_one_envelope() -> None:
    standard = json.dumps(GOOD).encode()
    unpadded = changed(payload=str(GOOD["payload"]).rstrip("="))
    url_safe = changed(payload=str(GOOD["payload"]).translate(str.maketrans("+/", "-_")))
    pretty = json.dumps(GOOD, indent=2).encode()
    for document in (standard, standard + b"\n", b"\n" + pretty, unpadded, url_safe):
        assert judged(document).outcome is Outcome.VERIFIED
    assert judged(changed(annotations={"x": 1})).outcome is Outcome.VERIFIED


def test_several_envelopes_in_one_file_are_not_one_piece_of_evidence() -> None:
    line = json.dumps(GOOD).encode()
    verification = judged(line + b"\n" + line + b"\n")
    assert (verification.outcome, verification.reason) == (
        Outcome.UNVERIFIABLE,
        "FORMAT_UNSUPPORTED",
    )


MALFORMED: dict[str, object] = {
    "no signature": changed(signatures=[]),
    "signatures are no list": changed(signatures={}),
    "signature is no object": changed(signatures=["x"]),
    "no sig": changed(signatures=[{"keyid": ""}]),
    "lenient base64": changed(payload=str(GOOD["payload"])[:-8] + "!" + str(GOOD["payload"])[-8:]),
    "mixed alphabets": changed(payload="+-" + str(GOOD["payload"])),
    "payload is a number": changed(payload=7),
    "twice": json.dumps(GOOD)[:-1].encode() + b', "payload": ""}',
    "cut off": json.dumps(GOOD)[:-1].encode(),
    "trailing": json.dumps(GOOD).encode() + b" x",
    "not a number": json.dumps(changed(x=float("nan"))).encode(),
}


@pytest.mark.parametrize("document", MALFORMED.values(), ids=MALFORMED.keys())
def test_broken_envelope_is_malformed(document: object) -> None:
    verification = judged(document)
    assert (verification.outcome, verification.reason) == (Outcome.INVALID, "MALFORMED")


def test_attack_16_nesting_and_counts_are_bounded() -> None:
    deep = json.dumps(changed(x="y"))[:-1].encode() + b', "z": ' + b"[" * 100 + b"]" * 100 + b"}"
    assert judged(deep).reason == "TOO_LARGE"
    many = changed(signatures=[{"sig": ""}] * 65)
    assert judged(many).reason == "TOO_LARGE"


def test_attack_16_work_is_bounded_before_it_is_done() -> None:
    document = envelope(statement(OURS), *([KEY] * 60))
    offered = evidence(json.dumps(document).encode())
    keys = [key_entry(OTHER)] * 30
    small = setting(*keys, limits=Limits(evidence_bytes=1024))
    assert FORMAT.verify(offered, small).reason == "TOO_LARGE"


STATEMENTS: dict[str, tuple[object, str]] = {
    "other artifact": (statement(digest_of(b"other")), "SUBJECT_MISMATCH"),
    "second subject": (statement(digest_of(b"other"), OURS), ""),
    "sha512": (statement(digest_of(CONTENT, "sha512")), ""),
    "sha1 only": (statement(digest_of(CONTENT, "sha1")), "SUBJECT_MISMATCH"),
    "git commit": (
        statement() | {"subject": [{"name": "x", "digest": {"gitCommit": OURS.value}}]},
        "SUBJECT_MISMATCH",
    ),
    "right value, wrong algorithm": (
        statement() | {"subject": [{"name": "x", "digest": {"sha3-256": OURS.value}}]},
        "SUBJECT_MISMATCH",
    ),
    "two digests that disagree": (
        statement()
        | {
            "subject": [
                {"digest": {"sha256": OURS.value, "sha512": digest_of(b"x", "sha512").value}}
            ]
        },
        "SUBJECT_MISMATCH",
    ),
    "empty digest": (statement() | {"subject": [{"name": "x", "digest": {}}]}, "SUBJECT_MISMATCH"),
    "digest missing": (statement() | {"subject": [{"name": "x"}]}, "MALFORMED"),
    "no subject": (statement(), "MALFORMED"),
    "digest with capitals": (
        statement() | {"subject": [{"digest": {"sha256": OURS.value.upper()}}]},
        "MALFORMED",
    ),
    "version 0.1": (statement(OURS) | {"_type": "https://in-toto.io/Statement/v0.1"}, ""),
    "version 2": (statement(OURS) | {"_type": "https://in-toto.io/Statement/v2"}, "MALFORMED"),
    "no predicate type": (statement(OURS, predicate_type=""), "MALFORMED"),
    "predicate is a list": (statement(OURS) | {"predicate": []}, "MALFORMED"),
    "no predicate": ({k: v for k, v in statement(OURS).items() if k != "predicate"}, ""),
    "no JSON": (b"hello", "MALFORMED"),
    "long name": (
        statement() | {"subject": [{"name": "n" * 1025, "digest": {"sha256": OURS.value}}]},
        "MALFORMED",
    ),
}


@pytest.mark.parametrize(("content", "reason"), STATEMENTS.values(), ids=STATEMENTS.keys())
def test_attack_04_signed_statement_must_be_about_this_artifact(
    content: object, reason: str
) -> None:
    verification = judged(envelope(content, KEY))
    assert verification.reason == reason
    assert verification.outcome is (Outcome.INVALID if reason else Outcome.VERIFIED)


def test_digest_that_is_not_at_hand_is_asked_for() -> None:
    document = envelope(statement(digest_of(CONTENT, "sha512")), KEY)
    verification = judged(document, subject=Subject("app", (OURS,)))
    assert (verification.outcome, verification.reason) == (Outcome.UNVERIFIABLE, "CONTENT_NEEDED")


def test_attack_04_payload_of_another_type_is_refused_though_it_is_signed() -> None:
    document = envelope(statement(OURS), KEY, payload_type="application/json")
    assert judged(document).reason == "PAYLOAD_TYPE"
    relabelled = document | {"payloadType": "application/vnd.in-toto+json"}
    assert judged(relabelled).reason == "SIGNATURE_INVALID"


def test_bare_r_and_s_is_accepted_by_length() -> None:
    r, s = decode_dss_signature(base64.b64decode(ENTRY["sig"]))
    raw = base64.b64encode(r.to_bytes(32) + s.to_bytes(32)).decode()
    assert judged(changed(signatures=[{"sig": raw}])).outcome is Outcome.VERIFIED
    swapped = base64.b64encode(s.to_bytes(32) + r.to_bytes(32)).decode()
    assert judged(changed(signatures=[{"sig": swapped}])).reason == "SIGNATURE_INVALID"


@pytest.mark.parametrize("kind", ["p256", "p384", "p521"])
def test_summary_signed_as_bare_r_and_s_verifies_and_claims_its_levels(kind: str) -> None:
    summary = "https://slsa.dev/verification_summary/v1"
    stated = statement(OURS, predicate_type=summary) | {"predicate": PREDICATES[summary]}
    document = envelope(stated, private_key(kind))
    signatures = json.loads(json.dumps(document))["signatures"]
    r, s = decode_dss_signature(base64.b64decode(signatures[0]["sig"]))
    size = {"p256": 32, "p384": 48, "p521": 66}[kind]
    raw = base64.b64encode(r.to_bytes(size) + s.to_bytes(size)).decode()
    found = judged(document | {"signatures": [{"sig": raw}]}, key_entry(private_key(kind)))
    assert (found.outcome, found.role) == (Outcome.VERIFIED, Role.ATTESTATION)
    assert found.claims["verification_result"] == "PASSED"
    assert found.claims["build_level_claimed"] == "3"
    assert "slsa_level" not in found.claims


def test_attack_08_distinct_keys_are_counted_not_signatures() -> None:
    twice = judged(envelope(statement(OURS), KEY, KEY))
    assert (twice.claims["distinct_keys"], len(twice.anchors)) == ("1", 1)
    both = judged(envelope(statement(OURS), KEY, OTHER), key_entry(KEY), key_entry(OTHER))
    assert (both.claims["distinct_keys"], len(both.anchors)) == ("2", 2)
    one = judged(envelope(statement(OURS), OTHER, KEY))
    assert (one.outcome, one.claims["distinct_keys"]) == (Outcome.VERIFIED, "1")


def test_outcome_lasts_as_long_as_its_longest_key() -> None:
    document = envelope(statement(OURS), KEY, OTHER)
    soon, later = key_entry(KEY, until=NOW + DAY), key_entry(OTHER, until=NOW + 2 * DAY)
    verification = judged(document, soon, later)
    assert verification.due_at is not None
    assert verification.due_at > NOW + 2 * DAY
    assert verification.due_reason == "KEY_EXPIRED"
    assert judged(document, soon, key_entry(OTHER)).due_at is None


def test_attack_07_key_id_is_a_hint_and_never_decides() -> None:
    ours = load_public_key(public_pem(KEY)).fingerprint
    theirs = load_public_key(public_pem(OTHER)).fingerprint

    def named(key_id: str) -> dict[str, object]:
        return changed(signatures=[ENTRY | {"keyid": key_id}])

    assert judged(named(theirs)).outcome is Outcome.VERIFIED
    unknown = judged(named(ours), key_entry(OTHER))
    assert (unknown.outcome, unknown.reason) == (Outcome.UNTRUSTED, "KEY_UNKNOWN")
    assert judged(named(theirs), key_entry(OTHER)).reason == "SIGNATURE_INVALID"
    assert judged(named("release key"), key_entry(OTHER)).reason == "SIGNATURE_INVALID"


def test_nothing_to_trust_and_broken_trust_are_unverifiable() -> None:
    offered = evidence(json.dumps(GOOD).encode())
    assert FORMAT.verify(offered, setting()).reason == "TRUST_ROOT_MISSING"
    assert FORMAT.verify(offered, setting(key_entry(b"x"))).reason == "KEYRING_UNUSABLE"
    both = FORMAT.verify(offered, setting(key_entry(b"x"), key_entry(KEY)))
    assert both.outcome is Outcome.VERIFIED


def test_attack_02_key_counts_inside_its_window_only() -> None:
    verification = judged(GOOD, key_entry(KEY, until=NOW - DAY))
    assert (verification.outcome, verification.reason) == (Outcome.UNTRUSTED, "KEY_EXPIRED")


def test_no_changed_byte_verifies_but_of_the_key_id() -> None:
    content = json.dumps(
        changed(signatures=[ENTRY | {"keyid": "hint"}]), separators=(",", ":")
    ).encode()
    unauthenticated = [content.index(b'"keyid"') + offset for offset in range(1, 6)]
    unauthenticated += [content.index(b"hint") + offset for offset in range(4)]
    verified = [
        place
        for place, flip in flipped(content)
        if FORMAT.verify(evidence(flip), setting(key_entry(KEY))).outcome is Outcome.VERIFIED
    ]
    assert verified == unauthenticated


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'{"payloadType": 1}',
        b'{"mediaType": "x", "dsseEnvelope": {"payloadType": ""}}',
        b'{"dsseEnvelope": {"payloadType": ""}',
        b'"payloadType"',
    ],
)
def test_other_documents_are_left_alone(content: bytes) -> None:
    assert not FORMAT.recognises(evidence(content))


def test_pre_authentication_encoding_is_that_of_the_protocol() -> None:
    document = {
        "payloadType": "http://example.com/HelloWorld",
        "payload": base64.b64encode(b"hello world").decode(),
        "signatures": [{"sig": ""}],
    }
    read = read_envelope(json.dumps(document).encode(), Limits())
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert read.pre_authentication_encoding() == expected
