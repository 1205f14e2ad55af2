"""minisign, signify and ssh-keygen: signatures under plain keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from core.model import Evidence, TrustKind
from tests.oracles.asking import each_asked, entry, folder, run
from tests.oracles.changes import (
    bit_flipped,
    bytes_changed,
    lines_changed,
    within_base64,
)
from tests.oracles.oracle import Case, Oracle, Part
from tests.verification.formats.test_minisign import tools
from tests.verification.specimens import CONTENT, NOW, artifact, evidence, setting
from tests.verification.ssh.ssh_material import KINDS, MESSAGE, PRINCIPAL, keys, line
from verification.format import Setting
from verification.verifier import IdentityDemand

TEXTS = (bytes_changed, bit_flipped, lines_changed, within_base64(bit_flipped),
         within_base64(bytes_changed))  # fmt: skip
BYTES = (bytes_changed, bit_flipped)
CHANGES = {Part.SIGNATURE: TEXTS, Part.ARTIFACT: BYTES, Part.TRUST: TEXTS}


# minisign and signify


def _minisign_recipes(kinds: tuple[str, ...]) -> dict[str, Callable[[], Case]]:
    made: dict[str, Callable[[], Case]] = {}
    for kind in kinds:
        for name in ("one", "two"):
            for key in ("one", "two"):
                title = f"{kind} by {name}, key {key}"
                made[title] = lambda kind=kind, name=name, key=key: _minisigned(kind, name, key)  # type: ignore[misc]
        for comment in ("", "timestamp:1", "x" * 500, "\u00e9\u4e2d"):
            title = f"{kind}, comment {comment[:12]!r}"
            made[title] = lambda kind=kind, comment=comment: _minisigned(kind, comment=comment)  # type: ignore[misc]
    return made


def _minisigned(kind: str, name: str = "one", key: str = "one", comment: str = "a comment") -> Case:
    trust = tools().key(kind, key).content
    return Case(tools().sign(kind, name, comment), CONTENT, trust)


def _minisign_offered(case: Case) -> tuple[Evidence, Setting]:
    offered = evidence(case.signature, artifact(case.artifact))
    return offered, setting(entry(TrustKind.MINISIGN, case), now=case.at)


UNREAD = (b"Error while loading the public key file", b" in trust", b"signify-openbsd: trust: ")


def _ask_minisign(_: Case) -> bool | None:
    return _answer("minisign")


def _ask_signify(_: Case) -> bool | None:
    return _answer("signify-openbsd")


def _answer(program: str) -> bool | None:
    done = run(program, "-V", "-q", "-p", "trust", "-m", "artifact", "-x", "signature")
    is_unread = any(words in done.stderr for words in UNREAD)
    return None if is_unread else done.returncode == 0


MINISIGN = Oracle(
    "minisign",
    ("minisign", "signify-openbsd"),
    _minisign_recipes(("minisign", "legacy")),
    CHANGES,
    _minisign_offered,
    each_asked(_ask_minisign),
)
SIGNIFY = Oracle(
    "signify",
    ("minisign", "signify-openbsd"),
    _minisign_recipes(("signify",)),
    CHANGES,
    _minisign_offered,
    each_asked(_ask_signify),
)

# ssh-keygen

_DAY = timedelta(days=1)


def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S")


_WINDOWS = {
    "open": "",
    "from yesterday": f'valid-after="{_stamp(NOW - _DAY)}Z"',
    "from tomorrow": f'valid-after="{_stamp(NOW + _DAY)}Z"',
    "until tomorrow": f'valid-before="{_stamp(NOW + _DAY)}Z"',
    "until yesterday": f'valid-before="{_stamp(NOW - _DAY)}Z"',
    "until now": f'valid-before="{_stamp(NOW)}Z"',
    "from now": f'valid-after="{_stamp(NOW)}Z"',
    "for files": 'namespaces="git,file"',
    "for mail": 'namespaces="mail"',
    "by pattern": 'namespaces="f*,!git"',
}
_PRINCIPALS = {
    "pattern": "*@acme.test",
    "not": "!alice@acme.test,*@acme.test",
    "two": f"bob@acme.test,{PRINCIPAL}",
    "other": "bob@acme.test",
    "case": PRINCIPAL.upper(),
}
_CERTIFIED = {
    "open": ("-n", PRINCIPAL),
    "window": ("-n", PRINCIPAL, "-V", f"{_stamp(NOW - _DAY)}:{_stamp(NOW + _DAY)}"),
    "over": ("-n", PRINCIPAL, "-V", f"{_stamp(NOW - 2 * _DAY)}:{_stamp(NOW - _DAY)}"),
    "not yet": ("-n", PRINCIPAL, "-V", f"{_stamp(NOW + _DAY)}:{_stamp(NOW + 2 * _DAY)}"),
    "other": ("-n", "bob@acme.test"),
    "anybody": (),
    "host": ("-h", "-n", PRINCIPAL),
    "forced": ("-n", PRINCIPAL, "-O", "force-command=true"),
    "unknown": ("-n", PRINCIPAL, "-O", "critical:strange@acme.test=x"),
}


def _ssh_signed(name: str, trust: str, *options: str, namespace: str = "file") -> Case:
    made = keys().sign(name, *options, namespace=namespace)
    return Case(made, MESSAGE, f"{trust}\n".encode(), about=namespace)


def _ssh_certified(words: tuple[str, ...], authority: str, trust: str, name: str) -> Case:
    certificate = keys().certify(name, *words, authority=authority)
    (keys().home / f"certified/{name}-cert.pub").write_bytes(certificate)
    made = keys().sign(f"certified/{name}-cert.pub")
    return Case(made, MESSAGE, f"{trust}\n".encode(), about="file")


def _ssh_recipes() -> dict[str, Callable[[], Case]]:
    made: dict[str, Callable[[], Case]] = {}
    strong = [name for name in KINDS if name not in ("ca", "rsa-ca", "other")]
    for name in strong:
        made[name] = lambda name=name: _ssh_signed(name, line(name))  # type: ignore[misc]
    for title, options in _WINDOWS.items():
        made[title] = lambda options=options: _ssh_signed("ed25519", line("ed25519", options))  # type: ignore[misc]
    for title, who in _PRINCIPALS.items():
        made[f"principal {title}"] = lambda who=who: _ssh_signed(  # type: ignore[misc]
            "p256", line("p256", principal=who)
        )
    made["sha256"] = lambda: _ssh_signed("rsa", line("rsa"), "-O", "hashalg=sha256")
    made["for git"] = lambda: _ssh_signed("p256", line("p256"), namespace="git")
    made["two lines"] = lambda: _ssh_signed(
        "p384", line("ed25519") + "\n# a comment\n\n" + line("p384")
    )
    for number, (title, words) in enumerate(_CERTIFIED.items()):
        name, authority = ("p256", "ca") if number % 2 else ("ed25519", "rsa-ca")
        vouching = line(authority, "cert-authority")
        made[f"certified {title}"] = lambda w=words, a=authority, v=vouching, n=name: (  # type: ignore[misc]
            _ssh_certified(w, a, v, n)
        )
    made["certified, named as a key"] = lambda: _ssh_certified(
        ("-n", PRINCIPAL), "ca", line("ca"), "p256"
    )
    return made


def _ssh_offered(case: Case) -> tuple[Evidence, Setting]:
    offered = evidence(case.signature, artifact(case.artifact))
    return offered, setting(entry(TrustKind.SSH_SIGNERS, case), now=case.at)


def _ask_ssh_keygen(case: Case) -> bool:
    words = ["ssh-keygen", "-Y", "verify", "-n", "file", "-I", PRINCIPAL, "-f", "trust"]
    words += ["-s", "signature", "-O", f"verify-time={_stamp(case.at)}Z"]
    words[-1] = words[-1].removesuffix("Z")  # this release knows no zone: the process is in UTC
    return (
        run("env", "TZ=UTC", *words, content=(folder() / "artifact").read_bytes()).returncode == 0
    )


SSH_KEYGEN = Oracle(
    "ssh-keygen",
    ("ssh-keygen",),
    _ssh_recipes(),
    CHANGES,
    _ssh_offered,
    each_asked(_ask_ssh_keygen),
    IdentityDemand(PRINCIPAL),
)
