"""JSON web signatures of the Notary Project's algorithms, against the vectors of Wycheproof."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core import wire
from core.errors import MalformedError
from core.limits import Limits
from tests.verification.specimens import private_key, public_pem, sign
from verification.keys.public_key import PublicKey, load_public_key
from verification.notation.jws import _decode_url
from verification.notation.signature import _algorithm, _holds

CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
# Refused for what a JWK states of its use or algorithm. Our keys come out of certificates: the
# purposes stand there, and the algorithm follows from kind and size.
STATED_BY_A_JWK = {"rejectWrongUse", "rejectWrongKeyOps", "UsingPS256"}


def number(text: str) -> int:
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def public_key(jwk: dict[str, str]) -> PublicKey:
    material: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    if "n" in jwk:
        material = rsa.RSAPublicNumbers(number(jwk["e"]), number(jwk["n"])).public_key()
    else:
        numbers = ec.EllipticCurvePublicNumbers(
            number(jwk["x"]), number(jwk["y"]), CURVES[jwk["crv"]]
        )
        material = numbers.public_key()
    encoded = material.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return load_public_key(encoded)


def algorithm_of(jws: str) -> str:
    header = wire.read_json(
        _decode_url(jws.split(".", maxsplit=1)[0], "the header"), limits=Limits()
    )
    return wire.text(wire.as_mapping(header, "the header"), "alg")


def accepts(key: PublicKey, jws: str) -> bool:
    """Read and verify the compact form with the parts that the flattened one is read with."""
    try:
        header, payload, signature = jws.split(".")
        decoded = _decode_url(signature, "the signature")
        _ = payload and _decode_url(payload, "the payload")
        algorithm = algorithm_of(jws)
    except (MalformedError, ValueError):
        return False
    wanted = _algorithm(key)
    return algorithm == wanted and _holds(key, wanted, decoded, f"{header}.{payload}".encode())


def test_wycheproof_json_web_signatures(vectors: Path) -> None:
    folder = vectors / "wycheproof"
    groups = json.loads((folder / "json_web_signature_test.json").read_bytes())["testGroups"]
    keys = [public_key(group["public"]) for group in groups if "public" in group]
    good, wrong = set(), []
    for group in groups:
        for test in group["tests"]:
            where = test["tcId"], test["comment"]
            if "public" not in group:  # a secret shared by both sides: nobody's here
                wrong += [where for key in keys if accepts(key, test["jws"])]
                continue
            key = public_key(group["public"])
            if accepts(key, test["jws"]):
                good.add(_algorithm(key))
                if test["result"] != "valid" and test["comment"] not in STATED_BY_A_JWK:
                    wrong.append(where)
            elif test["result"] == "valid" and algorithm_of(test["jws"]) == _algorithm(key):
                wrong.append(where)
    assert wrong == []
    # The other algorithms of JOSE, and keys of other sizes than go with them, are none of Notary's.
    assert good == {"ES256", "ES512", "PS256"}


def test_attack_18_signature_of_ecdsa_has_one_length() -> None:
    private, content = private_key("p256"), b"signed"
    r, s = decode_dss_signature(sign(private, content))
    key = load_public_key(public_pem(private))
    raw = r.to_bytes(32) + s.to_bytes(32)
    assert _holds(key, "ES256", raw, content)
    for other in (
        r.to_bytes(32) + s.to_bytes(33),
        r.to_bytes(33) + s.to_bytes(33),
        raw + b"\0",
        raw[:-1],
        sign(private, content),
        b"",
    ):
        assert not _holds(key, "ES256", other, content)
