"""A bare signature over the whole artifact, with nothing around it that says whose it is.

Made by `openssl dgst -sign`, `openssl pkeyutl -sign -rawin`, `cosign sign-blob` and their like:
an ECDSA signature in DER, an RSA one (PKCS #1 v1.5 or PSS) or an Ed25519 one; binary, as base64
text, or as base64 in a PEM block. A certificate or public key may lie beside it (`Evidence.hint`):
a claim of who signed, believed only as far as a given authority or key vouches for it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from core.errors import MalformedError
from core.model import Evidence, Outcome, Role, Verification
from core.naming import numbered
from verification.fault import refuse_fault
from verification.format import Setting
from verification.keys.keyed import (
    SIGNATURE_STEP,
    UNDER_NONE,
    GivenKeys,
    Standing,
    Trial,
    given_keys,
    refuse,
    refuse_keyless,
    shown_keys,
    try_keys,
    verified,
)
from verification.keys.public_key import PublicKey, load_public_key
from verification.readers.base64_lines import decode_base64_lines
from verification.trail import Trail
from verification.x509.certificates import (
    certificate_claims,
    certificate_signer,
    certified_key,
    read_certificates,
)
from verification.x509.chain import (
    Authorities,
    Chain,
    Fault,
    given_authorities,
    verify_chain,
)

MAX_SIGNATURE_BYTES = 2048  # RSA of 16384 bits
_MAX_TEXT_BYTES = 8192
_MIN_RSA_BYTES = 128
_ED25519_BYTES = 64
_MAX_ECDSA_BYTES = 141  # P-521 in DER
_PEM = re.compile(
    rb"\s*-----BEGIN ((?:[A-Z0-9]+ )?SIGNATURE)-----\r?\n([A-Za-z0-9+/=\s]+)-----END \1-----\s*"
)
_FOREIGN = (b"PGP", b"SSH")
_TEXT = bytes(range(0x20, 0x7F)) + b"\t\r\n"


class RawSignature:
    """The bare signature; asked last, since it is recognised by its length and form alone."""

    name = "raw-signature"
    role = Role.SIGNATURE
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether the bytes, or the base64 they hold, have the form of a bare signature."""
        return _signature(evidence.content) is not None

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Try every given key, then the certificate or key beside the signature."""
        trail = Trail(self.name, self.role)
        # 1. The signature itself.
        signature = _signature(evidence.content)
        if signature is None:
            return trail.refuse(
                "signature",
                "MALFORMED",
                "not the form of a bare signature",
                expected="an ECDSA, RSA or Ed25519 signature, binary, base64 or PEM",
                found=f"{numbered(len(evidence.content), 'byte')} of another form",
            )
        trail.passed("signature", numbered(len(signature), "byte"))
        # 2. Somebody must be trusted.
        keys, authorities = given_keys(setting.trust), given_authorities(setting.trust)
        if keys.none_given and authorities.none_given:
            return refuse_keyless(trail, setting.trust, "public key or authority")
        _note_broken(trail, keys, authorities)
        # 3. A given key that holds decides, whatever lies beside the signature.
        trial = try_keys(keys.keys, signature, evidence.subject, setting)
        if trial.standing is Standing.VERIFIED:
            trail.passed(SIGNATURE_STEP, trial.scheme)
            return verified(trail, [trial])
        # 4. Else what lies beside it may name the signer.
        if trial.standing in (Standing.REFUSED, Standing.CONTENT_NEEDED) and evidence.hint:
            beside = _verify_beside(trail, signature, evidence, setting, authorities)
            if beside is not None:
                return beside
        if keys.none_given:
            return _refuse_unnamed(trail, authorities)
        return refuse(trail, trial, keys, setting)


@lru_cache(maxsize=1)  # recognised, then read
def _signature(content: bytes) -> bytes | None:
    """Return the signature bytes if the content is a bare signature in one of its spellings."""
    if len(content) > _MAX_TEXT_BYTES:
        return None
    if not content.isascii() or content.translate(None, _TEXT):
        return content if _has_form(content) else None
    armored = _PEM.fullmatch(content)
    if armored is not None and armored[1].startswith(_FOREIGN):
        return None
    try:
        signature = decode_base64_lines(armored[2] if armored else content, what="the signature")
    except MalformedError:
        return None
    return signature if _has_form(signature) else None


def _has_form(content: bytes) -> bool:
    """Tell the forms apart: ECDSA in DER, Ed25519, or the length of an RSA modulus."""
    if len(content) <= _MAX_ECDSA_BYTES and _is_ecdsa(content):
        return True
    if len(content) == _ED25519_BYTES:
        return True
    long_enough = _MIN_RSA_BYTES <= len(content) <= MAX_SIGNATURE_BYTES
    return long_enough and len(content) % 8 == 0 and not _is_der_document(content)


def _is_ecdsa(content: bytes) -> bool:
    try:
        decode_dss_signature(content)
    except ValueError:
        return False
    return True


def _is_der_document(content: bytes) -> bool:
    """Say whether this is one DER SEQUENCE to the last byte, as CMS and timestamps are."""
    return content[:2] == b"\x30\x82" and int.from_bytes(content[2:4]) + 4 == len(content)


def _note_broken(trail: Trail, keys: GivenKeys, authorities: Authorities) -> None:
    for error in (*keys.broken, *authorities.broken):
        trail.noted("trust", f"a trust entry cannot be read: {error}", reason="KEYRING_UNUSABLE")


def _refuse_unnamed(trail: Trail, authorities: Authorities) -> Verification:
    if authorities.broken:
        detail = f"an entry is broken: {authorities.broken[0]}"
        expected, found = "authorities that can be read", authorities.broken[0]
        return trail.refuse(
            SIGNATURE_STEP, "KEYRING_UNUSABLE", detail, expected=expected, found=found
        )
    detail = "authorities were given, but no certificate that names the signer"
    given = numbered(len(authorities.members), "authority", "authorities")
    return trail.refuse(
        SIGNATURE_STEP,
        "TRUST_ROOT_MISSING",
        detail,
        expected="a certificate beside the signature, or a public key in the trust",
        found=f"{given} and nothing beside the signature",
    )


def _verify_beside(
    trail: Trail, signature: bytes, evidence: Evidence, setting: Setting, authorities: Authorities
) -> Verification | None:
    """Judge by what lies beside the signature; None where that names nobody."""
    try:
        key = load_public_key(evidence.hint, name="beside")
    except MalformedError:
        return _verify_certificate(trail, signature, evidence, setting, authorities)
    trial = try_keys([key], signature, evidence.subject, setting)
    if trial.standing is not Standing.VERIFIED:
        trail.noted("key beside", "the signature does not hold under the key that lies beside it")
        return None
    return trail.refuse(
        "key beside",
        "KEY_UNKNOWN",
        "the signature holds under the key that lies beside it, which nobody vouches for",
        expected=shown_keys(given_keys(setting.trust)),
        found=key.fingerprint,
    )


def _verify_certificate(
    trail: Trail, signature: bytes, evidence: Evidence, setting: Setting, authorities: Authorities
) -> Verification | None:
    try:
        certificates = read_certificates(evidence.hint)
        key = certified_key(certificates[0])
    except MalformedError as error:
        trail.noted("certificate beside", f"cannot be read: {error}", reason="MALFORMED")
        return None
    # 4.1 The mathematics, under the certificate's key.
    trial = try_keys([key], signature, evidence.subject, setting)
    if trial.standing is not Standing.VERIFIED:
        return _refuse_certified(trail, trial, key, given_keys(setting.trust), setting)
    trail.passed("signature under the certificate", trial.scheme)
    # 4.2 The chain to a given authority.
    chain = verify_chain(certificates, authorities, setting.now)
    trail.claims |= certificate_claims(certificates[0])
    trail.signer = certificate_signer(certificates[0], key)
    if isinstance(chain, Fault):
        return _refuse_chain(trail, chain, authorities)
    return _verified_by(trail, chain, key)


def _refuse_certified(
    trail: Trail, trial: Trial, key: PublicKey, keys: GivenKeys, setting: Setting
) -> Verification:
    if trial.standing is Standing.REFUSED:
        detail = "neither under a given key nor under the certificate that lies beside it"
        return trail.refuse(
            SIGNATURE_STEP,
            "SIGNATURE_INVALID",
            detail,
            expected=f"a signature by {shown_keys(keys)}, or by {key.fingerprint} beside it",
            found=UNDER_NONE,
        )
    return refuse(trail, trial, GivenKeys(()), setting)


def _refuse_chain(trail: Trail, fault: Fault, authorities: Authorities) -> Verification:
    if fault.reason == "CERT_UNTRUSTED" and authorities.broken:
        detail = f"no readable authority vouches, and an entry is broken: {authorities.broken[0]}"
        return trail.refuse(
            fault.step,
            "KEYRING_UNUSABLE",
            detail,
            expected="authorities that can be read",
            found=authorities.broken[0],
        )
    return refuse_fault(trail, fault)


def _verified_by(trail: Trail, chain: Chain, key: PublicKey) -> Verification:
    if chain.pinned:
        trail.noted("certificate chain", chain.pinned)
    trail.passed(
        "certificate chain", numbered(chain.length, "certificate"), reference="RFC 5280 6.1"
    )
    trail.checks.extend(chain.checks)
    return Verification(
        outcome=Outcome.VERIFIED,
        format=trail.format,
        role=trail.role,
        signer=certificate_signer(chain.leaf, key),
        claims=dict(trail.claims),
        checks=tuple(trail.checks),
        anchors=(chain.anchor,),
        due_at=chain.due_at,
        due_reason=chain.due_reason if chain.due_at else "",
    )
