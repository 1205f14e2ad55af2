"""What every format in the table must keep, whatever bytes it is given."""

from __future__ import annotations

import json
from pkgutil import resolve_name

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.cosign_container import SIMPLE_SIGNING, container
from core.model import Outcome, Role
from core.reasons import outcome_of
from tests.verification.cms.timestamp_specimens import token
from tests.verification.models.model_specimens import bundle as model_bundle
from tests.verification.models.model_specimens import statement as model_statement
from tests.verification.notation.notation_specimens import cose, jws
from tests.verification.specimens import envelope, evidence, key_entry, private_key, setting
from verification import FORMATS, INSIDE, OBJECTS
from verification.format import Format
from verification.verifier import (
    asked_beside,
    format_named,
    formats,
    verification_key,
    verify,
)

NEVER_SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
BESIDE = [name for name in FORMATS if name not in INSIDE]
# Of each format something it recognises, which need not verify.
RECOGNISED: dict[str, bytes] = {
    "model-signing": json.dumps(model_bundle(model_statement([]))).encode(),
    "npm-attestations": b'{"attestations": [{"predicateType": "", "bundle": {}}]}',
    "npm-signature": b'{"name": "a", "dist": {"signatures": [{"keyid": "x"}]}}',
    "pep740-attestation": b'{"envelope": {}, "verification_material": {}}',
    "pep740-provenance": b'{"attestation_bundles": []}',
    "notation-jws": jws(),
    "notation-cose": cose(),
    "rfc3161": token(),
    "sigstore-bundle": b'{"verificationMaterial": {}}',
    "cosign-attestation": container("application/vnd.dsse.envelope.v1+json", b"{}", {}),
    "cosign-blob": b'{"base64Signature": ""}',
    "cosign-simple-signing": container(SIMPLE_SIGNING, b"{}", {}),
    "dsse": json.dumps(envelope({})).encode(),
    "git-object": b"tree " + b"0" * 40 + b"\nauthor A <a> 1 +0000\n",
    "rpm": bytes.fromhex("edabeedb0300"),
    "ssh-signature": b"-----BEGIN SSH SIGNATURE-----\n",
    "minisign": b"untrusted comment: x\n",
    "helm-provenance": b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n...\nfiles:\n",
    "openpgp-cleartext": b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n",
    "openpgp-detached": b"-----BEGIN PGP SIGNATURE-----\n\n",
    "authenticode": b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0",
    "nuget": b"PK\x03\x04" + bytes(26) + b"app.nuspec",
    "jar": b"PK\x03\x04" + bytes(26) + b"META-INF/MANIFEST.MF",
    "cms": bytes.fromhex("300d06092a864886f70d010702a000"),
    "checksum-list": b"0" * 64 + b"  app.tar.gz\n",
    "raw-signature": b"\x00" * 64,
}
STARTS = [
    b"",
    b"-----BEGIN SIGNATURE-----\n",
    b"\xc2\xc0\x5e\x04\x00",
    b"\x88\x75\x04\x00",
    b"\x30\x45\x02",
    b"SHA256 (",
    *RECOGNISED.values(),
]
CUT = st.builds(lambda whole, end: whole[:end], st.sampled_from(STARTS), st.integers(1, 200))
BYTES = st.builds(lambda start, rest: start + rest, st.sampled_from(STARTS) | CUT, st.binary())


def test_every_format_is_tried_here() -> None:
    assert RECOGNISED.keys() == FORMATS.keys(), "RECOGNISED holds a specimen of every format"
    for name, content in RECOGNISED.items():
        first = next(each for each in formats() if each.recognises(evidence(content)))
        assert first.name == name


@pytest.fixture(params=list(FORMATS.items()), ids=list(FORMATS))
def entry(request: pytest.FixtureRequest) -> tuple[str, Format]:
    name, place = request.param
    return name, resolve_name(place)()


def test_entry_has_the_name_it_stands_under_and_a_role(entry: tuple[str, Format]) -> None:
    name, resolved = entry
    assert resolved.name == name
    assert isinstance(resolved.role, Role)


def test_the_table_knows_whose_evidence_is_inside(entry: tuple[str, Format]) -> None:
    name, resolved = entry
    assert resolved.inside == (name in INSIDE)


def test_formats_are_asked_in_the_order_of_the_table() -> None:
    assert [each.name for each in formats()] == list(FORMATS)


FIELDS = sorted({field for fields in OBJECTS.values() for field in fields} | {"payload", "other"})
VALUES = st.sampled_from([1, "a", [], {}, [{}]]) | st.sampled_from(
    [json.loads(each) for each in RECOGNISED.values() if each.startswith(b"{")]
)
DOCUMENTS = st.builds(
    lambda fields, end: json.dumps(fields).encode()[: end or None],
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4),
    st.sampled_from([0, 0, -1]),
)


@NEVER_SLOW
@given(content=BYTES | DOCUMENTS)
@example(content=b'{"a": {"dsseEnvelope": 1, "protected": 1, "payload": 1, "signature": 1}}')
def test_only_formats_are_passed_over_that_would_not_recognise_it(content: bytes) -> None:
    offered = evidence(content)
    fitting = [name for name in BESIDE if format_named(name).recognises(offered)]
    asked = [name for name in asked_beside(content) if format_named(name).recognises(offered)]
    assert asked[:1] == fitting[:1]


@NEVER_SLOW
@given(content=BYTES, hint=st.binary(max_size=64))
def test_no_bytes_make_any_format_raise_or_verify(content: bytes, hint: bytes) -> None:
    offered = evidence(content, hint=hint)
    given_trust = setting(key_entry(private_key("p256")), key_entry(private_key("ed25519")))
    for each in formats():
        assert each.recognises(offered) in (True, False)
        verification = each.verify(offered, given_trust)
        assert verification.outcome is not Outcome.VERIFIED
        assert verification.outcome is outcome_of(verification.reason)
        assert verification.expected
        assert verification.found
        assert verification.format == each.name


@NEVER_SLOW
@given(content=BYTES, hint=st.binary(max_size=64))
def test_no_bytes_make_the_verifier_raise_or_verify(content: bytes, hint: bytes) -> None:
    offered = evidence(content, hint=hint)
    given_trust = setting(key_entry(private_key("p256")))
    verification = verify(offered, given_trust)
    assert verification.outcome is outcome_of(verification.reason)
    assert verification.outcome is not Outcome.VERIFIED
    assert not verification.detail.startswith("reading it failed")
    assert len(verification_key(offered, given_trust)) == 64
