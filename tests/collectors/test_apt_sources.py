"""The sources files: both formats, which names apt reads, and what a source then accepts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from collectors.apt_sources import AptEntry, BrokenEntry, machine_architectures, read_entries
from collectors.apt_suite import Suite, suites_of
from collectors.apt_trust import NO_SIGNED_BY, trust_digest, trust_of
from core.limits import Limits

FINGERPRINT = "0123456789abcdef0123456789ABCDEF01234567"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "var/lib/dpkg/arch", "amd64\n")
    (tmp_path / "etc/apt/sources.list.d").mkdir(parents=True)
    return tmp_path


def write(root: Path, name: str, content: str | bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def entries(root: Path, *, name: str = "x.sources", content: str | bytes) -> list[AptEntry]:
    write(root, f"etc/apt/sources.list.d/{name}", content)
    found = list(read_entries(root))
    broken = [entry.message for entry in found if isinstance(entry, BrokenEntry)]
    assert not broken
    return [entry for entry in found if isinstance(entry, AptEntry)]


def broken_entries(root: Path) -> list[str]:
    return [entry.message for entry in read_entries(root) if isinstance(entry, BrokenEntry)]


def test_one_line_entries_with_options_comments_and_quotes(root: Path) -> None:
    text = (
        "# deb http://no.example.org x main\n\n"
        "deb [ arch=amd64,i386 signed-by=/a.gpg,/b.gpg trusted=yes ] https://a.example.org/x/ s"
        " main contrib # why\n"
        'deb "http://b.example.org" flat/\n'
        "deb-src http://a.example.org s main\n"
    )
    first, flat, source = entries(root, name="x.list", content=text)
    assert first == AptEntry(
        "/etc/apt/sources.list.d/x.list:3",
        "deb",
        "https://a.example.org/x/",
        "s",
        ("main", "contrib"),
        ("amd64", "i386"),
        signed_by="/a.gpg /b.gpg",
        flags=("trusted=yes",),
    )
    assert (flat.uri, flat.suite, flat.components) == ("http://b.example.org", "flat/", ())
    assert source.kind == "deb-src"


def test_deb822_expands_types_uris_and_suites(root: Path) -> None:
    text = (
        "# a comment\nTypes: deb deb-src\nURIs: http://a.example.org http://b.example.org\n"
        "Suites: s s-updates\nComponents: main\n# inside\n contrib\nEnabled: yes\n\n"
        "Types: deb\nURIs: http://c.example.org\nSuites: s\nComponents: main\nEnabled: no\n"
    )
    found = entries(root, content=text)
    assert [(entry.kind, entry.uri[7], entry.suite) for entry in found] == [
        (kind, host, suite)
        for kind in ("deb", "deb-src")
        for host in "ab"
        for suite in ("s", "s-updates")
    ]
    assert {entry.components for entry in found} == {("main", "contrib")}
    assert {entry.place for entry in found} == {"/etc/apt/sources.list.d/x.sources:2"}


BASE = "Types: deb\nURIs: http://a.example.org/$(ARCH)\nSuites: s\nComponents: main\n"


def test_options_of_a_deb822_entry(root: Path) -> None:
    options = (
        "Architectures: arm64\nArchitectures-Add: riscv64 i386\nArchitectures-Remove: i386\n"
        "By-Hash: force\nInRelease-Path: there/InRelease\nAllow-Weak: yes\nAllow-Insecure: 1\n"
        "Allow-Downgrade-To-Insecure: true\nCheck-Valid-Until: no\nCheck-Date: off\n"
        "Valid-Until-Min: 99\nValid-Until-Max: 86400\nTrusted: no\n"
    )
    (entry,) = entries(root, content=BASE + options)
    assert entry.uri == "http://a.example.org/amd64"
    assert entry.architectures == ("arm64", "riscv64")
    assert (entry.by_hash, entry.inrelease_path) == ("force", "there/InRelease")
    assert entry.distrusted
    assert entry.most_age == timedelta(days=1)
    assert entry.flags == (
        "allow-weak=yes",
        "allow-insecure=yes",
        "allow-downgrade-to-insecure=yes",
        "check-valid-until=no",
        "check-date=no",
        "valid-until-min=99",
    )


@pytest.mark.parametrize(
    ("first", "second", "seconds"), [(9, 60, 9), (60, 9, 9), (0, 9, 9), (0, 0, 0)]
)
def test_the_shortest_age_that_entries_for_one_suite_allow_counts(
    root: Path, first: int, second: int, seconds: int
) -> None:
    lines = [
        f"deb [valid-until-max={each}] http://a.example.org s main\n" for each in (first, second)
    ]
    write(root, "etc/apt/sources.list", "".join(lines))
    (suite,) = suites_of(read_entries(root))
    assert suite.most_age == (timedelta(seconds=seconds) if seconds else None)
    plain = Suite("", suite.archive, suite.suite, suite.base, suite.wanted)
    assert (suite.layout == plain.layout) is (not seconds)


def test_an_entry_that_wants_no_package_lists_is_left_out(root: Path) -> None:
    assert entries(root, content=BASE + "Targets: Contents-deb\n") == []
    assert len(entries(root, content=BASE + "Targets: Packages\n")) == 1


def test_only_files_apt_reads_are_read_in_its_order(root: Path) -> None:
    names = ["b.list", "a.sources", "c.list.disabled", "d.list~", ".e.list", "f g.list", "h.LIST"]
    for name in names:
        line = f"deb http://{name[0]}.example.org s main\n"
        write(root, f"etc/apt/sources.list.d/{name}", BASE if name == "a.sources" else line)
    write(root, "etc/apt/sources.list", "deb http://z.example.org s main\n")
    found = [entry for entry in read_entries(root) if isinstance(entry, AptEntry)]
    assert [entry.uri[7] for entry in found] == ["z", "a", "b"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("deb", "an entry is"),
        ("deb http://a.example.org", "an entry is"),
        ("deb [arch=amd64 http://a.example.org s main", "an entry is"),
        ("deb [arch] http://a.example.org s main", "not option=value"),
        ("rpm http://a.example.org s main", "neither deb nor deb-src"),
        ("deb a.example.org s main", "not a URI"),
        ("deb http://[::1 s main", "not a URI|an entry is"),
        ("deb http://a.example.org s", "at least one component"),
        ("deb http://a.example.org s/ main", "ends in a slash"),
        ("deb [valid-until-max=1d] http://a.example.org s main", "no number of seconds"),
    ],
)
def test_a_broken_line_names_its_place_and_spares_the_others(
    root: Path, line: str, why: str
) -> None:
    write(root, "etc/apt/sources.list", f"{line}\ndeb http://a.example.org s main\n")
    first, second = read_entries(root)
    assert isinstance(first, BrokenEntry)
    assert first.message.startswith("/etc/apt/sources.list:1: ")
    assert any(part in first.message for part in why.split("|"))
    assert isinstance(second, AptEntry)


def test_broken_files_name_their_place(root: Path) -> None:
    write(root, "etc/apt/sources.list", b"deb http://a.example.org \xff main\n")
    write(root, "etc/apt/sources.list.d/a.sources", "Types: deb\nTypes: deb\n")
    write(root, "etc/apt/sources.list.d/b.sources", "\nTypes: deb\nSuites: s\n")
    write(root, "etc/apt/sources.list.d/c.sources", "X: " + "x" * (1 << 20))
    assert [message.partition(": ")[0] for message in broken_entries(root)] == [
        "/etc/apt/sources.list:1",
        "/etc/apt/sources.list.d/a.sources",
        "/etc/apt/sources.list.d/b.sources:2",
        "/etc/apt/sources.list.d/c.sources",
    ]


def test_the_native_architecture_is_dpkgs_own(tmp_path: Path) -> None:
    write(tmp_path, "var/lib/dpkg/status", "Package: a\nArchitecture: all\n\n" * 3)
    unknown = machine_architectures(tmp_path)
    assert len(unknown) == 1
    text = "Package: a\nArchitecture: all\n\nPackage: dpkg\nArchitecture: riscv64\n"
    write(tmp_path, "var/lib/dpkg/status", text)
    assert machine_architectures(tmp_path) == ("riscv64",)
    write(tmp_path, "var/lib/dpkg/arch", "arm64\narmhf\n")
    assert machine_architectures(tmp_path) == ("arm64", "armhf")


# --- units ---------------------------------------------------------------------------------------


def suites(root: Path, text: str) -> list[Suite]:
    write(root, "etc/apt/sources.list", text)
    return suites_of(read_entries(root))


def test_a_unit_is_a_suite_of_an_archive_with_all_that_is_asked_of_it(root: Path) -> None:
    (suite,) = suites(
        root,
        "deb http://a.example.org/x s main\n"
        "deb [arch=i386] http://a.example.org/x/ s main contrib\n"
        "deb-src http://a.example.org/x s main\n",
    )
    assert (suite.unit, suite.base) == ("a.example.org/x s", "s")
    assert suite.wanted == (("main", "amd64"), ("main", "i386"), ("contrib", "i386"))
    assert suite.source_places == ("/etc/apt/sources.list:3",)


def test_names_get_longer_only_where_they_would_be_shared(root: Path) -> None:
    found = suites(
        root,
        "deb http://a.example.org/x s main\ndeb http://b.example.org s main\n"
        "deb http://b.example.org t main\ndeb https://b.example.org t main\n"
        "deb http://c.example.org ./\ndeb http://c.example.org flat/\ndeb file:/srv/r u main\n",
    )
    assert [(suite.unit, suite.base) for suite in found] == [
        ("a.example.org/x s", "a.example.org/x s"),
        ("b.example.org s", "b.example.org s"),
        ("http://b.example.org t", "http://b.example.org t"),
        ("https://b.example.org t", "https://b.example.org t"),
        ("c.example.org ./", "c.example.org"),
        ("c.example.org flat/", "flat"),
        ("file:/srv/r u", "u"),
    ]
    assert [suite.folder for suite in found[-3:]] == [
        "http://c.example.org/",
        "http://c.example.org/flat/",
        "file:/srv/r/dists/u/",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ("http://a.example.org s/u main", "http://b.example.org s u/main"),
        ("http://a.example.org s/u main", "http://a.example.org s u/main"),
        ("http://a.example.org s/u/ ", "http://b.example.org s u"),
        ("http://a.example.org s main", "HTTP://a.example.org s main"),
        ("http://a.example.org s main", "http://me:secret@a.example.org s main"),
        ("file:/srv/r s main", "file:///srv/r s main"),
        ("http://a.example.org s/ ", "https://a.example.org /s/ "),
        (f"http://a.example.org {'s' * 400} main", f"http://a.example.org {'s' * 400}t main"),
    ],
)
def test_no_two_archives_share_a_unit_or_a_repository(root: Path, lines: tuple[str, ...]) -> None:
    found = suites(root, "".join(f"deb {line}\n" for line in lines))
    assert len({suite.unit for suite in found}) == 2
    places = [{suite.repository(component) for component, _ in suite.wanted} for suite in found]
    assert places[0].isdisjoint(places[1])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("deb cdrom:[Debian 12]/ s main", "FORMAT_UNSUPPORTED"),
        ("deb mirror+http://a.example.org/list s main", "FORMAT_UNSUPPORTED"),
        ("deb tor+https://a.example.org s main", "FORMAT_UNSUPPORTED"),
        ("deb https://anna:hunter2@a.example.org s main", "SOURCE_DENIED"),
        ("deb nonsense", "MALFORMED"),
    ],
)
def test_what_cannot_be_read_is_a_unit_that_says_so(root: Path, line: str, reason: str) -> None:
    (suite,) = suites(root, line)
    assert suite.reason == reason
    assert suite.problem.startswith("/etc/apt/sources.list:1: ")
    assert "hunter2" not in suite.problem + suite.unit
    assert suite.unit.strip()


def test_two_signed_by_for_one_suite_are_refused_as_apt_does(root: Path) -> None:
    (suite,) = suites(
        root,
        "deb [signed-by=/a.gpg] http://a.example.org s main\ndeb http://a.example.org s contrib\n",
    )
    assert suite.reason == "MALFORMED"
    assert "/etc/apt/sources.list:1 and /etc/apt/sources.list:2" in suite.problem


# --- trust ---------------------------------------------------------------------------------------


@pytest.fixture
def keyrings(root: Path) -> Path:
    write(root, "etc/apt/trusted.gpg", b"one")
    write(root, "etc/apt/trusted.gpg.d/two.asc", b"two")
    write(root, "etc/apt/trusted.gpg.d/three.gpg", b"three")
    write(root, "etc/apt/trusted.gpg.d/four.key", b"four")
    write(root, "usr/share/keyrings/own.gpg", b"own")
    return root


def test_signed_by_a_path_is_that_keyring_only(keyrings: Path) -> None:
    trust = trust_of("/usr/share/keyrings/own.gpg", place="p", root=keyrings, limits=Limits())
    assert [(entry.name, entry.content, entry.only) for entry in trust.entries] == [
        ("/usr/share/keyrings/own.gpg", b"own", ())
    ]
    assert trust.flags == ()


def test_without_signed_by_every_key_of_the_machine_may_sign_and_it_is_said(
    keyrings: Path,
) -> None:
    trust = trust_of("", place="p", root=keyrings, limits=Limits(), flags=("trusted=yes",))
    assert [entry.content for entry in trust.entries] == [b"one", b"three", b"two"]
    assert trust.flags == ("trusted=yes", NO_SIGNED_BY)


def test_a_fingerprint_narrows_the_keyrings(keyrings: Path) -> None:
    trust = trust_of(f"{FINGERPRINT}!", place="p", root=keyrings, limits=Limits())
    assert [entry.only for entry in trust.entries] == [(f"{FINGERPRINT.upper()}!",)] * 3
    trust = trust_of(
        f"/usr/share/keyrings/own.gpg, {FINGERPRINT}", place="p", root=keyrings, limits=Limits()
    )
    assert [(entry.content, entry.only) for entry in trust.entries] == [
        (b"own", (FINGERPRINT.upper(),))
    ]


def test_an_embedded_key_is_unescaped(root: Path) -> None:
    block = (
        "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc=\n -----END PGP PUBLIC KEY"
        " BLOCK-----\n"
    )
    (entry,) = entries(root, content=BASE + block)
    trust = trust_of(entry.signed_by, place=entry.place, root=root, limits=Limits())
    (key,) = trust.entries
    assert key.content == (
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc=\n-----END PGP PUBLIC KEY BLOCK-----\n"
    )
    assert key.origin == "/etc/apt/sources.list.d/x.sources:1"


@pytest.mark.parametrize("signed_by", ["/absent.gpg", "own.gpg", "0123", "/usr/share/keyrings"])
def test_an_unreadable_signed_by_accepts_nothing(keyrings: Path, signed_by: str) -> None:
    trust = trust_of(signed_by, place="p", root=keyrings, limits=Limits())
    assert trust.entries == ()
    assert len(trust.flags) == 1


def test_the_digest_of_a_trust_follows_everything_in_it(keyrings: Path) -> None:
    def digest(signed_by: str, *flags: str) -> str:
        return trust_digest(
            trust_of(signed_by, place="p", root=keyrings, limits=Limits(), flags=flags)
        )

    own = "/usr/share/keyrings/own.gpg"
    before = {digest(own), digest(""), digest(FINGERPRINT), digest(own, "trusted=yes")}
    write(keyrings, "usr/share/keyrings/own.gpg", b"another")
    assert len(before | {digest(own)}) == 5


def test_names_of_namesakes_do_not_hang_on_the_order_of_the_entries(tmp_path: Path) -> None:
    lines = [
        f"deb [arch=amd64] {scheme}://h/debian {suite} main\n"
        for scheme in ("http", "HTTP")
        for suite in ("s", "a")
    ]
    named = []
    for order in (lines, lines[::-1]):
        apt = tmp_path / order[0].replace("/", "_") / "etc/apt"
        apt.mkdir(parents=True)
        (apt / "sources.list").write_text("".join(order))
        found = suites_of(read_entries(apt.parent.parent))
        named.append({(one.archive, one.suite): one.unit for one in found})
    assert named[0] == named[1]
    assert len(set(named[0].values())) == len(lines)
