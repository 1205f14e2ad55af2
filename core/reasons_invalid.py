"""Codes of evidence that breaks the demands of its own format, or of its root."""

from __future__ import annotations

from core.model import Outcome
from core.reason import Reason

_INVALID = Outcome.INVALID
_VERIFY = "countersign verify ARTIFACT --json"

INVALID = (
    Reason(
        "SIGNATURE_INVALID",
        _INVALID,
        "signature",
        "The signature does not hold",
        "The mathematics says no: this signature was not made over these bytes by the key that was"
        " tried. For a bare signature that names no key, it holds under none of the keys you gave.",
        (
            "the artifact or the signature was changed, truncated or converted on its way",
            "the signature belongs to another file, often the release before or after",
            "the key given is not the one that signed, after a key rotation for instance",
        ),
        "Fetch artifact and signature again from their origin and compare. If they are the same,"
        " ask the publisher which key signs this release; do not use the artifact until it is"
        " clear.",
        _VERIFY,
    ),
    Reason(
        "DIGEST_MISMATCH",
        _INVALID,
        "content",
        "The content is not what was signed for",
        "Something signed states a digest, and the bytes we hashed have another one. The signature"
        " itself may be perfectly good: it speaks of other content.",
        (
            "the file was rebuilt or repacked after it was signed",
            "a mirror or a proxy serves an older or a damaged copy",
            "a list (Packages, a checksum file) was published before its files were",
        ),
        "Compare the two digests shown under expected and found with those of the original"
        " publisher. Publish files first and their lists last.",
        _VERIFY,
    ),
    Reason(
        "SUBJECT_MISMATCH",
        _INVALID,
        "content",
        "The evidence speaks of something else",
        "The evidence is sound but names other subjects: this artifact's digest or name is not"
        " among them, so it proves nothing here.",
        (
            "the attestation of another file or another platform was attached",
            "an image index was signed and one of its platforms is looked at, or the reverse",
            "the file was renamed, and the format signs the name too",
        ),
        "Attach the evidence that was made for this digest, or sign this one.",
        _VERIFY,
    ),
    Reason(
        "MALFORMED",
        _INVALID,
        "content",
        "The evidence cannot be read",
        "The bytes break the format they claim to be in: a field is missing or of the wrong type,"
        " an encoding is ambiguous, something follows the end, or the version of the format is"
        " one we do not know. We never guess what was meant.",
        (
            "the download was cut off, or an error page was saved in place of the file",
            "the tool that wrote it has a fault, or is newer than this reader",
            "somebody probes the verifier with broken input",
        ),
        "Look at the place named in the detail. Make the evidence anew with a current version of"
        " the signing tool; if that one is newer than Countersign, update Countersign.",
        _VERIFY,
    ),
    Reason(
        "TOO_LARGE",
        _INVALID,
        "content",
        "The evidence exceeds a limit",
        "Reading stopped at a bound on size, nesting or number of entries. Where the bound can be"
        " set, the detail names it: `limits.signatures`, or `evidence_bytes` in brackets.",
        (
            "the wrong file was published as a signature: the artifact itself, an archive",
            "the evidence lists unusually many subjects",
            "somebody tries to exhaust the scanner",
        ),
        "If the evidence is real and the detail names a limit, raise that under `limits:` in the"
        " settings and scan again. All other bounds are fixed, and for `verify` these are, too.",
        "countersign scan SOURCE",
    ),
    Reason(
        "ALGORITHM_WEAK",
        _INVALID,
        "signature",
        "The algorithm no longer proves anything",
        "The signature rests on a hash or key that can be forged with known means (MD5, SHA-1, a"
        " short RSA key), so it counts as no proof however well the numbers fit.",
        (
            "an old key or an old default of the signing tool is still in use",
            "a repository signs with SHA-1 for the sake of very old clients",
        ),
        "Sign again with SHA-256 or better and a current key: Ed25519, ECDSA P-256 or larger, RSA"
        " of 2048 bits or more. No option turns this check off.",
        _VERIFY,
    ),
    Reason(
        "ALGORITHM_MISMATCH",
        _INVALID,
        "signature",
        "Key and signature disagree on the algorithm",
        "The evidence announces one algorithm while the key is made for another. Letting the"
        " evidence choose how it is checked is a known way to forge, so it is refused.",
        (
            "a header was written by hand, or by a tool that fixes the algorithm",
            "the key was replaced by one of another type, the configuration was not",
            "the evidence was tampered with",
        ),
        "Sign again and let the tool derive the algorithm from the key.",
        _VERIFY,
    ),
    Reason(
        "CERT_USAGE",
        _INVALID,
        "certificate",
        "The certificate is not made for this",
        "A certificate in the chain does not permit what it was used for: signing code, making"
        " timestamps, or issuing other certificates.",
        (
            "a TLS or e-mail certificate was used to sign an artifact",
            "an end-entity certificate was used as if it were an authority",
            "the authority left the extended key usage out",
        ),
        "Get a certificate with the usage that the detail asks for and sign again.",
        _VERIFY,
    ),
    Reason(
        "LOG_ENTRY_MISMATCH",
        _INVALID,
        "log",
        "The log entry is about something else",
        "The transparency log entry that came along records another artifact, signature or key"
        " than the evidence around it.",
        (
            "two bundles were mixed up when they were put together",
            "the entry was copied from another signature to look logged",
        ),
        "Sign again and publish the bundle as the tool wrote it. Treat the old one as suspicious.",
        _VERIFY,
    ),
    Reason(
        "LOG_INCLUSION_INVALID",
        _INVALID,
        "log",
        "The proof of being in the log does not add up",
        "Hashing from the entry up to the log's root gives another root than the proof claims, so"
        " the entry was not shown to be in the log.",
        (
            "the bundle was changed or written by a faulty tool",
            "the proof belongs to another entry or another size of the log",
        ),
        "Fetch the entry's proof anew from the log, or sign again.",
        _VERIFY,
    ),
    Reason(
        "LOG_CHECKPOINT_INVALID",
        _INVALID,
        "log",
        "The log's own signature does not hold",
        "The log signs its root (the checkpoint) or promises to include an entry; that signature"
        " fails under the log's key, or speaks of another root than the proof.",
        (
            "the checkpoint was altered, or taken from another log",
            "the bundle was put together from parts of several answers",
        ),
        "Sign again. If it happens for many artifacts, compare the log's key in your trusted root"
        " with the one its operator publishes.",
        _VERIFY,
    ),
    Reason(
        "LOG_MISSING",
        _INVALID,
        "log",
        "A log entry is demanded and there is none",
        "The trusted root, or the format, wants the signature to be in a transparency log; the"
        " evidence brings no entry, or one without the proof that is needed.",
        (
            "it was signed with logging switched off",
            "the tool stored signature and certificate but not the bundle",
        ),
        "Sign again with the log switched on and keep the whole bundle. If your organisation does"
        " not log on purpose, use a trusted root that demands none.",
        _VERIFY,
    ),
    Reason(
        "SCT_INVALID",
        _INVALID,
        "certificate",
        "The certificate was not shown to be public",
        "The certificate must carry a promise of a certificate transparency log (an SCT); it is"
        " missing or does not hold, so nobody could have noticed a wrongly issued certificate.",
        (
            "the authority issues without logging: a private one configured as a public one",
            "the certificate was rebuilt or altered",
        ),
        "Use the trusted root that belongs to this authority; a root without certificate logs"
        " demands no promise.",
        _VERIFY,
    ),
    Reason(
        "TIMESTAMP_INVALID",
        _INVALID,
        "time",
        "The timestamp does not hold",
        "A timestamp came along, but its signature fails, it covers other bytes, or its reply does"
        " not fit its request.",
        (
            "the timestamp was made over the artifact where the format wants the signature",
            "it was copied from another signature",
            "the reply was stored incompletely",
        ),
        "Ask the timestamp authority again, over the bytes that the format names, and attach that"
        " reply.",
        _VERIFY,
    ),
    Reason(
        "TIMESTAMP_MISSING",
        _INVALID,
        "time",
        "Nothing proves when it was signed",
        "The format or the root demands a proof of the time of signing, and there is none that"
        " counts.",
        (
            "signing went on although the timestamp authority did not answer",
            "the proof was kept in a place that was not published",
        ),
        "Sign again with a timestamp, or with a log entry where the root accepts its time.",
        _VERIFY,
    ),
    Reason(
        "PAYLOAD_TYPE",
        _INVALID,
        "statement",
        "The envelope holds another kind of payload",
        "The envelope is signed, yet what it says is inside is not what this format carries."
        " Reading one kind as another is how signatures get misused.",
        (
            "an attestation of another tool was attached under the wrong media type",
            "the payload type was written by hand",
        ),
        "Attach the envelope that this kind of evidence calls for.",
        _VERIFY,
    ),
    Reason(
        "PREDICATE_TYPE",
        _INVALID,
        "statement",
        "The statement is of another type",
        "The attestation is sound, but the type of its predicate is not the one that is called for"
        " here, or it contradicts the place it was found at.",
        (
            "an SBOM or a scan report was attached where provenance is expected",
            "the tool writes an older or newer version of the predicate",
        ),
        "Attach an attestation of the type shown under expected.",
        _VERIFY,
    ),
)
