"""gpgv, sqv and sq: signatures of OpenPGP beside and around what they sign."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence

from core.model import Evidence, TrustKind
from tests.oracles.asking import each_asked, entry, folder, run
from tests.oracles.changes import (
    bit_flipped,
    bytes_changed,
    lines_changed,
    packets_changed,
    within_base64,
)
from tests.oracles.oracle import Case, Oracle, Part
from tests.verification.openpgp.openpgp_material import TEXT, material
from tests.verification.specimens import artifact, evidence, setting
from verification.format import Setting

DETACHED = ("ed", "rsa", "comp", "sup", "unk", "weak", "sub", "lost", "before", "after", "sha1",
            "future", "brief", "armored", "textmode", "long")  # fmt: skip
TRUSTED = ("ed", "rsa", "comp", "sup", "weak", "exp", "late", "long", "sub", "lost")
SEVERAL = (("ed", "rsa"), ("ed", "ed"), ("ed", "unk"), ("unk", "rsa"), ("sha1", "ed"),
           ("ed", "comp"), ("before", "rsa"), ("ed", "rsa", "sub"))  # fmt: skip
RINGS: dict[str, tuple[str, ...]] = {"all": TRUSTED, "two": ("ed", "rsa"), "one": ("sub",)}


def _recipes() -> dict[str, Callable[[], Case]]:
    made: dict[str, Callable[[], Case]] = {}
    named = {name: (name,) for name in DETACHED} | {"+".join(each): each for each in SEVERAL}
    for title, names in named.items():
        made[title] = lambda names=names: _signed(names, "all")  # type: ignore[misc]
    for ring in ("two", "one"):
        for name in ("ed", "sub", "armored"):
            made[f"{name}, keyring of {ring}"] = lambda name=name, ring=ring: _signed((name,), ring)  # type: ignore[misc]
    return made


def _signed(names: Sequence[str], ring: str) -> Case:
    found = b"".join(material().signatures[name] for name in names)
    return Case(found, TEXT, material().keyring(*RINGS[ring]))


def _cleartext_recipes() -> dict[str, Callable[[], Case]]:
    made: dict[str, Callable[[], Case]] = {}
    for name in ("clear", "clear-two"):
        for ring in RINGS:
            made[f"{name}, keyring of {ring}"] = lambda name=name, ring=ring: _cleartext(name, ring)  # type: ignore[misc]
    return made


def _cleartext(name: str, ring: str) -> Case:
    return Case(material().signatures[name], TEXT, material().keyring(*RINGS[ring]))


def _offered(case: Case) -> tuple[Evidence, Setting]:
    ring = entry(TrustKind.KEYRING, case)
    return evidence(case.signature, artifact(case.artifact)), setting(ring, now=case.at)


BYTES = (bytes_changed, bit_flipped)
PACKETS = (bytes_changed, bit_flipped, packets_changed, packets_changed)
ARMORED = (bytes_changed, bit_flipped, lines_changed, within_base64(bit_flipped),
           within_base64(packets_changed))  # fmt: skip
BESIDE = {Part.SIGNATURE: (*PACKETS, within_base64(packets_changed)), Part.ARTIFACT: BYTES,
          Part.TRUST: PACKETS}  # fmt: skip
AROUND = {Part.SIGNATURE: ARMORED, Part.ARTIFACT: BYTES, Part.TRUST: PACKETS}
# gpgv knows no other homes, and reads no configuration from one that is not there
_GPGV = ("gpgv", "--homedir", "nowhere", "--keyring", "./trust")


# what they say where one certificate that they cannot read keeps them from reading any
UNREAD = (
    b"gpgv: keydb_search failed: ",
    b"gpgv: Can't check signature: Bad public key",
    b"Error: Malformed certificate in keyring",
    b'Error: A cert from file "trust" is bad',
)


def _answer(done: subprocess.CompletedProcess[bytes]) -> bool | None:
    is_unread = any(words in done.stderr for words in UNREAD)
    return None if is_unread else done.returncode == 0


def _answer_around(case: Case, *words: str) -> bool | None:
    """Say whether it accepts and gives out the text; how its lines end is nobody's."""
    (folder() / "read").unlink(missing_ok=True)
    answer = _answer(run(*words, "--output", "read", "signature"))
    if not answer:
        return answer
    read = (folder() / "read").read_bytes().replace(b"\r\n", b"\n")
    return read.rstrip(b"\r\n") == case.artifact.rstrip(b"\n")


def _ask_gpgv(_: Case) -> bool | None:
    return _answer(run(*_GPGV, "signature", "artifact"))


def _ask_gpgv_around(case: Case) -> bool | None:
    return _answer_around(case, *_GPGV)


def _ask_sqv(_: Case) -> bool | None:
    return _answer(run("sqv", "--keyring", "trust", "signature", "artifact"))


def _ask_sq(case: Case) -> bool | None:
    return _answer_around(case, "sq", "verify", "--signer-cert", "trust")


GPGV = Oracle("gpgv", ("gpg", "gpgv"), _recipes(), BESIDE, _offered, each_asked(_ask_gpgv))
GPGV_CLEARTEXT = Oracle(
    "gpgv-cleartext", ("gpg", "gpgv"), _cleartext_recipes(), AROUND, _offered,
    each_asked(_ask_gpgv_around),
)  # fmt: skip
SQV = Oracle("sqv", ("gpg", "sqv"), _recipes(), BESIDE, _offered, each_asked(_ask_sqv))
SQ_CLEARTEXT = Oracle(
    "sq-cleartext", ("gpg", "sq"), _cleartext_recipes(), AROUND, _offered,
    each_asked(_ask_sq),
)  # fmt: skip
