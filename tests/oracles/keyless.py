"""sigstore-python and pypi-attestations: bundles and attestations of a private Sigstore.

The first reads no keyed bundles, no `intoto` entries, no bundles without a log and no RSA or
Ed25519 leaves, so those are not asked.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from unittest.mock import patch

from pypi_attestations import Attestation, Distribution
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import UnsafeNoOp

from core.model import Evidence, TrustKind, digest_of
from tests.oracles.asking import entry, folder
from tests.oracles.changes import bit_flipped, bytes_changed
from tests.oracles.oracle import Ask, Case, Oracle, Part
from tests.verification.index_specimens import MAKING, NAME, SLSA, attestation, file, statement
from tests.verification.predicates.predicate_specimens import SLSA_1
from tests.verification.sigstore import sigstore_world as world
from tests.verification.sigstore.sigstore_world import DSSE1, REKOR2, SIGNED_AT, V1, V2, Making
from tests.verification.specimens import CONTENT, artifact, evidence, setting
from verification.format import Setting

CHANGES = {
    Part.SIGNATURE: (bytes_changed,),
    Part.ARTIFACT: (bytes_changed, bit_flipped),
    Part.TRUST: (bytes_changed,),
}
LATE = SIGNED_AT + timedelta(minutes=11)  # the certificates live ten
MAKINGS = {
    "plain": Making(),
    "version 0.1": Making(media_type=V1),
    "version 0.2": Making(media_type=V2),
    "stamped": Making(stamped_at=(SIGNED_AT,)),
    "stamped twice": Making(stamped_at=(SIGNED_AT, SIGNED_AT + timedelta(seconds=5))),
    "P-384": Making(key="p384", hashed="sha384"),
    "P-384 with SHA-256": Making(key="p384"),
    "alone in its log": Making(neighbours=0, place=0),
    "among a thousand": Making(neighbours=1000, place=517),
    "last in its log": Making(neighbours=12, place=12),
    "logged late": Making(logged_at=LATE),
    "logged early": Making(logged_at=SIGNED_AT - timedelta(minutes=1)),
    "stamped late": Making(stamped_at=(LATE,)),
    "not promised": Making(promised=False),
    "not promised, stamped": Making(promised=False, stamped_at=(SIGNED_AT,)),
    "not proved": Making(proved=False),
    "version 0.1, not proved": Making(media_type=V1, proved=False),
    "not transparent": Making(transparent=False),
    "mail address": Making(identity="dev@acme.test"),
    "not for signing": Making(extensions=()),
    "Rekor v2": REKOR2,
    "Rekor v2, stamped late": replace(REKOR2, stamped_at=(LATE,)),
    "Rekor v2, not stamped": replace(REKOR2, stamped_at=()),
    "Rekor v2, P-384": replace(REKOR2, key="p384", hashed="sha384"),
}
ENVELOPES = {
    "envelope": DSSE1,
    "envelope, version 0.1": replace(DSSE1, media_type=V1),
    "envelope, stamped": replace(DSSE1, stamped_at=(SIGNED_AT,)),
    "envelope, logged late": replace(DSSE1, logged_at=LATE),
    "envelope, not promised": replace(DSSE1, promised=False),
    "envelope, Rekor v2 as hashedrekord": REKOR2,
    "envelope, other type": replace(DSSE1, payload_type="application/json"),
}


# sigstore-python


def _recipes() -> dict[str, Callable[[], Case]]:
    made: dict[str, Callable[[], Case]] = {}
    for title, making in MAKINGS.items():
        made[title] = lambda making=making: _case(world.message_case(making))  # type: ignore[misc]
    for title, making in ENVELOPES.items():
        made[title] = lambda making=making: _case(world.statement_case(making))  # type: ignore[misc]
    other = world.World("other").entry().content
    made["stranger"] = lambda: replace(_case(world.message_case()), trust=other)
    made["statement of an older version"] = lambda: _case(
        world.statement_case(_type="https://in-toto.io/Statement/v0.1")
    )
    return made


def _case(made: world.Case) -> Case:
    content = json.dumps(made.document).encode()
    return Case(content, CONTENT, made.entries[0].content)


def _offered(case: Case) -> tuple[Evidence, Setting]:
    offered = evidence(case.signature, artifact(case.artifact))
    return offered, setting(entry(TrustKind.ROOT, case), now=case.at)


@lru_cache(maxsize=64)
def _verifier(root: bytes) -> Verifier:
    path = folder() / "root.json"
    path.write_bytes(root)
    return Verifier(trusted_root=TrustedRoot.from_file(str(path)))


def _guarded(accepts: Callable[[Case], bool]) -> Ask:
    """Return a question about many cases, of which a fall is a refusal, too."""

    def one(case: Case) -> bool | None:
        try:
            _verifier(case.trust)
        except Exception:  # noqa: BLE001 - of a root that it cannot read it judges nothing
            return None
        try:
            return accepts(case)
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            return False  # a library that falls over altered bytes accepts nothing, Rust's too

    def all_asked(asked: Sequence[Case]) -> list[bool | None]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [one(case) for case in asked]

    return all_asked


def accepts_bundle(content: bytes, root: bytes, subject: bytes) -> bool:
    """Ask sigstore-python; it raises where it refuses."""
    bundle, verifier = Bundle.from_json(content), _verifier(root)
    if bundle._inner.dsse_envelope is None:
        verifier.verify_artifact(subject, bundle, UnsafeNoOp())
        return True
    kind, payload = verifier.verify_dsse(bundle, UnsafeNoOp())
    subjects, known = json.loads(payload)["subject"], digest_of(subject).value
    return kind == world.PAYLOAD_TYPE and any(
        each["digest"].get("sha256") == known for each in subjects
    )


SIGSTORE_PYTHON = Oracle(
    "sigstore-python",
    (),
    _recipes(),
    CHANGES,
    _offered,
    _guarded(lambda case: accepts_bundle(case.signature, case.trust, case.artifact)),
)


# pypi-attestations


def _attestation_recipes() -> dict[str, Callable[[], Case]]:
    made: dict[str, Callable[[], Case]] = {}
    slsa = statement(predicateType=SLSA, predicate=SLSA_1)
    stated = {
        "publish": statement(),
        "provenance": slsa,
        "other type": statement(predicateType="https://example.org/any"),
        "older statement": statement(_type="https://in-toto.io/Statement/v0.1"),
        "no subject": statement(subject=[]),
        "two subjects": statement(subject=[*statement()["subject"], *statement()["subject"]]),
        "other name": statement(subject=[_subject("acme_other-1.0.tar.gz")]),
        "other version": statement(subject=[_subject("acme_app-1.1.tar.gz")]),
        "name spelt otherwise": statement(subject=[_subject("Acme.App-1.0.tar.gz")]),
        "version spelt otherwise": statement(subject=[_subject("acme_app-1.0.0.tar.gz")]),
        "a wheel": statement(subject=[_subject("acme_app-1.0-py3-none-any.whl")]),
        "a zip": statement(subject=[_subject("acme_app-1.0.zip")]),
    }
    for title, fields in stated.items():
        made[title] = lambda fields=fields: _attested(fields, MAKING)  # type: ignore[misc]
    makings = {
        "logged late": replace(MAKING, logged_at=LATE),
        "not promised": replace(MAKING, promised=False),
        "not proved": replace(MAKING, proved=False),
        "not transparent": replace(MAKING, transparent=False),
        "among a thousand": replace(MAKING, neighbours=1000, place=999),
    }
    for title, making in makings.items():
        made[title] = lambda making=making: _attested(statement(), making)  # type: ignore[misc]
    return made


def _subject(name: str) -> dict[str, object]:
    return {"name": name, "digest": {"sha256": digest_of(CONTENT).value}}


def _attested(stated: dict[str, object], making: Making) -> Case:
    content = json.dumps(attestation(stated, making)).encode()
    return Case(content, CONTENT, world.ACME.entry().content)


def _attestation_offered(case: Case) -> tuple[Evidence, Setting]:
    offered = evidence(case.signature, file(case.artifact))
    return offered, setting(entry(TrustKind.ROOT, case), now=case.at)


def _ask_pypi(case: Case) -> bool:
    path = Path(mkdtemp(dir=folder())) / NAME
    path.write_bytes(case.artifact)
    distribution = Distribution.from_file(path)
    root = _verifier(case.trust)
    with patch("pypi_attestations._impl.Verifier.production", lambda **_: root):
        offered = Attestation.model_validate_json(case.signature)
        offered.verify(UnsafeNoOp(), distribution, offline=True)
    return True


PYPI_ATTESTATIONS = Oracle(
    "pypi-attestations",
    (),
    _attestation_recipes(),
    CHANGES,
    _attestation_offered,
    _guarded(_ask_pypi),
)
