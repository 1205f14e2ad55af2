"""Bundles of a private Sigstore: every form verifies, and the facts come out."""

from __future__ import annotations

import inspect
import json
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.model import CheckOutcome, Outcome, Role, SignerKind, Verification, digest_of
from tests.verification.cms.timestamp_specimens import STAMPER, response, token
from tests.verification.sigstore.sigstore_world import (
    ACME,
    DSSE1,
    DSSE2,
    IDENTITY,
    INTOTO1,
    INTOTO2,
    ISSUER,
    KEYED,
    REKOR2,
    SIGNED_AT,
    V1,
    V2,
    YEAR,
    Case,
    Document,
    Making,
    World,
    _authority,
    b64,
    der,
    instant,
    message_case,
    statement_case,
)
from tests.verification.specimens import CONTENT, DAY, NOW, authority_entry, key_entry, private_key
from verification.sigstore import bundle, fields, trusted_root
from verification.verifier import IdentityDemand, demand_identity, verify
from verification.x509.certificates import certificate_digest

MESSAGES = {
    "v1 0.3": Making(),
    "v1 0.2": Making(media_type=V2),
    "v1 0.1": Making(media_type=V1),
    "v1 0.1, promise alone": Making(media_type=V1, proved=False),
    "v1 with timestamp": Making(stamped_at=(SIGNED_AT + timedelta(seconds=1),)),
    "v1 with timestamp, no promise": replace(REKOR2, kind_version="0.0.1"),
    "v2": REKOR2,
    "keyed v1": KEYED,
    "keyed v2": replace(REKOR2, keyed=True),
    "keyed without any time": replace(KEYED, promised=False),
    "no message digest": Making(digest_stated=False),
    "P-384 with SHA-384": Making(key="p384", hashed="sha384"),
    "P-384 with SHA-256": Making(key="p384", hashed="sha256"),
    "P-521 with SHA-512": Making(key="p521", hashed="sha512"),
    "RSA": Making(key="rsa-2048"),
    "v2 P-384": replace(REKOR2, key="p384", hashed="sha384"),
    "v2 RSA": replace(REKOR2, key="rsa-2048"),
    "one entry in the log": Making(neighbours=0, place=0),
    "last of a full tree": Making(neighbours=7, place=7),
    "e-mail": Making(identity="ann@acme.example"),
}
STATEMENTS = {
    "dsse v1": DSSE1,
    "dsse v2": DSSE2,
    "intoto 0.0.1": INTOTO1,
    "intoto 0.0.2": INTOTO2,
    "intoto 0.0.2 in 0.1": replace(INTOTO2, media_type=V1, proved=False),
    "hashedrekord v1 over an envelope": Making(),
    "hashedrekord v2 over an envelope": REKOR2,
    "keyed dsse": replace(DSSE1, keyed=True),
    "keyed intoto without any time": replace(INTOTO2, keyed=True, promised=False),
    "Ed25519": replace(DSSE1, key="ed25519"),
}
OCTETS = {  # the fields of a bundle that are bytes
    "canonicalizedBody", "digest", "keyId", "payload", "rawBytes", "rootHash", "sig", "signature",
    "signedEntryTimestamp", "signedTimestamp",
}  # fmt: skip


def judged(case: Case) -> Verification:
    return verify(case.evidence, case.setting)


@pytest.mark.parametrize("making", MESSAGES.values(), ids=MESSAGES)
def test_a_message_signature_verifies(making: Making) -> None:
    assert judged(message_case(making)).reason == ""


@pytest.mark.parametrize("making", STATEMENTS.values(), ids=STATEMENTS)
def test_a_statement_verifies(making: Making) -> None:
    verification = judged(statement_case(making))
    assert (verification.outcome, verification.reason) == (Outcome.VERIFIED, "")
    assert verification.role is Role.ATTESTATION
    assert verification.statement is not None


@pytest.mark.parametrize("making", MESSAGES.values(), ids=MESSAGES)
def test_another_artifact_is_refused(making: Making) -> None:
    case = message_case(making)
    other = replace(case.subject, digests=(digest_of(b"other"),), content=None)
    assert judged(replace(case, subject=other)).outcome is not Outcome.VERIFIED


@pytest.mark.parametrize("making", STATEMENTS.values(), ids=STATEMENTS)
def test_a_statement_about_another_artifact_is_refused(making: Making) -> None:
    case = statement_case(making)
    other = replace(case.subject, digests=(digest_of(b"other"),), content=None)
    assert judged(replace(case, subject=other)).reason == "SUBJECT_MISMATCH"


class TestFacts:
    def test_the_signer_is_identity_and_issuer(self) -> None:
        verification = judged(message_case())
        assert verification.signer is not None
        signer = verification.signer
        assert (signer.kind, signer.identity, signer.issuer) == (
            SignerKind.KEYLESS,
            IDENTITY,
            ISSUER,
        )

    def test_claims_are_of_the_certificate_the_log_and_the_root(self) -> None:
        case = message_case()
        claims = judged(case).claims
        assert claims["source_repository_uri"] == "https://forge.example/acme/app"
        assert claims["token_subject"] == "repo:acme/app"
        assert claims["log_index"] == "1000003"
        assert claims["log_entry_kind"] == "hashedrekord 0.0.1"
        assert claims["trusted_root"] == str(digest_of(case.entries[0].content))

    @pytest.mark.parametrize(
        ("making", "wanted"),
        [
            (Making(), "1000003"),  # the promise signs it
            (REKOR2, "3"),  # the proof states it, too
            (Making(promised=False, stamped_at=(SIGNED_AT,)), None),
        ],
        ids=["promised", "second version", "neither"],
    )
    def test_an_index_of_the_log_is_a_claim_where_something_proves_it(
        self, making: Making, wanted: str | None
    ) -> None:
        verification = judged(message_case(making))
        assert verification.outcome is Outcome.VERIFIED
        assert verification.claims.get("log_index") == wanted

    def test_times_are_bounded_by_certificate_and_log(self) -> None:
        verification = judged(message_case())
        assert verification.signed_after == SIGNED_AT
        assert verification.signed_before == SIGNED_AT + timedelta(seconds=2)
        assert verification.time_source == "transparency-log"
        assert verification.time_trusted
        assert verification.due_at is None

    def test_the_earliest_proof_of_time_counts(self) -> None:
        verification = judged(message_case(MESSAGES["v1 with timestamp"]))
        assert verification.signed_at == SIGNED_AT + timedelta(seconds=1)
        assert verification.time_source == "rfc3161"

    def test_a_key_without_any_time_says_so(self) -> None:
        verification = judged(message_case(MESSAGES["keyed without any time"]))
        assert verification.signed_at is None
        assert not verification.time_trusted

    def test_anchors_are_what_the_trust_page_lists(self) -> None:
        from core.limits import Limits
        from verification.trust import describe

        case = message_case(MESSAGES["v1 with timestamp"])
        listed = {one.fingerprint for entry in case.entries for one in describe(entry, Limits())}
        anchors = judged(case).anchors
        assert len(anchors) == 5  # root, authority, log, timestamp authority, CT log
        assert set(anchors) <= listed

    def test_every_step_is_recorded_in_order(self) -> None:
        steps = [check.step for check in judged(statement_case()).checks]
        assert steps == [
            "bundle",
            "statement",
            "certificate usage",
            "log promise",
            "log inclusion",
            "log checkpoint",
            "certificate chain",
            "certificate transparency",
            "log entry",
            "signature",
            "subject",
        ]


class TestIdentity:
    def test_the_right_one_passes(self) -> None:
        demand = IdentityDemand(IDENTITY, ISSUER)
        assert demand_identity(judged(message_case()), demand).reason == ""

    def test_none_named_is_refused(self) -> None:
        found = demand_identity(judged(message_case()), IdentityDemand())
        assert found.reason == "IDENTITY_NOT_STATED"

    @pytest.mark.parametrize("name", [IDENTITY[:-1], IDENTITY + "x", IDENTITY.upper(), ISSUER])
    def test_a_look_alike_is_refused(self, name: str) -> None:
        found = demand_identity(judged(message_case()), IdentityDemand(name, ISSUER))
        assert found.reason == "IDENTITY_MISMATCH"

    def test_another_issuer_is_refused(self) -> None:
        found = demand_identity(judged(message_case()), IdentityDemand(IDENTITY, ISSUER + "/"))
        assert found.reason == "ISSUER_MISMATCH"


def _respelt(value: object, spell: Callable[[str], str]) -> object:
    """Return a bundle with every bytes field spelt otherwise."""
    if isinstance(value, dict):
        return {
            key: spell(each) if key in OCTETS and isinstance(each, str) else _respelt(each, spell)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [spell(each) if isinstance(each, str) else _respelt(each, spell) for each in value]
    return value


def _mixed(text: str) -> str:
    return text if "+" not in text or "/" not in text else text.replace("+", "-")


@pytest.mark.parametrize("made", [message_case, statement_case, lambda: message_case(REKOR2)])
def test_bytes_may_be_in_either_alphabet_of_base64_padded_or_not(
    made: Callable[[], Case],
) -> None:
    case = made()
    url = str.maketrans("+/", "-_")
    for spell in (
        lambda text: text.translate(url),
        lambda text: text.rstrip("="),
        lambda text: text.translate(url).rstrip("="),
    ):
        document = cast("Document", _respelt(case.document, spell))
        assert document != case.document
        assert judged(replace(case, document=document)).reason == ""
    mixed = cast("Document", _respelt(case.document, _mixed))
    assert mixed != case.document
    assert judged(replace(case, document=mixed)).reason == "MALFORMED"


def _source_name(key: str) -> str:
    return re.sub("(?<!^)(?=[A-Z])", "_", key).lower()


def _by_source_names(value: Any) -> Any:
    """Return a message with every field under its name in the protobuf source."""
    if isinstance(value, dict):
        return {_source_name(key): _by_source_names(each) for key, each in value.items()}
    return [_by_source_names(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "case",
    [message_case(replace(REKOR2, media_type=V2)), message_case(KEYED), statement_case()],
    ids=["2", "keyed", "statement"],
)
def test_fields_go_by_the_names_of_the_protobuf_source_too(case: Case) -> None:
    document, root = _by_source_names(case.document), ACME.entry(_by_source_names(ACME.root()))
    assert {"media_type", "verification_material"} <= document.keys()
    assert judged(replace(case, document=document, entries=(root, *case.entries[1:]))).reason == ""


@pytest.mark.parametrize("module", [bundle, trusted_root])
def test_every_field_that_is_read_goes_by_its_source_name_too(module: ModuleType) -> None:
    read = set(re.findall(r'"([a-z0-9]+(?:[A-Z][a-z0-9]+)+)"', inspect.getsource(module)))
    assert len(read) > 8
    for name in read:
        assert fields.value({_source_name(name): ""}, name) == ""


@pytest.mark.parametrize(
    ("where", "more", "held"),
    [
        ((), "dsse_envelope", {}),
        (("verificationMaterial",), "x509_certificate_chain", {}),
        (("verificationMaterial",), "public_key", {}),
        (("verificationMaterial",), "tlog_entries", []),
        (("messageSignature",), "message_digest", None),
    ],
)
def test_attack_18_second_of_two_under_its_source_name_is_not_passed_over(
    where: tuple[str, ...], more: str, held: object
) -> None:
    case = message_case()
    holder = case.document
    for key in where:
        holder = holder[key]
    holder[more] = held
    assert judged(case).reason == "MALFORMED"


@pytest.mark.parametrize("is_late", [True, False])
def test_what_another_name_holds_is_looked_at(is_late: bool) -> None:  # noqa: FBT001 - a case
    late = (SIGNED_AT + DAY,) if is_late else (SIGNED_AT,)
    case = message_case(Making(stamped_at=late))
    held = case.document["verificationMaterial"]["timestampVerificationData"]
    stamps = held.pop("rfc3161Timestamps")
    held["rfc3161_timestamps"] = stamps
    assert judged(case).reason == ("TIME_OUTSIDE_CERT" if is_late else "")
    held["rfc3161Timestamps"] = stamps
    assert judged(case).reason == "MALFORMED"


class TestRoots:
    """Each root is a world of its own, and says itself what it demands."""

    def test_the_right_one_of_several_accepts(self) -> None:
        case = message_case()
        other = World("other").entry()
        assert judged(replace(case, entries=(other, *case.entries))).reason == ""
        assert judged(replace(case, entries=(*case.entries, other))).reason == ""

    def test_a_foreign_root_refuses(self) -> None:
        case = replace(message_case(), entries=(World("other").entry(),))
        assert judged(case).reason == "LOG_UNKNOWN"

    @pytest.mark.parametrize("part", ["tlogs", "certificateAuthorities", "ctlogs"])
    def test_parts_of_two_roots_are_never_combined(self, part: str) -> None:
        other = World("other")
        one = ACME.entry(ACME.root(**{part: other.root()[part]}))
        two = other.entry(other.root(**{part: ACME.root()[part]}))
        assert judged(replace(message_case(), entries=(one, two))).outcome is not Outcome.VERIFIED

    def test_a_root_without_logs_demands_none(self) -> None:
        bare = ACME.entry(ACME.root(tlogs=None, ctlogs=None))
        making = replace(REKOR2, logged=False, transparent=False)
        case = replace(message_case(making), entries=(bare,))
        verification = judged(case)
        assert verification.reason == ""
        skipped = [c.step for c in verification.checks if c.outcome is CheckOutcome.SKIPPED]
        assert skipped == ["certificate transparency"]

    def test_a_root_with_logs_demands_an_entry(self) -> None:
        assert judged(message_case(replace(REKOR2, logged=False))).reason == "LOG_MISSING"

    @pytest.mark.parametrize(
        ("making", "tlogs", "lacking"),
        [
            (Making(), [], "TIMESTAMP_MISSING"),
            (replace(REKOR2, logged=False), World("other").root()["tlogs"], "LOG_MISSING"),
        ],
        ids=["a time", "an entry"],
    )
    def test_a_root_demands_proofs_of_what_its_own_authorities_certified_alone(
        self, making: Making, tlogs: list[Document], lacking: str
    ) -> None:
        other, case = World("other"), message_case(making)
        strange = other.root(tlogs=tlogs)
        for entries in ((other.entry(strange),), (other.entry(strange), other.entry())):
            refused = judged(replace(case, entries=entries))
            assert refused.outcome is Outcome.UNTRUSTED, refused.reason
        ours = strange | {"certificateAuthorities": ACME.root()["certificateAuthorities"]}
        assert judged(replace(case, entries=(other.entry(ours),))).reason == lacking
        # An authority that cannot be read may have issued it, one that had ended did.
        unread: Document = {"certChain": {"certificates": []}}
        partly = strange | {"certificateAuthorities": [*strange["certificateAuthorities"], unread]}
        assert judged(replace(case, entries=(other.entry(partly),))).reason == lacking
        late = message_case(replace(making, certified_at=NOW + 2 * YEAR))
        assert judged(replace(late, entries=(other.entry(ours),))).reason == lacking

    @pytest.mark.parametrize("making", [Making(), REKOR2], ids=["v1", "v2"])
    def test_a_root_older_than_what_was_signed_may_not_know_its_log(self, making: Making) -> None:
        before = ACME.entry(ACME.root(tlogs=World("before").root()["tlogs"]))
        case, stale = message_case(making), replace(before, fresh_until=SIGNED_AT - DAY)
        other = World("other").entry()
        for entries in [(stale,), (stale, other), (other, stale)]:
            found = judged(replace(case, entries=entries))
            assert (found.outcome, found.reason) == (Outcome.UNVERIFIABLE, "TRUST_ROOT_STALE")
        for fresh in (SIGNED_AT, NOW, None):  # it knew every log that there was by then
            entry = replace(before, fresh_until=fresh)
            assert judged(replace(case, entries=(entry,))).reason == "LOG_UNKNOWN"
        # What it does know stays as good as it was.
        known = replace(case.entries[0], fresh_until=SIGNED_AT - DAY)
        assert judged(replace(case, entries=(known,))).reason == ""

    def test_the_age_of_a_root_excuses_no_stranger(self) -> None:
        stale = replace(ACME.entry(), fresh_until=SIGNED_AT - DAY)
        stranger = World("stranger").message(CONTENT)
        assert judged(Case(stranger, (stale,))).reason == "LOG_UNKNOWN"
        document = ACME.root()
        document["tlogs"][0]["publicKey"]["validFor"]["end"] = (SIGNED_AT - DAY).isoformat()
        ended = replace(ACME.entry(document), fresh_until=SIGNED_AT - DAY)
        assert judged(replace(message_case(), entries=(ended,))).reason == "LOG_UNKNOWN"

    def test_a_root_with_ct_logs_demands_a_promise(self) -> None:
        assert judged(message_case(Making(transparent=False))).reason == "SCT_INVALID"

    def test_a_certified_key_of_a_kind_that_is_not_judged_says_so(self) -> None:
        key = ed448.Ed448PrivateKey.generate()
        builder = x509.CertificateBuilder(
            ACME.intermediate.subject, x509.Name([]), key.public_key(), 1, NOW, NOW + DAY
        )
        issuer = private_key("p256", "acme intermediate")
        assert isinstance(issuer, ec.EllipticCurvePrivateKey)
        made = builder.sign(issuer, hashes.SHA256())
        case = message_case()
        case.document["verificationMaterial"]["certificate"]["rawBytes"] = b64(der(made))
        found = judged(case)
        assert (found.outcome, found.reason) == (Outcome.UNVERIFIABLE, "FORMAT_UNSUPPORTED")

    def test_a_root_without_usable_logs_still_demands_them(self) -> None:
        broken = ACME.root()["tlogs"][:1]
        del broken[0]["publicKey"]["validFor"]["start"]
        case = replace(message_case(), entries=(ACME.entry(ACME.root(tlogs=broken)),))
        assert judged(case).reason == "LOG_UNKNOWN"
        unlogged = replace(message_case(replace(REKOR2, logged=False)), entries=case.entries)
        assert judged(unlogged).reason == "LOG_MISSING"

    def test_no_root_at_all_says_so(self) -> None:
        assert judged(replace(message_case(), entries=())).reason == "TRUST_ROOT_MISSING"

    def test_a_root_that_cannot_be_read_is_not_passed_over(self) -> None:
        case = message_case()
        broken = replace(case.entries[0], content=b"{}", name="broken")
        assert judged(replace(case, entries=(broken,))).reason == "KEYRING_UNUSABLE"
        assert judged(replace(case, entries=(broken, *case.entries))).reason == ""

    def test_an_authority_outside_its_window_is_refused(self) -> None:
        closed = ACME.root()
        window = closed["certificateAuthorities"][0]["validFor"]
        window["end"] = (SIGNED_AT - DAY).isoformat()
        case = replace(message_case(), entries=(ACME.entry(closed),))
        assert judged(case).reason == "CERT_EXPIRED_AT_SIGNING"

    def test_a_window_is_closed_at_both_ends(self) -> None:
        root = ACME.root()
        at = (SIGNED_AT + timedelta(seconds=2)).isoformat()
        for part in (root["certificateAuthorities"][0], root["tlogs"][0]["publicKey"]):
            part["validFor"] = {"start": at, "end": at}
        assert judged(replace(message_case(), entries=(ACME.entry(root),))).reason == ""

    def test_a_second_authority_of_the_same_name_misleads_nobody(self) -> None:
        decoy = World("decoy")
        made = replace_name(decoy)
        authorities = [made, *ACME.root()["certificateAuthorities"]]
        entry = ACME.entry(ACME.root(certificateAuthorities=authorities))
        assert judged(replace(message_case(), entries=(entry,))).reason == ""


def replace_name(decoy: World) -> dict[str, object]:
    """Return an authority with the name of ACME's and a key of its own."""
    from tests.verification.sigstore.sigstore_world import _authority

    key = decoy._key("intermediate")
    twin = _authority("acme fulcio", "acme fulcio", key, key, 0)
    return decoy.authority(twin)


class TestAuthorityInTheRoot:
    """A chain that the trusted root names: its last certificate is the anchor, whoever issued."""

    def root_below(self) -> tuple[Document, x509.Certificate, x509.Certificate]:
        """Return a root whose chain begins below who issues signers' certificates, and both."""
        top, issuing = ACME._key("root"), ACME._key("intermediate")
        chain = (
            _authority("acme below", "acme fulcio", ACME._key("below"), issuing, 0),
            _authority("acme fulcio", "acme root", issuing, top, 1),
            _authority("acme root", "acme root", top, top, 2),
        )
        return ACME.root(certificateAuthorities=[ACME.authority(*chain)]), chain[1], chain[0]

    def test_a_certificate_by_one_in_the_middle_of_the_chain_is_accepted(self) -> None:
        # So are the release attestations of a large forge: by the one above its usual issuer.
        root, issuer, below = self.root_below()
        verification = judged(replace(message_case(), entries=(ACME.entry(root),)))
        assert verification.reason == ""
        assert verification.claims["issuer"] == "CN=acme fulcio"
        assert certificate_digest(issuer) in verification.anchors
        assert certificate_digest(below) not in verification.anchors

    @pytest.mark.parametrize(
        ("limit", "reason"),
        [
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), ""),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), "CERT_UNTRUSTED"),
            (x509.NameConstraints([x509.DNSName("other.example")], None), ""),
            (x509.NameConstraints(None, [x509.UniformResourceIdentifier("a")]), "CERT_UNTRUSTED"),
        ],
    )
    @pytest.mark.parametrize("limited", [0, 1])
    def test_what_a_certificate_of_the_chain_limits_counts(
        self, limited: int, limit: x509.ExtensionType, reason: str
    ) -> None:
        """Whether it issued the signer's certificate itself or stands above who did."""
        top, key, issuing = ACME._key("root"), ACME._key("above"), ACME._key("intermediate")
        chain = [
            ("acme fulcio", "acme above", issuing, key, 0),
            ("acme above", "acme root", key, top, 1),
            ("acme root", "acme root", top, top, 2),
        ]
        made = [
            _authority(*each, *([(limit, True)] if place == limited else []))
            for place, each in enumerate(chain)
        ]
        root = ACME.root(certificateAuthorities=[ACME.authority(*made)])
        assert judged(replace(message_case(), entries=(ACME.entry(root),))).reason == reason

    def test_beside_other_authorities_too(self) -> None:
        root, *_ = self.root_below()
        other = World("other").root()["certificateAuthorities"]
        root["certificateAuthorities"] = other + root["certificateAuthorities"]
        assert judged(replace(message_case(), entries=(ACME.entry(root),))).reason == ""

    def test_the_window_of_the_authority_counts_for_it(self) -> None:
        root, *_ = self.root_below()
        root["certificateAuthorities"][0]["validFor"]["end"] = instant(SIGNED_AT - DAY)
        refused = judged(replace(message_case(), entries=(ACME.entry(root),)))
        assert refused.reason == "CERT_EXPIRED_AT_SIGNING"


class TestCertificateAuthority:
    """A chain in a bundle of version 0.3: for an authority that was given, never for Fulcio."""

    def chained(self) -> Case:
        making = Making(logged=False, transparent=False, life=2 * DAY, certified_at=NOW - DAY)
        case = message_case(making)
        material = case.document["verificationMaterial"]
        leaf = material.pop("certificate")
        chain = [leaf, {"rawBytes": _b64(der(ACME.intermediate))}]
        material["x509CertificateChain"] = {"certificates": chain}
        return case

    def test_it_is_accepted_under_a_given_authority(self) -> None:
        case = replace(self.chained(), entries=(authority_entry(ACME.root_certificate),))
        verification = judged(case)
        assert verification.reason == ""
        assert verification.signer is not None
        assert verification.signer.kind is SignerKind.CERTIFICATE
        assert verification.due_at == NOW + DAY + timedelta(seconds=1)

    def test_it_is_refused_under_a_trusted_root(self) -> None:
        assert judged(self.chained()).reason == "MALFORMED"

    def test_a_root_certificate_is_for_the_trusted_root_to_name(self) -> None:
        case = message_case(Making(media_type=V2))
        listed = case.document["verificationMaterial"]["x509CertificateChain"]["certificates"]
        listed += [
            {"rawBytes": _b64(der(each))} for each in (ACME.intermediate, ACME.root_certificate)
        ]
        assert judged(case).reason == "MALFORMED"
        # Tools of the first version put it in: it is passed over there.
        old = message_case(Making(media_type=V1))
        old.document["verificationMaterial"]["x509CertificateChain"]["certificates"] += listed[1:]
        assert judged(old).reason == ""

    def test_both_side_by_side_accept_it(self) -> None:
        case = self.chained()
        entries = (*case.entries, authority_entry(ACME.root_certificate))
        assert judged(replace(case, entries=entries)).reason == ""

    def test_its_own_end_counts(self) -> None:
        entries = (authority_entry(ACME.root_certificate),)
        case = replace(self.chained(), entries=entries, now=NOW + 2 * DAY)
        assert judged(case).reason == "CERT_EXPIRED_AT_SIGNING"

    @pytest.mark.parametrize(("seconds", "reason"), [(60, ""), (3600, "CERT_EXPIRED_AT_SIGNING")])
    def test_it_has_to_hold_at_the_last_moment_that_a_timestamp_allows(
        self, seconds: int, reason: str
    ) -> None:
        """RFC 3161 section 2.4.2: the time with the accuracy added is the upper limit."""
        entries = (authority_entry(ACME.root_certificate, STAMPER.root),)
        case = replace(self.chained(), entries=entries, now=NOW + 2 * DAY)
        made = token(
            signed=b64decode(case.document["messageSignature"]["signature"]),
            made_at=NOW + DAY - timedelta(minutes=10),
            accuracy={"seconds": seconds},
        )
        case.document["verificationMaterial"]["timestampVerificationData"] = {
            "rfc3161Timestamps": [{"signedTimestamp": _b64(response(made))}]
        }
        assert judged(case).reason == reason

    def test_a_chain_that_is_none_is_refused(self) -> None:
        case = replace(self.chained(), entries=(authority_entry(ACME.root_certificate),))
        listed = case.document["verificationMaterial"]["x509CertificateChain"]["certificates"]
        listed.insert(1, {"rawBytes": _b64(der(World("other").intermediate))})
        assert judged(case).reason == "MALFORMED"


class TestKeys:
    def test_no_key_among_the_trust_is_an_unknown_key(self) -> None:
        case = message_case(KEYED)
        assert judged(replace(case, entries=case.entries[:1])).reason == "KEY_UNKNOWN"

    def test_no_trust_at_all_says_so(self) -> None:
        assert judged(replace(message_case(KEYED), entries=())).reason == "TRUST_ROOT_MISSING"

    def test_another_key_is_refused(self) -> None:
        case = message_case(KEYED)
        other = key_entry(ACME.signer_key(Making(name="other")))
        assert judged(replace(case, entries=(case.entries[0], other))).reason == "SIGNATURE_INVALID"

    def test_a_key_alone_needs_no_log(self) -> None:
        case = message_case(replace(KEYED, logged=False))
        assert judged(replace(case, entries=case.entries[1:])).reason == ""
        assert judged(case).reason == "LOG_MISSING"

    def test_a_root_without_logs_beside_one_with_logs_excuses_nothing(self) -> None:
        case = message_case(replace(KEYED, logged=False))
        bare = World("bare")
        entry = bare.entry(bare.root(tlogs=None, ctlogs=None))
        assert judged(replace(case, entries=(entry, *case.entries))).reason == "LOG_MISSING"


class TestTimes:
    @pytest.mark.parametrize(("place", "making"), [(0, Making()), (1, REKOR2), (1, DSSE2)])
    def test_a_key_of_a_log_may_have_several_windows(self, place: int, making: Making) -> None:
        root = ACME.root()
        past = json.loads(json.dumps(root["tlogs"][place]))
        past["publicKey"]["validFor"]["end"] = instant(SIGNED_AT - DAY)
        case = statement_case(making) if making is DSSE2 else message_case(making)
        only = ACME.root(tlogs=[past])
        assert judged(replace(case, entries=(ACME.entry(only),))).reason == "LOG_UNKNOWN"
        for listed in ([past, *root["tlogs"]], [*root["tlogs"], past]):
            both = ACME.root(tlogs=listed)
            assert judged(replace(case, entries=(ACME.entry(both),))).reason == ""

    def test_the_window_that_ends_last_is_when_a_key_of_a_log_stops_to_count(self) -> None:
        """The key signed, and nothing proves when: what is due then has to be true then."""
        making = replace(REKOR2, keyed=True, stamped_at=())
        root, key = ACME.root(), key_entry(ACME.signer_key(making))
        lasting = root["tlogs"][1]
        ending = json.loads(json.dumps(lasting))
        ending["publicKey"]["validFor"]["end"] = instant(NOW + DAY)
        for listed, is_due in (([ending], True), ([ending, lasting], False)):
            entries = (ACME.entry(ACME.root(tlogs=listed)), key)
            verification = judged(replace(message_case(making), entries=entries))
            assert verification.reason == ""
            assert (verification.due_reason == "LOG_UNKNOWN") is is_due

    def test_one_window_has_to_cover_every_time(self) -> None:
        times = tuple(SIGNED_AT + timedelta(seconds=each) for each in (1, 9))
        case = message_case(replace(REKOR2, stamped_at=times))
        assert judged(case).reason == ""
        root = ACME.root()
        before, after = (json.loads(json.dumps(root["tlogs"][1])) for _ in range(2))
        before["publicKey"]["validFor"]["end"] = instant(SIGNED_AT + timedelta(seconds=5))
        after["publicKey"]["validFor"]["start"] = instant(SIGNED_AT + timedelta(seconds=6))
        split = ACME.root(tlogs=[before, after])
        assert judged(replace(case, entries=(ACME.entry(split),))).reason == "LOG_UNKNOWN"

    def test_a_time_to_come_is_refused(self) -> None:
        case = replace(message_case(), now=SIGNED_AT)
        assert judged(case).reason == "TIME_IN_FUTURE"

    def test_every_time_has_to_lie_in_the_certificate(self) -> None:
        late = SIGNED_AT + timedelta(hours=1)
        for making in (
            replace(REKOR2, stamped_at=(*REKOR2.stamped_at, late)),
            Making(logged_at=late),
            Making(stamped_at=(late,)),
        ):
            assert judged(message_case(making)).reason == "TIME_OUTSIDE_CERT"

    def test_without_a_time_nothing_is_proved(self) -> None:
        assert judged(message_case(replace(REKOR2, stamped_at=()))).reason == "TIMESTAMP_MISSING"

    def test_a_timestamp_of_an_unknown_authority_is_refused_even_beside_a_good_time(self) -> None:
        other = World("other")
        root = ACME.root(timestampAuthorities=other.root()["timestampAuthorities"])
        case = message_case(MESSAGES["v1 with timestamp"])
        assert judged(replace(case, entries=(ACME.entry(root),))).reason == "CERT_UNTRUSTED"

    def test_a_root_that_names_no_authority_of_timestamps_lets_them_prove_nothing(self) -> None:
        trust = (ACME.entry(ACME.root(timestampAuthorities=None)),)
        beside = judged(replace(message_case(MESSAGES["v1 with timestamp"]), entries=trust))
        assert (beside.reason, beside.time_source) == ("", "transparency-log")
        assert [each.outcome for each in beside.checks if each.step == "timestamp"] == [
            CheckOutcome.SKIPPED
        ]
        alone = judged(replace(message_case(REKOR2), entries=trust))
        assert (alone.outcome, alone.reason) == (Outcome.UNTRUSTED, "CERT_UNTRUSTED")
        keyed = message_case(replace(REKOR2, keyed=True))
        held = judged(replace(keyed, entries=(*trust, *keyed.entries[1:])))
        assert (held.reason, held.signed_at) == ("", None)

    def test_a_root_whose_authorities_of_timestamps_are_broken_excuses_nothing(self) -> None:
        root = ACME.root()
        root["timestampAuthorities"][0]["certChain"]["certificates"] = []
        case = message_case(MESSAGES["v1 with timestamp"])
        assert judged(replace(case, entries=(ACME.entry(root),))).reason == "CERT_UNTRUSTED"


def _b64(content: bytes) -> str:
    from tests.verification.sigstore.sigstore_world import b64

    return b64(content)
