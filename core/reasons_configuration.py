"""Codes of how a source is configured: what weakens it, or leaves a part of it unseen.

They come with findings about units of a source, never with a verification: nothing that a source
entry asks to be waived is waived.
"""

from __future__ import annotations

from core.reason import Reason

_SCAN = "countersign scan SOURCE"

CONFIGURATION = (
    Reason(
        "SOURCE_OPTION_WEAK",
        None,
        "configuration",
        "A source entry asks for less than full checking",
        "The entry of an apt source has an option that tells apt to accept what it would refuse:"
        " unsigned or weakly signed lists, expired ones, or ones of the wrong time. Countersign"
        " does not honour it, but apt on this machine does.",
        (
            "trusted=yes or allow-insecure=yes was set to silence an error",
            "check-valid-until=no was set for a mirror or snapshot that is no longer renewed",
            "allow-weak=yes was set for an archive signed long ago",
        ),
        "Take the option out of the entry that the finding names, and mend what it hid: name the"
        " archive's keyring under Signed-By, or ask its owner to sign it anew.",
        _SCAN,
    ),
    Reason(
        "SIGNED_BY_MISSING",
        None,
        "configuration",
        "The source entry names no key",
        "The entry of an apt source has no Signed-By, so every key that this machine trusts may"
        " sign for it: whoever holds the key of one archive can publish in the name of another.",
        (
            "the entry was written before Signed-By became usual",
            "the archive's key was put into trusted.gpg.d",
        ),
        "Put the archive's key into a file of its own and name that file under Signed-By in the"
        " entry; then remove the key from trusted.gpg.d.",
        _SCAN,
    ),
    Reason(
        "SIGNED_BY_UNUSABLE",
        None,
        "configuration",
        "What the source entry trusts cannot be read",
        "A keyring that the source relies on is missing or unreadable, or its Signed-By is neither"
        " a path nor a fingerprint. What cannot be read vouches for nothing.",
        (
            "the file was moved, or never installed on this machine",
            "its permissions do not let Countersign read it",
            "the option holds a name or an address in place of a path",
        ),
        "Correct the path, install the keyring, or let the user that Countersign runs as read it;"
        " then scan.",
        _SCAN,
    ),
    Reason(
        "SOURCE_PACKAGES_UNSEEN",
        None,
        "configuration",
        "Source packages are not scanned",
        "A deb-src entry offers source packages, and only binary packages are scanned: nothing is"
        " known of the source packages of this suite, and they are in no number.",
        (
            "the entry has the type deb-src",
            "a *.sources file has `Types: deb deb-src`, as many installers write it",
        ),
        "Nothing is wrong with the entry. Take it out where nobody builds from source.",
        _SCAN,
    ),
)
