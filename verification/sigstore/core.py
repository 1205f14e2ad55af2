"""What a bundle proves: keyless under a trusted root, by certificate under given CAs, or by key.

Each trusted root is a world of its own: the authority of one never meets the log of another. They
are tried one after the other, and where none accepts, the one that got farthest says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from core.model import (
    CheckOutcome,
    Outcome,
    Subject,
    Verification,
)
from verification.format import Setting
from verification.keys.keyed import GivenKeys, given_keys
from verification.keys.registry_keys import ATTESTATIONS, keys_named
from verification.sigstore.bundle import Bundle, Material
from verification.sigstore.by_certificate import prove_by_certificate
from verification.sigstore.by_key import Held, find_key, prove_by_key
from verification.sigstore.keyless import prove_keyless
from verification.sigstore.proof import Content, Proof
from verification.sigstore.trusted_root import GivenRoots, TrustedRoot, given_roots
from verification.statements import (
    record_claims,
    refuse_subject,
)
from verification.trail import Trail
from verification.x509.chain import given_authorities

__all__ = ["KeyResolver", "Proof", "conclude", "prove", "verify_bundle"]

KeyResolver = Callable[[str], GivenKeys]  # the keys that may be meant by a bundle's hint
_World = Callable[[Trail], Proof | Verification]
_TRUST = "trust"


def prove(
    bundle: Bundle,
    signed: Subject,
    setting: Setting,
    trail: Trail,
    *,
    keys: KeyResolver | None = None,
) -> Proof | Verification:
    """Check everything but the statement's subject and the signer's identity.

    `signed` is what a message signature is over (`keyed.signed_bytes(content)` for bytes that are
    no artifact); an envelope's signature is over the envelope itself. `keys` gives the keys that a
    keyed bundle's hint may mean; without it, every entry of kind KEY is tried, and the keys of
    registries that go by the hint.
    """
    roots = given_roots(setting.trust)
    for broken in roots.broken:
        words = f"a trusted root cannot be read: {broken}"
        trail.noted(_TRUST, words, reason="KEYRING_UNUSABLE")
    if bundle.material is Material.KEY:
        return _by_key(bundle, signed, setting, trail, roots, keys)
    return _by_certificate(bundle, signed, setting, trail, roots)


def _by_certificate(
    bundle: Bundle, signed: Subject, setting: Setting, trail: Trail, roots: GivenRoots
) -> Proof | Verification:
    worlds = [_keyless_world(bundle, signed, root, setting) for root in roots.roots]
    authorities = given_authorities(setting.trust)
    if authorities.members:
        worlds.append(
            lambda fork: prove_by_certificate(
                bundle, signed, authorities, roots.roots, setting, fork
            )
        )
    broken = (*roots.broken, *authorities.broken)
    if not worlds:
        return _refuse_trust(trail, setting, broken)
    proof = _first_that_holds(worlds, trail)
    if isinstance(proof, Proof) or not broken or proof.outcome is Outcome.INVALID:
        return proof
    # Half of the trust is unreadable: the readable half not knowing the signer proves nothing.
    return _refuse_trust(trail, setting, broken)


def _keyless_world(bundle: Bundle, signed: Subject, root: TrustedRoot, setting: Setting) -> _World:
    return lambda fork: prove_keyless(bundle, signed, root, setting, fork)


def _refuse_trust(trail: Trail, setting: Setting, broken: tuple[str, ...]) -> Verification:
    if broken:
        return trail.refuse(
            _TRUST,
            "KEYRING_UNUSABLE",
            f"a trusted root or authority cannot be read: {broken[0]}",
            expected="trust entries that can be read",
            found=broken[0],
        )
    kinds = sorted({entry.kind.value for entry in setting.trust.entries})
    return trail.refuse(
        _TRUST,
        "TRUST_ROOT_MISSING",
        "the bundle names its signer by certificate, and no root or authority was given",
        expected="a Sigstore trusted root, or a certificate authority",
        found=f"only entries of the kind {', '.join(kinds)}" if kinds else "no trust at all",
    )


def _by_key(
    bundle: Bundle,
    signed: Subject,
    setting: Setting,
    trail: Trail,
    roots: GivenRoots,
    keys: KeyResolver | None,
) -> Proof | Verification:
    given = keys(bundle.key_hint) if keys is not None else _meant(bundle.key_hint, setting)
    found = find_key(bundle, signed, given, setting, trail)
    if isinstance(found, Verification):
        return found
    content, held = found
    # A root that names logs demands them, whatever other root stands beside it.
    logging = [root for root in roots.roots if root.demands_log]
    chosen: list[TrustedRoot | None] = [*(logging or roots.roots)]
    worlds = [
        _keyed_world(bundle, content, one, root, setting)
        for root in chosen or [None]
        for one in held
    ]
    return _first_that_holds(worlds, trail)


def _meant(hint: str, setting: Setting) -> GivenKeys:
    single, named = given_keys(setting.trust), keys_named(setting.trust, hint, ATTESTATIONS)
    return GivenKeys((*single.keys, *named.keys), (*single.broken, *named.broken))


def _keyed_world(
    bundle: Bundle, content: Content, held: Held, root: TrustedRoot | None, setting: Setting
) -> _World:
    return lambda fork: prove_by_key(bundle, content, held, root, setting, fork)


def _first_that_holds(worlds: list[_World], trail: Trail) -> Proof | Verification:
    """Try each world on a trail of its own; keep the first that holds, else the farthest.

    Of two that got as far, the one that says the evidence is wrong says more.
    """
    farthest: tuple[tuple[int, bool], Trail, Verification] | None = None
    for world in worlds:
        fork = trail.fork()
        proof = world(fork)
        if isinstance(proof, Proof):
            trail.adopt(fork)
            return proof
        passed = sum(check.outcome is CheckOutcome.PASSED for check in proof.checks)
        got = passed, proof.outcome is Outcome.INVALID
        if farthest is None or got > farthest[0]:
            farthest = got, fork, proof
    if farthest is None:
        raise ValueError("there is at least one world to try")
    trail.adopt(farthest[1])
    return farthest[2]


def conclude(proof: Proof, trail: Trail) -> Verification:
    """Return the good end of a trail, with the signer, claims and times of the proof."""
    return Verification(
        outcome=Outcome.VERIFIED,
        format=trail.format,
        role=trail.role,
        signer=proof.signer,
        claims=dict(trail.claims),
        signed_after=proof.signed_after,
        signed_before=proof.signed_before,
        signed_at=proof.signed_at,
        time_source=proof.time_source,
        time_trusted=proof.signed_at is not None,
        statement=proof.statement,
        checks=tuple(trail.checks),
        anchors=proof.anchors,
        due_at=proof.due_at,
        due_reason=proof.due_reason,
    )


def verify_bundle(bundle: Bundle, subject: Subject, setting: Setting, trail: Trail) -> Verification:
    """Prove the bundle, and that it is about the subject: by signature or by its statement."""
    proof = prove(bundle, subject, setting, trail)
    if isinstance(proof, Verification):
        return proof
    if proof.statement is None:
        return conclude(proof, trail)
    refusal = refuse_subject(trail, proof.statement, subject)
    if refusal is not None:
        return replace(refusal, statement=proof.statement)
    record_claims(trail, proof.statement)
    return conclude(proof, trail)
