"""Who signed a CMS, and whether the trust given vouches for all of them.

Every signer is checked and reported, and all of them must hold: a document with two signatures of
which one is broken is not half verified. A given public key vouches for the certificate that
certifies it, whoever issued that; otherwise the certificate must lead to a given authority at the
time that a trusted timestamp proves, or now where none does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cryptography import x509

from core.errors import MalformedError
from core.frozen import dataclass
from core.model import Outcome, Signer, Verification
from core.naming import numbered
from core.reasons import outcome_of
from verification.cms import identifiers
from verification.cms.naming import Certificates
from verification.cms.signature import Held, Signed, check_signer
from verification.cms.signed_data import SignedData
from verification.cms.signer_info import SignerInfo
from verification.cms.times import (
    CLAIMED,
    MAX_ALL_TIMES,
    Countersignatures,
    Proved,
    claimed_time,
    count_times,
    read_times,
)
from verification.fault import Fault, refuse_fault
from verification.format import Setting
from verification.keys.keyed import GivenKeys, given_keys, key_signer, refuse_keyless, shown_keys
from verification.keys.public_key import PublicKey, Window
from verification.trail import Trail
from verification.x509.certificates import certificate_claims, certificate_signer, read_certificates
from verification.x509.chain import (
    CODE_SIGNING,
    Authorities,
    given_authorities,
    verify_chain,
)
from verification.x509.usage import ends_with_its_life

_SIGNATURE, _CHAIN = "signature", "certificate chain"
_SHOWN_KINDS = 5
_REFERENCE = "RFC 5652 5.6"
_WORST = (Outcome.INVALID, Outcome.UNTRUSTED, Outcome.UNVERIFIABLE)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a format asks of a CMS: what its certificates are for, and further certificates."""

    purposes: tuple[x509.ObjectIdentifier, ...] = CODE_SIGNING
    beside: bytes = b""  # PEM or DER that lies beside it: a claim, never trust
    countersignatures: Countersignatures = Countersignatures.FOREIGN
    keeps_lifetimes: bool = False  # a certificate may ask that its signatures end with it


CODE = Rules()


@dataclass(frozen=True, slots=True)
class Vouched:
    """A signer whose signature holds and for whom the trust given vouches."""

    signer: Signer
    claims: dict[str, str]
    scheme: str
    anchors: tuple[str, ...]
    proved: Proved | None
    claimed_at: datetime | None
    due_at: datetime | None
    due_reason: str
    certificate: x509.Certificate


def judge(
    trail: Trail, data: SignedData, signed: Signed, setting: Setting, rules: Rules = CODE
) -> tuple[Vouched, ...] | Verification:
    """Check every signer of the data; all are vouched for, or the refusal of the worst."""
    if not data.signers:
        detail = "the CMS holds certificates, but nobody's signature"
        return trail.refuse(
            _SIGNATURE, "MALFORMED", detail, expected="one signer at least", found="none"
        )
    stamps = count_times(data.signers)
    if stamps > MAX_ALL_TIMES:
        detail = "more timestamps than are looked at, on all signatures together"
        expected = f"at most {MAX_ALL_TIMES}"
        return trail.refuse("timestamp", "TOO_LARGE", detail, expected=expected, found=str(stamps))
    keys, authorities = given_keys(setting.trust), given_authorities(setting.trust)
    at_hand = _certificates(trail, data, authorities, rules)
    # 1. The mathematics of every signer, before anyone is asked who they are.
    checked = [check_signer(each, signed, at_hand, setting.limits) for each in data.signers]
    faults = [each for each in checked if isinstance(each, Fault)]
    held = [each for each in checked if isinstance(each, Held)]
    for each in held:
        trail.passed(_SIGNATURE, each.scheme, reference=_REFERENCE)
    _note_unread(trail, data)
    if not faults and keys.none_given and authorities.none_given:
        return refuse_keyless(trail, setting.trust, "public key or authority")
    # 2. Who vouches for them.
    vouching = _Vouching(keys, authorities, at_hand, rules, setting)
    found: list[Vouched] = []
    for info, each in zip(data.signers, held, strict=True) if not faults else ():
        vouched = vouching.ask(trail, info, each)
        if isinstance(vouched, Vouched):
            found.append(vouched)
            continue
        faults.append(vouched)
        if outcome_of(vouched.reason) is not Outcome.UNVERIFIABLE:
            break  # the rest changes nothing, and asking is the dear part
    if faults:
        if held:
            trail.signer = certificate_signer(held[0].certificate, held[0].key)
            trail.claims |= certificate_claims(held[0].certificate)
        return refuse_fault(trail, min(faults, key=_rank))
    return tuple(found)


def _note_unread(trail: Trail, data: SignedData) -> None:
    """Say which unsigned attributes nothing reads: anybody may have written them."""
    kinds = {kind for signer in data.signers for kind, _ in signer.unsigned}
    unread = sorted(kinds - identifiers.READ_UNSIGNED)
    if unread:
        words = f"covered by no signature and not read: {', '.join(unread[:_SHOWN_KINDS])}"
        trail.noted("unsigned attributes", words)


def _rank(fault: Fault) -> int:
    outcome = outcome_of(fault.reason)
    return _WORST.index(outcome) if outcome in _WORST else len(_WORST)


def _certificates(
    trail: Trail, data: SignedData, authorities: Authorities, rules: Rules
) -> Certificates:
    """Gather what came along, what lies beside it, and what was given."""
    also = [member.certificate for member in authorities.members]
    if rules.beside:
        try:
            also = [*read_certificates(rules.beside), *also]
        except MalformedError as error:
            trail.noted("certificate beside", f"cannot be read: {error}", reason="MALFORMED")
    found = Certificates(data.certificates, also)
    for words in found.broken:
        trail.noted("certificates", f"one that came along cannot be read: {words}")
    return found


@dataclass(frozen=True, slots=True)
class _Vouching:
    """Asks the trust given about one signer after the other."""

    keys: GivenKeys
    authorities: Authorities
    at_hand: Certificates
    rules: Rules
    setting: Setting

    def ask(self, trail: Trail, info: SignerInfo, held: Held) -> Vouched | Fault:
        """Return the signer as vouched for, or why nobody vouches."""
        now, limits = self.setting.now, self.setting.limits
        at_hand = self.at_hand.members
        kinds = self.rules.countersignatures
        times = read_times(info, at_hand, self.authorities, now, limits, kinds)
        if isinstance(times, Fault):
            return times
        for note in times.notes:
            trail.noted(note.step, f"proves no time: {note.detail}", reason=note.reason)
        if times.proved is not None:
            trail.passed("timestamp", times.proved.at.isoformat(), reference="RFC 3161 2.4.2")
        key = self._given_key(held, self._made_at(times.proved))
        if key is not None:
            return self._by_key(trail, info, held, key, times.proved)
        if self.authorities.none_given:
            detail = "the signer's key is none of those given"
            expected = shown_keys(self.keys)
            return Fault(_CHAIN, "KEY_UNKNOWN", detail, expected, held.key.fingerprint)
        return self._by_chain(trail, info, held, times.proved)

    def _made_at(self, proved: Proved | None) -> datetime:
        """Return the last moment it may have been made at, the accuracy added (RFC 3161 2.4.2)."""
        return self.setting.now if proved is None else min(proved.before, self.setting.now)

    def _given_key(self, held: Held, at: datetime) -> PublicKey | None:
        fitting = [key for key in self.keys.keys if key.fingerprint == held.key.fingerprint]
        return max(fitting, key=lambda key: key.preference(at), default=None)

    def _by_key(
        self, trail: Trail, info: SignerInfo, held: Held, key: PublicKey, proved: Proved | None
    ) -> Vouched | Fault:
        at = self._made_at(proved)
        if key.window(at) is not Window.WITHIN:
            detail = "the signature holds, but outside the window of the key given"
            expected = f"from {key.valid_from} until {key.valid_until}"
            is_early = proved is None and key.window(at) is Window.BEFORE
            due_at = key.valid_from if is_early else None
            return Fault(_CHAIN, "KEY_EXPIRED", detail, expected, at.isoformat(), due_at=due_at)
        trail.passed("given key", key.fingerprint)
        due_at = key.due_at
        if proved is not None and (due_at is None or due_at > proved.before):
            due_at = None
        return Vouched(
            key_signer(key),
            certificate_claims(held.certificate),
            held.scheme,
            _anchors(key.fingerprint, proved),
            proved,
            claimed_time(info),
            due_at,
            "KEY_EXPIRED" if due_at else "",
            held.certificate,
        )

    def _by_chain(
        self, trail: Trail, info: SignerInfo, held: Held, proved: Proved | None
    ) -> Vouched | Fault:
        ends = self.rules.keeps_lifetimes and ends_with_its_life(held.certificate)
        if ends:
            trail.noted(_CHAIN, "the certificate asks that its signatures end with it")
        chain = verify_chain(
            self.at_hand.beside(held.certificate),
            self.authorities,
            self.setting.now,
            proved_at=proved.before if proved is not None and not ends else None,
            purposes=self.rules.purposes,
        )
        if isinstance(chain, Fault):
            if chain.reason == "CERT_UNTRUSTED" and self.authorities.broken:
                detail = f"nobody readable vouches, and an entry is broken: {chain.detail}"
                return replace(
                    chain,
                    reason="KEYRING_UNUSABLE",
                    detail=detail,
                    expected="readable authorities",
                    found=self.authorities.broken[0],
                )
            return chain
        if chain.pinned:
            trail.noted(_CHAIN, chain.pinned)
        trail.passed(_CHAIN, numbered(chain.length, "certificate"), reference="RFC 5280 6.1")
        trail.checks += chain.checks
        return Vouched(
            certificate_signer(chain.leaf, held.key),
            certificate_claims(chain.leaf),
            held.scheme,
            _anchors(chain.anchor, proved),
            proved,
            claimed_time(info),
            chain.due_at,
            chain.due_reason if chain.due_at else "",
            chain.leaf,
        )


def _anchors(anchor: str, proved: Proved | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys((anchor, proved.anchor) if proved is not None else (anchor,)))


def conclude(trail: Trail, vouched: Sequence[Vouched]) -> Verification:
    """Return the good end: the first signer speaks for all, the others stand in the claims.

    The outcome lasts as long as the first of the signers' certificates.
    """
    first = vouched[0]
    trail.claims |= first.claims
    if len(vouched) > 1:
        names = [each.signer.identity or each.signer.key_fingerprint for each in vouched]
        trail.claims["signers"] = json.dumps(names)
    ending = [each for each in vouched if each.due_at is not None]
    last = min(ending, key=lambda each: (each.due_at is None, each.due_at), default=None)
    proved = first.proved
    if proved is not None:
        trail.claims["timestamp_authority"] = proved.authority
    if first.claimed_at is not None:
        trail.claims["signing_time"] = first.claimed_at.isoformat()
    claimed = CLAIMED if first.claimed_at is not None else ""
    return Verification(
        outcome=Outcome.VERIFIED,
        format=trail.format,
        role=trail.role,
        signer=first.signer,
        claims=dict(trail.claims),
        signed_before=proved.before if proved is not None else None,
        signed_at=proved.at if proved is not None else first.claimed_at,
        time_source=proved.source if proved is not None else claimed,
        time_trusted=proved is not None,
        checks=tuple(trail.checks),
        anchors=tuple(dict.fromkeys(anchor for each in vouched for anchor in each.anchors)),
        due_at=last.due_at if last is not None else None,
        due_reason=last.due_reason if last is not None else "",
    )
