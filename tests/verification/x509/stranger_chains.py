"""Evidence with as many certificates as may be, of authorities that vouch for one another alone.

Each of them is issued by every other, under one name and one slow key: a search between them has
no end of ways to try, and none leads to an authority that anybody gave.
"""

from __future__ import annotations

import base64
import json
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.verification.specimens import (
    AUTHORITY,
    CONTENT,
    DAY,
    NOW,
    artifact,
    certificate,
    private_key,
    sign,
)
from tests.verification.x509.x509_material import (
    CODE,
    TIMES,
    TOKEN,
    Identity,
    attribute,
    identity,
    signature_of,
    signed_data,
    signer_info,
    timestamp,
    tlv,
    with_unsigned,
)
from verification.cms.signed_data import MAX_SIGNERS
from verification.cms.times import MAX_TIMES
from verification.sigstore.bundle import MAX_TIMESTAMPS
from verification.x509.certificates import MAX_CERTIFICATES

KEY = private_key("p521", "strangers")


@cache
def strangers(count: int) -> tuple[x509.Certificate, ...]:
    """Return authorities of one name and key, each issued by each of them."""
    return tuple(
        certificate("strangers", "strangers", KEY, KEY, AUTHORITY, until=NOW + (number + 1) * DAY)
        for number in range(count)
    )


def _under(name: str, purpose: x509.ObjectIdentifier) -> Identity:
    own = private_key("p256", name)
    use = (x509.ExtendedKeyUsage([purpose]), purpose == TIMES)
    return Identity(own, certificate(name, "strangers", own, KEY, (use,)))


def _stamp(over: bytes) -> bytes:
    return timestamp(
        _under("clock of strangers", TIMES), over, NOW, beside=strangers(MAX_CERTIFICATES - 4)
    )


def stamped_by_strangers(info: bytes) -> bytes:
    """Return the attribute of as many timestamps over a SignerInfo's signature as may be."""
    return attribute(TOKEN, *(_stamp(signature_of(info)) for _ in range(MAX_TIMES)))


def one_signer_stamped_by_strangers(size: int) -> bytes:
    """Return a detached CMS of a signer whom ROOT vouches for, of at least `size` bytes."""
    who = identity()
    bare = signer_info(who, CONTENT)
    stamps = stamped_by_strangers(bare)
    info = with_unsigned(bare, stamps, filling(size - len(stamps)))
    return signed_data((info,), (who.certificate,), None)


def filling(size: int) -> bytes:
    """Return an unsigned attribute of so many bytes that nothing reads."""
    return attribute("1.2.3.4", tlv(0x04, bytes(max(size, 0))))


def signers_under_strangers(size: int) -> bytes:
    """Return a detached CMS of as many signers as may be, for whom nobody given vouches."""
    people = [_under(f"signer {number}", CODE) for number in range(MAX_SIGNERS)]
    along = strangers(MAX_CERTIFICATES - MAX_SIGNERS)
    certificates = (*(each.certificate for each in people), *along)
    first, *others = (signer_info(each, CONTENT) for each in people)
    return signed_data((with_unsigned(first, filling(size)), *others), certificates, None)


def bundle_of_strangers(size: int) -> bytes:
    """Return a Sigstore bundle of a signer whom ROOT vouches for, of at least `size` bytes."""
    who = identity("p256", CODE)
    signature = sign(who.key, CONTENT)
    stamps = [{"signedTimestamp": _text(_stamp(signature))} for _ in range(MAX_TIMESTAMPS)]
    (digest,) = artifact().digests
    document = json.dumps(
        {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": _text(who.certificate.public_bytes(Encoding.DER))},
                "timestampVerificationData": {"rfc3161Timestamps": stamps},
            },
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": _text(digest.raw)},
                "signature": _text(signature),
            },
        }
    )
    return document.ljust(size).encode()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
