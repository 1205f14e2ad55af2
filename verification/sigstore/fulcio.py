"""What a certificate of Fulcio says of its holder.

Reference: Fulcio's docs, oid-info.md and certificate-specification.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography import x509

from core.errors import MalformedError
from core.model import Signer, SignerKind
from verification.public_key import PublicKey

_ARC = "1.3.6.1.4.1.57264.1."
_USER_NAME = _ARC + "7"
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
_UTF8_STRING = 0x0C
_LONG_LENGTH = 0x80
_KINDS: dict[type[x509.GeneralName], str] = {
    x509.RFC822Name: "email",
    x509.UniformResourceIdentifier: "uri",
    x509.DNSName: "dns",
}


def fulcio_claims(certificate: x509.Certificate) -> dict[str, str]:
    """Return every claim of Fulcio's own arc by name; raise MalformedError on a broken one.

    A claim newer than this list is kept under `fulcio_<number>`.
    """
    claims: dict[str, str] = {}
    for extension in certificate.extensions:
        oid = extension.oid.dotted_string
        if not oid.startswith(_ARC) or not isinstance(extension.value, x509.UnrecognizedExtension):
            continue
        number = oid.removeprefix(_ARC)
        if not number.isascii() or not number.isdigit():
            continue
        name = CLAIMS.get(int(number), f"fulcio_{number}")
        claims[name] = _text(extension.value.value, name, raw=int(number) in _RAW)
    return claims


def _text(value: bytes, name: str, *, raw: bool) -> str:
    try:
        return (value if raw else der_text(value)).decode()
    except (UnicodeDecodeError, ValueError):
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


def identities(certificate: x509.Certificate) -> tuple[tuple[str, str], ...]:
    """Return the names of the holder as (kind, name): e-mail, URI, DNS, user name, in order."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    found: list[tuple[str, str]] = []
    for name in names:
        if isinstance(name, x509.OtherName):
            if name.type_id.dotted_string == _USER_NAME:
                found.append(("username", _text(name.value, "user name", raw=False)))
        elif type(name) in _KINDS:
            found.append((_KINDS[type(name)], str(name.value)))
    return tuple(found)


def keyless_signer(
    certificate: x509.Certificate, key: PublicKey, claims: Mapping[str, str]
) -> Signer:
    """Return who signed: the one name Fulcio certified, and the issuer it was told by.

    Raise MalformedError where the certificate names nobody, or more than one.
    """
    named = identities(certificate)
    if len(named) != 1:
        raise MalformedError(f"a certificate of Fulcio names one signer, this one {len(named)}")
    return Signer(
        SignerKind.KEYLESS,
        key.fingerprint,
        key.algorithm,
        identity=named[0][1],
        issuer=claims.get("oidc_issuer") or claims.get("oidc_issuer_v1", ""),
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
    )
