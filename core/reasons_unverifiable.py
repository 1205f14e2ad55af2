"""Codes of what we cannot judge for want of something on our side, and of sources out of reach."""

from __future__ import annotations

from core.model import Outcome
from core.reason import RESERVED, Reason

_UNVERIFIABLE = Outcome.UNVERIFIABLE
_VERIFY = "countersign verify ARTIFACT --json"
_SCAN = "countersign scan SOURCE"
_CHECK = "countersign sources check"

UNVERIFIABLE = (
    Reason(
        "FORMAT_UNSUPPORTED",
        _UNVERIFIABLE,
        "content",
        "There is no reader for this format",
        "There is evidence here, but Countersign has no reader for its format, so it says neither"
        " yes nor no. A broken or unknown version of a format it does read is MALFORMED.",
        (
            "the artifact is signed with a scheme that is not supported yet",
            "the file attached is no signature at all",
            "its certificates lead to a given authority, but in a way that is not supported",
        ),
        "The documentation lists the formats that are read. Sign additionally in one of them, or"
        " ask for this one.",
        _VERIFY,
    ),
    Reason(
        "TRUST_CHANGED",
        _UNVERIFIABLE,
        "source",
        "The trust it was verified with was changed",
        "A key, keyring or authority that this artifact's evidence was verified with was taken out"
        " of the source's trust, or narrowed; or something was added that may refute it: a"
        " revocation list, a trusted root whose logs are demanded, an authority of timestamps,"
        " another copy of the key. Until the source was read again it is neither verified nor"
        " failed.",
        (
            "the settings were edited and the next scan has not come yet",
            "the source has been out of reach since the settings were edited",
        ),
        "Scan the source. If the key was taken out by mistake, put it back and scan.",
        _SCAN,
    ),
    Reason(
        "VERIFIER_CHANGED",
        _UNVERIFIABLE,
        "source",
        "Another version of the verifier judged it",
        "The source, or a part of it, was last read by another version of this program, whose"
        " verifier may have judged otherwise: it may have called verified what this one refuses."
        " Everything is read again under this one; until that is complete, what stands is what the"
        " other said.",
        (
            "the program was upgraded, and the scan after it has not come to its end",
            "the source, or a part of it, has been out of reach since the upgrade",
            "an older version of the program still scans into the same database",
        ),
        "Scan the source until it is complete; its errors say what is in the way. To count nothing"
        " of it meanwhile, take its trust, or the source, out of the settings.",
        _SCAN,
    ),
    Reason(
        "NOT_SIGNED",
        _UNVERIFIABLE,
        "content",
        "It bears no signature",
        "The artifact is of a kind that carries its signature inside, we looked there, and there is"
        " none. It counts as unsigned, not as unknown.",
        (
            "the build or release job does not sign",
            "the signature was taken off on the way, by a mirror or on purpose",
        ),
        "Sign it where it is built, or fetch it from where it is still signed.",
        _VERIFY,
    ),
    Reason(
        "LIST_UNSIGNED",
        _UNVERIFIABLE,
        "content",
        "It stands in a list that nobody signed",
        "A list of checksums names this artifact with the digest we computed, but nothing signs the"
        " list: whoever can replace the artifact can replace the list as well.",
        (
            "the publisher offers checksums against broken downloads only",
            "the list is signed in a separate file that was not found beside it",
        ),
        "Sign the list (SHA256SUMS.gpg, SHA256SUMS.sig) or the artifact, and put the signature"
        " beside it.",
        _VERIFY,
    ),
    Reason(
        "TRUST_ROOT_MISSING",
        _UNVERIFIABLE,
        "trust",
        "No trust was given",
        "Nothing says which keys or authorities are accepted, so no signature can be judged. There"
        " is no built-in default on purpose.",
        (
            "the source has no `trust` in the settings",
            "`verify` was called without a key, keyring or root",
            "the trust named holds nothing that fits this kind of evidence",
        ),
        "Name at least one entry of `trust` in the source, or give --key, --keyring or --ca.",
        "countersign sources list",
    ),
    Reason(
        "TRUST_ROOT_STALE",
        _UNVERIFIABLE,
        "trust",
        "The trusted root is too old to know",
        "The evidence names a log that the trusted root does not have. An authority of the root"
        " issued the signer's certificate after the date until which the root was published, so a"
        " newer root may well know the log. The date is that of the TUF metadata that a `builtin`"
        " root was pinned or refreshed under; a root of one's own file has none.",
        (
            "the root has not been refreshed since the service started a new log",
            "this machine is kept offline",
        ),
        "Run `countersign trust refresh`; what is affected is read again by itself.",
        "countersign trust refresh",
    ),
    Reason(
        "CONTENT_NEEDED",
        _UNVERIFIABLE,
        "content",
        "The bytes themselves are needed",
        "The signature is over the whole content, or over another digest than those that are known,"
        " and the content is not at hand.",
        (
            "only a digest of the artifact was given, or no artifact was named",
            "the signature is over the bytes, and of an image nothing but digests is known",
            "a file of a model is a link that leads out of its folder",
        ),
        "Give the file itself, or the digest that the detail names.",
        _VERIFY,
    ),
    Reason(
        "CONTENT_CHANGED",
        _UNVERIFIABLE,
        "content",
        "The file changed while it was being read",
        "Between the first look at the file and the last byte it was written to or replaced, so"
        " nothing that was found belongs to one and the same content. Earlier outcomes stay, with"
        " their age.",
        (
            "a build or an upload was still writing into the folder",
            "somebody exchanged the file during the scan",
        ),
        "Scan again when nothing writes to the folder; publish by renaming finished files.",
        _SCAN,
    ),
    Reason(
        "EVIDENCE_MISSING",
        _UNVERIFIABLE,
        "content",
        "The stored evidence is gone",
        "The database remembers this evidence by its digest, but the bytes are no longer there, so"
        " it cannot be judged again.",
        (
            "retention removed them",
            "the database was restored from an incomplete backup",
        ),
        "Scan the source again: what it still offers is stored anew.",
        RESERVED,
    ),
    Reason(
        "KEYRING_UNUSABLE",
        _UNVERIFIABLE,
        "trust",
        "A trust file cannot be read",
        "A key, keyring or authority file that this source relies on is missing, unreadable or"
        " broken. Rather than judging with half of the trust, nothing is judged.",
        (
            "the file was moved, or its permissions do not let Countersign read it",
            "it holds another kind of file: a private key, a web page, a keybox",
        ),
        "Repair the file that the detail names; the outcome follows by itself at the next look.",
        _CHECK,
    ),
    Reason(
        "REFERRERS_NOT_READ",
        _UNVERIFIABLE,
        "content",
        "There is evidence that was not read",
        "Further documents are listed as referring to this artifact, and some of them were not"
        " read, so we cannot say that there is no good signature among them.",
        (
            "there are more of them than the limit allows",
            "one of them could not be fetched",
            "they are of a type that is not read, such as an SBOM that nobody signed",
            "one of them is listed here, but says that it refers to something else",
        ),
        "See the detail for which; raise `limits.signatures` if there really are that many, and"
        " scan again.",
        _SCAN,
    ),
    Reason(
        "SCAN_INCOMPLETE",
        _UNVERIFIABLE,
        "source",
        "The scan did not get to the end",
        "Part of the source was not read in the last scan. What was known stays as it was, nothing"
        " is taken for gone, and anything new may be missing from the figures.",
        (
            "one repository, suite or page failed while the others worked",
            "a limit was reached, or the scan was stopped",
        ),
        "See the scan's errors, mend the first, and scan again; it goes on where it can.",
        _SCAN,
    ),
    Reason(
        "SOURCE_UNREACHABLE",
        _UNVERIFIABLE,
        "source",
        "The source did not answer",
        "No usable answer came: no connection, a broken or a late one. Earlier outcomes stay, with"
        " their age.",
        (
            "the service is down, or the address in the settings is wrong",
            "a firewall, proxy or name server is in the way",
            "its TLS certificate is not accepted by this machine",
        ),
        "Try the address shown in the detail from this machine. The next scheduled scan tries"
        " again.",
        _CHECK,
    ),
    Reason(
        "SOURCE_DENIED",
        _UNVERIFIABLE,
        "source",
        "The source does not let us in",
        "The source asks for credentials, or refuses those it was given.",
        (
            "a token has expired or was rotated",
            "the account may not read this repository",
            "the repository does not exist, and the registry will not say so",
        ),
        "Renew the secret that the source's entry refers to, and give it read access.",
        _CHECK,
    ),
    Reason(
        "SOURCE_THROTTLED",
        _UNVERIFIABLE,
        "source",
        "The source asks us to slow down",
        "The source answered that there were too many requests, also after waiting as it asked.",
        (
            "its limit for anonymous use is low",
            "several machines share one address or one account",
            "scans are scheduled too close together",
        ),
        "Use an account with a higher limit, or a longer `every` for this source.",
        _SCAN,
    ),
    Reason(
        "SOURCE_REDIRECT_REFUSED",
        _UNVERIFIABLE,
        "source",
        "The source sends us where we do not go",
        "A redirect led to an address we refuse: a private or loopback address, a plain connection"
        " after a protected one, or too many hops.",
        (
            "the source's storage lies in a private network under another name",
            "the address in the settings is a short form that redirects",
            "somebody tries to make the scanner reach internal services",
        ),
        "Put the final address into the settings if it is right. Only an address you configure"
        " yourself may be private.",
        _CHECK,
    ),
)
