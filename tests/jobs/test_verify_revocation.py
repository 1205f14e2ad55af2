"""`countersign verify` with revocation data, timestamps and Notation envelopes, as it is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from jobs.commands.verify import verify_command
from tests.verification.cms.timestamp_specimens import STAMPER, response, token
from tests.verification.notation.notation_specimens import LEAF, ROOT, ROOT_KEY, cose, jws
from tests.verification.specimens import CONTENT, DAY, NOW, pem

AT = ("--at", NOW.isoformat().replace("+00:00", "Z"))
assert isinstance(ROOT_KEY, ec.EllipticCurvePrivateKey)


def called(folder: Path, *words: str) -> dict[str, Any]:
    ran = CliRunner().invoke(
        verify_command, [str(folder / "app"), *words, "--any-identity", "--json", *AT]
    )
    assert ran.stdout, ran.stderr
    return dict(json.loads(ran.stdout))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in (
        ("app", CONTENT), ("app.jws", jws()), ("app.cose", cose()), ("root.pem", pem(ROOT)),
        ("app.tsr", response(token(signed=CONTENT))), ("tsa.pem", pem(STAMPER.root)),
        ("good.crl", _list()), ("bad.crl", _list(LEAF.serial_number)),
        ("good.ocsp", _answer(ocsp.OCSPCertStatus.GOOD)),
        ("bad.ocsp", _answer(ocsp.OCSPCertStatus.REVOKED)),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(content)
    return tmp_path


def _list(*serials: int) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ROOT.subject)
        .last_update(NOW - DAY)
        .next_update(NOW + DAY)
    )
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(ROOT_KEY, hashes.SHA256()).public_bytes(Encoding.PEM)


def _answer(status: ocsp.OCSPCertStatus) -> bytes:
    at = NOW - DAY if status is ocsp.OCSPCertStatus.REVOKED else None
    built = (
        ocsp.OCSPResponseBuilder()
        .add_response(LEAF, ROOT, hashes.SHA1(), status, NOW - DAY, NOW + DAY, at, None)
        .responder_id(ocsp.OCSPResponderEncoding.HASH, ROOT)
        .sign(ROOT_KEY, hashes.SHA256())
    )
    return built.public_bytes(Encoding.DER)


@pytest.mark.parametrize("kind", ["jws", "cose"])
@pytest.mark.parametrize("option", ["crl", "ocsp"])
def test_revocation_data_decides(folder: Path, kind: str, option: str) -> None:
    words = ("--signature", str(folder / f"app.{kind}"), "--ca", str(folder / "root.pem"))
    without = called(folder, *words)
    assert without["outcome"] == "verified"
    assert "revocation not checked: no list and no answer was given" in _details(without)
    good = called(folder, *words, f"--{option}", str(folder / f"good.{option}"))
    assert good["outcome"] == "verified"
    assert any(each.startswith("CN=notation signer is not revoked") for each in _details(good))
    bad = called(folder, *words, f"--{option}", str(folder / f"bad.{option}"))
    assert (bad["outcome"], bad["reason"]) == ("untrusted", "CERT_REVOKED")


def _details(said: dict[str, Any]) -> list[str]:
    return [check["detail"] for check in said["checks"] if check["step"] == "revocation"]


def test_revocation_data_alone_is_no_trust(folder: Path) -> None:
    said = called(
        folder, "--signature", str(folder / "app.jws"), "--crl", str(folder / "good.crl")
    )  # fmt: skip
    assert (said["outcome"], said["reason"]) == ("unverifiable", "TRUST_ROOT_MISSING")


def test_file_that_is_no_revocation_data_is_a_usage_error(folder: Path) -> None:
    words = [str(folder / "app"), "--signature", str(folder / "app.jws"), "--crl",
             str(folder / "root.pem")]  # fmt: skip
    ran = CliRunner().invoke(verify_command, words)
    assert ran.exit_code != 0
    assert not ran.stdout


def test_timestamp_of_a_file(folder: Path) -> None:
    words = ("--signature", str(folder / "app.tsr"), "--ca", str(folder / "tsa.pem"))
    said = called(folder, *words)
    assert (said["outcome"], said["role"], said["format"]) == ("verified", "timestamp", "rfc3161")
    assert (said["time_source"], said["time_trusted"]) == ("rfc3161", True)
    (folder / "app").write_bytes(CONTENT + b"x")
    assert called(folder, *words)["reason"] == "DIGEST_MISMATCH"
