"""openssl and osslsigncode: signatures under certificates, and timestamps."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from datetime import datetime

from core.model import Evidence, TrustKind
from tests.oracles.asking import each_asked, entry, folder, run, seconds
from tests.oracles.changes import bit_flipped, bytes_changed, der_changed, within_base64
from tests.oracles.oracle import Case, Oracle, Part
from tests.verification.cms.timestamp_specimens import HASHES, MADE_AT, response, stamper, token
from tests.verification.formats.test_authenticode import signed as program_signed
from tests.verification.formats.test_cms_detached import MADE as CMS_WORDS
from tests.verification.formats.test_cms_detached import signed as cms_signed
from tests.verification.specimens import CONTENT, DAY, NOW, artifact, evidence, pem, setting
from tests.verification.x509.x509_material import (
    CODE,
    EMAIL,
    OTHER_ROOT,
    ROOT,
    TIMES,
    Identity,
    certificate_named,
    identity,
    inside,
    program,
    signed_data,
    signer_info,
)
from verification.format import Setting

BYTES = (bytes_changed, bit_flipped)
DER = (bytes_changed, bit_flipped, der_changed, der_changed, der_changed)
KINDS = ("p256", "p384", "p521", "rsa-2048")
WINDOWS = {
    "now": (NOW - DAY, NOW + DAY),
    "over": (NOW - 9 * DAY, NOW - DAY),
    "not yet": (NOW + DAY, NOW + 9 * DAY),
}
ANY_PURPOSE = "any"


def _offered(case: Case) -> tuple[Evidence, Setting]:
    offered = evidence(case.signature, artifact(case.artifact))
    return offered, setting(entry(TrustKind.AUTHORITY, case), now=case.at)


def _offered_inside(case: Case) -> tuple[Evidence, Setting]:
    return inside(case.artifact), setting(entry(TrustKind.AUTHORITY, case), now=case.at)


# openssl cms


def _cms_recipes() -> dict[str, Callable[[], Case]]:
    made: dict[str, Callable[[], Case]] = {}
    for number, (title, words) in enumerate(CMS_WORDS.items()):
        kind = KINDS[number % len(KINDS)]
        made[f"{title}, {kind}"] = lambda k=kind, w=words: _cms(identity(k, EMAIL), w)  # type: ignore[misc]
    plain = CMS_WORDS["cms"]
    for title, (since, until) in WINDOWS.items():
        made[f"window {title}"] = lambda s=since, u=until: _cms(  # type: ignore[misc]
            identity("p256", EMAIL, since=s, until=u), plain
        )
    for algorithm in ("sha1", "sha256", "sha384", "sha512"):
        made[algorithm] = lambda a=algorithm: _cms(  # type: ignore[misc]
            identity("rsa-2048", EMAIL), f"{plain} -md {a}"
        )
    made["for code"] = lambda: _cms(identity("p256", CODE), plain, ANY_PURPOSE)
    made["for times"] = lambda: _cms(identity("p256", TIMES), plain, ANY_PURPOSE)
    made["by two"] = lambda: _cms_by("p256", "rsa-2048")
    made["by three"] = lambda: _cms_by("p256", "p384", "p521")
    made["stranger"] = lambda: Case(_cms_by("p256").signature, CONTENT, pem(OTHER_ROOT))
    return made


def _cms(who: Identity, words: str, about: str = "") -> Case:
    return Case(cms_signed(folder(), who, words), CONTENT, pem(ROOT), about=about)


def _cms_by(*kinds: str) -> Case:
    """Return a signature with a signer for each kind of key."""
    signers = [identity(kind, EMAIL, name=f"signer {kind}") for kind in kinds]
    infos = tuple(
        signer_info(each, CONTENT, attributes=(certificate_named(each),)) for each in signers
    )
    made = signed_data(infos, tuple(each.certificate for each in signers), None)
    return Case(made, CONTENT, pem(ROOT))


def _ask_cms(case: Case) -> bool:
    form = "PEM" if case.signature.lstrip().startswith(b"-----BEGIN") else "DER"
    words = ["openssl", "cms", "-verify", "-binary", "-inform", form, "-in", "signature"]
    words += ["-content", "artifact", "-CAfile", "trust", "-partial_chain"]
    words += ["-attime", seconds(case.at)]
    words += ["-purpose", case.about] if case.about else []
    done = run(*words, "-out", "read")
    # where content is inside, openssl gives that out and leaves the file aside
    return done.returncode == 0 and (folder() / "read").read_bytes() == case.artifact


OPENSSL_CMS = Oracle(
    "openssl-cms",
    ("openssl",),
    _cms_recipes(),
    {Part.SIGNATURE: (*DER, within_base64(der_changed)), Part.ARTIFACT: BYTES,
     Part.TRUST: (*BYTES, within_base64(der_changed))},
    _offered,
    each_asked(_ask_cms),
)  # fmt: skip


# openssl ts


def _stamp_recipes() -> dict[str, Callable[[], Case]]:
    made: dict[str, Callable[[], Case]] = {}
    for kind in KINDS:
        made[kind] = lambda kind=kind: _stamped(kind=kind)  # type: ignore[misc]
    for imprint in ("sha1", *HASHES):
        made[f"imprint {imprint}"] = lambda i=imprint: _stamped(imprint=i)  # type: ignore[misc]
    for digest in HASHES:
        made[f"digest {digest}"] = lambda d=digest: _stamped(digest=d)  # type: ignore[misc]
    for ess in (("v1",), ("v1", "v2"), ()):
        made[f"certificate named {ess}"] = lambda e=ess: _stamped(ess=e)  # type: ignore[misc]
    for accuracy in (None, {"seconds": 1, "millis": 5, "micros": 7}, {"millis": 999}):
        made[f"accuracy {accuracy}"] = lambda a=accuracy: _stamped(accuracy=a)  # type: ignore[misc]
    made["bare token"] = lambda: _stamped(bare=True)
    made["granted with changes"] = lambda: _stamped(state="granted_with_mods")
    made["by key id"] = lambda: _stamped(by_key=True)
    made["pss"] = lambda: _stamped(kind="rsa-2048", padding="pss")
    made["before its certificate"] = lambda: _stamped(made_at=NOW - 500 * DAY)
    made["in future"] = lambda: _stamped(made_at=NOW + DAY)
    made["without certificate"] = lambda: _stamped(certificates=())
    made["stranger"] = lambda: _stamped(name="foreign")
    return made


def _stamped(
    *,
    kind: str = "p256",
    name: str = "",
    bare: bool = False,
    state: str = "granted",
    **given: object,
) -> Case:
    authority = stamper(kind=kind, name=f"{name}{kind}")
    held = token(authority, signed=CONTENT, **given)
    root = stamper(kind=kind, name=kind).root
    at = given.get("made_at", MADE_AT)
    assert isinstance(at, datetime)
    signature = held if bare else response(held, state)
    return Case(signature, CONTENT, pem(root), about=seconds(at))


def _ask_ts(case: Case) -> bool:
    """Ask about the time that was stated: a timestamp outlives its certificate (decision 13)."""
    words = ["openssl", "ts", "-verify", "-data", "artifact", "-in", "signature"]
    words += ["-CAfile", "trust", "-partial_chain", "-attime", case.about]
    if run(*words).returncode == 0:
        return True
    return run(*words, "-token_in").returncode == 0


OPENSSL_TS = Oracle(
    "openssl-ts",
    ("openssl",),
    _stamp_recipes(),
    {Part.SIGNATURE: DER, Part.ARTIFACT: BYTES, Part.TRUST: (*BYTES, within_base64(der_changed))},
    _offered,
    each_asked(_ask_ts),
)


# osslsigncode


def _program_recipes() -> dict[str, Callable[[], Case]]:
    made: dict[str, Callable[[], Case]] = {}
    for number, kind in enumerate(("p256", "p384", "rsa-2048", "rsa-3072")):
        for wide in (True, False):
            hashed = ("sha256", "sha384", "sha512")[number % 3]
            made[f"{kind}, {hashed}, {'wide' if wide else 'narrow'}"] = (
                lambda k=kind, w=wide, h=hashed: _program(identity(k, CODE), "-h", h, wide=w)  # type: ignore[misc]
            )
    for title, (since, until) in WINDOWS.items():
        made[f"window {title}"] = lambda s=since, u=until: _program(  # type: ignore[misc]
            identity("p256", CODE, since=s, until=u), "-h", "sha256"
        )
    made["sha1"] = lambda: _program(identity("rsa-2048", CODE), "-h", "sha1")
    made["page hashes"] = lambda: _program(identity("p256", CODE), "-h", "sha256", "-ph")
    made["for mail"] = lambda: _program(identity("p256", EMAIL), "-h", "sha256")
    made["no purpose"] = lambda: _program(identity("p256"), "-h", "sha256")
    made["described"] = lambda: _program(
        identity("p256", CODE), "-h", "sha256", "-n", "an app", "-i", "https://acme.test"
    )
    made["two signatures"] = _program_by_two
    made["unsigned"] = lambda: Case(b"", program(), pem(ROOT))
    made["stranger"] = lambda: Case(
        b"", _program(identity("p256", CODE), "-h", "sha256").artifact, pem(OTHER_ROOT)
    )
    return made


def _program(who: Identity, *words: str, wide: bool = True) -> Case:
    return Case(b"", program_signed(folder(), program(wide=wide), who, *words), pem(ROOT))


def _program_by_two() -> Case:
    first = _program(identity("p256", CODE), "-h", "sha256").artifact
    who = identity("rsa-2048", CODE, name="second")
    return Case(b"", program_signed(folder(), first, who, "-h", "sha384", "-nest"), pem(ROOT))


_TABLE = {0x20B: 0x40 + 24 + 112 + 32, 0x10B: 0x40 + 24 + 96 + 32}  # of `program`


def table_changed(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Change a value within the signature of a program, with the lengths around it."""
    held = signature_table(content)
    if not held:
        return bytes_changed(content, others, chance)
    place = _TABLE[_kind(content)]
    start = struct.unpack_from("<L", content, place)[0]
    made = der_changed(held, (), chance)
    padded = made + bytes(-len(made) % 8)
    entries = struct.pack("<LHH", len(padded) + 8, 0x200, 2) + padded
    head = content[:place] + struct.pack("<2L", start, len(entries)) + content[place + 8 : start]
    return head + entries


def signature_table(content: bytes) -> bytes:
    """Return the signature in a program made here; nothing where it is not where it was put."""
    place = _TABLE.get(_kind(content), 0)
    start, size = struct.unpack_from("<2L", content, place) if place else (0, 0)
    if not start or start + size != len(content) or size < 16:
        return b""
    held = content[start + 8 :]
    return held[: int.from_bytes(held[2:4]) + 4]  # such a signature is longer than 255 bytes


def _kind(content: bytes) -> int:
    kind: int = struct.unpack_from("<H", content, 0x40 + 24)[0] if len(content) > 0x200 else 0
    return kind


def _ask_osslsigncode(case: Case) -> bool:
    words = ["osslsigncode", "verify", "-CAfile", "trust", "-time", seconds(case.at)]
    return run(*words, "-ignore-timestamp", "-in", "artifact").returncode == 0


OSSLSIGNCODE = Oracle(
    "osslsigncode",
    ("osslsigncode",),
    _program_recipes(),
    {Part.ARTIFACT: (bytes_changed, bit_flipped, bit_flipped, table_changed, table_changed)},
    _offered_inside,
    each_asked(_ask_osslsigncode),
)
