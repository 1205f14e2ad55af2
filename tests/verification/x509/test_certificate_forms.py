"""Certificates in forms that other programs write and that are not read, or read by nobody."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from asn1crypto import algos as asn1_algos
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from core.errors import MalformedError
from tests.verification.specimens import (
    AUTHORITY,
    NOW,
    PrivateKey,
    authority_entry,
    certificate,
    private_key,
    setting,
)
from verification.x509.certificates import read_certificates
from verification.x509.chain import Fault, given_authorities, verify_chain

ROOT_KEY, LEAF_KEY = private_key("rsa-2048", "forms"), private_key("p256", "forms")
ROOT = certificate("root", "root", ROOT_KEY, ROOT_KEY, AUTHORITY)
SHA256 = hashes.SHA256()
WITHOUT_NULL = bytes.fromhex(  # RSASSA-PSS with SHA-256 and a salt of 32 bytes, by OpenSSL
    "303d06092a864886f70d01010a3030a00d300b0609608648016503040201"
    "a11a301806092a864886f70d010108300b0609608648016503040201a203020120"
)


def judged(*chain: x509.Certificate, root: x509.Certificate = ROOT) -> tuple[str, str]:
    """Return reason and detail of what is said of the chain."""
    trust = setting(authority_entry(root)).trust
    found = verify_chain(chain, given_authorities(trust), NOW)
    return (found.reason, found.detail) if isinstance(found, Fault) else ("accepted", "")


def signed_with_pss(salt: int, *, with_null: bool) -> x509.Certificate:
    """Return a signer's certificate under the root, signed with RSASSA-PSS and SHA-256."""
    assert isinstance(ROOT_KEY, rsa.RSAPrivateKey)
    pss = padding.PSS(padding.MGF1(SHA256), salt)
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(ROOT.subject)
    builder = builder.not_valid_before(ROOT.not_valid_before_utc).serial_number(5)
    builder = builder.not_valid_after(ROOT.not_valid_after_utc).public_key(LEAF_KEY.public_key())
    made = builder.sign(ROOT_KEY, SHA256, rsa_padding=pss)
    if with_null:
        return made
    read = asn1_x509.Certificate.load(made.public_bytes(Encoding.DER))
    algorithm = asn1_algos.SignedDigestAlgorithm.load(WITHOUT_NULL)
    read["tbs_certificate"]["signature"] = read["signature_algorithm"] = algorithm
    body = read["tbs_certificate"].dump(force=True)
    read["signature_value"] = ROOT_KEY.sign(body, pss, SHA256)
    return x509.load_der_x509_certificate(read.dump(force=True))


def test_certificate_signed_with_pss_as_openssl_writes_it_is_not_judged() -> None:
    """RFC 4055 section 2.1: NULL behind a hash may be left out; the library wants it there."""
    assert judged(signed_with_pss(32, with_null=True)) == ("accepted", "")
    for odd in (signed_with_pss(32, with_null=False), signed_with_pss(222, with_null=True)):
        reason, detail = judged(odd)
        assert (reason, "RSASSA-PSS" in detail) == ("FORMAT_UNSUPPORTED", True)


def test_stranger_does_not_turn_a_refusal_into_a_gap_by_the_form_of_a_signature() -> None:
    stranger = certificate("root", "root", private_key("rsa-2048", "other"), ROOT_KEY, AUTHORITY)
    assert judged(signed_with_pss(222, with_null=True), root=stranger)[0] == "CERT_UNTRUSTED"


def openssl(folder: Path, *words: str) -> None:
    command = ["openssl", *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=30)


def test_authority_with_a_key_for_pss_alone_is_not_judged(tmp_path: Path) -> None:
    words = "req -x509 -newkey rsa-pss -pkeyopt rsa_keygen_bits:2048 -nodes -keyout k -out root"
    openssl(tmp_path, *words.split(), "-subj", "/CN=root", "-days", "9999")
    asked = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout l -out asked"
    openssl(tmp_path, *asked.split(), "-subj", "/CN=signer")
    (tmp_path / "ext").write_text("keyUsage=digitalSignature\n")
    issued = "x509 -req -in asked -CA root -CAkey k -CAcreateserial -extfile ext -out signer"
    openssl(tmp_path, *issued.split(), "-days", "9999")
    (root,) = read_certificates((tmp_path / "root").read_bytes())
    (signer,) = read_certificates((tmp_path / "signer").read_bytes())
    trust = setting(authority_entry(root)).trust
    found = verify_chain((signer,), given_authorities(trust), root.not_valid_after_utc)
    assert isinstance(found, Fault)
    assert (found.reason, "RSASSA-PSS" in found.detail) == ("FORMAT_UNSUPPORTED", True)


def test_key_whose_curve_is_spelled_out_is_no_key_of_a_certificate(tmp_path: Path) -> None:
    """RFC 5480 section 2.1.1; OpenSSL writes such ones if asked, and refuses their chains."""
    for form in ("named_curve", "explicit"):
        words = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout k -out {form}"
        openssl(tmp_path, *words.split(), "-pkeyopt", f"ec_param_enc:{form}", "-nodes",
                "-subj", "/CN=signer")  # fmt: skip
    assert read_certificates((tmp_path / "named_curve").read_bytes())
    with pytest.raises(MalformedError, match="spells its key's curve out"):
        read_certificates((tmp_path / "explicit").read_bytes())


def test_time_in_the_year_0_is_no_time_of_a_certificate() -> None:
    late = certificate("signer", "root", LEAF_KEY, ROOT_KEY, (), until=NOW.replace(year=2050))
    encoded = late.public_bytes(Encoding.DER)
    assert read_certificates(encoded) == (late,)
    with pytest.raises(MalformedError, match="year 0"):
        read_certificates(encoded.replace(b"\x18\x0f2050", b"\x18\x0f0000"))


def test_signer_with_a_key_of_a_kind_that_is_not_read_is_not_judged(tmp_path: Path) -> None:
    words = "req -x509 -newkey ed448 -nodes -keyout k -out own -subj /CN=signer -days 9999"
    openssl(tmp_path, *words.split())
    (own,) = read_certificates((tmp_path / "own").read_bytes())
    reason, detail = judged(own)
    assert (reason, "Ed448" in detail) == ("FORMAT_UNSUPPORTED", True)


def test_signature_of_any_length_in_the_name_of_an_authority_on_p384_is_refused() -> None:
    """The certificate says ECDSA; whoever writes it need not have made a signature at all."""
    key: PrivateKey = private_key("p384", "forms")
    root = certificate("root", "root", key, key, AUTHORITY)
    names = x509.SubjectAlternativeName([x509.DNSName("a" * 60 + "." + "b" * 60)])
    signer = certificate("signer", "root", LEAF_KEY, key, ((names, False),))
    assert judged(signer, root=root)[0] == "accepted"
    for length in (0, 64, 104, 126, 127, 128, 254, 255, 256, 1000):
        read = asn1_x509.Certificate.load(signer.public_bytes(Encoding.DER))
        read["signature_value"] = b"\x30" * length
        forged = x509.load_der_x509_certificate(read.dump(force=True))
        assert judged(forged, root=root)[0] == "CERT_UNTRUSTED"
