"""JAR archives signed by the real jarsigner, which is the second opinion, too."""

from __future__ import annotations

import base64
import io
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from core.limits import Limits
from core.model import Evidence, Outcome, Subject, TrustEntry, Verification, digest_of
from tests.fakes.timestamp_server import timestamp_server
from tests.verification.cms.timestamp_specimens import STAMPER
from tests.verification.specimens import (
    AUTHORITY,
    DAY,
    NOW,
    authority_entry,
    certificate,
    openssl,
    private_key,
    setting,
)
from tests.verification.x509.x509_material import (
    CODE,
    EMAIL,
    OTHER_KEY,
    OTHER_ROOT,
    ROOT,
    Identity,
    identity,
    inside,
    plain_archive,
    signed_data,
    signer_info,
    with_entry,
)
from verification.archives.zip_archive import ZipArchive
from verification.formats.jar import Jar

FORMAT = Jar()
TRUST = authority_entry(ROOT)
MANIFEST = "META-INF/MANIFEST.MF"
LONG = "pkg/" + "very-long-name-" * 8 + "é.txt"
FILES = {
    "pkg/A.class": b"class A" * 9,
    "pkg/B.class": b"class B" * 300,
    "META-INF/versions/17/pkg/A.class": b"newer A" * 5,
    "META-INF/services/pkg.Service": b"pkg.A\n",
    LONG: b"text",
}
needs_jarsigner = pytest.mark.skipif(
    shutil.which("jarsigner") is None, reason="jarsigner is not installed (default-jdk-headless)"
)


def judged(archive: bytes, *entries: TrustEntry) -> Verification:
    offered = inside(archive, "app.jar")
    assert FORMAT.recognises(offered)
    return FORMAT.verify(offered, setting(*(entries or (TRUST,))))


def jarsigner(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["jarsigner", *words], cwd=folder, capture_output=True, check=False)


def key_store(folder: Path, who: Identity, name: str) -> None:
    """Write `<name>.p12` with the identity under the same name."""
    who.write(folder, name)
    words = f"pkcs12 -export -in {name}.pem -inkey {name}.key -name {name} -out {name}.p12"
    openssl(folder, *words.split(), "-passout", "pass:secret")


def signed(folder: Path, archive: bytes, name: str, *words: str) -> bytes:
    (folder / "in.jar").write_bytes(archive)
    store = ("-keystore", f"{name}.p12", "-storetype", "PKCS12", "-storepass", "secret")
    done = jarsigner(folder, *store, *words, "-signedjar", "out.jar", "in.jar", name)
    assert done.returncode == 0, done.stdout
    return (folder / "out.jar").read_bytes()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """Return archives that jarsigner signed, by what is particular about them."""
    if shutil.which("jarsigner") is None:
        pytest.skip("jarsigner is not installed (default-jdk-headless)")
    folder = tmp_path_factory.mktemp("jar")
    for name, kind in (("rsa", "rsa-2048"), ("ec", "p256"), ("ed", "ed25519")):
        key_store(folder, identity(kind, CODE, name=name), name)
    key_store(folder, identity("rsa-2048", EMAIL, name="mail"), "mail")
    plain = plain_archive(FILES)
    archives = {name: signed(folder, plain, name) for name in ("rsa", "ec", "ed", "mail")}
    archives["sections"] = signed(folder, plain, "rsa", "-sectionsonly")
    archives["sha512"] = signed(folder, plain, "rsa", "-digestalg", "SHA-512")
    archives["sha1"] = signed(folder, plain, "rsa", "-digestalg", "SHA1")
    archives["sha3"] = signed(folder, plain, "ec", "-digestalg", "SHA3-256")
    unversioned = plain_archive({MANIFEST: b"X: 1\r\n\r\n"} | FILES)
    archives["no main section"] = signed(folder, unversioned, "ec")
    archives["pss"] = signed(folder, plain, "rsa", "-sigalg", "RSASSA-PSS")
    archives["two"] = signed(folder, archives["rsa"], "ec")
    archives["added"] = with_entry(archives["rsa"], "new.txt", b"new")
    archives["added, signed again"] = signed(folder, archives["added"], "ec")
    archives["small"] = signed(folder, plain_archive({"a": b"1", "b": b"2" * 40}), "ec")
    return archives


def test_archive_without_signature_is_unsigned_however_odd(made: Mapping[str, bytes]) -> None:
    plain = plain_archive({MANIFEST: b"Manifest-Version: 1.0\r\n\r\n"} | FILES)
    for archive, reason in ((plain, "NOT_SIGNED"), (made["rsa"], "MALFORMED")):
        with pytest.warns(UserWarning, match="Duplicate name"):
            twice = with_entry(archive, "pkg/A.class", b"again")
        assert judged(twice).reason == reason
    # An APK signing block is a signature, of a kind that we do not read.
    end = struct.unpack_from("<L", plain, len(plain) - 6)[0]
    block = b"APK Sig Block 42"
    moved = struct.pack("<L", end + len(block))
    apk = plain[:end] + block + plain[end:-6] + moved + plain[-2:]
    assert judged(apk).reason == "MALFORMED"
    assert judged(plain[:-1]).reason == "MALFORMED"  # no list to be found: nothing is known


GOOD = (
    *("rsa", "ec", "ed", "sections", "sha512", "pss", "two", "added, signed again", "small"),
    "no main section",  # Java reads none without its version, and writes an empty one
)


@pytest.mark.parametrize("name", GOOD)
def test_archive_of_jarsigner(made: Mapping[str, bytes], name: str) -> None:
    verification = judged(made[name])
    assert verification.reason == ""
    assert verification.outcome is Outcome.VERIFIED
    assert verification.signer is not None
    assert judged(made[name], authority_entry(OTHER_ROOT)).reason == "CERT_UNTRUSTED"
    assert FORMAT.verify(inside(made[name]), setting()).reason == "TRUST_ROOT_MISSING"


def test_archive_signed_by_two_tells_both(made: Mapping[str, bytes]) -> None:
    assert judged(made["two"]).claims["signers"] == '["CN=ec", "CN=rsa"]'
    again = judged(made["added, signed again"])
    assert again.signer is not None
    assert again.signer.identity == "CN=ec"
    notes = [check.detail for check in again.checks if check.step == "coverage"]
    assert any("rsa covers a part" in note.lower() for note in notes)


def test_signer_whom_nobody_vouches_for_takes_nothing_from_another(
    made: Mapping[str, bytes], tmp_path: Path
) -> None:
    key, usage = private_key("p256", "stranger"), ((x509.ExtendedKeyUsage([CODE]), False),)
    stranger = Identity(key, certificate("stranger", "other root", key, OTHER_KEY, usage))
    key_store(tmp_path, stranger, "stranger")
    both = signed(tmp_path, made["rsa"], "stranger")
    verification = judged(both)
    assert verification.outcome is Outcome.VERIFIED
    assert verification.signer is not None
    assert verification.signer.identity == "CN=rsa"
    assert [check.reason for check in verification.checks if check.step == "signer"] == [
        "CERT_UNTRUSTED"
    ]
    third = authority_entry(certificate("third", "third", OTHER_KEY, OTHER_KEY, AUTHORITY))
    assert judged(both, third).reason == "CERT_UNTRUSTED"


REFUSED = {
    "sha1": "ALGORITHM_WEAK",
    "sha3": "FORMAT_UNSUPPORTED",
    "added": "SUBJECT_MISMATCH",
    "mail": "CERT_USAGE",
}


@pytest.mark.parametrize(("name", "reason"), REFUSED.items(), ids=REFUSED.keys())
def test_archive_that_jarsigner_made_and_nobody_should_take(
    made: Mapping[str, bytes], name: str, reason: str
) -> None:
    assert judged(made[name]).reason == reason


def test_archive_without_signature() -> None:
    plain = plain_archive({MANIFEST: b"Manifest-Version: 1.0\r\n\r\n", **FILES})
    assert judged(plain).reason == "NOT_SIGNED"
    assert not FORMAT.recognises(inside(plain_archive(FILES)))
    below = {"lib/META-INF/MANIFEST.MF": b"", "lib/META-INF/A.SF": b"", "lib/META-INF/A.RSA": b""}
    assert not FORMAT.recognises(inside(plain_archive(below)))  # a JAR archive unpacked in another
    assert judged(plain_archive({"META-INF/A.SF": b""})).reason == "MALFORMED"


# --- attack class 12: what is signed in part is not signed ----------------------------------------


def rebuilt(archive: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    """Return the archive with entries replaced, added, or (None) taken out."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    files |= {name: content for name, content in changes.items() if content is not None}
    gone = {name for name, content in changes.items() if content is None}
    return plain_archive({name: files[name] for name in files if name not in gone})


def part(archive: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return opened.read(name)


CHANGES: dict[str, tuple[dict[str, bytes | None], str]] = {
    "an entry changed": ({"pkg/A.class": b"evil"}, "DIGEST_MISMATCH"),
    "an entry added": ({"pkg/C.class": b"evil"}, "SUBJECT_MISMATCH"),
    "an entry added in META-INF": ({"META-INF/evil.txt": b"x"}, "SUBJECT_MISMATCH"),
    "an entry that signatures leave out": ({"META-INF/SIG-X": b"x"}, "SUBJECT_MISMATCH"),
    "an entry taken out": ({"pkg/A.class": None}, "DIGEST_MISMATCH"),
    "the manifest taken out": ({MANIFEST: None}, "MALFORMED"),
    "the block taken out": ({"META-INF/RSA.RSA": None}, "MALFORMED"),
    "the signature file taken out": ({"META-INF/RSA.SF": None}, "MALFORMED"),
    "a block of nothing": ({"META-INF/X.RSA": b"x"}, "MALFORMED"),
    "a manifest in another spelling": ({"META-INF/Manifest.mf": b"x"}, "MALFORMED"),
}


@needs_jarsigner
@pytest.mark.parametrize(("changes", "reason"), CHANGES.values(), ids=CHANGES.keys())
def test_attack_12_partial_coverage(
    made: Mapping[str, bytes], changes: dict[str, bytes | None], reason: str
) -> None:
    assert judged(rebuilt(made["rsa"], {})).outcome is Outcome.VERIFIED
    assert judged(rebuilt(made["rsa"], changes)).reason == reason


def test_attack_12_manifest_that_lists_more_than_was_signed(made: Mapping[str, bytes]) -> None:
    manifest = part(made["rsa"], MANIFEST)
    digest = base64.b64encode(digest_of(b"x").raw)
    listed = manifest + b"Name: evil\r\nSHA-256-Digest: " + digest + b"\r\n\r\n"
    changed = rebuilt(made["rsa"], {MANIFEST: listed, "evil": b"x"})
    assert judged(changed).reason == "SUBJECT_MISMATCH"
    other = rebuilt(made["sections"], {MANIFEST: listed, "evil": b"x"})
    assert judged(other).reason == "SUBJECT_MISMATCH"


@pytest.mark.parametrize("name", ["META-INF/a\\b", "META-INF/\\b", "META-\u0131NF/b"])
def test_attack_17_signature_files_of_another_folder_must_be_covered(
    made: Mapping[str, bytes], name: str
) -> None:
    """A stranger's signature takes nothing from another; what it is in must not lie elsewhere."""
    key = private_key("p256", "stranger")
    who = Identity(key, certificate("stranger", "stranger", key, key))
    whole = base64.b64encode(digest_of(part(made["ec"], MANIFEST)).raw)
    content = VERSION + b"SHA-256-Digest-Manifest: " + whole + b"\r\n\r\n"
    block = signed_data((signer_info(who, content),), (who.certificate,), None)
    for folder, reason in (("META-INF/b", ""), (name, "SUBJECT_MISMATCH")):
        added = with_entry(with_entry(made["ec"], f"{folder}.SF", content), f"{folder}.RSA", block)
        assert judged(added).reason == reason


@pytest.mark.parametrize("digest", [b"SHA-256", b"SHA1", b"SHA3-256"])
def test_attack_12_entry_is_listed_by_whatever_digest(
    made: Mapping[str, bytes], digest: bytes
) -> None:
    listed = b"Name: gone\r\n" + digest + b"-Digest: " + base64.b64encode(bytes(32)) + b"\r\n\r\n"
    manifest = part(made["sections"], MANIFEST) + listed
    assert judged(rebuilt(made["sections"], {MANIFEST: manifest})).reason == "DIGEST_MISMATCH"


@needs_jarsigner
def test_attack_13_section_that_was_signed_is_not_taken_out_with_its_entry(
    made: Mapping[str, bytes],
) -> None:
    for name in ("rsa", "sections"):
        manifest = part(made[name], MANIFEST)
        begin = manifest.index(b"Name: pkg/B.class")
        end = manifest.index(b"\r\n\r\n", begin) + 4
        changes = {MANIFEST: manifest[:begin] + manifest[end:], "pkg/B.class": None}
        assert judged(rebuilt(made[name], changes)).reason == "DIGEST_MISMATCH"


def test_attack_12_folder_that_hides_bytes(made: Mapping[str, bytes]) -> None:
    """Some readers inflate what is there, whatever length the list states."""
    for hidden, reason in ((b"", ""), (b"pkg.Evil\n", "MALFORMED")):
        changed = io.BytesIO(made["ec"])
        with zipfile.ZipFile(changed, "a", zipfile.ZIP_DEFLATED) as opened:
            folder = zipfile.ZipInfo("META-INF/services/evil/")
            opened.writestr(folder, hidden, zipfile.ZIP_DEFLATED)
            folder.CRC = folder.file_size = 0
        archive = bytearray(changed.getvalue())
        struct.pack_into("<L", archive, folder.header_offset + 14, 0)
        struct.pack_into("<L", archive, folder.header_offset + 22, 0)
        assert judged(bytes(archive)).reason == reason


@needs_jarsigner
def test_attack_04_magic_that_nobody_here_understands_is_not_judged(tmp_path: Path) -> None:
    """JAR File Specification, "The Magic Attribute": it says what was hashed."""
    key_store(tmp_path, identity("p256", CODE), "signer")
    for magic, reason in ((b"", ""), (b"Magic: javascript.title\r\n", "FORMAT_UNSUPPORTED")):
        manifest = b"Manifest-Version: 1.0\r\n\r\nName: a\r\n" + magic + b"\r\n"
        archive = plain_archive({MANIFEST: manifest, "a": b"1"})
        assert judged(signed(tmp_path, archive, "signer")).reason == reason


def test_main_section_is_signed_where_the_whole_manifest_is_not(
    made: Mapping[str, bytes],
) -> None:
    manifest = part(made["sections"], MANIFEST)
    changed = manifest.replace(b"Manifest-Version: 1.0", b"Manifest-Version: 1.1", 1)
    assert changed != manifest
    assert judged(rebuilt(made["sections"], {MANIFEST: changed})).reason == "DIGEST_MISMATCH"
    section = manifest.replace(b"Name: pkg/A.class\r\n", b"Name: pkg/A.class\r\nX: 1\r\n")
    assert section != manifest
    assert judged(rebuilt(made["sections"], {MANIFEST: section})).reason == "DIGEST_MISMATCH"


def test_attack_13_removed_signature_does_not_leave_an_older_one(made: Mapping[str, bytes]) -> None:
    """Of two signatures the newer is taken out: what it alone covered is covered by nothing."""
    both = made["added, signed again"]
    assert judged(both).outcome is Outcome.VERIFIED
    older = rebuilt(both, {"META-INF/EC.SF": None, "META-INF/EC.EC": None})
    assert judged(older).reason in ("SUBJECT_MISMATCH", "DIGEST_MISMATCH")
    broken = rebuilt(made["two"], {"META-INF/EC.EC": part(made["small"], "META-INF/EC.EC")})
    assert judged(broken).outcome is Outcome.INVALID


def test_attack_01_swapped_signature_files(made: Mapping[str, bytes]) -> None:
    for name in ("META-INF/EC.EC", "META-INF/EC.SF"):
        other = part(made["small"], name)
        assert judged(rebuilt(made["ec"], {name: other})).outcome is Outcome.INVALID


def test_block_with_content_of_its_own(made: Mapping[str, bytes]) -> None:
    who = identity("p256", CODE)
    own = signed_data((signer_info(who, b"other"),), (who.certificate,), b"other")
    assert judged(rebuilt(made["ec"], {"META-INF/EC.EC": own})).reason == "SUBJECT_MISMATCH"


def test_block_may_hold_the_signature_file(made: Mapping[str, bytes]) -> None:
    who, content = identity("p256", CODE), part(made["ec"], "META-INF/EC.SF")
    own = signed_data((signer_info(who, content),), (who.certificate,), content)
    assert judged(rebuilt(made["ec"], {"META-INF/EC.EC": own})).outcome is Outcome.VERIFIED


SEALED = {
    "META-INF/": b"",
    MANIFEST: b"Manifest-Version: 1.0\r\n\r\nName: pkg/\r\nSealed: true\r\n\r\n",
    "pkg/": b"",
    "pkg/A.class": b"class A",
}


@needs_jarsigner
def test_package_that_is_sealed_has_the_digest_of_its_folder(tmp_path: Path) -> None:
    """A folder of which the manifest says something is digested by jarsigner, too."""
    key_store(tmp_path, identity("p256", CODE, name="ec"), "ec")
    archive = signed(tmp_path, plain_archive(SEALED), "ec")
    assert b"Sealed: true\r\nSHA-256-Digest: 47DEQ" in part(archive, MANIFEST)
    assert judged(archive).reason == ""
    assert judged(rebuilt(archive, {"pkg/": None})).reason == "DIGEST_MISMATCH"


def test_attack_12_folder_that_is_not_as_the_manifest_digests_it(
    made: Mapping[str, bytes],
) -> None:
    for digested, reason in ((b"", ""), (b"x", "DIGEST_MISMATCH")):
        stated = base64.b64encode(digest_of(digested).raw)
        manifest = part(made["ec"], MANIFEST) + b"Name: pkg/\r\nSHA-256-Digest: " + stated
        manifest += b"\r\n\r\n"
        whole = base64.b64encode(digest_of(manifest).raw)
        names = [line for line in manifest.split(b"\r\n\r\n") if b"Name: " in line]
        content = VERSION + b"SHA-256-Digest-Manifest: " + whole + b"\r\n\r\n"
        content += b"\r\n\r\n".join(names) + b"\r\n\r\n"
        who = identity("p256", CODE)
        block = signed_data((signer_info(who, content),), (who.certificate,), None)
        changes = {MANIFEST: manifest, "META-INF/EC.SF": content, "META-INF/EC.EC": block}
        assert judged(rebuilt(made["ec"], {**changes, "pkg/": b""})).reason == reason


VERSION = b"Signature-Version: 1.0\r\n"
SIGNATURE_FILES = {
    "no version": (b"X: 1\r\n\r\n", "MALFORMED"),
    "no digest": (VERSION + b"\r\n", "MALFORMED"),
    "weak digest": (VERSION + b"SHA1-Digest-Manifest: AAAA\r\n\r\n", "ALGORITHM_WEAK"),
    "digest not read": (VERSION + b"SHA3-256-Digest-Manifest: AAAA\r\n\r\n", "FORMAT_UNSUPPORTED"),
    "short digest": (VERSION + b"SHA-256-Digest-Manifest: AAAA\r\n\r\n", "MALFORMED"),
}


@pytest.mark.parametrize(
    ("content", "reason"), SIGNATURE_FILES.values(), ids=SIGNATURE_FILES.keys()
)
def test_attack_12_signature_file_that_binds_nothing(
    made: Mapping[str, bytes], content: bytes, reason: str
) -> None:
    who = identity("p256", CODE)
    block = signed_data((signer_info(who, content),), (who.certificate,), None)
    changed = rebuilt(made["ec"], {"META-INF/EC.SF": content, "META-INF/EC.EC": block})
    assert judged(changed).reason == reason


# --- every byte -----------------------------------------------------------------------------------


def uncovered(archive: bytes) -> Iterator[int]:
    """Yield the places that nothing covers by specification, with the fields they belong to.

    JAR File Specification, Signed JAR File: names and contents of entries are signed. ZIP keeps of
    an entry, beside these: the versions of ZIP, times, attributes, extra fields.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        entries, at = opened.infolist(), opened.start_dir
    for entry in entries:
        names, extra = struct.unpack_from("<2H", archive, entry.header_offset + 26)
        begin = entry.header_offset
        yield from (begin + 4, begin + 5)  # version needed
        yield from range(begin + 10, begin + 14)  # time and date
        yield from range(begin + 30 + names, begin + 30 + names + extra)
        names, extra, comment = struct.unpack_from("<3H", archive, at + 28)
        yield from range(at + 4, at + 8)  # versions
        yield from range(at + 12, at + 16)  # time and date
        yield from range(at + 36, at + 42)  # attributes
        yield from range(at + 46 + names, at + 46 + names + extra)
        at += 46 + names + extra + comment


@pytest.mark.parametrize("name", ["small"])
def test_no_changed_byte_verifies_but_those_that_nothing_signs(
    made: Mapping[str, bytes], name: str
) -> None:
    archive = made[name]
    assert judged(archive).outcome is Outcome.VERIFIED
    good = set()
    for place in range(len(archive)):
        changed = archive[:place] + bytes([archive[place] ^ 1]) + archive[place + 1 :]
        assert changed != archive
        if FORMAT.verify(inside(changed), setting(TRUST)).outcome is Outcome.VERIFIED:
            good.add(place)
    assert good <= set(uncovered(archive))
    assert len(good) < len(archive) // 5


@needs_jarsigner
def test_jarsigner_agrees(made: Mapping[str, bytes], tmp_path: Path) -> None:
    """What we verify, jarsigner verifies; what it finds unsigned in part, it says with 16."""
    key_store(tmp_path, identity("rsa-2048", CODE, name="rsa"), "rsa")
    cases = {
        "good": made["rsa"],
        "changed": rebuilt(made["rsa"], {"pkg/A.class": b"evil"}),
        "sections": made["sections"],
    }
    for name, archive in cases.items():
        (tmp_path / f"{name}.jar").write_bytes(archive)
        theirs = jarsigner(tmp_path, "-verify", f"{name}.jar")
        ours = judged(archive).outcome is Outcome.VERIFIED
        assert ours == (theirs.returncode == 0), theirs.stdout


# --- limits, and what is not at hand --------------------------------------------------------------


def test_bytes_must_be_at_hand(made: Mapping[str, bytes]) -> None:
    archive = made["small"]
    named = Evidence(archive, "", "a", Subject("a", (digest_of(archive),)))
    assert FORMAT.recognises(named)
    assert FORMAT.verify(named, setting(TRUST)).reason == "CONTENT_NEEDED"
    other = inside(archive)
    known = Evidence(archive, "", "a", Subject("a", (digest_of(b"x"),), other.subject.content))
    assert FORMAT.verify(known, setting(TRUST)).reason == "DIGEST_MISMATCH"


def test_attack_16_bomb_is_counted_before_it_is_unpacked(made: Mapping[str, bytes]) -> None:
    bomb = rebuilt(made["ec"], {"pkg/B.class": bytes(100_000_000)})
    verification = judged(bomb)
    assert verification.reason == "TOO_LARGE"
    small = FORMAT.verify(
        inside(made["ec"]), setting(TRUST, limits=Limits(release_bytes=1024, evidence_bytes=1024))
    )
    assert small.reason in ("", "TOO_LARGE")
    many = rebuilt(made["ec"], {f"META-INF/S{number}.SF": b"" for number in range(70)} | {
        f"META-INF/S{number}.EC": b"" for number in range(70)})  # fmt: skip
    assert judged(many).reason == "TOO_LARGE"


NAMES = ("../evil", "/evil", "a/../../evil", "./a", "C:evil", "a\\..\\evil", "\\evil", "a//../b")


@pytest.mark.parametrize("name", NAMES)
def test_attack_17_names_that_lead_out_of_the_archive(made: Mapping[str, bytes], name: str) -> None:
    assert judged(rebuilt(made["ec"], {name: b"x"})).reason == "MALFORMED"


def test_attack_10_expired_signer_needs_a_proof_of_time(made: Mapping[str, bytes]) -> None:
    late = setting(TRUST, now=NOW + 30 * DAY)
    assert FORMAT.verify(inside(made["ec"]), late).reason == "CERT_EXPIRED_AT_SIGNING"


def test_comment_of_the_archive_is_told(made: Mapping[str, bytes]) -> None:
    commented = io.BytesIO(made["ec"])
    with zipfile.ZipFile(commented, "a") as opened:
        opened.comment = b"free download"
    verification = judged(commented.getvalue())
    assert verification.outcome is Outcome.VERIFIED
    assert any("comment" in check.detail for check in verification.checks)


def test_small_archive_is_read_as_zipfile_reads_it(made: Mapping[str, bytes]) -> None:
    archive = made["rsa"]
    content = inside(archive).subject.content
    assert content is not None
    ours = ZipArchive(content, Limits())
    with zipfile.ZipFile(io.BytesIO(archive)) as theirs:
        assert [entry.name for entry in ours.entries] == theirs.namelist()
        for entry in ours.entries:
            assert b"".join(ours.chunks(entry)) == theirs.read(entry.name)


@needs_jarsigner
def test_timestamp_of_jarsigner_keeps_an_archive_after_its_certificate(tmp_path: Path) -> None:
    at = NOW - timedelta(hours=2)
    ended = identity("p256", CODE, name="ended", until=NOW - timedelta(hours=1))
    key_store(tmp_path, ended, "ended")
    with timestamp_server(at) as url:
        archive = signed(tmp_path, plain_archive(FILES), "ended", "-tsa", url)
    found = judged(archive, authority_entry(ROOT), authority_entry(STAMPER.root))
    assert (found.outcome, found.reason) == (Outcome.VERIFIED, "")
    assert (found.signed_at, found.time_source, found.time_trusted) == (at, "rfc3161", True)
    assert judged(archive, authority_entry(ROOT)).reason == "CERT_EXPIRED_AT_SIGNING"
    bare = signed(tmp_path, plain_archive(FILES), "ended")
    both = (authority_entry(ROOT), authority_entry(STAMPER.root))
    assert judged(bare, *both).reason == "CERT_EXPIRED_AT_SIGNING"
