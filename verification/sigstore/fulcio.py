"""What a certificate of Fulcio says of its holder: read once, in one pass over its extensions.

Reference: Fulcio's docs, oid-info.md and certificate-specification.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.errors import MalformedError
from core.frozen import dataclass
from core.model import Signer, SignerKind
from verification.keys.public_key import PublicKey
from verification.x509.certificates import certified_key, has_form

_ARC = "1.3.6.1.4.1.57264.1."
_USER_NAME = x509.ObjectIdentifier(f"{_ARC}7")
_RAW = frozenset(range(1, 7))  # .1 to .6 are text without DER around it
CLAIMS = {
    1: "oidc_issuer_v1",
    2: "github_workflow_trigger",
    3: "github_workflow_sha",
    4: "github_workflow_name",
    5: "github_workflow_repository",
    6: "github_workflow_ref",
    8: "oidc_issuer",
    9: "build_signer_uri",
    10: "build_signer_digest",
    11: "runner_environment",
    12: "source_repository_uri",
    13: "source_repository_digest",
    14: "source_repository_ref",
    15: "source_repository_identifier",
    16: "source_repository_owner_uri",
    17: "source_repository_owner_identifier",
    18: "build_config_uri",
    19: "build_config_digest",
    20: "build_trigger",
    21: "run_invocation_uri",
    22: "source_repository_visibility",
    23: "deployment_environment",
    24: "token_subject",
}
_NAMED = {
    x509.ObjectIdentifier(f"{_ARC}{number}"): (name, number in _RAW)
    for number, name in CLAIMS.items()
}
_UTF8_STRING = 0x0C
_LONG_LENGTH = 0x80
_CRITICAL = frozenset(
    {
        x509.BasicConstraints,
        x509.KeyUsage,
        x509.ExtendedKeyUsage,
        x509.SubjectAlternativeName,
        x509.NameConstraints,
    }
)
_KINDS: dict[type[x509.GeneralName], str] = {
    x509.RFC822Name: "email",
    x509.UniformResourceIdentifier: "uri",
    x509.DNSName: "dns",
}
_Held = Mapping[type[x509.ExtensionType], x509.ExtensionType]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A signer's certificate as it came, its key and what its extensions say."""

    certificate: x509.Certificate
    encoded: bytes
    key: PublicKey
    held: _Held = field(repr=False)
    names: tuple[tuple[str, str], ...]  # (kind, name): e-mail, URI, DNS, user name, in order
    claims: Mapping[str, str]
    unknown_critical: str  # the first critical extension that is not known, or an empty text

    @property
    def promises(self) -> x509.PrecertificateSignedCertificateTimestamps | None:
        """The promises of certificate transparency logs."""
        kind = x509.PrecertificateSignedCertificateTimestamps
        stated = self.held.get(kind)
        return stated if isinstance(stated, kind) else None

    def wrong_usage(self) -> str:
        """Return how it is not what Fulcio issues, for digital signatures over code; or nothing."""
        if self.unknown_critical:
            return f"the unknown critical extension {self.unknown_critical}"
        usage, purposes = self.held.get(x509.KeyUsage), self.held.get(x509.ExtendedKeyUsage)
        if not isinstance(usage, x509.KeyUsage) or not usage.digital_signature:
            return "no keyUsage digitalSignature"
        if not isinstance(purposes, x509.ExtendedKeyUsage):
            return "no extendedKeyUsage"
        if ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
            return ", ".join(oid.dotted_string for oid in purposes)
        if x509.AuthorityKeyIdentifier not in self.held:  # RFC 5280 4.2.1.1: in all that is issued
            return "no authorityKeyIdentifier"
        basic = self.held.get(x509.BasicConstraints)
        if isinstance(basic, x509.BasicConstraints) and basic.ca:
            return "basicConstraints of an authority"
        return ""

    def signer(self) -> Signer:
        """Return who signed: the one name Fulcio certified, and the issuer it was told by.

        Raise MalformedError where the certificate names nobody, or more than one.
        """
        named = self.names
        if len(named) != 1:
            raise MalformedError(f"a certificate of Fulcio names one signer, this one {len(named)}")
        return Signer(
            SignerKind.KEYLESS,
            self.key.fingerprint,
            self.key.algorithm,
            identity=named[0][1],
            issuer=self.claims.get("oidc_issuer") or self.claims.get("oidc_issuer_v1", ""),
            valid_from=self.certificate.not_valid_before_utc,
            valid_until=self.certificate.not_valid_after_utc,
        )

    def facts(self, issuer: str) -> dict[str, str]:
        """Return all claims, under the names `certificates.certificate_claims` has and Fulcio's.

        `issuer` is the name of the authority that was found to have issued it.
        """
        certificate, names = self.certificate, self.names
        return {
            "certificate": f"sha256:{hashlib.sha256(self.encoded).hexdigest()}",
            "subject": certificate.subject.rfc4514_string(),
            "subject_alternative_names": json.dumps([name for _, name in names]),
            "issuer": issuer,
            "serial": f"{certificate.serial_number:x}",
            "not_before": certificate.not_valid_before_utc.isoformat(),
            "not_after": certificate.not_valid_after_utc.isoformat(),
            "identity_kind": names[0][0] if names else "",
            **self.claims,
        }


def read_leaf(certificate: x509.Certificate) -> Leaf:
    """Read a signer's certificate; raise MalformedError on a claim or key that cannot be read.

    A claim newer than the list here is kept under `fulcio_<number>` where it is text.
    """
    held: dict[type[x509.ExtensionType], x509.ExtensionType] = {}
    claims: dict[str, str] = {}
    unknown = ""
    for extension in certificate.extensions:
        value = extension.value
        kind = type(value)
        if kind is x509.UnrecognizedExtension:
            _add_claim(extension, claims)
        else:
            held[kind] = value
        if extension.critical and kind not in _CRITICAL:
            unknown = unknown or extension.oid.dotted_string
    stated = held.get(x509.SubjectAlternativeName)
    names = _names(stated) if isinstance(stated, x509.SubjectAlternativeName) else ()
    encoded = certificate.public_bytes(Encoding.DER)
    return Leaf(certificate, encoded, certified_key(certificate), held, names, claims, unknown)


def _add_claim(extension: x509.Extension[x509.ExtensionType], claims: dict[str, str]) -> None:
    value = extension.value
    if not isinstance(value, x509.UnrecognizedExtension):
        return
    name, raw = _NAMED.get(extension.oid, ("", False))
    if not name:
        oid = extension.oid.dotted_string
        number = oid.removeprefix(_ARC)
        if number == oid or not number.isdigit():
            return
        _add_new_claim(f"fulcio_{number}", value.value, claims)
        return
    claims[name] = _text(value.value, name, raw=raw)


def _add_new_claim(name: str, content: bytes, claims: dict[str, str]) -> None:
    """Keep a claim that is newer than the list, as far as it is text like all before it."""
    try:
        claims[name] = _text(content, name, raw=False)
    except MalformedError:
        return  # RFC 5280 section 4.2: an extension that is neither known nor critical is ignored


def _text(value: bytes, name: str, *, raw: bool) -> str:
    try:
        return (value if raw else der_text(value)).decode()
    except ValueError:
        raise MalformedError(f"the claim {name} in the certificate is no text") from None


def der_text(value: bytes) -> bytes:
    """Return the bytes of one DER UTF8String; raise ValueError on anything else."""
    if len(value) < 2 or value[0] != _UTF8_STRING:  # noqa: PLR2004 - a tag and a length at least
        raise ValueError("no UTF8String")
    length, start = value[1], 2
    if length >= _LONG_LENGTH:
        start = 2 + (length & ~_LONG_LENGTH)
        length = int.from_bytes(value[2:start], "big")
        if length < _LONG_LENGTH or value[2] == 0:
            raise ValueError("a length that is not DER")
    if len(value) != start + length:
        raise ValueError("a length that is not the value's")
    return value[start:]


def _names(stated: x509.SubjectAlternativeName) -> tuple[tuple[str, str], ...]:
    return tuple(filter(None, map(_name, stated)))


def _name(name: x509.GeneralName) -> tuple[str, str] | None:
    """Return a name with its kind, None for a foreign kind; raise MalformedError on a false one.

    Authorities are limited kind by kind, so that none may read as one of another.
    """
    if isinstance(name, x509.OtherName):
        return _user_name(name) if name.type_id == _USER_NAME else None
    kind = _KINDS.get(type(name))
    if kind is None:
        return None
    if not has_form(name):
        raise MalformedError(f"the {kind} name in the certificate has not the form of one")
    return kind, str(name.value)


def _user_name(name: x509.OtherName) -> tuple[str, str]:
    """Read `sub!SubjectDomain` (Fulcio's docs, oidc.md, "Username").

    Fulcio issues for no subject with a `!` and for no mailbox, and a domain has no scheme.
    """
    user = _text(name.value, "user name", raw=False)
    subject, _, domain = user.partition("!")
    if not subject or not domain or "!" in domain or "@" in user or "://" in user:
        raise MalformedError("the user name in the certificate has not the form of one")
    return "username", user
