"""Make the corpus anew from our own specimens; inputs that fuzzing found are kept.

usage: make_corpus.py [TARGET]...

Keys are fresh each time, so all of a target's trust and inputs change together. Needs the tools
the tests need (gpg, ssh-keygen, rpm, jarsigner, osslsigncode, minisign).
"""

from __future__ import annotations

import base64
import gzip
import json
import lzma
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from core.cosign_container import container
from core.folder import FolderContent
from core.model import Subject, TrustEntry, TrustKind, digest_of
from tests.fuzz.targets import CORPUS, packed, target_names
from tests.verification.archives.rpm_material import packages
from tests.verification.cms.timestamp_specimens import STAMPER, response, stamper, token
from tests.verification.formats import (
    test_authenticode,
    test_cosign_blob,
    test_cosign_simple,
    test_helm_provenance,
    test_jar,
    test_minisign,
    test_nuget,
)
from tests.verification.git import git_material
from tests.verification.index_specimens import (
    NAME,
    REGISTRY,
    attestation,
    npm_document,
    npm_provenance,
    npm_publish,
    provenance,
)
from tests.verification.keys.registry_specimens import keys_entry, registry_key, release, tuf_key
from tests.verification.models import model_specimens
from tests.verification.notation.notation_specimens import ROOT as NOTATION_ROOT
from tests.verification.notation.notation_specimens import cose, jws
from tests.verification.openpgp.openpgp_material import TEXT, material
from tests.verification.predicates.predicate_specimens import ALL as PREDICATES
from tests.verification.sigstore.sigstore_world import ACME, DSSE2, REKOR2, Making
from tests.verification.specimens import (
    CONTENT,
    NOW,
    artifact,
    authority_entry,
    certificate,
    envelope,
    key_entry,
    pem,
    private_key,
    public_pem,
    sign,
    statement,
)
from tests.verification.ssh import ssh_material
from tests.verification.x509 import x509_material
from tests.verification.x509.test_revocation import answer, crl

ARTIFACT = artifact()
FOUND = "found"  # how names of inputs begin that fuzzing found
Inputs = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Specimens:
    """What the seeds of one format are, and what they verify under."""

    inputs: Inputs
    trust: tuple[TrustEntry, ...] = ()
    subject: Subject = ARTIFACT


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _der(made: x509.Certificate) -> bytes:
    return made.public_bytes(Encoding.DER)


KEY = private_key("p256", "fuzz")
TRUST = (key_entry(KEY),)
AUTHORITY = (authority_entry(x509_material.ROOT),)
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.index.v1+json",
    "manifests": [
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": str(digest_of(b"x")),
            "size": 1,
            "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"},
            "annotations": {"a": "b"},
        }
    ],
}
STANZAS = (
    b"Package: a\nVersion: 1\nSHA256: " + b"a" * 64 + b"\n\nPackage: b\nDescription: x\n .\n y\n"
)
RELEASE = (
    b"Origin: x\nSuite: stable\nDate: Sun, 01 Nov 2026 10:00:00 UTC\nSHA256:\n "
    + b"b" * 64 + b" 12 main/binary-amd64/Packages\n"
)  # fmt: skip
REPOMD = (
    b'<?xml version="1.0"?><repomd xmlns="http://linux.duke.edu/metadata/repo">'
    b'<data type="primary">'
    b'<checksum type="sha256">' + b"c" * 64 + b"</checksum>"
    b'<open-checksum type="sha256">' + b"d" * 64
    + b'</open-checksum><location href="repodata/p.xml.gz"/></data></repomd>'
)  # fmt: skip
PRIMARY = (
    b'<metadata xmlns="http://linux.duke.edu/metadata/common" packages="1"><package type="rpm">'
    b'<name>a</name><arch>noarch</arch><version epoch="0" ver="1" rel="2"/>'
    b'<checksum type="sha256" pkgid="YES">' + b"e" * 64 + b'</checksum><location href="a.rpm"/>'
    b"</package></metadata>"
)  # fmt: skip
SOURCES_LIST = b"# x\ndeb [arch=amd64,i386 signed-by=/a.gpg] http://a.example/debian stable main\n"
SOURCES = (
    b"Types: deb deb-src\nURIs: http://a.example/\nSuites: s\nComponents: main\nTrusted: yes\n"
)
LINK = b'</v2/_catalog?last=a&n=1>; rel="next last"; title="a\\"b", <b>; rel=prev'
SETTINGS = (
    b"sources:\n  - {id: files, kind: file_tree, path: ./a, every: 6h}\n"
    b"trust: {keys: {a: {file: keys/a.pem, valid: {until: 2026-12-01}}}}\nserve: {port: 0}\n"
)
POLICY = (
    b"apiVersion: countersign/v1\nkind: Policy\nmetadata: {name: a, controls: [ssdf/PS.2.1]}\n"
    b"applies_to: {any: [{oci: {repository: 'a/**', tags: ['v*']}}]}\n"
    b"require:\n  - id: strong\n    cel: signers.all(s, s.algorithm != 'RSA-1024')\n"
    b"    message: 'by {{signers.map(s, s.algorithm)}}'\n"
    b"on_error: {keep_last_for: 24h, then: unknown}\n"
)


# --- formats --------------------------------------------------------------------------------------


def _sigstore() -> Specimens:
    payload = _json(statement(digest_of(CONTENT)))
    inputs = {
        "message": _json(ACME.message(CONTENT)),
        "message-log-2": _json(ACME.message(CONTENT, REKOR2)),
        "envelope": _json(ACME.statement(payload)),
        "envelope-log-2": _json(ACME.statement(payload, DSSE2)),
        "keyed": _json(ACME.message(CONTENT, Making(keyed=True))),
    }
    return Specimens(inputs, (ACME.entry(), key_entry(ACME.signer_key(Making(keyed=True)))))


def _npm_attestations() -> Specimens:
    document = _json(npm_document(npm_publish(), npm_provenance()))
    keys = keys_entry(tuf_key(ACME.signer_key(REGISTRY), usage="npm:attestations"))
    return Specimens({"both": document}, (keys, ACME.entry()))


def _pep740(*, served: bool) -> Callable[[], Specimens]:
    def made() -> Specimens:
        document = provenance(attestation()) if served else attestation()
        return Specimens({"good": _json(document)}, (ACME.entry(),), artifact(name=NAME))

    return made


def _cosign_blob() -> Specimens:
    keyed = {"base64Signature": base64.b64encode(sign(KEY, CONTENT)).decode()}
    inputs = {"keyed": _json(keyed), "keyless": _json(test_cosign_blob.keyless())}
    return Specimens(inputs, (*TRUST, ACME.entry()))


def _cosign_simple() -> Specimens:
    made = test_cosign_simple
    return Specimens({"keyed": made.signed(made.payload())}, (key_entry(made.KEY),))


def _envelope(predicate: str = "https://slsa.dev/provenance/v1") -> bytes:
    stated = statement(digest_of(CONTENT), predicate_type=predicate)
    return _json(envelope(stated | {"predicate": PREDICATES[predicate]}, KEY))


def _cosign_attestation() -> Specimens:
    held = container("application/vnd.dsse.envelope.v1+json", _envelope(), {})
    return Specimens({"keyed": held}, TRUST)


def _model() -> Specimens:
    made = model_specimens
    good = _json(made.bundle(made.statement(made.resources())))
    sharded = made.statement(made.shards(made.FILES, 16), method="shards", shard_size=16)
    inputs = {"files": good, "shards": _json(made.bundle(sharded))}
    return Specimens(inputs, (key_entry(made.KEY),), made.folder())


def _git() -> Specimens:
    made = git_material.objects()
    names = ("openpgp", "ssh", "encoded", "tag-v1", "merge")
    ring = TrustEntry("ring", TrustKind.KEYRING, made.keyring, "ring")
    lines = [ssh_material.line(name) for name in ("ed25519", "p256", "rsa")]
    return Specimens({name: made.raw[name] for name in names}, (ring, ssh_material.signers(*lines)))


def _rpm() -> Specimens:
    made = packages()
    inputs = {name: made.signed[name] for name in ("ed", "both")}
    return Specimens(inputs, (TrustEntry("ring", TrustKind.KEYRING, made.keyring(), "ring"),))


def _ssh() -> Specimens:
    names = ("ed25519", "p521")
    inputs = {name: ssh_material.signature(name) for name in names}
    words = ("-n", ssh_material.PRINCIPAL, "-V", "20261101000000:20261124000000")
    ssh_material.keys().certify("ed25519", *words)
    inputs["certified"] = ssh_material.keys().sign("certified/ed25519-cert.pub")
    lines = [ssh_material.line(name) for name in names] + [
        ssh_material.line("ca", "cert-authority")
    ]
    subject = artifact(ssh_material.MESSAGE)
    return Specimens(inputs, (ssh_material.signers(*lines),), subject)


def _minisign() -> Specimens:
    kinds = test_minisign.KINDS
    trust = tuple(test_minisign.tools().key(kind) for kind in ("minisign", "signify"))
    return Specimens({kind: test_minisign.made(kind) for kind in kinds}, trust)


@cache
def _helm() -> Specimens:
    content, key = test_helm_provenance.signed()
    made = test_helm_provenance
    trust = (TrustEntry("ring", TrustKind.KEYRING, key, "ring"),)
    return Specimens({"good": content}, trust, artifact(made.ARCHIVE, made.NAME))


def _openpgp(*names: str) -> Callable[[], Specimens]:
    def made() -> Specimens:
        found = material()
        trust = TrustEntry("ring", TrustKind.KEYRING, found.keyring("ed", "rsa", "comp", "sub"), "")
        inputs = {name: found.signatures[name] for name in names}
        if "ed" in names:
            inputs["two"] = found.signatures["ed"] + found.signatures["rsa"]
        return Specimens(inputs, (trust,), artifact(TEXT))

    return made


def _rfc3161() -> Specimens:
    signed = artifact(b"what is stamped")
    rsa = stamper(kind="rsa-2048", name="rsa")
    inputs = {
        "token": token(signed=b"what is stamped"),
        "response": response(token(signed=b"what is stamped", by_key=True)),
        "rsa": token(rsa, signed=b"what is stamped", imprint="sha512"),
    }
    return Specimens(inputs, (authority_entry(STAMPER.root, rsa.root),), signed)


def _authenticode() -> Specimens:
    with tempfile.TemporaryDirectory() as folder:
        program = x509_material.program()
        signed = test_authenticode.signed(Path(folder), program, _code_signer("p256"))
        return Specimens({"signed": signed, "plain": program}, AUTHORITY)


def _code_signer(kind: str) -> x509_material.Identity:
    return x509_material.identity(kind, x509_material.CODE, name=f"fuzz {kind}")


def _nuget() -> Specimens:
    made = x509_material
    both = made.signed_package(test_nuget.WHO, countersigner=test_nuget.FEED)
    return Specimens({"author": made.signed_package(test_nuget.WHO), "both": both}, AUTHORITY)


def _jar() -> Specimens:
    with tempfile.TemporaryDirectory() as folder:
        test_jar.key_store(Path(folder), _code_signer("p256"), "fuzz")
        plain = x509_material.plain_archive({"a": b"1", "b": b"2" * 40})
        signed = test_jar.signed(Path(folder), plain, "fuzz")
        sections = test_jar.signed(Path(folder), plain, "fuzz", "-sectionsonly")
    return Specimens({"signed": signed, "sections": sections}, AUTHORITY)


def _cms() -> Specimens:
    who = x509_material.identity()
    authority = x509_material.identity(
        "p256", x509_material.TIMES, name="fuzz stamps", critical=True
    )
    inputs = {
        "timestamped": x509_material.timestamped(who, CONTENT, authority, NOW),
        "plain": x509_material.signed_data(
            (x509_material.signer_info(who, CONTENT),), (who.certificate,), None
        ),
    }
    return Specimens(inputs, AUTHORITY)


def _checksum_list() -> Specimens:
    made = material()
    trust = TrustEntry("ring", TrustKind.KEYRING, made.keyring("ed"), "")
    line = f"{digest_of(CONTENT).value}  app.tar.gz\n".encode()
    return Specimens({"gnu": line, "tagged": b"SHA256 (a) = " + b"a" * 64 + b"\n"}, (trust,))


def _raw() -> Specimens:
    signature = sign(KEY, CONTENT)
    inputs = {"der": signature, "base64": base64.b64encode(signature)}
    return Specimens(inputs, TRUST)


def _notation(make: Callable[..., bytes]) -> Callable[[], Specimens]:
    stamps = authority_entry(STAMPER.root)

    def made() -> Specimens:
        stamped = make(stamp=lambda signature: token(signed=signature))
        inputs = {"plain": make(), "stamped": stamped}
        return Specimens(inputs, (authority_entry(NOTATION_ROOT), stamps))

    return made


FORMATS: dict[str, Callable[[], Specimens]] = {
    "model-signing": _model,
    "npm-attestations": _npm_attestations,
    "npm-signature": lambda: Specimens({"good": _json(release())}, (keys_entry(),)),
    "pep740-attestation": _pep740(served=False),
    "pep740-provenance": _pep740(served=True),
    "sigstore-bundle": _sigstore,
    "cosign-attestation": _cosign_attestation,
    "cosign-blob": _cosign_blob,
    "cosign-simple-signing": _cosign_simple,
    "notation-jws": _notation(jws),
    "notation-cose": _notation(cose),
    "dsse": lambda: Specimens({"slsa": _envelope()}, TRUST),
    "git-object": _git,
    "rpm": _rpm,
    "ssh-signature": _ssh,
    "minisign": _minisign,
    "helm-provenance": _helm,
    "openpgp-cleartext": _openpgp("clear", "clear-two"),
    "openpgp-detached": _openpgp("ed", "armored", "comp", "sub", "textmode"),
    "rfc3161": _rfc3161,
    "authenticode": _authenticode,
    "nuget": _nuget,
    "jar": _jar,
    "cms": _cms,
    "checksum-list": _checksum_list,
    "raw-signature": _raw,
}


# --- readers --------------------------------------------------------------------------------------


def _of(*formats: str) -> Callable[[], Inputs]:
    """Return a maker that takes the inputs of formats for a reader below them."""
    return lambda: {
        f"{name}-{key}": content
        for name in formats
        for key, content in FORMATS[name]().inputs.items()
    }


def _first(*formats: str) -> Callable[[], Inputs]:
    """Return a maker that takes the first input of each format."""
    return lambda: {name: next(iter(FORMATS[name]().inputs.values())) for name in formats}


def _der_inputs() -> Inputs:
    leaf = certificate("fuzz", "fuzz", KEY, KEY)
    return {
        "certificate": _der(leaf),
        "timestamp": token(),
        "odd": bytes.fromhex("300a0201ff0101ff0602510a"),
    }


def _cbor_inputs() -> Inputs:
    odd = [1, -1, 2**63, 1.5, None, True, b"", "x", {"a": [b"b"]}, cbor2.CBORTag(1, 5)]
    return {"envelope": cose(), "odd": cbor2.dumps(odd)}


def _packets() -> Inputs:
    found = material().signatures
    return {name: found[name] for name in ("ed", "rsa", "brief")}


def _statements() -> Inputs:
    return {
        f"predicate-{number}": _json(statement(digest_of(CONTENT), predicate_type=kind)
                                     | {"predicate": predicate})
        for number, (kind, predicate) in enumerate(PREDICATES.items())
    }  # fmt: skip


def _model_payloads() -> Inputs:
    made = model_specimens
    sharded = made.statement(made.shards(made.FILES, 16), method="shards", shard_size=16)
    return {"files": _json(made.statement(made.resources())), "shards": _json(sharded)}


def _ssh_blobs() -> Inputs:
    made = ssh_material
    public = {f"key-{name}": base64.b64decode(made.keys().public(name).split()[1])
              for name in ("ed25519", "p256", "rsa")}  # fmt: skip
    certified = made.keys().certify("p256", "-n", made.PRINCIPAL, "-O", "no-pty").split()[1]
    return {
        **public,
        "certificate": base64.b64decode(certified),
        "armored": made.signature("ed25519"),
    }


def _krl() -> Inputs:
    made = ssh_material.keys()
    (made.home / "spec").write_text("serial: 1-5\nid: x\nserial: 9\n")
    one = made.run("-q", "-k", "-f", "krl1", "-s", "ca.pub", "-z", "3", "spec")
    assert one.returncode == 0, one.stderr
    two = made.run("-q", "-k", "-f", "krl2", "p256.pub")
    assert two.returncode == 0, two.stderr
    lines = made.public("ed25519").encode() + b"\n"
    krls = {name: (made.home / name).read_bytes() for name in ("krl1", "krl2")}
    return {**krls, "lines": lines}


def _checkpoints() -> Inputs:
    entry = ACME.message(CONTENT)["verificationMaterial"]["tlogEntries"][0]
    return {"good": entry["inclusionProof"]["checkpoint"]["envelope"].encode()}


def _signers() -> Inputs:
    lines = [
        ssh_material.line("ed25519", 'namespaces="file,git",valid-after="20260101"'),
        ssh_material.line("ca", "cert-authority", principal="*@acme.test,!x@*"),
        f"# note\n{ssh_material.line('rsa')}",
    ]
    return {"good": ssh_material.signers(*lines).content}


def _pem() -> Inputs:
    leaf = certificate("fuzz", "fuzz", KEY, KEY)
    return {"pem": pem(leaf) * 2, "der": _der(leaf)}


def _public_keys() -> Inputs:
    return {kind: public_pem(private_key(kind, "fuzz")) for kind in ("p256", "ed25519", "rsa-2048")}


def _yaml() -> Inputs:
    text = b"a: {b: [1, 'x', \"\\u00e9\"], c: 2}\nd: |\n  text\nf: 2026-01-01\n"
    return {"good": text}


def _layouts() -> Inputs:
    """Return index.json and the blobs of a layout, one on each line."""
    config, kind = b"{}", "application/vnd.oci.image."
    described = {"digest": str(digest_of(config)), "size": len(config)}
    image = _json({
        "schemaVersion": 2, "mediaType": f"{kind}manifest.v1+json",
        "config": described | {"mediaType": f"{kind}config.v1+json"},
        "layers": [described | {"mediaType": f"{kind}layer.v1.tar"}],
    })  # fmt: skip
    listed = {"digest": str(digest_of(image)), "size": len(image)}
    entries = [listed | {"mediaType": f"{kind}manifest.v1+json"}]
    index = _json({"schemaVersion": 2, "manifests": entries})
    return {"image": b"\n".join((index, image, config))}


_CHALLENGE = b'Bearer realm="https://a.example/t",service="r\\"x", Basic realm=x'
READERS: dict[str, Callable[[], Inputs]] = {
    "json": lambda: {
        "bundle": _json({"a": [1, 2.5, -1e3, None, True, "\u00e9\n"], "b": {"c": []}}),
        "odd": b'{"a":"\\ud83d\\ude00\\\\","b":[{},[]],"c":0.1e-2}',
    },
    "der": _der_inputs,
    "ber": lambda: {
        "streamed": bytes.fromhex("3080020101248004016104016200000000"),
        "nested": b"\x30\x80" * 4 + b"\x02\x01\x05" + b"\0\0" * 4,
    },
    "cbor": _cbor_inputs,
    "openpgp-packets": _packets,
    "zip": lambda: {
        "deflated": x509_material.plain_archive({"a": b"1" * 90, "b/c": b"2"}),
        "stored": x509_material.plain_archive({"META-INF/MANIFEST.MF": b"x"}, 0),
    },
    "rpm-header": lambda: {"package": packages().signed["ed"]},
    "checksums": lambda: {
        "gnu": b"# x\n" + b"a" * 64 + b"  a.txt\n\\" + b"b" * 128 + b" *b\\nc\n",
        "tagged": b"SHA512 (a b) = " + b"c" * 128 + b"\r\nSHA256 (x) = " + b"d" * 64 + b"\n",
    },
    "deb822": lambda: {"packages": STANZAS, "release": RELEASE},
    "jar-manifest": lambda: {
        "good": b"Manifest-Version: 1.0\r\n\r\nName: a/" + b"b" * 60 + b"\r\n c.class\r\n"
        b"SHA-256-Digest: " + base64.b64encode(digest_of(b"").raw) + b"\r\nSHA1-Digest: x\r\n\r\n"
    },
    "base64": lambda: {"good": base64.b64encode(bytes(range(10)))},
    "protobuf": lambda: {"good": b"\x08\x96\x01\x12\x03abc\x1a\x04\x08\x01\x12\x00"},
    "openpgp-armor": lambda: {"good": material().signatures["armored"]},
    "cleartext": _of("openpgp-cleartext"),
    "pe": _of("authenticode"),
    "repodata": lambda: {"repomd": REPOMD, "primary": PRIMARY},
    "certificates": _pem,
    "cms-structure": _of("cms"),
    "timestamp-structure": _of("rfc3161"),
    "statement": _statements,
    "model-manifest": _model_payloads,
    "git-structure": _of("git-object"),
    "ssh-wire": _ssh_blobs,
    "ssh-revocations": _krl,
    "minisign-structure": _of("minisign"),
    "checkpoint": _checkpoints,
    "cosign-container": _of("cosign-simple-signing"),
    "oci-manifest": lambda: {"index": _json(MANIFEST)},
    "oci-layout": _layouts,
    "any-format": _first("dsse", "cosign-blob", "notation-jws", "ssh-signature",
                         "minisign", "openpgp-detached", "rfc3161", "git-object"),
    "json-lines": lambda: {
        "lines": b'{"a":1}\n{"b":2}\n',
        "answer": b'{"attestations":[{"bundle":{"a":[1]},"repository_id":1},{"bundle":null}]}',
    },
    "signed-list": lambda: {
        "release": RELEASE, "packages": STANZAS, "packed": gzip.compress(STANZAS, mtime=0),
        "lzma": lzma.compress(STANZAS), "repomd": REPOMD, "primary": PRIMARY,
        "checksums": b"a" * 64 + b"  a.txt\n", "clear": material().signatures["clear"],
    },
    "apt-sources": lambda: {"one-line": SOURCES_LIST, "stanza": SOURCES},
    "headers": lambda: {"link": LINK, "url": b"https://[::1]:80/a?b#c", "path": b"../v2/_catalog"},
    "names": lambda: {"wheel": b"a_b-1.0+x.1-1-py3-none-any.whl", "source": b"a-1.0rc1.tar.gz",
                      "npm": b"@scope/name", "version": b"1.0.0-beta.1+x"},
    "settings": lambda: {"good": SETTINGS},
    "policy": lambda: {"good": POLICY},
    "expression": lambda: {
        "signers": b'signers.all(s, s.algorithm != "RSA-1024") && artifact.name.matches("^a+$")'
    },
    "texts": lambda: {"challenge": _CHALLENGE, "odd": "\x1b[0m\u202e=1+1\n".encode()},
    "yaml": _yaml,
    "trust-key": _public_keys,
    "trust-keyring": lambda: {"ed": material().certificates["ed"], "armored": material().armored,
                              "sub": material().certificates["sub"]},
    "trust-ca": _pem,
    "trust-root": lambda: {"acme": ACME.entry().content},
    "trust-allowed-signers": _signers,
    "trust-npm-keys": lambda: {"both": keys_entry(tuf_key(), registry_key()).content},
    "trust-minisign": lambda: {
        kind: test_minisign.tools().key(kind).content for kind in ("minisign", "signify")
    },
    "trust-revocation": lambda: {"crl": crl().content, "answer": answer().content},
}  # fmt: skip


# --- files ----------------------------------------------------------------------------------------


def write(name: str) -> None:
    """Write one target's corpus, with the found inputs it had."""
    path = CORPUS / f"{name}.json"
    before = json.loads(path.read_text())["inputs"] if path.exists() else {}
    found = {key: text for key, text in before.items() if key.startswith(FOUND)}
    if name in READERS:
        document: dict[str, object] = {"inputs": _encoded(READERS[name]()) | found}
    else:
        made = FORMATS[name.removeprefix("format-")]()
        document = {
            "trust": [_trust(entry) for entry in made.trust],
            "subject": _subject(made.subject),
            "inputs": _encoded(made.inputs) | found,
        }
    path.write_text(json.dumps(document, indent=1) + "\n")


def _encoded(inputs: Inputs) -> dict[str, str]:
    return {key: packed(content) for key, content in inputs.items()}


def _trust(entry: TrustEntry) -> dict[str, str]:
    content = packed(entry.content)
    return {"name": entry.name, "kind": entry.kind.value, "content": content}


def _subject(subject: Subject) -> dict[str, object]:
    content = subject.content
    assert content is not None
    if isinstance(content, FolderContent):
        held = {each.path: each.content for each in content.members if each.content is not None}
        read = {path: b"".join(member.chunks()) for path, member in held.items()}
        return {"name": subject.name, "files": _encoded(read)}
    encoded = packed(b"".join(content.chunks()))
    return {"name": subject.name, "content": encoded}


if __name__ == "__main__":
    for target in sys.argv[1:] or target_names():
        write(target)
