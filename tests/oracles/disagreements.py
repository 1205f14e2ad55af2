"""Where an oracle judges otherwise, and why we are right: the table that every run is held to.

A case that we verify and an oracle refuses needs a section of a specification, and a test of the
case itself that tells it from any other. A case that we refuse and an oracle accepts is told by our
reason. What stands in no row is a failure; a row that no case needed is reported by a large run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.model import Verification
from tests.oracles import causes
from tests.oracles.oracle import Case, Ending

Fits = Callable[[Case, Verification], bool]
VERIFIED = ""
GNUPG = ("gpgv", "gpgv-cleartext")
SEQUOIA = ("sqv", "sq-cleartext")
SIGSTORE = ("sigstore-python", "pypi-attestations")
OPENSSL = ("openssl-cms", "openssl-ts", "osslsigncode")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One class of cases that are judged in two ways."""

    oracles: tuple[str, ...]
    reason: str  # ours; VERIFIED where we verify and they refuse
    why: str
    section: str = ""
    fits: Fits = causes.always


def explaining(name: str, ending: Ending) -> Disagreement | None:
    """Return the row that explains why the oracle of this name ended otherwise; None if none."""
    for row in DISAGREEMENTS:
        is_meant = name in row.oracles and row.reason == ending.reason
        if is_meant and row.fits(ending.case, ending.verification):
            return row
    return None


DISAGREEMENTS = (
    # We verify, they refuse.
    Disagreement(
        (*GNUPG, *SEQUOIA),
        VERIFIED,
        "one of several signatures holds under a key that is trusted; the others are of strangers "
        "or broken, and noted. They demand all of them",
        "RFC 9580 section 5.2.5",
        causes.several_signatures,
    ),
    Disagreement(
        GNUPG,
        VERIFIED,
        "the checksum of the armor is wrong or gone: it must not refuse",
        "RFC 9580 section 6.1",
        causes.armor_checksum_differs,
    ),
    Disagreement(
        ("sq-cleartext",),
        VERIFIED,
        "the header Hash is gone or another: the signature says its own algorithm",
        "RFC 9580 section 6.2.2.3",
        causes.hash_header_differs,
    ),
    Disagreement(
        SEQUOIA,
        VERIFIED,
        "a subpacket overruns the area that nobody signs: what stands there is advice, passed over",
        "RFC 9580 section 5.2.3",
        causes.unsigned_area_overruns,
    ),
    Disagreement(
        SEQUOIA,
        VERIFIED,
        "the copy of the key begins later than the signature, with a newer self-signature: as of "
        "then it is judged (rpm, which uses the same library, does so, too)",
        "RFC 9580 section 5.2.3.10",
        causes.key_begins_later,
    ),
    Disagreement(
        ("rpmkeys",),
        VERIFIED,
        "the two octets of the hash beside a signature are others: they only help to refuse early",
        "RFC 9580 section 5.2.3",
        causes.quick_check_differs,
    ),
    Disagreement(
        ("sigstore-python",),
        VERIFIED,
        "a message digest by SHA-384: it reads none but SHA-256",
        "sigstore_common.proto, HashAlgorithm",
        causes.digest_is_longer,
    ),
    Disagreement(
        ("sigstore-python",),
        VERIFIED,
        "a message digest without algorithm or digest: it only helps to find the artifact",
        "sigstore_common.proto, MessageSignature",
        causes.digest_not_stated,
    ),
    Disagreement(
        ("sigstore-python",),
        VERIFIED,
        "a bundle of version 0.1 with the log's promise alone",
        "sigstore_bundle.proto, Bundle",
        causes.promise_alone,
    ),
    Disagreement(
        ("sigstore-python",),
        VERIFIED,
        "a timestamp that was granted with modifications",
        "RFC 3161 section 2.4.2",
        causes.granted_with_changes,
    ),
    Disagreement(
        ("sigstore-python",),
        VERIFIED,
        "a proof of Rekor's second version that leaves out index, root or size: those of the entry "
        "and the checkpoint count",
        "rekor-tiles CLIENTS.md, Miscellaneous verification bundle changes",
        causes.proof_repeats_less,
    ),
    Disagreement(
        ("sigstore-python",),
        VERIFIED,
        "a list that is null: it is read as one that is not there",
        "ProtoJSON Format, Null values",
        causes.field_is_null,
    ),
    Disagreement(
        SIGSTORE,
        VERIFIED,
        "bytes in the URL-safe alphabet of base64, or without padding",
        "ProtoJSON Format, bytes",
        causes.base64_is_another,
    ),
    Disagreement(
        ("openssl-ts",),
        VERIFIED,
        "a signer named by key identifier: its reader of PKCS #7 knows none",
        "RFC 5652 section 5.3",
        causes.named_by_key,
    ),
    Disagreement(
        ("openssl-ts",),
        VERIFIED,
        "a signature by RSASSA-PSS: its reader of PKCS #7 knows none",
        "RFC 4056 section 3",
        causes.pss,
    ),
    Disagreement(
        ("openssl-ts", "osslsigncode"),
        VERIFIED,
        "signed attributes in another order than they were signed in: signed is their DER encoding",
        "RFC 5652 section 5.4",
        causes.attributes_reordered,
    ),
    # We refuse, they accept.
    Disagreement(
        GNUPG,
        "KEY_REVOKED",
        "gpgv takes every key in its keyring, whatever its state",
    ),
    Disagreement(
        GNUPG,
        "KEY_EXPIRED",
        "gpgv does not ask when a key ended",
    ),
    Disagreement(
        GNUPG,
        "TIME_IN_FUTURE",
        "gpgv takes a signature that is dated in the future",
    ),
    Disagreement(
        GNUPG,
        "ALGORITHM_WEAK",
        "gpgv takes SHA-1 and short RSA keys",
    ),
    Disagreement(
        (*GNUPG, *SEQUOIA),
        "MALFORMED",
        "lines in or around the armor, its marks or its packets are not as RFC 9580 writes them; "
        "the tools read what they can find",
    ),
    Disagreement(
        (*GNUPG, *SEQUOIA),
        "FORMAT_UNSUPPORTED",
        "what begins neither with a packet nor with the first line of armor is not looked through",
    ),
    Disagreement(
        GNUPG,
        "KEYRING_UNUSABLE",
        "no certificate of the keyring can be read to its end: gpgv takes a key without its rest",
    ),
    Disagreement(
        GNUPG,
        "KEY_UNKNOWN",
        "the certificate is broken in the keyring: gpgv takes a key without its rest",
    ),
    Disagreement(
        SEQUOIA,
        "KEY_UNKNOWN",
        "the parts of a certificate in the keyring stand under another: sq sorts them anew",
    ),
    Disagreement(
        ("rpmkeys",),
        "MALFORMED",
        "a tag stands twice in a header, or is of the wrong kind: readers could take either",
    ),
    Disagreement(
        ("rpmkeys",),
        "ALGORITHM_WEAK",
        "this release of rpm takes signatures over SHA-1",
    ),
    Disagreement(
        ("ssh-keygen",),
        "MALFORMED",
        "base64 that no encoder writes (RFC 4648 section 3.5)",
    ),
    Disagreement(
        ("ssh-keygen",),
        "ALGORITHM_WEAK",
        "ssh-keygen takes RSA keys of 1024 bits",
    ),
    Disagreement(
        ("ssh-keygen",),
        "CERT_USAGE",
        "a critical option that nobody knows has to refuse (PROTOCOL.certkeys): ssh-keygen "
        "does not look at it for signatures over files",
    ),
    Disagreement(
        ("minisign", "signify"),
        "MALFORMED",
        "lines more than the two or four of the format: the tools stop reading before them",
    ),
    Disagreement(
        ("signify",),
        "SIGNATURE_INVALID",
        "lines after the signature are the message it is over, as `signify -e` writes it: asked "
        "about a file beside it, the tool stops reading before them",
    ),
    Disagreement(
        ("minisign", "signify"),
        "KEYRING_UNUSABLE",
        "a file with a key that has other lines too, or a first line that is no comment",
    ),
    Disagreement(
        SIGSTORE,
        "MALFORMED",
        "base64, numbers or fields that the JSON form of protobuf does not have: Python's own "
        "decoders pass over them",
    ),
    Disagreement(
        SIGSTORE,
        "TIMESTAMP_INVALID",
        "a timestamp came along that does not hold, beside another proof of time: it is ignored",
    ),
    Disagreement(
        SIGSTORE,
        "FORMAT_UNSUPPORTED",
        "a timestamp over an unknown hash came along, beside another proof of time: it is ignored",
        fits=causes.of_a_timestamp,
    ),
    Disagreement(
        SIGSTORE,
        "LOG_INCLUSION_INVALID",
        "an entry of Rekor's second version and its proof state different places: it looks at one",
        fits=causes.of_two_places,
    ),
    Disagreement(
        SIGSTORE,
        "CERT_UNTRUSTED",
        "an authority in the trusted root is altered, or that of a timestamp is not there: "
        "what is broken vouches for nothing",
    ),
    Disagreement(
        SIGSTORE,
        "LOG_UNKNOWN",
        "the log's entry in the trusted root has another key id or a time that is none",
    ),
    Disagreement(
        SIGSTORE,
        "LOG_CHECKPOINT_INVALID",
        "a line under the checkpoint is none, or not under the log's own name (C2SP signed-note)",
    ),
    Disagreement(
        SIGSTORE,
        "SCT_INVALID",
        "the window of the certificate log in the trusted root is not looked at",
    ),
    Disagreement(
        OPENSSL,
        "ALGORITHM_WEAK",
        "OpenSSL takes SHA-1 at its default level",
    ),
    Disagreement(
        ("openssl-cms",),
        "CERT_USAGE",
        "a certificate for timestamps: openssl was asked not to look at purposes",
    ),
    Disagreement(
        ("openssl-cms", "osslsigncode"),
        "PAYLOAD_TYPE",
        "the content type among the signed attributes is another one, or the kind of file "
        "(RFC 5652 section 11.1)",
    ),
    Disagreement(
        OPENSSL,
        "MALFORMED",
        "encodings that are not DER, bytes behind the end, versions and parameters that cannot be",
    ),
    Disagreement(
        ("openssl-cms", "openssl-ts"),
        "CERT_UNTRUSTED",
        "the given authority's certificate is altered, so that it is no authority's, or of a "
        "version or with extensions that RFC 5280 does not allow",
    ),
    Disagreement(
        ("openssl-cms", "openssl-ts"),
        "KEYRING_UNUSABLE",
        "the given authority's certificate cannot be read by a strict reader",
    ),
    Disagreement(
        OPENSSL,
        "FORMAT_UNSUPPORTED",
        "an algorithm is named that nobody knows, in a place that OpenSSL does not look at",
    ),
    Disagreement(
        ("openssl-cms",),
        "SUBJECT_MISMATCH",
        "content came along, and is not the file: openssl is content with either",
    ),
    Disagreement(
        ("openssl-ts",),
        "TIME_IN_FUTURE",
        "the timestamp states a time that has not come yet: openssl is asked about that very time",
    ),
    Disagreement(
        ("osslsigncode",),
        "SIGNATURE_INVALID",
        "of two signatures one is broken: osslsigncode is content with the other",
    ),
    Disagreement(
        ("osslsigncode",),
        "DIGEST_MISMATCH",
        "of two signatures one is over other bytes: osslsigncode is content with the other",
    ),
    Disagreement(
        ("osslsigncode",),
        "KEY_UNKNOWN",
        "the signer is named otherwise than in any certificate: osslsigncode takes the only one",
    ),
    Disagreement(
        ("openssl-cms",),
        "KEY_UNKNOWN",
        "the signer's name differs in case alone: names are compared byte by byte here",
    ),
    Disagreement(
        ("jarsigner",),
        "MALFORMED",
        "an archive that can be read in two ways: jarsigner trusts the list at the end",
    ),
    Disagreement(
        ("jarsigner",),
        "DIGEST_MISMATCH",
        "an entry of the manifest was taken out: jarsigner only warns",
    ),
    Disagreement(
        ("jarsigner",),
        "SUBJECT_MISMATCH",
        "a block with content of its own beside the signature file: jarsigner takes the file",
    ),
)
