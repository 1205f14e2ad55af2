"""The pieces of Sigstore's core: trees, checkpoints, promises, keys, roots, claims."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from core.errors import MalformedError
from core.limits import Limits
from core.model import TrustKind, digest_of
from tests.verification import specimens
from tests.verification.sigstore.sigstore_world import (
    ACME,
    ARC,
    CONTENT,
    DSSE2,
    FULCIO,
    REKOR2,
    SCT_LIST,
    SIGNED_AT,
    YEAR,
    Document,
    Making,
    World,
    audit_path,
    b64,
    message_case,
    octets,
    sign,
    spki,
    statement_case,
    tree_hash,
    utf8_string,
)
from tests.verification.specimens import DAY, NOW, evidence, private_key, setting
from verification.fault import Fault
from verification.sigstore import ed25519ph, entry_body, fields, log_entry
from verification.sigstore.checkpoint import read_checkpoint, signer_of
from verification.sigstore.fulcio import CLAIMS, der_text, read_leaf
from verification.sigstore.log_keys import LogKey, read_log_key
from verification.sigstore.merkle import leaf_hash, root_from_inclusion
from verification.sigstore.sct import check_promise
from verification.sigstore.trusted_root import load_root
from verification.trust import describe, kind_of
from verification.verifier import verify


class TestMerkle:
    @pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 33])
    def test_every_place_in_a_tree(self, size: int) -> None:
        entries = [bytes([number]) for number in range(size)]
        root = tree_hash(entries)
        for place, entry in enumerate(entries):
            path = audit_path(entries, place)
            assert root_from_inclusion(leaf_hash(entry), place, size, path) == root
            for other in {0, size - 1, size, place + 1} - {place}:
                assert root_from_inclusion(leaf_hash(entry), other, size, path) != root
            for wrong in ([*path, root], path[:-1] if path else [root], [*path[1:], root]):
                assert root_from_inclusion(leaf_hash(entry), place, size, wrong) != root
            for cut in ([*path, root], path[:-1] if path else [root]):
                assert root_from_inclusion(leaf_hash(entry), place, size, cut) is None

    @given(
        st.integers(0, 2**63), st.integers(0, 2**63), st.lists(st.binary(max_size=33), max_size=70)
    )
    def test_any_numbers_end(self, index: int, size: int, path: list[bytes]) -> None:
        root_from_inclusion(bytes(32), index, size, path)


class TestCheckpoint:
    TEXT = ACME.checkpoint(bytes(32), 7, "2")

    def test_it_is_read(self) -> None:
        read = read_checkpoint(self.TEXT)
        assert (read.origin, read.size, read.root_hash) == (ACME.origin("2"), 7, bytes(32))

    @pytest.mark.parametrize(
        "change",
        [
            lambda t: t[:-1],
            lambda t: t.replace("\n\n", "\n"),
            lambda t: t.replace("\n\n", "\n\n\n"),
            lambda t: t.replace("\n7\n", "\n07\n"),
            lambda t: t.replace("\n7\n", "\n-7\n"),
            lambda t: t.replace("\n7\n", "\n7 \n"),
            lambda t: t.replace("\n7\n", "\n\u0667\n"),
            lambda t: t.replace("AAAA", "AA"),
            lambda t: t.replace("\u2014 ", "- "),
            lambda t: "\n" + t.partition("\n")[2],
            lambda t: t.replace(f"\u2014 {ACME.origin('2')} ", "\u2014 "),
            lambda t: t + "\n",
            lambda t: t + "\u2014 witness AAAA\n",
            lambda t: t + "\u2014 witness AAAAAAA\n",
            lambda t: t + "\u2014 w AAAAAAAA\n" * 64,
            lambda t: "x" * 70_000 + t,
        ],
    )
    def test_another_form_is_refused(self, change: Any) -> None:
        with pytest.raises(MalformedError):
            read_checkpoint(change(self.TEXT))

    def test_lines_of_witnesses_are_passed_over(self) -> None:
        logs = load_root(ACME.entry()).logs[ACME.log_id("2")]
        text, blank, line = self.TEXT.partition("\n\n")
        witness = "\u2014 witness.example/w1 O8PH5AAAAABopO8+4O9u\n"
        for lines in (witness + line, line + witness, witness * 3 + line):
            assert signer_of(read_checkpoint(text + blank + lines), logs) is logs[0]
        assert signer_of(read_checkpoint(text + blank + witness), logs) is None

    def test_a_second_signature_of_the_log_s_name_that_does_not_hold_is_passed_over(self) -> None:
        logs = load_root(ACME.entry()).logs[ACME.log_id("2")]
        text, blank, line = self.TEXT.partition("\n\n")
        bad = f"\u2014 {ACME.origin('2')} {b64(ACME.log_id('2')[:4] + bytes(64))}\n"
        assert signer_of(read_checkpoint(text + blank + bad + line), logs) is logs[0]

    def test_the_hint_has_to_be_the_key_s(self) -> None:
        logs = load_root(ACME.entry()).logs[ACME.log_id("2")]
        hint = b64(ACME.log_id("2")[:4] + bytes(2))[:5]
        other = self.TEXT.replace(f" {hint}", f" A{hint[1:]}")
        assert other != self.TEXT
        assert signer_of(read_checkpoint(other), logs) is None

    def test_the_name_has_to_be_the_origin_s(self) -> None:
        logs = load_root(ACME.entry()).logs[ACME.log_id("2")]
        other = self.TEXT.replace(f"\u2014 {ACME.origin('2')}", "\u2014 log2.evil.example")
        assert signer_of(read_checkpoint(other), logs) is None


class TestEd25519ph:
    """RFC 8032 section 7.3 has one vector; the rest is signed here."""

    PUBLIC = bytes.fromhex("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf")
    SIGNATURE = bytes.fromhex(
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
        "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
    )
    DIGEST = hashlib.sha512(b"abc").digest()

    def test_the_vector_holds(self) -> None:
        assert ed25519ph.verify_prehashed(self.PUBLIC, self.SIGNATURE, self.DIGEST)

    def test_no_bit_of_it_may_change(self) -> None:
        for place in range(0, 512, 5):
            flipped = bytearray(self.SIGNATURE)
            flipped[place // 8] ^= 1 << place % 8
            assert not ed25519ph.verify_prehashed(self.PUBLIC, bytes(flipped), self.DIGEST)
        other = hashlib.sha512(b"abd").digest()
        assert not ed25519ph.verify_prehashed(self.PUBLIC, self.SIGNATURE, other)

    def test_a_scalar_beyond_the_order_is_refused(self) -> None:
        scalar = int.from_bytes(self.SIGNATURE[32:], "little") + 2**252
        scalar += 27742317777372353535851937790883648493
        again = self.SIGNATURE[:32] + scalar.to_bytes(32, "little")
        assert not ed25519ph.verify_prehashed(self.PUBLIC, again, self.DIGEST)

    @given(st.binary(min_size=30, max_size=34), st.binary(max_size=66), st.binary(max_size=66))
    def test_any_bytes_are_refused(self, public: bytes, signature: bytes, digest: bytes) -> None:
        assert not ed25519ph.verify_prehashed(public, signature, digest)

    def test_a_bundle_of_cosign_s_ed25519ph_verifies(self) -> None:
        making = Making(key="ed25519", keyed=True, logged=False)
        key = ACME.signer_key(making)
        assert isinstance(key, ed25519.Ed25519PrivateKey)
        digest = hashlib.sha512(CONTENT).digest()
        signature = _sign_prehashed(key, digest)
        case = message_case(making)
        document = copy.deepcopy(case.document)
        document["messageSignature"] = {
            "signature": b64(signature),
            "messageDigest": {"algorithm": "SHA2_512", "digest": b64(digest)},
        }
        case = replace(case, document=document, entries=case.entries[1:])
        found = verify(case.evidence, case.setting)
        assert found.reason == ""
        assert "Ed25519ph" in [check.detail.partition(",")[0] for check in found.checks]
        # A digest of another hash says that this is none.
        document["messageSignature"]["messageDigest"] = {
            "algorithm": "SHA2_256", "digest": b64(hashlib.sha256(CONTENT).digest()),
        }  # fmt: skip
        assert verify(case.evidence, case.setting).reason == "SIGNATURE_INVALID"


def _sign_prehashed(key: ed25519.Ed25519PrivateKey, digest: bytes) -> bytes:
    raw = serialization.Encoding.Raw
    seed = key.private_bytes(raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    public = key.public_key().public_bytes(raw, serialization.PublicFormat.Raw)
    hashed = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(hashed[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    order = 2**252 + 27742317777372353535851937790883648493
    domain = b"SigEd25519 no Ed25519 collisions\x01\x00"
    nonce = int.from_bytes(hashlib.sha512(domain + hashed[32:] + digest).digest(), "little") % order
    point = ed25519ph._multiply(nonce, ed25519ph._BASE)
    prime = 2**255 - 19
    inverse = pow(point.z, prime - 2, prime)
    x, y = point.x * inverse % prime, point.y * inverse % prime
    encoded = (y | (x & 1) << 255).to_bytes(32, "little")
    challenge = hashlib.sha512(domain + encoded + public + digest).digest()
    answer = (nonce + int.from_bytes(challenge, "little") * scalar) % order
    return encoded + answer.to_bytes(32, "little")


class TestPromise:
    """SCTs are signed over the precertificate with the key of the issuer that verified."""

    def check(self, certificate: x509.Certificate, issuer: x509.Certificate | None = None) -> str:
        root = load_root(ACME.entry())
        found = check_promise(read_leaf(certificate), issuer or ACME.intermediate, root)
        return found.reason if isinstance(found, Fault) else found.url

    def listed(self, *promises: bytes) -> x509.Certificate:
        """Return a certificate with this list of promises."""
        making = Making(transparent=False)
        key = ACME._key("intermediate")
        bare = ACME.certificate(making)
        inner = b"".join(len(each).to_bytes(2, "big") + each for each in promises)
        value = octets(len(inner).to_bytes(2, "big") + inner)
        builder = x509.CertificateBuilder(
            bare.issuer, bare.subject, bare.public_key(), bare.serial_number,
            bare.not_valid_before_utc, bare.not_valid_after_utc,
        )  # fmt: skip
        for extension in bare.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        builder = builder.add_extension(x509.UnrecognizedExtension(SCT_LIST, value), critical=False)
        return builder.sign(key, hashes.SHA256())

    def promise(self, extensions: bytes = b"") -> bytes:
        made = ACME.promise(self.listed().tbs_precertificate_bytes, SIGNED_AT, extensions)
        return made[4:]

    def test_it_holds(self) -> None:
        assert self.check(ACME.certificate(Making())) == "https://ct.acme.example"

    def test_another_issuer_of_the_same_name_is_another_issuer(self) -> None:
        certificate = ACME.certificate(Making())
        assert self.check(certificate, World("other").intermediate) == "SCT_INVALID"

    def test_an_empty_list_promises_nothing(self) -> None:
        assert self.check(self.listed()) == "SCT_INVALID"

    def test_a_promise_of_an_unknown_log_proves_nothing(self) -> None:
        key = World("other")._key("ct")
        log = hashlib.sha256(spki(key)).digest()
        stray = b"\0" + log + bytes(8) + b"\0\0\4\3\0\2\x30\0"
        assert self.check(self.listed(stray)) == "SCT_INVALID"

    def test_a_promise_of_a_known_log_that_fails_excuses_no_other(self) -> None:
        log = hashlib.sha256(spki(ACME._key("ct"))).digest()
        bad = b"\0" + log + bytes(8) + b"\0\0\4\3\0\2\x30\0"
        assert self.check(self.listed(bad)) == "SCT_INVALID"

    @pytest.mark.parametrize("milliseconds", [253402300800000, 2**64 - 1])  # the year 10000, all
    def test_a_promise_of_a_time_beyond_all_dates_does_not_hold(self, milliseconds: int) -> None:
        log = hashlib.sha256(spki(ACME._key("ct"))).digest()
        late = b"\0" + log + milliseconds.to_bytes(8, "big") + b"\0\0\4\3\0\2\x30\0"
        assert self.check(self.listed(late)) == "SCT_INVALID"


class TestProof:
    @pytest.mark.parametrize("making", [REKOR2, DSSE2], ids=["message", "envelope"])
    @pytest.mark.parametrize(
        "left_out",
        [("logIndex",), ("rootHash",), ("treeSize",), ("logIndex", "rootHash", "treeSize")],
    )
    def test_what_a_proof_of_rekor_2_need_not_repeat_changes_nothing_that_is_said(
        self, left_out: tuple[str, ...], making: Making
    ) -> None:
        case = statement_case(making) if making is DSSE2 else message_case(making)
        whole = verify(case.evidence, case.setting)
        document = copy.deepcopy(case.document)
        proof = document["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]
        for field in left_out:
            del proof[field]
        found = verify(replace(case, document=document).evidence, case.setting)
        assert (found.reason, found.checks, found.claims) == ("", whole.checks, whole.claims)
        assert found.claims["log_tree_size"] == "7"


def _user_name(text: str) -> x509.OtherName:
    return x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7"), utf8_string(text))


class TestFulcio:
    def test_new_extension_that_is_no_text_is_no_claim(self) -> None:
        trusted = setting(ACME.entry())

        def claims_with(number: int) -> dict[str, str]:
            oid = x509.ObjectIdentifier(f"{ARC}{number}")
            extra = (x509.UnrecognizedExtension(oid, b"\x30\x03\x02\x01\x07"), False)
            making = Making(extensions=(*FULCIO, extra))
            assert (number > 24) == (verify(message_case(making).evidence, trusted).reason == "")
            return dict(read_leaf(ACME.certificate(making)).claims)

        assert claims_with(99) == read_leaf(ACME.certificate(Making())).claims
        with pytest.raises(MalformedError, match="run_invocation_uri"):
            claims_with(21)

    def test_every_claim_has_a_name_of_its_own(self) -> None:
        assert len(set(CLAIMS.values())) == len(CLAIMS) == 23
        assert set(CLAIMS) == set(range(1, 25)) - {7}

    def test_all_claims_come_out_newer_ones_by_number(self) -> None:
        claims = tuple((number, f"claim {number}") for number in (*CLAIMS, 99))
        found = read_leaf(ACME.certificate(Making(claims=claims))).claims
        assert found == {
            **{name: f"claim {number}" for number, name in CLAIMS.items()},
            "fulcio_99": "claim 99",
        }

    @pytest.mark.parametrize("size", [0, 1, 127, 128, 255])
    def test_der_text(self, size: int) -> None:
        assert der_text(utf8_string("x" * size)) == b"x" * size

    @pytest.mark.parametrize(
        "value",
        ["", "0c", "0c02", "0c0261", "0c016162", "13016a", "0c810161", "0c80", "0c8200016a"],
    )
    def test_other_der_is_refused(self, value: str) -> None:
        with pytest.raises(ValueError, match=r"length|UTF8String"):
            der_text(bytes.fromhex(value))

    def test_names_keep_their_kind(self) -> None:
        names = [
            x509.RFC822Name("a@b.example"),
            x509.UniformResourceIdentifier("https://x"),
            _user_name("ann!acme.example"),
            _user_name("system:ann/ci!acme.example"),
        ]
        for name, wanted in zip(names, ["email", "uri", "username", "username"], strict=True):
            key = private_key("p256")
            made = specimens.certificate(
                "x", "x", key, key, ((x509.SubjectAlternativeName([name]), True),)
            )
            assert [kind for kind, _ in read_leaf(made).names] == [wanted]

    @pytest.mark.parametrize(
        "name",
        [
            x509.UniformResourceIdentifier("ceo@other.example"),
            x509.DNSName("ceo@other.example"),
            x509.RFC822Name("other.example"),
            _user_name("ceo@other.example"),
            _user_name("ceo!other.example@other.example"),
            _user_name("https://other.example/ceo!acme.example"),
            _user_name("spiffe://other.example/ceo"),
            _user_name("other.example"),
            _user_name("ann!other.example!acme.example"),
            _user_name("!acme.example"),
            _user_name("ann!"),
        ],
        ids=lambda name: type(name).__name__,
    )
    def test_attack_06_name_that_reads_as_one_of_another_kind_is_none(
        self, name: x509.GeneralName
    ) -> None:
        """Else it would pass by what an authority above constrains of that kind."""
        key = private_key("p256")
        named = (x509.SubjectAlternativeName([name]), True)
        with pytest.raises(MalformedError, match="name in the certificate"):
            read_leaf(specimens.certificate("x", "x", key, key, (named,)))

    @pytest.mark.parametrize("missing", [1, 8])
    def test_the_issuer_is_read_in_both_spellings(self, missing: int) -> None:
        claims = tuple(each for each in Making().claims if each[0] != missing)
        case = message_case(Making(claims=claims))
        signer = verify(case.evidence, case.setting).signer
        assert signer is not None
        assert signer.issuer == "https://token.forge.example"

    def test_a_claim_that_is_no_text_is_refused(self) -> None:
        broken = x509.UnrecognizedExtension(
            x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8"), b"\x0c\x02a"
        )
        making = Making(claims=(), extensions=(*Making().extensions, (broken, False)))
        case = message_case(making)
        assert verify(case.evidence, case.setting).reason == "MALFORMED"


class TestLogKeys:
    @pytest.mark.parametrize(
        ("kind", "details", "hashed"),
        [
            ("p256", "PKIX_ECDSA_P256_SHA_256", "sha256"),
            ("p384", "PKIX_ECDSA_P384_SHA_384", "sha384"),
            ("p521", "PKIX_ECDSA_P521_SHA_512", "sha512"),
            ("ed25519", "PKIX_ED25519", "sha256"),
            ("rsa-2048", "PKIX_RSA_PKCS1V15_2048_SHA256", "sha256"),
        ],
    )
    def test_one_algorithm_each(self, kind: str, details: str, hashed: str) -> None:
        key = private_key(kind, "log")
        log = self.log(spki(key), details)
        assert log.holds(sign(key, b"content", hashed), b"content")
        assert not log.holds(sign(key, b"content", hashed), b"another")
        if kind.startswith("p"):
            other = "sha512" if hashed != "sha512" else "sha384"
            assert not log.holds(sign(key, b"content", other), b"content")

    def test_rsa_padding_is_the_key_s_and_not_the_signature_s(self) -> None:
        key = private_key("rsa-2048", "log")
        assert isinstance(key, rsa.RSAPrivateKey)
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        signed = key.sign(b"content", pss, hashes.SHA256())
        assert self.log(spki(key), "PKIX_RSA_PSS_2048_SHA256").holds(signed, b"content")
        assert not self.log(spki(key), "PKIX_RSA_PKCS1V15_2048_SHA256").holds(signed, b"content")

    def test_rsa_in_its_old_wrapping(self) -> None:
        key = private_key("rsa-2048", "log")
        encoded = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.PKCS1
        )
        assert self.log(encoded, "PKCS1_RSA_PKCS1V5").holds(sign(key, b"content"), b"content")

    @pytest.mark.parametrize(
        ("kind", "details"),
        [
            ("p256", "PKIX_ECDSA_P384_SHA_384"),
            ("p384", "PKIX_ECDSA_P256_SHA_256"),
            ("ed25519", "PKIX_ED25519_PH"),
            ("rsa-2048", "PKIX_RSA_PKCS1V15_4096_SHA256"),
            ("p256", "ML_DSA_65"),
            ("p256", ""),
        ],
    )
    def test_another_kind_than_stated_is_refused(self, kind: str, details: str) -> None:
        with pytest.raises(MalformedError):
            read_log_key(spki(private_key(kind, "log")), details, "log")

    def log(self, encoded: bytes, details: str) -> LogKey:
        key, check = read_log_key(encoded, details, "log")
        return LogKey(b"", frozenset(), "", key, check, NOW, None)


class TestRoot:
    def test_its_parts_are_listed_for_people(self) -> None:
        entry = ACME.entry()
        listed = describe(entry, Limits())
        assert listed[0].fingerprint == str(digest_of(entry.content))
        names = [one.identity for one in listed]
        for name in ("https://rekor.acme.example", "https://ct.acme.example", "CN=acme fulcio"):
            assert name in names
        assert len({one.fingerprint for one in listed}) == len(listed) == 8
        assert all(one.kind is TrustKind.ROOT for one in listed)

    def test_a_client_s_configuration_holds_one(self) -> None:
        config = {"mediaType": "x", "trustedRoot": ACME.root()}
        assert len(load_root(ACME.entry(config)).logs) == 2

    def test_its_content_says_what_it_is(self) -> None:
        assert kind_of(TrustKind.AUTHORITY, ACME.entry().content) is TrustKind.ROOT

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{}",
            b"[]",
            b"x",
            b'{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}',
        ],
    )
    def test_anything_else_is_refused(self, content: bytes) -> None:
        with pytest.raises(MalformedError):
            load_root(replace(ACME.entry(), content=content))

    @pytest.mark.parametrize(
        ("part", "spoil"),
        [
            ("tlogs", lambda p: p["publicKey"].pop("validFor")),
            ("tlogs", lambda p: p["publicKey"]["validFor"].pop("start")),
            ("tlogs", lambda p: p["publicKey"].update(keyDetails="LMS_SHA256")),
            ("tlogs", lambda p: p.pop("logId")),
            ("tlogs", lambda p: p["publicKey"]["validFor"].update(start="yesterday")),
            ("certificateAuthorities", lambda p: p["certChain"].update(certificates=[])),
            ("certificateAuthorities", lambda p: p["certChain"]["certificates"].reverse()),
            ("tlogs", lambda p: p.update(hashAlgorithm="SHA2_512")),
            ("certificateAuthorities", lambda p: p["validFor"].update(start="yesterday")),
            ("timestampAuthorities", lambda p: p["validFor"].update(start="yesterday")),
            ("timestampAuthorities", lambda p: p["certChain"].update(certificates=[])),
        ],
    )
    def test_a_broken_part_is_set_aside_and_vouches_for_nothing(
        self, part: str, spoil: Any
    ) -> None:
        document: Document = ACME.root()
        spoil(document[part][0])
        root = load_root(ACME.entry(document))
        assert len(root.broken) == 1
        assert root.demands_log
        for making in (Making(), REKOR2):
            case = message_case(making)
            whole = verify(case.evidence, setting(ACME.entry(document)))
            if part == "certificateAuthorities" or (part == "tlogs") == (making is not REKOR2):
                assert whole.reason in ("CERT_UNTRUSTED", "LOG_UNKNOWN")

    @pytest.mark.parametrize("stated", [{}, {"validFor": {}}, {"validFor": None}])
    def test_an_authority_without_a_window_counts_as_long_as_its_certificates(
        self, stated: Document
    ) -> None:
        document: Document = ACME.root()
        for part in ("certificateAuthorities", "timestampAuthorities"):
            del document[part][0]["validFor"]
            document[part][0] |= stated
        entry = ACME.entry(document)
        assert load_root(entry).broken == ()
        for making in (Making(), REKOR2):
            assert verify(message_case(making).evidence, setting(entry)).reason == ""
        # The certificates of the authorities of this world have lived for a year by now.
        too_old = replace(Making(), certified_at=NOW - 2 * YEAR, logged_at=NOW - 2 * YEAR)
        document["tlogs"][0]["publicKey"]["validFor"]["start"] = "2000-01-01T00:00:00Z"
        document["ctlogs"][0]["publicKey"]["validFor"]["start"] = "2000-01-01T00:00:00Z"
        old = verify(message_case(too_old).evidence, setting(ACME.entry(document)))
        assert old.reason == "CERT_UNTRUSTED"

    @pytest.mark.parametrize("making", [Making(), REKOR2], ids=["Rekor v1", "Rekor v2"])
    @pytest.mark.parametrize("size", [32, 4], ids=["whole", "its first four bytes"])
    def test_a_log_may_go_by_its_id_for_checkpoints_alone(self, size: int, making: Making) -> None:
        document: Document = ACME.root()
        for each in (*document["tlogs"], *document["ctlogs"]):
            whole = base64.b64decode(each.pop("logId")["keyId"])
            # What a certificate's promise names is always the whole id (RFC 6962 section 3.2).
            kept = whole[:size] if each in document["tlogs"] else whole
            each["checkpointKeyId"] = {"keyId": b64(kept)}
        case = message_case(making)
        assert verify(case.evidence, setting(ACME.entry(document))).reason == ""
        stranger = World("stranger").message(CONTENT, making)
        named = stranger["verificationMaterial"]["tlogEntries"][0]["logId"]["keyId"]
        document["tlogs"][0]["checkpointKeyId"] = {"keyId": b64(base64.b64decode(named)[:size])}
        document["tlogs"] = document["tlogs"][:1]
        refused = verify(replace(case, document=stranger).evidence, setting(ACME.entry(document)))
        assert refused.reason in ("LOG_CHECKPOINT_INVALID", "LOG_UNKNOWN")

    @pytest.mark.parametrize("version", ["+json;version=0.1", ".v0.2+json"])
    def test_id_for_checkpoints_takes_the_place_of_the_log_s_own(self, version: str) -> None:
        document = ACME.root(mediaType=f"application/vnd.dev.sigstore.trustedroot{version}")
        case = message_case(REKOR2)

        def reason() -> str:
            return verify(case.evidence, setting(ACME.entry(document))).reason

        assert reason() == ""
        document["tlogs"][1]["checkpointKeyId"] = {"keyId": b64(b"else")}
        is_older = version == "+json;version=0.1"  # which knows no such field
        assert reason() == ("" if is_older else "LOG_CHECKPOINT_INVALID")
        named = b64(b"n" * 32)
        document["tlogs"][1] |= {
            "logId": {"keyId": named},
            "checkpointKeyId": {"keyId": b64(ACME.log_id("2")[:4])},
        }
        case.document["verificationMaterial"]["tlogEntries"][0]["logId"]["keyId"] = named
        assert reason() == ""

    def test_authority_in_a_country_of_three_letters_is_read(self) -> None:
        key = private_key("p256", "three letters")
        country = x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "USA", _validate=False)
        made = (
            x509.CertificateBuilder(x509.Name([country]), x509.Name([country]), key.public_key())
            .serial_number(1)
            .not_valid_before(NOW - DAY)
            .not_valid_after(NOW + DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .sign(key, hashes.SHA256())
        )
        root = load_root(ACME.entry(ACME.root(certificateAuthorities=[ACME.authority(made)])))
        (authority,) = root.authorities
        assert (root.broken, authority.chain[0].subject.rfc4514_string()) == ((), "C=USA")

    def test_end_that_go_writes_for_none_is_no_end(self) -> None:
        document = ACME.root()
        never = "0001-01-01T00:00:00Z"  # as `cosign trusted-root create` 2.4 writes both
        for part in ("certificateAuthorities", "timestampAuthorities"):
            document[part][0]["validFor"] = {"start": never, "end": never}
        for making in (Making(), REKOR2):
            assert verify(message_case(making).evidence, setting(ACME.entry(document))).reason == ""
            document["certificateAuthorities"][0]["validFor"]["end"] = "0001-01-01T00:00:01Z"
            ended = verify(message_case(making).evidence, setting(ACME.entry(document)))
            assert ended.reason == "CERT_EXPIRED_AT_SIGNING"
            document["certificateAuthorities"][0]["validFor"]["end"] = never

    def test_an_entry_s_own_window_narrows_every_part(self) -> None:
        case = message_case()
        late = replace(case.entries[0], valid_from=SIGNED_AT + DAY)
        assert verify(case.evidence, setting(late)).reason != ""

    def test_a_chain_longer_than_its_root_allows(self) -> None:
        key, top = private_key("p256", "short root"), private_key("p256", "short top")
        from tests.verification.sigstore.sigstore_world import _authority

        root = _authority("short root", "short root", top, top, 0)
        below = _authority("short ca", "short root", key, top, 0)
        document = ACME.root(certificateAuthorities=[ACME.authority(below, root)])
        assert "longer than" in load_root(ACME.entry(document)).broken[0]

    def test_the_shared_roots_can_be_read_whole(self, vectors: Any) -> None:
        for name in ("public-good", "staging", "github"):
            content = (vectors / "trust-roots" / f"{name}.json").read_bytes()
            root = load_root(replace(ACME.entry(), content=content))
            assert root.broken == ()
            assert root.demands_log is (name != "github")


class TestFields:
    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("2021-01-12T11:53:27Z", datetime(2021, 1, 12, 11, 53, 27, tzinfo=UTC)),
            ("2022-10-31T23:59:59.999Z", datetime(2022, 10, 31, 23, 59, 59, 999000, tzinfo=UTC)),
            (
                "2022-10-31T23:59:59.123456789Z",
                datetime(2022, 10, 31, 23, 59, 59, 123456, tzinfo=UTC),
            ),
            ("2022-11-01T01:59:59+02:00", datetime(2022, 10, 31, 23, 59, 59, tzinfo=UTC)),
        ],
    )
    def test_times(self, text: str, wanted: datetime) -> None:
        assert fields.moment({"at": text}, "at") == wanted

    @pytest.mark.parametrize(
        "text", ["2021-01-12", "2021-01-12T11:53:27", "2021-13-12T11:53:27Z",
                 "2021-01-12T11:53:60Z",
                 "2021-01-12 11:53:27Z", "2021-01-12T11:53:27.Z", "0000-01-01T00:00:00Z", "x"],
    )  # fmt: skip
    def test_other_times_are_refused(self, text: str) -> None:
        with pytest.raises(MalformedError):
            fields.moment({"at": text}, "at")


def test_every_kind_of_entry_that_is_checked_is_compared() -> None:
    assert entry_body._KINDS.keys() == log_entry.KINDS


KEYS = ["certificate", "rawBytes", "tlogEntries", "payload", "publicKey", "logId"]
VALUES = st.recursive(
    st.none() | st.text(max_size=5) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
)
TOP = ["mediaType", "verificationMaterial", "messageSignature", "dsseEnvelope"]


@given(st.dictionaries(st.sampled_from(TOP), VALUES))
def test_any_document_ends_with_a_reason(document: dict[str, object]) -> None:
    content = json.dumps({"verificationMaterial": {}, **document}).encode()
    assert verify(evidence(content), setting(ACME.entry())).reason in ("MALFORMED", "TOO_LARGE")


def test_no_leaf_outlives_what_was_logged_late() -> None:
    making = Making(logged_at=SIGNED_AT + timedelta(minutes=10), promised=True)
    case = message_case(making)
    assert verify(case.evidence, case.setting).reason == ""  # notAfter is a closed bound
    late = message_case(replace(making, logged_at=SIGNED_AT + timedelta(minutes=10, seconds=1)))
    assert verify(late.evidence, late.setting).reason == "TIME_OUTSIDE_CERT"


def test_bundles_in_a_list_of_lines_are_read_one_by_one() -> None:
    case = statement_case()
    line = case.evidence.content + b"\n"
    assert verify(replace(case.evidence, content=line), case.setting).reason == ""
    both = verify(replace(case.evidence, content=line + line), case.setting)
    assert both.reason != ""


def test_a_signer_of_blanks_alone_is_read_in_one_pass() -> None:
    blanks = b"-----BEGIN CERTIFICATE-----" + b"\n" * 40_000 + b"!"
    began = time.process_time()
    assert entry_body._PEM.fullmatch(blanks) is None
    assert time.process_time() - began < 1  # trying every way to split the blanks takes a minute
