"""The classes of attack on signed evidence that concern bundles, one test class for each.

The numbers are those of the list the project keeps to; deleting the guard makes its test fail.
"""

from __future__ import annotations

import copy
import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.limits import Limits
from core.model import Outcome, Role, TrustKind, digest_of
from tests.verification import specimens
from tests.verification.sigstore.sigstore_world import (
    ACME,
    CONTENT,
    DSSE1,
    DSSE2,
    FULCIO,
    INTOTO1,
    INTOTO2,
    KEYED,
    REKOR2,
    SIGNED_AT,
    V1,
    V3,
    Case,
    Document,
    Making,
    World,
    b64,
    der,
    message_case,
    sign,
    statement_case,
    statement_of,
)
from tests.verification.specimens import DAY, NOW, authority_entry, key_entry, setting
from verification.verifier import verify

LEAF_CA = (x509.BasicConstraints(ca=True, path_length=None), True)


DIGITAL = FULCIO[0]


def purpose(oid: x509.ObjectIdentifier) -> tuple[x509.ExtensionType, bool]:
    return x509.ExtendedKeyUsage([oid]), False


MESSAGES = {"hashedrekord v1": Making(), "hashedrekord v2": REKOR2, "keyed": KEYED}
ENVELOPES = {
    "dsse v1": DSSE1,
    "dsse v2": DSSE2,
    "intoto 0.0.1": INTOTO1,
    "intoto 0.0.2": INTOTO2,
}
# The first version of this kind records payload and signer, and not the signature.
SIGNED_ENVELOPES = {name: each for name, each in ENVELOPES.items() if each is not INTOTO1}
BAD = {
    "serverAuth": (DIGITAL, purpose(ExtendedKeyUsageOID.SERVER_AUTH)),
    "no extendedKeyUsage": (DIGITAL,),
    "no keyUsage": FULCIO[1:],
    "keyUsage without digitalSignature": (
        (x509.KeyUsage(False, True, *([False] * 7)), True),
        FULCIO[1],
    ),
    "an authority": (*FULCIO, LEAF_CA),
    "timeStamping": (DIGITAL, purpose(ExtendedKeyUsageOID.TIME_STAMPING)),
    "any purpose": (DIGITAL, purpose(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)),
    "unknown critical extension": (
        *FULCIO,
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0"), True),
    ),
}


# What a log may have written of the same envelope, and what is none of it.
SPELLINGS = {
    "PEM with CR LF": "",
    "signature for URLs": "",
    "signature without padding": "",
    "key id": "",
    "payload": "",
    "payload without padding": "",
    "another payload": "LOG_ENTRY_MISMATCH",
    "payload encoded once": "LOG_ENTRY_MISMATCH",
    "signature encoded once": "LOG_ENTRY_MISMATCH",
    "two certificates": "MALFORMED",
}


def _respell(envelope: Document, name: str, payload: bytes) -> None:
    """Spell one part of an `intoto` 0.0.2 entry's envelope otherwise."""
    signature = envelope["signatures"][0]
    pem, text = b64decode(signature["publicKey"]), b64decode(signature["sig"])
    written: dict[str, tuple[Document, str, bytes]] = {
        "PEM with CR LF": (signature, "publicKey", pem.replace(b"\n", b"\r\n")),
        "signature for URLs": (signature, "sig", text.translate(bytes.maketrans(b"+/", b"-_"))),
        "signature without padding": (signature, "sig", text.rstrip(b"=")),
        "payload": (envelope, "payload", b64(payload).encode()),
        "payload without padding": (envelope, "payload", b64(payload).encode().rstrip(b"=")),
        "another payload": (envelope, "payload", b64(payload + b" ").encode()),
        "payload encoded once": (envelope, "payload", payload),
        "signature encoded once": (signature, "sig", b64decode(text)),
        "two certificates": (signature, "publicKey", pem + pem),
    }
    if name == "key id":
        signature["keyid"] = "a hint that nobody signed"
        return
    holder, key, content = written[name]
    holder[key] = b64(content)


def reason(case: Case) -> str:
    return verify(case.evidence, case.setting).reason


def entry_of(document: Document) -> Document:
    entry: Document = document["verificationMaterial"]["tlogEntries"][0]
    return entry


def with_entry(case: Case, entry: Document) -> Case:
    document = copy.deepcopy(case.document)
    document["verificationMaterial"]["tlogEntries"] = [entry]
    return replace(case, document=document)


def leaf_of(case: Case) -> x509.Certificate:
    encoded = case.document["verificationMaterial"]["certificate"]["rawBytes"]
    return x509.load_der_x509_certificate(b64decode(encoded))


def parts_of(case: Case) -> tuple[x509.Certificate, bytes, bytes]:
    """Return the certificate, payload and signature of a bundle with an envelope."""
    envelope = case.document["dsseEnvelope"]
    signature = b64decode(envelope["signatures"][0]["sig"])
    return leaf_of(case), b64decode(envelope["payload"]), signature


class TestAttack01LogEntryNotTiedToTheBundle:
    """CVE-2022-36056, CVE-2026-22703: an entry that a log really holds, about something else."""

    @pytest.mark.parametrize("making", MESSAGES.values(), ids=MESSAGES)
    def test_entry_of_the_same_key_about_another_artifact(self, making: Making) -> None:
        case = message_case(making)
        other = ACME.message(b"another artifact", making)
        assert reason(case) == ""
        assert reason(with_entry(case, entry_of(other))) == "LOG_ENTRY_MISMATCH"

    @pytest.mark.parametrize("making", MESSAGES.values(), ids=MESSAGES)
    def test_entry_of_another_signer_about_the_same_artifact(self, making: Making) -> None:
        case = message_case(making)
        other = ACME.message(CONTENT, replace(making, name="other"))
        assert reason(with_entry(case, entry_of(other))) == "LOG_ENTRY_MISMATCH"

    @pytest.mark.parametrize("making", ENVELOPES.values(), ids=ENVELOPES)
    def test_entry_of_the_same_key_about_another_statement(self, making: Making) -> None:
        case = statement_case(making)
        other = ACME.statement(statement_of(predicate={"other": "one"}), making)
        assert reason(case) == ""
        assert reason(with_entry(case, entry_of(other))) == "LOG_ENTRY_MISMATCH"

    @pytest.mark.parametrize("making", ENVELOPES.values(), ids=ENVELOPES)
    def test_entry_of_another_signer_about_the_same_statement(self, making: Making) -> None:
        case = statement_case(making)
        other = ACME.statement(statement_of(), replace(making, name="other"))
        assert reason(with_entry(case, entry_of(other))) == "LOG_ENTRY_MISMATCH"

    def test_entry_with_the_same_key_under_another_certificate(self) -> None:
        case = message_case()
        other = ACME.message(CONTENT, Making(identity="mallory@evil.example"))
        other["messageSignature"] = case.document["messageSignature"]
        entry = entry_of(other)
        assert reason(with_entry(case, entry)) == "LOG_ENTRY_MISMATCH"

    @pytest.mark.parametrize("making", [Making(), REKOR2], ids=["v1", "v2"])
    def test_entry_with_another_signature_or_digest_under_the_same_certificate(
        self, making: Making
    ) -> None:
        case = message_case(making)
        material = case.document["verificationMaterial"]
        leaf = x509.load_der_x509_certificate(b64decode(material["certificate"]["rawBytes"]))
        key = ACME.signer_key(making)
        own = b64decode(case.document["messageSignature"]["signature"])
        again = specimens.sign(key, CONTENT)
        ours, other = digest_of(CONTENT).raw, digest_of(b"other").raw
        assert again != own
        for signature, digest, wanted in (
            (own, ours, ""),
            (again, ours, "LOG_ENTRY_MISMATCH"),
            (own, other, "LOG_ENTRY_MISMATCH"),
        ):
            body = ACME.body(making, signature, leaf, digest, b"")
            entry = ACME.log_entry(making, body)
            assert reason(with_entry(case, entry)) == wanted

    @pytest.mark.parametrize("making", ENVELOPES.values(), ids=ENVELOPES)
    def test_entry_with_another_payload_under_the_same_certificate_and_signature(
        self, making: Making
    ) -> None:
        case = statement_case(making)
        material, envelope = case.document["verificationMaterial"], case.document["dsseEnvelope"]
        leaf = x509.load_der_x509_certificate(b64decode(material["certificate"]["rawBytes"]))
        signature = b64decode(envelope["signatures"][0]["sig"])
        payload = b64decode(envelope["payload"])
        for recorded, wanted in ((payload, ""), (payload + b" ", "LOG_ENTRY_MISMATCH")):
            body = ACME.body(making, signature, leaf, b"", recorded)
            entry = ACME.log_entry(making, body)
            assert reason(with_entry(case, entry)) == wanted

    @pytest.mark.parametrize("making", SIGNED_ENVELOPES.values(), ids=SIGNED_ENVELOPES)
    def test_entry_with_another_signature_of_the_same_envelope(self, making: Making) -> None:
        case = statement_case(making)
        leaf, payload, own = parts_of(case)
        again = specimens.sign(ACME.signer_key(making), b"once more")
        assert again != own
        for recorded, wanted in ((own, ""), (again, "LOG_ENTRY_MISMATCH")):
            entry = ACME.log_entry(making, ACME.body(making, recorded, leaf, b"", payload))
            assert reason(with_entry(case, entry)) == wanted

    @pytest.mark.parametrize(("name", "wanted"), SPELLINGS.items())
    def test_entry_that_spells_the_same_otherwise_or_something_else(
        self, name: str, wanted: str
    ) -> None:
        # One of few whose text has what the spellings differ in.
        made = (statement_case(INTOTO2) for _ in range(1000))
        case = next(each for each in made if {"=", "+"} <= set(b64(parts_of(each)[2])))
        leaf, payload, signature = parts_of(case)
        body = json.loads(ACME.body(INTOTO2, signature, leaf, b"", payload))
        before = json.dumps(body)
        _respell(body["spec"]["content"]["envelope"], name, payload)
        assert json.dumps(body) != before
        entry = ACME.log_entry(INTOTO2, json.dumps(body).encode())
        assert reason(with_entry(case, entry)) == wanted

    @pytest.mark.parametrize("making", [Making(), REKOR2, *ENVELOPES.values()])
    def test_log_that_agrees_about_a_signature_that_does_not_hold(self, making: Making) -> None:
        """No log checks for us: what it recorded is compared, and the mathematics done as well."""
        is_message = making.kind == "hashedrekord"
        case = message_case(making) if is_message else statement_case(making)
        forged = specimens.sign(ACME.signer_key(making), b"something else")
        document = copy.deepcopy(case.document)
        if is_message:
            digest, payload = digest_of(CONTENT).raw, b""
            leaf, own = leaf_of(case), b64decode(document["messageSignature"]["signature"])
            document["messageSignature"]["signature"] = b64(forged)
        else:
            digest, (leaf, payload, own) = b"", parts_of(case)
            document["dsseEnvelope"]["signatures"][0]["sig"] = b64(forged)
        assert forged != own
        material = document["verificationMaterial"]
        for at in making.stamped_at:
            stamp = {"signedTimestamp": b64(ACME.token(forged, at))}
            material["timestampVerificationData"] = {"rfc3161Timestamps": [stamp]}
        entry = ACME.log_entry(making, ACME.body(making, forged, leaf, digest, payload))
        assert reason(with_entry(replace(case, document=document), entry)) == "SIGNATURE_INVALID"

    @pytest.mark.parametrize("making", [Making(), REKOR2], ids=["v1", "v2"])
    def test_proof_that_does_not_lead_to_the_signed_root(self, making: Making) -> None:
        case = message_case(making)
        document = copy.deepcopy(case.document)
        proof = entry_of(document)["inclusionProof"]
        proof["hashes"][0] = b64(bytes(32))
        assert reason(replace(case, document=document)) == "LOG_INCLUSION_INVALID"

    def test_second_version_s_place_is_the_proof_s(self) -> None:
        case = message_case(REKOR2)
        document = copy.deepcopy(case.document)
        entry_of(document)["logIndex"] = "2"
        assert reason(replace(case, document=document)) == "LOG_INCLUSION_INVALID"

    def test_entry_that_says_to_be_of_another_kind(self) -> None:
        case = message_case()
        entry = copy.deepcopy(entry_of(case.document))
        entry["kindVersion"] = {"kind": "dsse", "version": "0.0.1"}
        assert reason(with_entry(case, entry)) == "LOG_ENTRY_MISMATCH"

    def test_entry_of_a_kind_that_is_not_read(self) -> None:
        case = message_case()
        entry = copy.deepcopy(entry_of(case.document))
        entry["kindVersion"] = {"kind": "rpm", "version": "0.0.1"}
        assert reason(with_entry(case, entry)) == "FORMAT_UNSUPPORTED"

    def test_good_entry_beside_one_about_something_else(self) -> None:
        case = message_case()
        other = entry_of(ACME.message(b"another artifact", Making(place=1)))
        document = copy.deepcopy(case.document)
        document["verificationMaterial"]["tlogEntries"].append(other)
        assert reason(replace(case, document=document)) == "LOG_ENTRY_MISMATCH"

    @pytest.mark.parametrize("making", [Making(), REKOR2], ids=["v1", "v2"])
    def test_entry_beside_a_certificate_of_an_authority_that_demands_none(
        self, making: Making
    ) -> None:
        long_lived = replace(making, life=timedelta(days=400), stamped_at=())
        case = message_case(long_lived)
        logs = ACME.entry(ACME.root(certificateAuthorities=[]))
        given = authority_entry(ACME.intermediate, ACME.root_certificate)
        under = replace(case, entries=(logs, given))
        other = entry_of(ACME.message(b"another artifact", long_lived))
        assert reason(under) == ""
        assert reason(with_entry(under, other)) == "LOG_ENTRY_MISMATCH"
        assert reason(with_entry(replace(case, entries=(given,)), other)) == ""


class TestAttack02KeyValidityWindowIgnored:
    """A key that did not count when the signature was made."""

    @pytest.mark.parametrize(
        ("since", "until"),
        [
            (None, SIGNED_AT),
            (SIGNED_AT + DAY, None),
            (SIGNED_AT + timedelta(seconds=3), NOW + DAY),
        ],
    )
    def test_proved_time_outside_the_window(self, since: object, until: object) -> None:
        case = message_case(KEYED)
        key = key_entry(ACME.signer_key(KEYED), since=since, until=until)  # type: ignore[arg-type]
        assert reason(replace(case, entries=(case.entries[0], key))) == "KEY_EXPIRED"

    def test_proved_time_inside_a_window_that_has_closed(self) -> None:
        case = message_case(KEYED)
        key = key_entry(ACME.signer_key(KEYED), until=SIGNED_AT + timedelta(seconds=2))
        assert reason(replace(case, entries=(case.entries[0], key))) == ""

    def test_every_proved_time_counts(self) -> None:
        making = replace(KEYED, stamped_at=(SIGNED_AT + DAY,))
        case = message_case(making)
        key = key_entry(ACME.signer_key(making), until=SIGNED_AT + timedelta(hours=1))
        assert reason(replace(case, entries=(case.entries[0], key))) == "KEY_EXPIRED"

    def test_time_that_is_not_proved_proves_nothing(self) -> None:
        making = replace(KEYED, promised=False)
        case = message_case(making)
        key = key_entry(ACME.signer_key(making), until=SIGNED_AT + DAY)
        assert reason(replace(case, entries=(case.entries[0], key))) == "KEY_EXPIRED"

    def test_key_of_a_log_outside_its_window(self) -> None:
        root = ACME.root()
        root["tlogs"][0]["publicKey"]["validFor"]["end"] = (SIGNED_AT - DAY).isoformat()
        assert reason(replace(message_case(), entries=(ACME.entry(root),))) == "LOG_UNKNOWN"

    @pytest.mark.parametrize("media_type", [V1, V3])
    def test_key_that_a_log_had_before_promises_no_time_any_more(self, media_type: str) -> None:
        """A root may name both under one id: the checkpoint is by the new key, in its window."""
        before = World("the log before")
        past = before.log("rekor", "PKIX_ECDSA_P256_SHA_256", ACME.log_id(), ACME.origin("1"))
        past["publicKey"]["validFor"]["end"] = (SIGNED_AT - DAY).isoformat()
        root = ACME.entry(ACME.root(tlogs=[past, *ACME.root()["tlogs"]]))
        case = message_case(Making(media_type=media_type))
        assert reason(replace(case, entries=(root,))) == ""
        document = copy.deepcopy(case.document)
        entry = entry_of(document)
        promised = {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logID": ACME.log_id().hex(),
            "logIndex": int(entry["logIndex"]),
        }
        signed = json.dumps(promised, separators=(",", ":")).encode()
        forged = b64(sign(before.log_key(), signed))
        entry["inclusionPromise"] = {"signedEntryTimestamp": forged}
        forgery = replace(case, document=document, entries=(root,))
        assert reason(forgery) == "LOG_CHECKPOINT_INVALID"

    def test_key_of_a_second_version_log_outside_its_window(self) -> None:
        root = ACME.root()
        root["tlogs"][1]["publicKey"]["validFor"]["start"] = (SIGNED_AT + DAY).isoformat()
        assert reason(replace(message_case(REKOR2), entries=(ACME.entry(root),))) == "LOG_UNKNOWN"

    def test_key_of_a_certificate_log_outside_its_window(self) -> None:
        root = ACME.root()
        root["ctlogs"][0]["publicKey"]["validFor"]["end"] = (SIGNED_AT - DAY).isoformat()
        assert reason(replace(message_case(), entries=(ACME.entry(root),))) == "SCT_INVALID"

    def test_timestamp_outside_the_window_of_the_authority_that_made_it(self) -> None:
        root = ACME.root()
        authority = root["timestampAuthorities"][0]
        authority["validFor"]["end"] = (SIGNED_AT - DAY).isoformat()
        lender = World("lender").root()["timestampAuthorities"][0]
        empty = {**lender, "certChain": {"certificates": []}}
        root["timestampAuthorities"] += [lender, empty]
        assert (
            reason(replace(message_case(REKOR2), entries=(ACME.entry(root),))) == "CERT_UNTRUSTED"
        )


class TestAttack03IntegratedTimeWithoutPromise:
    """A time that nobody signed."""

    @pytest.mark.parametrize("media_type", [V1, Making().media_type])
    def test_promise_dropped_and_time_kept(self, media_type: str) -> None:
        case = message_case(Making(media_type=media_type))
        document = copy.deepcopy(case.document)
        del entry_of(document)["inclusionPromise"]
        assert entry_of(document)["integratedTime"]
        wanted = "LOG_MISSING" if media_type == V1 else "TIMESTAMP_MISSING"
        assert reason(replace(case, document=document)) == wanted

    def test_promise_over_another_time(self) -> None:
        case = message_case()
        document = copy.deepcopy(case.document)
        entry_of(document)["integratedTime"] = str(int(SIGNED_AT.timestamp()) + 60)
        assert reason(replace(case, document=document)) == "LOG_CHECKPOINT_INVALID"

    def test_second_version_of_the_log_promises_nothing(self) -> None:
        making = replace(REKOR2, promised=True, stamped_at=())
        case = message_case(making)
        document = copy.deepcopy(case.document)
        entry_of(document)["integratedTime"] = str(int(making.logged_at.timestamp()))
        assert reason(replace(case, document=document)) == "LOG_CHECKPOINT_INVALID"

    def test_time_written_into_an_entry_of_the_second_version(self) -> None:
        case = message_case(replace(REKOR2, stamped_at=()))
        document = copy.deepcopy(case.document)
        entry_of(document)["integratedTime"] = str(int(SIGNED_AT.timestamp()))
        assert reason(replace(case, document=document)) == "TIMESTAMP_MISSING"


class TestAttack04PredicateAndPayloadType:
    """What is signed is of another type, or about another subject."""

    def test_payload_of_another_type(self) -> None:
        making = replace(DSSE1, payload_type="application/vnd.cyclonedx+json")
        assert reason(statement_case(making)) == "PAYLOAD_TYPE"

    @pytest.mark.parametrize("kind", [None, "https://in-toto.io/Statement/v2", ""])
    def test_statement_of_no_known_version(self, kind: str | None) -> None:
        assert reason(statement_case(DSSE1, _type=kind)) == "MALFORMED"

    def test_only_provenance_is_provenance(self) -> None:
        case = statement_case(DSSE1, predicateType="https://spdx.dev/Document")
        assert verify(case.evidence, case.setting).role is Role.ATTESTATION

    @pytest.mark.parametrize(
        "subjects",
        [
            [{"name": "app", "digest": {"sha256": digest_of(b"other").value}}],
            [{"name": "app", "digest": {"sha1": digest_of(CONTENT, "sha1").value}}],
            [{"name": "app", "digest": {}}],
            [{"name": "app", "digest": {"sha512": digest_of(b"other", "sha512").value,
                                        "sha256": digest_of(CONTENT).value}}],
        ],
        ids=["another", "only a weak digest", "no digest", "one of two digests"],
    )  # fmt: skip
    def test_subject_that_is_not_the_artifact(self, subjects: object) -> None:
        assert reason(statement_case(DSSE1, subject=subjects)) == "SUBJECT_MISMATCH"

    def test_message_digest_of_another_artifact(self) -> None:
        case = message_case()
        document = copy.deepcopy(case.document)
        stated = document["messageSignature"]["messageDigest"]
        stated["digest"] = b64(digest_of(b"other").raw)
        assert reason(replace(case, document=document)) == "DIGEST_MISMATCH"

    def test_message_digest_of_another_algorithm_than_was_signed(self) -> None:
        case = message_case()
        document = copy.deepcopy(case.document)
        digest = b64(digest_of(CONTENT, "sha512").raw)
        document["messageSignature"]["messageDigest"] = {"algorithm": "SHA2_512", "digest": digest}
        assert reason(replace(case, document=document)) == "ALGORITHM_MISMATCH"


class TestAttack07HintsBelievedBeforeVerification:
    """What a bundle carries names nobody and vouches for nobody."""

    def test_key_hint_of_another_key(self) -> None:
        case = message_case(KEYED)
        document = copy.deepcopy(case.document)
        document["verificationMaterial"]["publicKey"]["hint"] = "trusted"
        other = key_entry(ACME.signer_key(Making(name="other")))
        assert reason(replace(case, document=document, entries=(case.entries[0], other))) == (
            "SIGNATURE_INVALID"
        )

    def test_certificate_of_a_forged_authority_in_the_chain(self) -> None:
        forger = World("forger")
        making = Making(media_type=V1, proved=False)
        case = Case(forger.message(CONTENT, making), (ACME.entry(),))
        chain = case.document["verificationMaterial"]["x509CertificateChain"]["certificates"]
        chain += [
            {"rawBytes": b64(der(each))} for each in (forger.intermediate, forger.root_certificate)
        ]
        assert reason(case) == "LOG_UNKNOWN"
        # Even with a log that took it, the authority is nobody's.
        mixed = ACME.root(tlogs=forger.root()["tlogs"])
        assert reason(replace(case, entries=(ACME.entry(mixed),))) == "CERT_UNTRUSTED"

    def test_log_that_the_bundle_names_itself(self) -> None:
        case = message_case()
        forger = World("forger")
        entry = entry_of(forger.message(CONTENT, Making()))
        assert reason(with_entry(case, entry)) == "LOG_UNKNOWN"
        # The id of a log that is trusted, over a promise of one that is not.
        entry = copy.deepcopy(entry)
        entry["logId"]["keyId"] = b64(ACME.log_id())
        assert reason(with_entry(case, entry)) == "LOG_CHECKPOINT_INVALID"

    def test_checkpoint_signed_by_another_log_under_the_name_and_hint_of_this_one(self) -> None:
        case = message_case(REKOR2)
        document = copy.deepcopy(case.document)
        proof = entry_of(document)["inclusionProof"]
        text = proof["checkpoint"]["envelope"].partition("\n\n")[0] + "\n"
        forged = specimens.sign(World("forger").log_key("2"), text.encode())
        line = b64(ACME.log_id("2")[:4] + forged)
        proof["checkpoint"]["envelope"] = f"{text}\n\u2014 {ACME.origin('2')} {line}\n"
        assert reason(replace(case, document=document)) == "LOG_CHECKPOINT_INVALID"

    def test_checkpoint_of_another_tree_of_the_same_log(self) -> None:
        case = message_case(REKOR2)
        document = copy.deepcopy(case.document)
        other = entry_of(ACME.message(CONTENT, replace(REKOR2, neighbours=9)))
        entry_of(document)["inclusionProof"]["checkpoint"] = other["inclusionProof"]["checkpoint"]
        assert reason(replace(case, document=document)) == "LOG_CHECKPOINT_INVALID"

    def test_proof_without_the_signed_root(self) -> None:
        case = message_case()
        document = copy.deepcopy(case.document)
        del entry_of(document)["inclusionProof"]["checkpoint"]
        assert reason(replace(case, document=document)) == "LOG_MISSING"

    @pytest.mark.parametrize(
        "making",
        [replace(REKOR2, stamped_at=()), Making()],
        ids=["alone", "beside a promise of the log"],
    )
    def test_timestamp_by_an_authority_of_the_bundle_s_own(self, making: Making) -> None:
        case = message_case(making)
        signature = case.document["messageSignature"]["signature"]
        token = World("forger").token(b64decode(signature), SIGNED_AT)
        document = copy.deepcopy(case.document)
        document["verificationMaterial"]["timestampVerificationData"] = {
            "rfc3161Timestamps": [{"signedTimestamp": b64(token)}]
        }
        assert reason(replace(case, document=document)) == "CERT_UNTRUSTED"


class TestAttack09UsageOfTheSignersCertificate:
    """A certificate that was issued for something else."""

    @pytest.mark.parametrize("extensions", BAD.values(), ids=BAD)
    def test_it_is_refused(self, extensions: specimens.Extensions) -> None:
        assert reason(message_case(Making(extensions=extensions))) == "CERT_USAGE"

    def test_precertificate_is_no_certificate(self) -> None:
        poison = (x509.PrecertPoison(), True)
        assert reason(message_case(Making(extensions=(*FULCIO, poison)))) == "CERT_USAGE"

    def test_signer_issued_by_a_signer(self) -> None:
        """A leaf used as if it were an authority leads nowhere."""
        root = ACME.root()
        leaf = ACME.certificate(Making(certified_at=NOW - 9 * DAY, life=20 * DAY))
        root["certificateAuthorities"].insert(0, ACME.authority(leaf, ACME.intermediate))
        case = message_case()
        assert reason(replace(case, entries=(ACME.entry(root),))) == ""
        root["certificateAuthorities"] = root["certificateAuthorities"][:1]
        assert reason(replace(case, entries=(ACME.entry(root),))) == "CERT_UNTRUSTED"

    def test_two_names_in_one_certificate(self) -> None:
        case = message_case(Making(extensions=FULCIO))
        names = x509.SubjectAlternativeName([x509.RFC822Name("a@b.example"),
                                             x509.RFC822Name("c@d.example")])  # fmt: skip
        from verification.sigstore.fulcio import read_leaf

        key = specimens.private_key("p256", "two names")
        made = specimens.certificate("x", "y", key, key, ((names, True),))
        from core.errors import MalformedError

        with pytest.raises(MalformedError, match="names one signer"):
            read_leaf(made).signer()
        assert reason(case) == ""


class TestAttack18LenientParsers:
    """Two readers must never see two documents in the same bytes."""

    def bytes_reason(self, content: bytes, case: Case) -> str:
        return verify(replace(case.evidence, content=content), case.setting).reason

    def test_duplicate_keys(self) -> None:
        case = message_case()
        content = case.evidence.content
        twice = content[:-1] + b', "mediaType": ' + json.dumps(case.document["mediaType"]).encode()
        assert self.bytes_reason(twice + b"}", case) == "MALFORMED"

    @pytest.mark.parametrize("field", [("messageSignature", "signature"), ("canonicalizedBody",)])
    @pytest.mark.parametrize(
        "change", [lambda t: t + "\n", lambda t: t + "=", lambda t: t[:4] + " " + t[4:],
                   lambda t: t.rstrip("=") + "!", lambda t: "\u00e9" + t],
    )  # fmt: skip
    def test_lenient_base64(self, field: tuple[str, ...], change: object) -> None:
        case = message_case()
        document = copy.deepcopy(case.document)
        holder = document[field[0]] if len(field) > 1 else entry_of(document)
        holder[field[-1]] = change(holder[field[-1]])  # type: ignore[operator]
        assert reason(replace(case, document=document)) == "MALFORMED"

    @pytest.mark.parametrize(
        "value", [-1, "-1", "01", " 1", "1.0", 1.0, True, 2**63, "9" * 19, "x", [1]]
    )
    def test_numbers_of_another_spelling(self, value: object) -> None:
        case = message_case()
        document = copy.deepcopy(case.document)
        entry_of(document)["logIndex"] = value
        assert reason(replace(case, document=document)) == "MALFORMED"

    @pytest.mark.parametrize("tail", [b"x", b"{}", b"\0"])
    def test_bytes_after_the_end(self, tail: bytes) -> None:
        case = message_case()
        assert self.bytes_reason(case.evidence.content + tail, case) == "MALFORMED"

    def test_deep_nesting(self) -> None:
        case = message_case()
        deep = b'{"verificationMaterial":' + b"[" * 100 + b"]" * 100 + b"}"
        assert self.bytes_reason(deep, case) == "TOO_LARGE"

    def test_numbers_that_are_none(self) -> None:
        case = message_case()
        content = case.evidence.content[:-1] + b', "x": NaN}'
        assert self.bytes_reason(content, case) == "MALFORMED"

    @pytest.mark.parametrize(
        ("key", "count", "wanted"),
        [("tlogEntries", 33, "TOO_LARGE"), ("tlogEntries", 2, "MALFORMED")],
    )
    def test_too_many_entries_or_the_same_twice(self, key: str, count: int, wanted: str) -> None:
        case = message_case()
        document = copy.deepcopy(case.document)
        material = document["verificationMaterial"]
        material[key] *= count
        assert reason(replace(case, document=document)) == wanted

    def test_one_place_in_a_log_twice_is_the_same_entry_however_it_is_told(self) -> None:
        case = message_case()
        document = copy.deepcopy(case.document)
        entry = entry_of(document)
        again = {key: part for key, part in entry.items() if key != "inclusionPromise"}
        document["verificationMaterial"]["tlogEntries"] = [entry, again]
        assert reason(replace(case, document=document)) == "MALFORMED"
        other = ACME.log_entry(replace(Making(), place=4), b64decode(entry["canonicalizedBody"]))
        document["verificationMaterial"]["tlogEntries"] = [entry, other]
        assert reason(replace(case, document=document)) == ""

    @pytest.mark.parametrize(("count", "wanted"), [(33, "TOO_LARGE"), (2, "MALFORMED")])
    def test_too_many_timestamps_or_the_same_twice(self, count: int, wanted: str) -> None:
        case = message_case(REKOR2)
        document = copy.deepcopy(case.document)
        document["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] *= count
        assert reason(replace(case, document=document)) == wanted

    def test_two_signers_or_two_contents(self) -> None:
        case = message_case()
        changes: list[Callable[[Document], object]] = [
            lambda d: d["verificationMaterial"].update(publicKey={"hint": "x"}),
            lambda d: d.update(dsseEnvelope=statement_case().document["dsseEnvelope"]),
            lambda d: d.pop("messageSignature"),
        ]
        for change in changes:
            document = copy.deepcopy(case.document)
            change(document)
            assert reason(replace(case, document=document)) == "MALFORMED"

    def test_two_signatures_in_an_envelope(self) -> None:
        case = statement_case()
        document = copy.deepcopy(case.document)
        document["dsseEnvelope"]["signatures"] *= 2
        assert reason(replace(case, document=document)) == "MALFORMED"

    def test_evidence_over_the_limit_is_not_parsed(self) -> None:
        case = message_case()
        small = setting(*case.entries, limits=Limits(evidence_bytes=1024))
        assert verify(case.evidence, small).reason == "TOO_LARGE"


def test_no_attack_here_ends_as_verified_by_a_root_of_another_kind() -> None:
    """A certificate authority and a key in the trust change nothing for a keyless bundle."""
    case = message_case()
    others = (
        key_entry(ACME.signer_key(Making())),
        specimens.authority_entry(ACME.root_certificate),
    )
    verification = verify(case.evidence, setting(*others))
    assert verification.outcome is not Outcome.VERIFIED  # the certificate has long ended
    assert TrustKind.ROOT not in {entry.kind for entry in others}
