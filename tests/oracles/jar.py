"""jarsigner: signed archives. Its own code is run over many of them in one Java machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from cryptography import x509

from core.model import Evidence, TrustKind
from tests.oracles.asking import entry, folder, run
from tests.oracles.changes import (
    archive_changed,
    bit_flipped,
    bytes_changed,
    der_changed,
    lines_changed,
)
from tests.oracles.oracle import Case, Oracle, Part
from tests.verification.formats.test_jar import FILES, key_store, rebuilt
from tests.verification.specimens import AUTHORITY, DAY, NOW, certificate, pem, setting
from tests.verification.x509.x509_material import (
    CODE,
    EMAIL,
    OTHER_KEY,
    ROOT_KEY,
    identity,
    inside,
    plain_archive,
    with_entry,
)
from verification.format import Setting

# jarsigner asks the machine's clock: what counts has to count whenever the tests run
SINCE, UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)
WINDOWS = {
    "now": (SINCE, UNTIL),
    "over": (SINCE, datetime(2021, 1, 1, tzinfo=UTC)),
    "not yet": (UNTIL - 30 * DAY, UNTIL),
}
EXPORTS = ("--add-exports", "jdk.jartool/sun.security.tools.jarsigner=ALL-UNNAMED")
PROGRAM = Path(__file__).parent / "Jarsigner.java"
NOT_IN_STORE = 32  # of jarsigner's exit code
STORE = ("-storetype", "PKCS12", "-storepass", "secret")
SIGNING = {
    "plain": (),
    "sections": ("-sectionsonly",),
    "sha512": ("-digestalg", "SHA-512"),
    "sha1": ("-digestalg", "SHA1"),
    "inner": ("-internalsf",),
    "named": ("-sigfile", "NAME"),
}


@cache
def root(name: str = "acme root") -> x509.Certificate:
    key = ROOT_KEY if name == "acme root" else OTHER_KEY
    return certificate(name, name, key, key, AUTHORITY, since=SINCE, until=UNTIL)


def _recipes() -> dict[str, Callable[[], Case]]:
    made: dict[str, Callable[[], Case]] = {}
    for title in _archives_wanted():
        made[title] = lambda title=title: _case(_archives()[title])  # type: ignore[misc]
    made["added to"] = lambda: _case(_archives()["added to"])
    made["taken from"] = lambda: _case(rebuilt(_archives()["ec, plain"], {"pkg/A.class": None}))
    made["unsigned"] = lambda: _case(plain_archive({"META-INF/MANIFEST.MF": b"", **FILES}))
    made["stranger"] = lambda: Case(b"", _archives()["ec, plain"], pem(root("other root")))
    return made


def _case(archive: bytes) -> Case:
    return Case(b"", archive, pem(root()))


@dataclass(frozen=True)
class Wanted:
    """An archive to be signed: by whom, with which options, and of which other one."""

    kind: str = "p256"
    words: tuple[str, ...] = ()
    window: str = "now"
    purpose: x509.ObjectIdentifier = CODE
    of: str = ""


def _archives_wanted() -> dict[str, Wanted]:
    made: dict[str, Wanted] = {}
    for kind, name in (("p256", "ec"), ("rsa-2048", "rsa"), ("ed25519", "ed"), ("p384", "big")):
        for title, words in SIGNING.items():
            if title == "plain" or name in ("ec", "rsa"):
                made[f"{name}, {title}"] = Wanted(kind, words)
    for window in WINDOWS:
        made[f"window {window}"] = Wanted(window=window)
    made["pss"] = Wanted("rsa-2048", ("-sigalg", "RSASSA-PSS"))
    made["for mail"] = Wanted(purpose=EMAIL)
    made["by two"] = Wanted("rsa-2048", of="ec, plain")
    made["added to, signed again"] = Wanted("rsa-2048", of="added to")
    return made


@cache
def _archives() -> dict[str, bytes]:
    """Return all archives; those of others are signed once these are."""
    made: dict[str, bytes] = {}
    wanted = _archives_wanted()
    made |= _archives_signed({title: each for title, each in wanted.items() if not each.of}, made)
    made["added to"] = with_entry(made["ec, plain"], "new.txt", b"new")
    return made | _archives_signed({title: each for title, each in wanted.items() if each.of}, made)


def _archives_signed(wanted: dict[str, Wanted], made: dict[str, bytes]) -> dict[str, bytes]:
    home = Path(mkdtemp(dir=folder()))
    lines = []
    for number, each in enumerate(wanted.values()):
        (home / f"{number}.jar").write_bytes(made[each.of] if each.of else plain_archive(FILES))
        name = f"s{number}"
        since, until = WINDOWS[each.window]
        who = identity(each.kind, each.purpose, name=name, since=since, until=until)
        key_store(home, who, name)
        lines.append([
            "-keystore", f"{home}/{name}.p12", *STORE, *each.words,
            "-signedjar", f"{home}/{name}.jar", f"{home}/{number}.jar", name,
        ])  # fmt: skip
    said = _jarsigner(home, lines)
    assert all(line.startswith("0 jar signed.") for line in said), said
    return {title: (home / f"s{at}.jar").read_bytes() for at, title in enumerate(wanted)}


@cache
def _compiled() -> Path:
    made = Path(mkdtemp(dir=folder()))
    done = run("javac", "-nowarn", *EXPORTS, "-d", str(made), str(PROGRAM))
    assert done.returncode == 0, done.stderr.decode()
    return made


def _jarsigner(home: Path, lines: Sequence[Sequence[str]]) -> list[str]:
    """Run jarsigner for each line of words; return its exit code and what it said for each."""
    (home / "lines").write_text("".join("\t".join(line) + "\n" for line in lines))
    words = ("java", "-Djava.security.manager=allow", "-XX:TieredStopAtLevel=1", *EXPORTS)
    done = run(*words, "-cp", str(_compiled()), PROGRAM.stem, str(home / "lines"))
    said = done.stdout.decode(errors="replace").splitlines()
    assert done.returncode == 0, done.stderr.decode()
    assert len(said) == len(lines), done.stderr.decode()
    return said


def _offered(case: Case) -> tuple[Evidence, Setting]:
    return inside(case.artifact), setting(entry(TrustKind.AUTHORITY, case), now=NOW)


@cache
def _trust_store(trust: bytes) -> Path:
    made = Path(mkdtemp(dir=folder()))
    (made / "root.pem").write_bytes(trust)
    store = str(made / "root.p12")
    words = ("keytool", "-importcert", "-noprompt", "-alias", "root", "-file")
    done = run(*words, str(made / "root.pem"), "-keystore", store, *STORE)
    assert done.returncode == 0, done.stdout
    return Path(store)


def _ask(asked: Sequence[Case]) -> list[bool]:
    """Ask strictly: an archive that is signed in part is not signed."""
    home = Path(mkdtemp(dir=folder()))
    lines = []
    for number, case in enumerate(asked):
        (home / f"{number}.jar").write_bytes(case.artifact)
        store = ("-keystore", str(_trust_store(case.trust)), *STORE)
        lines.append(("-verify", "-strict", *store, f"{home}/{number}.jar"))
    return [_is_verified(line) for line in _jarsigner(home, lines)]


def _is_verified(line: str) -> bool:
    """Say so but for the warning that the signer's own key is not in the store: its root is."""
    code, _, said = line.partition(" ")
    return "jar verified" in said and int(code) & ~NOT_IN_STORE == 0


JARSIGNER = Oracle(
    "jarsigner",
    ("jarsigner", "java", "javac"),
    _recipes(),
    {Part.ARTIFACT: (
        bytes_changed, bit_flipped,
        archive_changed(bytes_changed, lines_changed, der_changed),
        archive_changed(lines_changed, der_changed, der_changed),
    )},
    _offered,
    _ask,
)  # fmt: skip
