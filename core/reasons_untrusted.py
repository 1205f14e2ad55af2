"""Codes of evidence from a signer, key or log that the trust given does not accept, or not then."""

from __future__ import annotations

from core.model import Outcome
from core.reason import Reason

_UNTRUSTED = Outcome.UNTRUSTED
_VERIFY = "countersign verify ARTIFACT --json"

UNTRUSTED = (
    Reason(
        "KEY_UNKNOWN",
        _UNTRUSTED,
        "key",
        "Signed with a key you do not trust",
        "The evidence names its key, and no key or keyring given for this source has it. Whether"
        " the signature would hold could not be checked.",
        (
            "the publisher changed keys and the keyring is older than that",
            "the source's `trust` names another keyring than the one that holds the key",
            "somebody else signed it",
        ),
        "Confirm the fingerprint with the publisher over a second way, then add the key to the"
        " settings and name it in the source's `trust`.",
        _VERIFY,
    ),
    Reason(
        "KEY_EXPIRED",
        _UNTRUSTED,
        "key",
        "The key had expired",
        "The key that signed is past its end, or past the end you set for it, at the time that"
        " counts. A date that only the signature itself claims does not prove it was in time.",
        (
            "the publisher extended the key's life and your copy is older",
            "an archived suite is no longer signed anew",
            "the key really is retired and still in use",
        ),
        "Fetch the key again: an extension is part of it. If it is retired, have the artifact"
        " signed with the current key.",
        _VERIFY,
    ),
    Reason(
        "SIGNATURE_EXPIRED",
        _UNTRUSTED,
        "signature",
        "The signature itself has expired",
        "The signer gave this signature an end, and it has passed. The key may be as good as ever.",
        (
            "the signer signs for a limited time and did not sign again",
            "an old copy of the signature is served",
            "`verify --at` asks for a later time than the signature was made for",
        ),
        "Fetch the signature again; if it is the newest, ask the signer to sign anew.",
        _VERIFY,
    ),
    Reason(
        "KEY_REVOKED",
        _UNTRUSTED,
        "key",
        "The key was revoked",
        "The owner declared the key void. A compromised key counts as void from the beginning,"
        " since old dates can be forged with it.",
        (
            "the key leaked or was lost",
            "it was replaced, and the old one withdrawn",
        ),
        "Read the owner's notice. Have everything that is still in use signed with the new key,"
        " and look at what else this key signed.",
        _VERIFY,
    ),
    Reason(
        "CERT_UNTRUSTED",
        _UNTRUSTED,
        "certificate",
        "The certificate does not lead to a root you trust",
        "No chain from the signing certificate, or that of the timestamp, ends at an authority"
        " named for this source.",
        (
            "it was issued by a private authority that is not in the settings",
            "an intermediate certificate is missing from the evidence",
            "a staging service signed it",
            "somebody made their own certificate",
        ),
        "If the authority is yours, add its root under `trust` and name it in the source. If the"
        " chain has a gap, sign again with the whole chain.",
        _VERIFY,
    ),
    Reason(
        "CERT_EXPIRED_AT_SIGNING",
        _UNTRUSTED,
        "certificate",
        "The certificate was not valid when it mattered",
        "The certificate had expired at the proved time of signing; without a proof of time it"
        " must be valid now, and it is not.",
        (
            "a certificate of a few minutes was used without a log entry or timestamp",
            "the build waited too long between getting the certificate and signing",
            "an authority in the chain has expired",
        ),
        "Sign with a fresh certificate and attach a timestamp or log entry, so that the signature"
        " outlives the certificate.",
        _VERIFY,
    ),
    Reason(
        "CERT_REVOKED",
        _UNTRUSTED,
        "certificate",
        "The certificate was revoked",
        "The authority's list or answer says that this certificate was withdrawn before the time"
        " that counts.",
        (
            "the private key leaked, or the holder left",
            "it was replaced early and the old one withdrawn",
        ),
        "Sign again with a certificate in good standing; look at what else this one signed.",
        "countersign verify ARTIFACT --crl FILE --json",
    ),
    Reason(
        "LOG_UNKNOWN",
        _UNTRUSTED,
        "log",
        "Logged in a log you do not trust",
        "The evidence names a transparency log whose key is not in the trusted root.",
        (
            "it was signed against a staging or a private log",
            "the trusted root of another instance was given",
        ),
        "Use the trusted root of the instance that signed, if you accept it; otherwise have it"
        " signed against yours.",
        "countersign verify ARTIFACT --trusted-root FILE --json",
    ),
    Reason(
        "TIME_OUTSIDE_CERT",
        _UNTRUSTED,
        "time",
        "The time of signing lies outside the certificate",
        "The time that the log or the timestamp proves is before the certificate began or after it"
        " ended: whoever held the key then was not vouched for.",
        (
            "the clock of a private log or timestamp service is wrong",
            "a log entry was made much later than the signature",
            "an old key of a short-lived certificate was used again",
        ),
        "Sign again, and check the clocks of your own services.",
        _VERIFY,
    ),
    Reason(
        "TIME_IN_FUTURE",
        _UNTRUSTED,
        "time",
        "Signed in the future",
        "The signature, the key or the list states a time that has not come yet.",
        (
            "the clock of the signing machine is ahead",
            "the clock of this machine is behind",
            "somebody dates signatures ahead to make them last",
        ),
        "Set both clocks from a time service. A small lead goes away by itself: the outcome is"
        " worked out again at that time.",
        _VERIFY,
    ),
    Reason(
        "IDENTITY_NOT_STATED",
        _UNTRUSTED,
        "identity",
        "Nobody said who may sign",
        "The certificate is in order, but anyone can get one from this authority. Without saying"
        " which identity is expected, that proves nothing about the right signer.",
        (
            "`verify` was called without an identity",
            "it was said who must vouch (`--certificate-oidc-issuer`), but not who must sign",
        ),
        "Say whom you expect, or accept in so many words anyone the authority vouches for"
        " (`--any-identity`).",
        "countersign verify ARTIFACT --certificate-identity ID --certificate-oidc-issuer URL",
    ),
    Reason(
        "IDENTITY_MISMATCH",
        _UNTRUSTED,
        "identity",
        "Somebody else signed it",
        "The signature holds and its signer is vouched for, yet it is not the identity you expect."
        " Identities are compared character for character.",
        (
            "it was signed from another branch, tag or workflow file",
            "the repository or workflow was renamed",
            "a person signed in place of the pipeline",
            "a fork or an attacker signed it with a good certificate of their own",
        ),
        "Compare expected and found. If the new signer is right, change the expectation in the"
        " policy or the command; otherwise do not use the artifact.",
        _VERIFY,
    ),
    Reason(
        "ISSUER_MISMATCH",
        _UNTRUSTED,
        "identity",
        "Another issuer vouches for the signer",
        "The name may fit, but another identity provider stands behind it than the one you expect."
        " The same name at another issuer is another signer.",
        (
            "it was signed from a laptop with a personal login in place of the pipeline's",
            "a self-hosted forge has an issuer of its own",
            "a stray slash at the end of the issuer's address",
        ),
        "Compare expected and found; state the issuer exactly as the certificate has it.",
        _VERIFY,
    ),
    Reason(
        "METADATA_EXPIRED",
        _UNTRUSTED,
        "metadata",
        "The signed list is out of date",
        "The list says until when it may be believed, and that time has passed. It may hide"
        " updates: this is how somebody keeps you on a vulnerable version.",
        (
            "the mirror stopped following its origin",
            "the repository is archived and not signed anew",
            "an attacker replays an old list",
        ),
        "Point the source at a mirror that is kept current, or refresh the repository's metadata."
        " Archived suites have an address of their own.",
        "countersign scan SOURCE",
    ),
    Reason(
        "METADATA_ROLLBACK",
        _UNTRUSTED,
        "metadata",
        "The signed list is older than one already seen",
        "The list is properly signed, but an earlier scan of the same place accepted a newer one.",
        (
            "several mirrors behind one name are not in step",
            "a repository was restored from a backup",
            "an attacker replays an old list",
        ),
        "Scan again in a while. If it stays, ask the operator why the date went back before you"
        " accept it.",
        "countersign scan SOURCE",
    ),
)
