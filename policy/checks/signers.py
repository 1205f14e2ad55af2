"""Who a `signed_by` block accepts: keys of several kinds, certificates, keyless identities."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from core.complaints import suggestion
from core.errors import MalformedError
from core.glob import Glob
from core.model import SignerKind, Verification
from core.text import one_line
from policy.checks.check import Scope
from policy.keys import NotYet

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}\Z")
_OPENPGP = re.compile(r"(?:[0-9A-F]{40}|[0-9A-F]{64})\Z")
_SSH = re.compile(r"SHA256:[A-Za-z0-9+/]{43}\Z")
_EVERYBODY = re.compile(r"[*?]+\Z")
_WAYS = ("key", "openpgp", "ssh", "ca", "keyless")


def _key_fingerprint(text: object) -> object:
    if isinstance(text, str) and text and not _SHA256.match(text.lower()):
        raise ValueError("a key's fingerprint is sha256: and 64 hex digits, over its SPKI")
    return text.lower() if isinstance(text, str) else text


def _openpgp_fingerprint(text: object) -> object:
    if not isinstance(text, str) or not text:
        return text
    plain = text.replace(" ", "").replace(":", "").upper()
    if not _OPENPGP.match(plain):
        raise ValueError(
            "an OpenPGP fingerprint is 40 or 64 hex digits of the primary key, in quotes;"
            " a shorter key id can be forged"
        )
    return plain


def _ssh_fingerprint(text: object) -> object:
    if isinstance(text, str) and text and not _SSH.match(text):
        raise ValueError("an SSH key's fingerprint is what ssh-keygen -l prints: SHA256:...")
    return text


def _exact_issuer(text: object) -> object:
    if isinstance(text, str) and "*" in text:
        raise ValueError("an issuer is compared exactly; say the whole address, without *")
    return text


def _refuse_both(ref: str, fingerprint: str) -> None:
    if bool(ref) == bool(fingerprint):
        raise ValueError("say either ref or fingerprint")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class KeyChoice(_Strict):
    """A public key, by its name under `trust` or by its fingerprint."""

    ref: str = ""
    fingerprint: Annotated[str, BeforeValidator(_key_fingerprint)] = ""
    valid: NotYet = None

    @model_validator(mode="after")
    def _one_of(self) -> KeyChoice:
        _refuse_both(self.ref, self.fingerprint)
        return self


class OpenPgpChoice(_Strict):
    """OpenPGP certificates, by a name under `trust` or by the primary key's fingerprint."""

    ref: str = ""
    fingerprint: Annotated[str, BeforeValidator(_openpgp_fingerprint)] = ""

    @model_validator(mode="after")
    def _one_of(self) -> OpenPgpChoice:
        _refuse_both(self.ref, self.fingerprint)
        return self


class AuthorityChoice(_Strict):
    """Certificates that chain to a named authority; `subject` narrows whom it vouches for."""

    ref: str = Field(min_length=1)
    subject: str = ""


class SshChoice(_Strict):
    """SSH keys, by a list of allowed signers under `trust` or by a key's own fingerprint."""

    ref: str = ""
    fingerprint: Annotated[str, BeforeValidator(_ssh_fingerprint)] = ""

    @model_validator(mode="after")
    def _one_of(self) -> SshChoice:
        _refuse_both(self.ref, self.fingerprint)
        return self


class KeylessChoice(_Strict):
    """An identity that a Sigstore root vouches for, and who vouched for it there."""

    identity: str = Field(min_length=1)
    issuer: Annotated[str, BeforeValidator(_exact_issuer)] = Field(min_length=1)


class Alternative(_Strict):
    """One entry of `any`: exactly one way to say who."""

    key: KeyChoice | None = None
    openpgp: OpenPgpChoice | None = None
    ssh: SshChoice | None = None
    ca: AuthorityChoice | None = None
    keyless: KeylessChoice | None = None
    github_workflow: NotYet = None

    @model_validator(mode="after")
    def _single(self) -> Alternative:
        if sum(getattr(self, way) is not None for way in _WAYS) != 1:
            raise ValueError("an entry says one thing: key, openpgp, ssh, ca or keyless")
        return self


class SignedByOptions(_Strict):
    """How many distinct signers, and out of whom."""

    at_least: int = Field(1, ge=1, le=64)
    any: list[Alternative] = Field(min_length=1, max_length=256)


@dataclass(frozen=True, slots=True)
class Accepted:
    """One alternative, its names resolved."""

    text: str
    matches: Callable[[Verification], bool]
    names_signers: bool


def accepted_by(alternative: Alternative, scope: Scope) -> Accepted:
    """Resolve one alternative; ConfigurationError for a name that the settings do not have."""
    if alternative.key is not None:
        return _key(alternative.key, scope.below("key"))
    if alternative.openpgp is not None:
        return _openpgp(alternative.openpgp, scope.below("openpgp"))
    if alternative.ssh is not None:
        return _ssh(alternative.ssh, scope.below("ssh"))
    if alternative.ca is not None:
        return _authority(alternative.ca, scope.below("ca"))
    if alternative.keyless is not None:
        return _keyless(alternative.keyless, scope.below("keyless"))
    raise AssertionError("Alternative lets exactly one through")


def _key(choice: KeyChoice, scope: Scope) -> Accepted:
    wanted = _wanted(choice.ref, choice.fingerprint, scope, "public key", _SHA256)
    kinds = (SignerKind.KEY, SignerKind.CERTIFICATE)  # a certified key is still that key
    return Accepted(f"key {choice.ref or choice.fingerprint}", _by_key(kinds, wanted), True)


def _openpgp(choice: OpenPgpChoice, scope: Scope) -> Accepted:
    wanted = _wanted(choice.ref, choice.fingerprint, scope, "OpenPGP certificate", _OPENPGP)
    text = f"OpenPGP {choice.ref or choice.fingerprint}"
    return Accepted(text, _by_key((SignerKind.OPENPGP,), wanted), True)


def _ssh(choice: SshChoice, scope: Scope) -> Accepted:
    wanted = _wanted(choice.ref, choice.fingerprint, scope, "SSH key", _SSH)
    text = f"SSH key {choice.ref or choice.fingerprint}"
    return Accepted(text, _by_key((SignerKind.SSH,), wanted), True)


def _keyless(choice: KeylessChoice, scope: Scope) -> Accepted:
    identity = _glob(choice.identity, scope, "identity")

    def matches(piece: Verification) -> bool:
        signer = piece.signer
        return (
            signer is not None
            and signer.kind is SignerKind.KEYLESS
            and signer.issuer == choice.issuer
            and identity.matches(signer.identity)
        )

    named = _EVERYBODY.match(choice.identity) is None
    return Accepted(f"{choice.identity} by {choice.issuer}", matches, named)


def _glob(pattern: str, scope: Scope, field: str) -> Glob:
    try:
        return Glob.parse(pattern)
    except MalformedError as error:
        raise scope.error(str(error), field) from error


def _authority(choice: AuthorityChoice, scope: Scope) -> Accepted:
    wanted = _wanted(choice.ref, "", scope, "certificate authority", _SHA256)
    subject = None
    if choice.subject and choice.subject not in ("*", "**"):
        subject = _glob(choice.subject, scope, "subject")
    text = f"CA {choice.ref}" + (f" for {choice.subject}" if subject else "")
    return Accepted(text, _by_authority(wanted, subject), subject is not None)


def _by_key(
    kinds: tuple[SignerKind, ...], wanted: frozenset[str]
) -> Callable[[Verification], bool]:
    def matches(piece: Verification) -> bool:
        signer = piece.signer
        return signer is not None and signer.kind in kinds and signer.key_fingerprint in wanted

    return matches


def _by_authority(wanted: frozenset[str], subject: Glob | None) -> Callable[[Verification], bool]:
    def matches(piece: Verification) -> bool:
        signer = piece.signer
        return (
            signer is not None
            and signer.kind is SignerKind.CERTIFICATE
            and not wanted.isdisjoint(piece.anchors)
            and (subject is None or subject.matches(signer.identity))
        )

    return matches


def _wanted(
    name: str, fingerprint: str, scope: Scope, what: str, shape: re.Pattern[str]
) -> frozenset[str]:
    if fingerprint:
        return frozenset({fingerprint})
    known = scope.trust_names.get(name)
    if known is None:
        hint = suggestion(name, scope.trust_names) if scope.trust_names else "none is there"
        raise scope.error(
            f"no entry of `trust` in the settings is named `{one_line(name, 80)}`; {hint}", "ref"
        )
    # A name of the wrong sort would never match: say so now, not by failing everything later.
    fitting = frozenset(one for one in known if shape.match(one))
    if not fitting:
        raise scope.error(f"the trust entry `{name}` holds no {what}", "ref")
    scope.resolved[name] = frozenset(known)
    return fitting
