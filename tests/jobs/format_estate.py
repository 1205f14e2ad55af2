"""A folder of releases in every signature format that lies beside a file or inside it.

Made by the formats' own tools where there are any, and by the specimen makers of tests/verification
where there are none; the settings name all the trust it takes, every kind of it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from core.model import digest_of
from tests.verification.archives import rpm_material
from tests.verification.cms.timestamp_specimens import STAMPER, response, token
from tests.verification.git import git_material
from tests.verification.index_specimens import (
    NAME,
    REGISTRY,
    attestation,
    npm_document,
    npm_provenance,
    npm_publish,
    provenance,
    statement,
)
from tests.verification.keys.registry_specimens import registry_key
from tests.verification.openpgp.openpgp_material import gnupg
from tests.verification.predicates.predicate_specimens import SLSA_1
from tests.verification.sigstore.sigstore_world import ACME, World, statement_of
from tests.verification.specimens import CONTENT, NOW, openssl, pem
from tests.verification.ssh import ssh_material
from tests.verification.x509.x509_material import (
    CODE,
    EMAIL,
    ROOT,
    ROOT_KEY,
    Identity,
    identity,
    osslsigncode,
    plain_archive,
    program,
    signed_package,
)

TOOLS = ("minisign", "signify-openbsd", "jarsigner", "osslsigncode", "gpg", "openssl")
MADE, SIGNED = "20260101", "20260601"
JAR = {"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\r\n\r\n", "acme/A.class": b"class" * 20}
UNSIGNED = "NO_SIGNATURE"
SLSA = "https://slsa.dev/provenance/v1"
# What each file is expected to stand at: the reason, empty where it is verified.
EXPECTED = {
    "minisign/app.tar.gz": "",
    "minisign/signify.tar.gz": "",
    "minisign/changed.tar.gz": "SIGNATURE_INVALID",
    "ssh/tool": "",
    "ssh/stranger": "KEY_UNKNOWN",
    "cms/app.tar.gz": "",
    "cms/revoked.tar.gz": "CERT_REVOKED",
    "cms/stamped-alone": UNSIGNED,
    "sigstore/app.tar.gz": "",
    "sigstore/again.tar.gz": "",
    "sigstore/lines.tar.gz": "",
    "sigstore/stranger.tar.gz": "LOG_UNKNOWN",
    "sigstore/built.tar.gz": "",
    f"python/{NAME}": "",
    f"python-served/{NAME}": "",
    f"python-renamed/other-{NAME}": "SUBJECT_MISMATCH",
    "npm/app-1.0.0.tgz": "",
    "helm/acme-1.2.3.tgz": "",
    "inside/acme.rpm": "",
    "inside/plain.rpm": UNSIGNED,
    "inside/stranger.rpm": "KEY_UNKNOWN",
    "inside/plain-beside.rpm": "",
    "inside/app.jar": "",
    "inside/plain.jar": UNSIGNED,
    "inside/acme.nupkg": "",
    "inside/app.exe": "",
    "inside/plain.exe": UNSIGNED,
    "inside/archive.zip": UNSIGNED,
    "inside/MZ.txt": UNSIGNED,
    "inside/object.txt": UNSIGNED,
    "listed/acme.rpm": "",
    "listed/stranger.rpm": "",
    "listed/archive.zip": "",
}


class FormatEstate:
    """The folder `releases` and the trust beside it, under one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.releases = folder, folder / "releases"
        self.trust, self.work = folder / "trust", folder / "work"
        self.expected = dict(EXPECTED)
        for made in (self.releases, self.trust, self.work):
            made.mkdir(parents=True)

    def put(
        self, name: str, content: bytes = b"", **beside: bytes | Callable[[Path], bytes]
    ) -> Path:
        """Write a file and what lies beside it; `__` in a suffix is a dot."""
        path = self.releases / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content or name.encode())
        for suffix, made in beside.items():
            written = made if isinstance(made, bytes) else made(path)
            path.with_name(f"{path.name}.{suffix.replace('__', '.')}").write_bytes(written)
        return path

    def run(self, *words: str) -> None:
        """Run a tool among the keys."""
        done = subprocess.run(words, cwd=self.work, input=b"", capture_output=True, check=False)
        assert done.returncode == 0, (words, done.stderr)

    def settings(self, url: str) -> str:
        """Return countersign.yaml for the folder above."""
        trust = {
            "roots": {"acme-root": "root.json"},
            "keys": {
                "minisign": "minisign.pub", "signify": "signify.pub", "ssh": "allowed_signers",
                "npm": "npm.json",
            },
            "keyrings": {"packages": "packages.gpg", "helm": "helm.gpg", "git": "git.gpg"},
            "authorities": {"ca": "ca.pem", "tsa": "tsa.pem"},
            "revocations": {"withdrawn": "ca.crl"},
        }  # fmt: skip
        groups = {
            group: {
                name: {"file": f"{self.folder.name}/trust/{file}"} for name, file in files.items()
            }
            for group, files in trust.items()
        }
        names = [name for files in trust.values() for name in files]
        source = {
            "id": "formats", "kind": "file_tree", "path": f"{self.folder.name}/releases",
            "trust": names, "owner": "web",
        }  # fmt: skip
        return json.dumps({"database": url, "trust": groups, "sources": [source]}, indent=1)


def build_formats(folder: Path) -> FormatEstate:
    """Make everything; skip where a tool is missing."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"not installed: {', '.join(missing)}")
    assert not missing
    estate = FormatEstate(folder)
    for plant in (_minisign, _ssh, _cms, _sigstore, _python, _npm, _helm, _packages, _inside, _git):
        plant(estate)
    return estate


def _minisign(estate: FormatEstate) -> None:
    estate.run("minisign", "-G", "-W", "-p", "m.pub", "-s", "m.key")
    estate.run("signify-openbsd", "-G", "-n", "-p", "s.pub", "-s", "s.sec")
    shutil.copy(estate.work / "m.pub", estate.trust / "minisign.pub")
    shutil.copy(estate.work / "s.pub", estate.trust / "signify.pub")
    estate.put("minisign/app.tar.gz", minisig=lambda path: _by_minisign(estate, path))
    changed = estate.put("minisign/changed.tar.gz", minisig=lambda path: _by_minisign(estate, path))
    changed.write_bytes(b"changed")
    signify = estate.put("minisign/signify.tar.gz")
    words = ("signify-openbsd", "-S", "-s", "s.sec", "-m", str(signify), "-x", f"{signify}.sig")
    estate.run(*words)


def _by_minisign(estate: FormatEstate, path: Path) -> bytes:
    made = estate.work / "made"
    made.unlink(missing_ok=True)
    estate.run("minisign", "-S", "-s", "m.key", "-m", str(path), "-x", str(made))
    return made.read_bytes()


def _ssh(estate: FormatEstate) -> None:
    keys = ssh_material.keys()
    (estate.trust / "allowed_signers").write_text(f"{ssh_material.line('ed25519')}\n")
    for name, key in {"tool": "ed25519", "stranger": "other"}.items():
        path = estate.put(f"ssh/{name}")
        estate.put(f"ssh/{name}", sig=keys.sign(key, content=path.read_bytes()))


def _cms(estate: FormatEstate) -> None:
    (estate.trust / "ca.pem").write_bytes(pem(ROOT))
    (estate.trust / "tsa.pem").write_bytes(pem(STAMPER.root))
    signers = {name: identity("p256", EMAIL, name=name) for name in ("app", "revoked")}
    for name, who in signers.items():
        path = estate.put(f"cms/{name}.tar.gz")
        estate.put(f"cms/{name}.tar.gz", p7s=_by_openssl(estate, who, path))
    serial = signers["revoked"].certificate.serial_number
    withdrawn = (
        x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - timedelta(2))
    )
    issued = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ROOT.subject)
        .last_update(NOW - timedelta(1))
        .next_update(NOW + timedelta(300))
        .add_revoked_certificate(withdrawn.build())
        .sign(ROOT_KEY, hashes.SHA256())
    )
    (estate.trust / "ca.crl").write_bytes(issued.public_bytes(serialization.Encoding.PEM))
    estate.put("cms/stamped-alone", tsr=lambda path: response(token(signed=path.read_bytes())))


def _by_openssl(estate: FormatEstate, who: Identity, path: Path) -> bytes:
    who.write(estate.work)
    words = f"cms -sign -binary -outform DER -signer leaf.pem -inkey leaf.key -in {path} -out sig"
    openssl(estate.work, *words.split())
    return (estate.work / "sig").read_bytes()


def _sigstore(estate: FormatEstate) -> None:
    (estate.trust / "root.json").write_bytes(ACME.entry().content)
    bundle, stranger = ACME.message(CONTENT), World("stranger").message(CONTENT)
    one, other = json.dumps(bundle).encode(), json.dumps(stranger).encode()
    estate.put("sigstore/app.tar.gz", CONTENT, sigstore__json=one)
    estate.put(
        "sigstore/again.tar.gz", CONTENT, sigstore=json.dumps(ACME.message(CONTENT)).encode()
    )
    estate.put("sigstore/lines.tar.gz", CONTENT, bundle=other + b"\n" + one + b"\n")
    estate.put("sigstore/stranger.tar.gz", CONTENT, sigstore__json=other)
    stated = statement_of(predicateType=SLSA, predicate=SLSA_1)
    built = json.dumps(ACME.statement(stated)).encode()
    estate.put("sigstore/built.tar.gz", CONTENT, intoto__jsonl=built + b"\n")


def _python(estate: FormatEstate) -> None:
    published, built = attestation(), attestation(statement(predicateType=SLSA, predicate=SLSA_1))
    one = json.dumps(published).encode()
    estate.put(f"python/{NAME}", CONTENT, publish__attestation=one)
    estate.put(f"python-renamed/other-{NAME}", CONTENT, publish__attestation=one)
    served = json.dumps(provenance(published, built)).encode()
    estate.put(f"python-served/{NAME}", CONTENT, provenance=served)


def _npm(estate: FormatEstate) -> None:
    (estate.trust / "npm.json").write_text(
        json.dumps({"keys": [registry_key(ACME.signer_key(REGISTRY))]})
    )
    document = json.dumps(npm_document(npm_publish(), npm_provenance())).encode()
    estate.put("npm/app-1.0.0.tgz", CONTENT, att=document)


def _helm(estate: FormatEstate) -> None:
    archive = b"\x1f\x8b a chart"
    named = f"name: acme\nversion: 1.2.3\n\n...\nfiles:\n  acme-1.2.3.tgz: {digest_of(archive)}\n"
    with gnupg() as gpg:
        gpg.key("helm", "rsa2048")
        (gpg.home / "text").write_text(named)
        signed = gpg.sign("helm", "--digest-algo=SHA512", mode="--clearsign")
        (estate.trust / "helm.gpg").write_bytes(gpg.export("helm"))
    estate.put("helm/acme-1.2.3.tgz", archive, prov=signed)


def _packages(estate: FormatEstate) -> None:
    made = rpm_material.packages()
    (estate.trust / "packages.gpg").write_bytes(made.keyring())
    estate.put("inside/acme.rpm", made.signed["rsa"])
    estate.put("inside/plain.rpm", made.plain)
    estate.put("inside/stranger.rpm", made.signed["other"])
    estate.put(
        "inside/plain-beside.rpm", made.plain, minisig=lambda path: _by_minisign(estate, path)
    )
    listed = {"acme.rpm": made.signed["ed"], "stranger.rpm": made.signed["other"]}
    listed["archive.zip"] = plain_archive({"a": b"listed"})
    for name, content in listed.items():
        estate.put(f"listed/{name}", content)
    lines = "".join(f"{digest_of(one).value}  {name}\n" for name, one in listed.items())
    estate.put("listed/SHA256SUMS", lines.encode(), minisig=lambda path: _by_minisign(estate, path))


def _inside(estate: FormatEstate) -> None:
    who = identity("rsa-2048", CODE, name="code")
    estate.put("inside/acme.nupkg", signed_package(who))
    estate.put("inside/plain.jar", plain_archive(JAR))
    estate.put("inside/archive.zip", plain_archive({"a.txt": b"a"}))
    estate.put("inside/plain.exe", program())
    estate.put("inside/MZ.txt", b"MZ is how programs begin\n")
    estate.put("inside/object.txt", b"object lessons\n")
    who.write(estate.work)
    made = estate.work / "app.exe"
    (estate.work / "plain.exe").write_bytes(program())
    keys = ("-certs", "leaf.pem", "-key", "leaf.key", "-in", "plain.exe", "-out", "app.exe")
    done = osslsigncode(estate.work, "sign", "-h", "sha256", *keys)
    assert done.returncode == 0, done.stderr
    estate.put("inside/app.exe", made.read_bytes())
    words = "pkcs12 -export -in leaf.pem -inkey leaf.key -name leaf -out leaf.p12"
    openssl(estate.work, *words.split(), "-passout", "pass:secret")
    (estate.work / "in.jar").write_bytes(plain_archive(JAR))
    store = ("-keystore", "leaf.p12", "-storetype", "PKCS12", "-storepass", "secret")
    estate.run("jarsigner", *store, "-signedjar", "out.jar", "in.jar", "leaf")
    estate.put("inside/app.jar", (estate.work / "out.jar").read_bytes())


def _git(estate: FormatEstate) -> None:
    made = git_material.objects()
    (estate.trust / "git.gpg").write_bytes(made.keyring)
    for name, reason in {
        "openpgp": "",
        "ssh": "",
        "plain": UNSIGNED,
        "unlisted": "KEY_UNKNOWN",
    }.items():
        place = f"git/{made.identifiers[name]}"
        estate.put(place, made.raw[name])
        estate.expected[place] = reason
