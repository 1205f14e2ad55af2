"""Every byte of an artifact and of its evidence, in every format beside a file: nothing may change.

What may change stands in FREE with the reason, and fails where it cannot. A format without a
specimen fails; those whose evidence is inside the artifact have theirs in INSIDE_TESTS.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from core.cosign_container import CERTIFICATE_ANNOTATION, container, read_container
from core.folder import FolderContent
from core.limits import Limits
from core.model import (
    Evidence,
    Outcome,
    Subject,
    TrustEntry,
    TrustKind,
    digest_of,
)
from tests.verification.cms.timestamp_specimens import STAMPER, response, token
from tests.verification.cosign_specimens import (
    MAKING,
    keyless_attestation,
    keyless_blob,
    keyless_image,
)
from tests.verification.formats import test_helm_provenance as helm
from tests.verification.formats import test_minisign as minisign
from tests.verification.index_specimens import (
    NAME,
    REGISTRY,
    attestation,
    npm_document,
    npm_provenance,
    npm_publish,
    provenance,
)
from tests.verification.keys.registry_specimens import keys_entry, release, tuf_key
from tests.verification.models.model_specimens import FILES, folder, resources
from tests.verification.models.model_specimens import KEY as MODEL_KEY
from tests.verification.models.model_specimens import bundle as model_bundle
from tests.verification.models.model_specimens import statement as model_statement
from tests.verification.notation.notation_specimens import ROOT, cose, jws
from tests.verification.openpgp import openpgp_material
from tests.verification.openpgp.test_openpgp_mutation import unauthenticated
from tests.verification.sigstore.sigstore_world import ACME, DSSE1, statement_of
from tests.verification.specimens import AUTHORITY as CA
from tests.verification.specimens import (
    CONTENT,
    artifact,
    authority_entry,
    certificate,
    envelope,
    evidence,
    flipped,
    key_entry,
    pem,
    private_key,
    setting,
    sign,
    statement,
)
from tests.verification.ssh import ssh_material
from tests.verification.wording import clumsy, sentences
from tests.verification.x509.x509_material import EMAIL, identity, signed_data, signer_info
from tests.verification.x509.x509_material import ROOT as X509_ROOT
from verification import FORMATS, INSIDE
from verification.openpgp.armor import dearmor
from verification.verifier import verify
from verification.x509.certificates import read_certificates

KEY = private_key("p256")
RAW_ROOT_KEY = private_key("p256", "mutant root")
Specimen = tuple[Evidence, tuple[TrustEntry, ...]]


def of(document: object, *entries: TrustEntry, subject: Subject | None = None) -> Specimen:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return evidence(content, subject), entries


def certified() -> Specimen:
    """Return a bare signature with the certificate of a given authority beside it."""
    root = certificate("root", "root", RAW_ROOT_KEY, RAW_ROOT_KEY, CA)
    leaf = certificate("leaf", "root", KEY, RAW_ROOT_KEY)
    return evidence(sign(KEY, CONTENT), hint=pem(leaf)), (authority_entry(root),)


def by_helm() -> Specimen:
    content, key = helm.signed()
    ring = TrustEntry("ring", TrustKind.KEYRING, key, "ring.gpg")
    return of(content, ring, subject=artifact(helm.ARCHIVE, helm.NAME))


def by_gpg(name: str) -> Specimen:
    made = openpgp_material.material()
    ring = TrustEntry("ring", TrustKind.KEYRING, made.keyring("ed"), "ring.gpg")
    return of(made.signatures[name], ring, subject=artifact(openpgp_material.TEXT))


def by_ssh() -> Specimen:
    listed = ssh_material.signers(ssh_material.line("ed25519"))
    subject = artifact(ssh_material.MESSAGE)
    return of(ssh_material.signature("ed25519"), listed, subject=subject)


def by_cms() -> Specimen:
    who = identity("p256", EMAIL)
    info = signer_info(who, CONTENT)
    return of(signed_data((info,), (who.certificate,), None), authority_entry(X509_ROOT))


def npm_keys(usage: str) -> TrustEntry:
    return keys_entry(tuf_key(ACME.signer_key(REGISTRY), usage=usage))


SPECIMENS: dict[str, Callable[[], Specimen]] = {
    "model-signing": lambda: of(
        model_bundle(model_statement(resources())), key_entry(MODEL_KEY), subject=folder()
    ),
    "npm-attestations": lambda: of(
        npm_document(npm_publish(), npm_provenance()), npm_keys("npm:attestations"), ACME.entry()
    ),
    "npm-signature": lambda: of(release(), keys_entry()),
    "pep740-attestation": lambda: of(attestation(), ACME.entry(), subject=artifact(CONTENT, NAME)),
    "pep740-provenance": lambda: of(
        provenance(attestation()), ACME.entry(), subject=artifact(CONTENT, NAME)
    ),
    "sigstore-bundle": lambda: of(ACME.message(CONTENT), ACME.entry()),
    "cosign-attestation": lambda: of(keyless_attestation(statement_of(), DSSE1), ACME.entry()),
    "cosign-blob": lambda: of(keyless_blob(CONTENT), ACME.entry()),
    "cosign-simple-signing": lambda: of(keyless_image(digest_of(CONTENT)), ACME.entry()),
    "notation-jws": lambda: of(jws(), authority_entry(ROOT)),
    "notation-cose": lambda: of(cose(), authority_entry(ROOT)),
    "dsse": lambda: of(envelope(statement(digest_of(CONTENT)), KEY), key_entry(KEY)),
    "ssh-signature": by_ssh,
    "minisign": lambda: of(
        minisign.made("prehashed"),
        minisign.tools().key("prehashed"),
        subject=artifact(),
    ),
    "helm-provenance": by_helm,
    "openpgp-cleartext": lambda: by_gpg("clear"),
    "openpgp-detached": lambda: by_gpg("ed"),
    "rfc3161": lambda: of(response(token(signed=CONTENT)), authority_entry(STAMPER.root)),
    "cms": by_cms,
    "raw-signature": certified,
}
# A list of checksums proves nothing by itself: it is judged with the signature over it.
NEVER_VERIFIES = {"checksum-list"}
# Evidence and artifact are one file: each is changed byte by byte by its own test.
INSIDE_TESTS = {
    "git-object": "test_git_object.py::test_flipped_object_is_refused",
    "rpm": "test_rpm.py::test_flipped_package_is_refused_but_for_what_nobody_signs",
    "authenticode": "test_authenticode.py::test_no_changed_byte_verifies_but_the_checksum",
    "nuget": "test_nuget.py::"
    "test_no_changed_byte_verifies_but_those_of_the_signature_s_own_headers",
    "jar": "test_jar.py::test_no_changed_byte_verifies_but_those_that_nothing_signs",
}

Free = Callable[[bytes, int, bytes], bool]  # evidence, the place of the change, the mutant


def within(pattern: bytes) -> Free:
    """Say that all that a pattern matches may change."""
    return lambda content, place, _: any(
        match.start() <= place < match.end() for match in re.finditer(pattern, content)
    )


def same_certificate(content: bytes, _: int, mutant: bytes) -> bool:
    """Say whether only the text around and between the lines of a PEM block differs."""
    parts = [json.loads(each[each.index(b"{") :]) for each in (content, mutant)]
    if "cert" in parts[0]:
        held = [base64.b64decode(each.pop("cert")) for each in parts]
    else:
        held = [each["annotations"].pop(CERTIFICATE_ANNOTATION).encode() for each in parts]
    return parts[0] == parts[1] and read_certificates(held[0]) == read_certificates(held[1])


def same_signed_packet(content: bytes, _: int, mutant: bytes) -> bool:
    """Say whether a signed text and all of its signature that RFC 9580 authenticates are equal."""
    begin = content.index(ARMOR)
    if mutant[:begin] != content[:begin]:
        return False
    ours, theirs = (dearmor(each[begin:], "PGP SIGNATURE") for each in (content, mutant))
    differing = {at for at, octet in enumerate(ours) if theirs[at] != octet}
    return len(ours) == len(theirs) and differing <= unauthenticated(ours)


ARMOR = b"-----BEGIN PGP SIGNATURE-----"
AGENT = "an unprotected attribute of the Notary Project, shown to nobody"
UNKNOWN = "by another name an optional field is an unknown one, and its absence proves no less"
TEXT_AROUND = "RFC 7468 2 and 5.2: text around a PEM block and white space in it are no part of it"
UNHASHED = "RFC 9580 5.2.3 and 6.1: the unhashed area, the hash's start, the armor's checksum"
FREE: dict[str, tuple[Free, str]] = {
    "model-signing": (within(rb'(?<=")(hint|tlogEntries|keyid)(?=")'), UNKNOWN),
    "npm-attestations": (within(rb'(?<=")inclusionPromise(?=")'), UNKNOWN + ": the proof stands"),
    "npm-signature": (within(rb'tarball": "[^"]*'), "not signed, never used: where to fetch it"),
    "pep740-provenance": (within(rb'(?<=")environment(?=")'), UNKNOWN),
    "sigstore-bundle": (within(rb'(?<=")messageDigest(?=")'), UNKNOWN),
    "cosign-attestation": (same_certificate, TEXT_AROUND),
    "cosign-blob": (same_certificate, TEXT_AROUND),
    "cosign-simple-signing": (same_certificate, TEXT_AROUND),
    "notation-jws": (within(rb'io.cncf.notary.signingAgent|(?<=")tests/1'), AGENT),
    "notation-cose": (within(rb"io.cncf.notary.signingAgent|tests/1"), AGENT),
    "dsse": (within(rb'(?<=")keyid(?=")'), UNKNOWN),
    "minisign": (within(rb"(?<=^untrusted comment: )[^\n]*"), "it says itself: untrusted"),
    "helm-provenance": (same_signed_packet, UNHASHED),
    "openpgp-cleartext": (same_signed_packet, UNHASHED),
    "rfc3161": (within(rb"(?<=^0\x82..0\x03\x02\x01)\x00"), "2.4.2: 1 grants as 0 does"),
}


@cache
def specimen(name: str) -> Specimen:
    return SPECIMENS[name]()


def accepts(offered: Evidence, entries: tuple[TrustEntry, ...]) -> bool:
    verification = verify(offered, setting(*entries))
    assert not [told for told in sentences(verification) if clumsy(told)]
    return verification.outcome is Outcome.VERIFIED


def test_every_format_has_a_specimen() -> None:
    assert SPECIMENS.keys() == FORMATS.keys() - INSIDE - NEVER_VERIFIES
    assert INSIDE_TESTS.keys() == INSIDE
    for place in INSIDE_TESTS.values():
        file, _, name = place.partition("::")
        assert f"def {name}(" in (Path(__file__).parent / "formats" / file).read_text()


@pytest.mark.parametrize("name", SPECIMENS)
def test_the_specimen_verifies_as_what_it_is(name: str) -> None:
    offered, entries = specimen(name)
    verification = verify(offered, setting(*entries))
    assert (verification.outcome, verification.format) == (Outcome.VERIFIED, name)


@pytest.mark.parametrize("name", sorted(SPECIMENS.keys() - {"openpgp-detached"}))
def test_no_byte_of_the_evidence_may_change(name: str) -> None:
    """`test_openpgp_mutation.py` has the detached signatures, in armor and without."""
    offered, entries = specimen(name)
    assert accepts(offered, entries)
    content = offered.content
    mutants = list(flipped(content))
    assert len({mutant for _, mutant in mutants} - {content}) == len(content)
    accepted = [one for one in mutants if accepts(replace(offered, content=one[1]), entries)]
    if name not in FREE:
        assert accepted == []
        return
    may_change, _ = FREE[name]
    assert [place for place, mutant in accepted if not may_change(content, place, mutant)] == []
    assert accepted, "nothing of this may change: leave it out of FREE"


def altered(subject: Subject) -> Iterator[Subject]:
    """Yield the artifact with each of its bytes changed; of a model, each byte of each file."""
    if isinstance(subject.content, FolderContent):
        for path, content in FILES.items():
            for _, changed in flipped(content):
                yield folder(FILES | {path: changed})
        return
    assert subject.content is not None
    for _, changed in flipped(b"".join(subject.content.chunks())):
        yield artifact(changed, subject.name)


@pytest.mark.parametrize("name", SPECIMENS)
def test_no_byte_of_the_artifact_may_change(name: str) -> None:
    offered, entries = specimen(name)
    assert accepts(offered, entries)
    mutants = list(altered(offered.subject))
    content = offered.subject.content
    assert content is not None
    is_model = isinstance(content, FolderContent)
    assert len(mutants) == (sum(map(len, FILES.values())) if is_model else content.size)
    assert not [one for one in mutants if accepts(replace(offered, subject=one), entries)]


# --- parts of two good pieces of evidence, one signer's or another's, by annotations -------------


@pytest.mark.parametrize("name", ["", "other"], ids=["the same signer", "another signer"])
@pytest.mark.parametrize("kind", ["image", "attestation"])
def test_attack_01_no_annotation_of_another_signature_serves(kind: str, name: str) -> None:
    other = digest_of(b"another image")
    making = replace(DSSE1 if kind == "attestation" else MAKING, name=name, place=1)
    if kind == "image":
        content, foreign = keyless_image(digest_of(CONTENT)), keyless_image(other, making)
    else:
        stated = json.dumps(statement(other)).encode()
        content = keyless_attestation(statement_of(), DSSE1)
        foreign = keyless_attestation(stated, making)
    ours, theirs = (read_container(each, Limits()) for each in (content, foreign))
    assert accepts(evidence(content), (ACME.entry(),))
    assert accepts(evidence(foreign, Subject("other", (other,))), (ACME.entry(),))
    assert ours.annotations.keys() == theirs.annotations.keys()
    for key, value in theirs.annotations.items():
        assert value != ours.annotations[key]
        swapped = container(ours.mime_type, ours.payload, {**ours.annotations, key: value})
        assert not accepts(evidence(swapped), (ACME.entry(),)), key
    for mixed in (
        container(ours.mime_type, theirs.payload, ours.annotations),
        container(ours.mime_type, ours.payload, theirs.annotations),
    ):
        assert not accepts(evidence(mixed), (ACME.entry(),))


def test_attack_01_certificate_beside_is_the_signers() -> None:
    offered, entries = specimen("raw-signature")
    assert accepts(offered, entries)
    other = certificate("leaf", "root", private_key("p256", "other"), RAW_ROOT_KEY)
    assert accepts(replace(offered, content=sign(private_key("p256", "other"), CONTENT),
                           hint=pem(other)), entries)  # fmt: skip
    assert not accepts(replace(offered, hint=pem(other)), entries)
    mutants = [mutant for _, mutant in flipped(offered.hint)]
    passed = [one for one in mutants if accepts(replace(offered, hint=one), entries)]
    assert all(read_certificates(one) == read_certificates(offered.hint) for one in passed)
