"""What each format costs for a MiB of evidence, at the limit and of the worst kinds we know.

Processor time of one verification, hashing of artifacts apart: those are a few bytes here, save
where the evidence lies inside (an archive, a package) and its size is that of the evidence in it.
"""

from __future__ import annotations

import base64
import functools
import gc
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from core.cosign_container import SIMPLE_SIGNING, container
from core.limits import MIB
from core.model import Evidence, MemoryContent, TrustEntry, TrustKind, digest_of
from tests.bench import evidence_signed
from tests.bench.evidence_case import LIMITS, Case, Worst, case
from tests.bench.measure import Report, cpu_seconds
from tests.verification.archives.rpm_material import Row, assembled, packages, rows, written
from tests.verification.index_specimens import (
    NAME,
    attestation,
    npm_document,
    npm_provenance,
    provenance,
)
from tests.verification.index_specimens import (
    statement as index_statement,
)
from tests.verification.keys.registry_specimens import keys_entry, release
from tests.verification.models import model_specimens
from tests.verification.notation.notation_specimens import cose, jws, target
from tests.verification.openpgp.openpgp_material import gnupg
from tests.verification.sigstore.sigstore_world import ACME
from tests.verification.specimens import (
    CONTENT,
    artifact,
    authority_entry,
    envelope,
    evidence,
    key_entry,
    private_key,
    setting,
    sign,
)
from tests.verification.x509 import x509_material
from verification.archives.rpm_package import read_package
from verification.readers import json_document
from verification.verifier import format_named, verify

MOST_MILLISECONDS = 100
OURS = ("core.", "verification.")
SPARE = 128 * 1024  # what stands around the filling
SLSA = "https://slsa.dev/provenance/v1"
KEY = private_key("p256", "cost")


def run(report: Report, size: int, rounds: int) -> None:
    """Measure every kind with `size` bytes of evidence; the least of the rounds counts."""
    for worst in KINDS:
        offered, under = worst.make(size - SPARE)
        assert format_named(worst.format).recognises(offered), worst
        taken = []
        for _ in range(rounds):
            _forget()
            taken.append(cpu_seconds(lambda: verify(offered, under)))  # noqa: B023 - called at once
        counted = offered.content if not offered.is_inside else _whole(offered)
        mib = (len(counted) + len(offered.hint)) / MIB
        said = verify(offered, under).reason or "verified"
        name = f"{worst.format}: {worst.kind} ({mib:.1f} MiB, {said})"
        values = [each * 1000 / mib for each in taken]
        report.add("evidence", name, "ms/MiB", values, f"<= {MOST_MILLISECONDS}")


def _forget() -> None:
    """Empty what readers keep of what they read last."""
    for each in (json_document._EVIDENCE, json_document._STATEMENT):
        each._kept = None
    for each in gc.get_objects():
        if isinstance(each, functools._lru_cache_wrapper) and each.__module__.startswith(OURS):
            each.cache_clear()


def _whole(offered: Evidence) -> bytes:
    assert offered.subject.content is not None
    return b"".join(offered.subject.content.chunks())


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


# --- fillings -------------------------------------------------------------------------------------


def _deep(size: int) -> Any:
    """Return small lists nested as deep as may be, many times over."""
    nested: Any = 1
    for _ in range(40):
        nested = [nested]
    return [nested] * min(size // 90, 4_800)


def _numbers(_size: int) -> Any:
    return [1.5] * 190_000


def _text(size: int) -> Any:
    return "x" * size


def _escaped(size: int) -> Any:
    return "\u00e9\u202e\n" * (size // 14)


def _objects(size: int) -> Any:
    return [{"name": f"n{number}", "v": "y" * (size // 30_000 - 34)} for number in range(30_000)]


def _deep_objects(_size: int) -> Any:
    """Return objects and lists in turn, nested deep: the most containers in a byte."""
    nested: Any = 1
    for _ in range(24):
        nested = {"": [nested]}
    return [nested] * (190_000 // 49)


def _empty_objects(_size: int) -> Any:
    return [{}] * 190_000


def _single_fields(_size: int) -> Any:
    return [{"": 1}] * 95_000


FILLINGS: Mapping[str, Callable[[int], Any]] = {
    "deep": _deep, "deep objects": _deep_objects, "empty objects": _empty_objects,
    "single fields": _single_fields, "numbers": _numbers, "text": _text, "escapes": _escaped,
    "objects": _objects,
}  # fmt: skip


def _subjects(size: int) -> list[dict[str, Any]]:
    count = min(size // 130, 45_000)
    filled = "x" * (size // count - 120)
    others = [{"name": f"{filled}{number}", "digest": {"sha256": f"{number:064x}"}}
              for number in range(count)]  # fmt: skip
    own = {"name": "app", "digest": {"sha256": hashlib.sha256(CONTENT).hexdigest()}}
    return [*others, own]


def _statement(subjects: Any, predicate: Any) -> dict[str, Any]:
    kind = {"_type": "https://in-toto.io/Statement/v1", "predicateType": SLSA}
    return {**kind, "subject": subjects, "predicate": predicate}


def _filled(filling: Callable[[int], Any], size: int) -> dict[str, Any]:
    own = [{"name": "app", "digest": {"sha256": hashlib.sha256(CONTENT).hexdigest()}}]
    return _statement(own, {"buildDefinition": {"externalParameters": {"x": filling(size)}}})


# --- formats --------------------------------------------------------------------------------------


def _dsse(filling: Callable[[int], Any], signers: int = 1) -> Callable[[int], Case]:
    def make(size: int) -> Case:
        keys = [private_key("p256", f"cost {number}") for number in range(signers)]
        stated = _filled(filling, size * 3 // 4)
        return case(_json(envelope(stated, *keys)), key_entry(keys[-1]))

    return make


def _many_subjects(size: int) -> Case:
    stated = _statement(_subjects(size * 3 // 4), {})
    return case(_json(envelope(stated, KEY)), key_entry(KEY))


def _bundle(filling: Callable[[int], Any]) -> Callable[[int], Case]:
    def make(size: int) -> Case:
        content = _json(ACME.statement(_json(_filled(filling, size * 3 // 4))))
        return case(content, ACME.entry())

    return make


def _beside(filling: Callable[[int], Any]) -> Callable[[int], Case]:
    """Return a bundle with the filling in a field of its own."""
    return lambda size: case(_json(ACME.message(CONTENT) | {"x": filling(size)}), ACME.entry())


def _model(listed: Callable[[int], Any]) -> Callable[[int], Case]:
    def make(size: int) -> Case:
        made = model_specimens
        content = _json(made.bundle(made.statement(listed(size * 3 // 4))))
        return evidence(content, made.folder()), setting(key_entry(made.KEY))

    return make


def _resources(size: int) -> list[dict[str, Any]]:
    count = min(size // 130, 60_000)
    return [{"name": f"weights/{number:06d}{'x' * (size // count - 130)}", "algorithm": "sha256",
             "digest": f"{number:064x}"} for number in range(count)]  # fmt: skip


def _shards(size: int) -> list[dict[str, Any]]:
    count = min(size // 160, 60_000)
    name = f"weights/a{'x' * (size // count - 190)}"
    return [
        {
            "name": f"{name}:{number * 16}:{number * 16 + 16}",
            "algorithm": "sha256",
            "digest": f"{number:064x}",
        }
        for number in range(count)
    ]


def _pep740(size: int) -> Case:
    each = (size * 9 // 16) // LIMITS.signatures - 4000
    made = [attestation(index_statement(predicate={"x": "y" * each}))] * LIMITS.signatures
    return case(_json(provenance(*made)), ACME.entry(), subject=artifact(name=NAME))


def _attestation(filling: Callable[[int], Any]) -> Callable[[int], Case]:
    def make(size: int) -> Case:
        made = attestation(index_statement(predicate={"x": filling(size * 3 // 4)}))
        return case(_json(made), ACME.entry(), subject=artifact(name=NAME))

    return make


def _npm(size: int) -> Case:
    each = (size * 9 // 16) // LIMITS.signatures - 4000
    made = npm_provenance(predicate={"x": "y" * each})
    return case(_json(npm_document(*[made] * LIMITS.signatures)), ACME.entry())


def _npm_release(filling: Callable[[int], Any]) -> Callable[[int], Case]:
    return lambda size: case(_json(release(x=filling(size))), keys_entry())


def _notation(make: Callable[..., bytes]) -> Callable[[int], Case]:
    def made(size: int) -> Case:
        held = target(annotations={"x": "y" * (size * 7 // 10)})
        return case(make(payload=held), authority_entry(x509_material.ROOT))

    return made


def _simple(filling: Callable[[int], Any]) -> Callable[[int], Case]:
    def make(size: int) -> Case:
        critical = {
            "identity": {"docker-reference": "x"},
            "image": {"docker-manifest-digest": str(digest_of(CONTENT))},
            "type": "cosign container image signature",
        }
        payload = _json({"critical": critical, "optional": {"x": filling(size * 3 // 4)}})
        encoded = base64.b64encode(sign(KEY, payload)).decode()
        annotations = {"dev.cosignproject.cosign/signature": encoded}
        return case(container(SIMPLE_SIGNING, payload, annotations), key_entry(KEY))

    return make


def _blob(filling: Callable[[int], Any]) -> Callable[[int], Case]:
    signature = base64.b64encode(sign(KEY, CONTENT)).decode()
    document = {"base64Signature": signature}
    return lambda size: case(
        _json(document | {"rekorBundle": {"x": filling(size // 2)}}), key_entry(KEY)
    )


def _cosign_attestation(size: int) -> Case:
    held = _json(envelope(_statement(_subjects(size * 9 // 16), {}), KEY))
    kind = "application/vnd.dsse.envelope.v1+json"
    return case(container(kind, held, {}), key_entry(KEY))


def _openpgp(mode: str, times: int, line: bytes = b"x" * 70 + b"\n") -> Callable[[int], Case]:
    def make(size: int) -> Case:
        with gnupg() as gpg:
            gpg.key("cost", "rsa2048")
            text = line * (size // len(line))
            (gpg.home / "text").write_bytes(text)
            made = gpg.sign("cost", mode=mode)
            ring = TrustEntry("ring", TrustKind.KEYRING, gpg.export("cost"), "")
        return evidence(made * times, artifact(text[:100])), setting(ring)

    return make


def _rpm(size: int) -> Case:
    made = packages()
    content = made.signed["ed"]
    read = read_package(MemoryContent(content), LIMITS)
    more = [Row(number, 6, 1, b"x" * (size // 9_000) + b"\0") for number in range(30_000, 39_000)]
    header = written(63, [*rows(read.header), *more])
    rest = content[read.start :]
    whole = assembled(content[:96], read.signatures.raw, header + rest)
    ring = TrustEntry("ring", TrustKind.KEYRING, made.keyring(), "ring")
    return x509_material.inside(whole), setting(ring)


def _archive(entries: Mapping[str, bytes], name: str) -> Case:
    return x509_material.inside(x509_material.plain_archive(entries, 0), name), setting(
        authority_entry(x509_material.ROOT)
    )


def _nuget(size: int) -> Case:
    files = {f"lib/{number:06d}{'x' * 60}": b"" for number in range(size // 270)}
    signed = x509_material.signed_package(
        x509_material.identity("rsa-2048", x509_material.CODE), files={"a.nuspec": b"x"} | files
    )
    return x509_material.inside(signed), setting(authority_entry(x509_material.ROOT))


def _jar(size: int) -> Case:
    digest = base64.b64encode(hashlib.sha256(b"").digest()).decode()
    count = size // 400
    names = [f"pkg/{number:06d}.class" for number in range(count)]
    manifest = "Manifest-Version: 1.0\r\n\r\n" + "".join(
        f"Name: {name}\r\nSHA-256-Digest: {digest}\r\n\r\n" for name in names
    )
    whole = base64.b64encode(hashlib.sha256(manifest.encode()).digest()).decode()
    instruction = f"Signature-Version: 1.0\r\nSHA-256-Digest-Manifest: {whole}\r\n\r\n".encode()
    who = x509_material.identity("p256", x509_material.CODE)
    info = x509_material.signer_info(who, instruction)
    block = x509_material.signed_data((info,), (who.certificate,), None)
    files = {"META-INF/MANIFEST.MF": manifest.encode(), "META-INF/A.SF": instruction,
             "META-INF/A.EC": block} | dict.fromkeys(names, b"")  # fmt: skip
    return _archive(files, "app.jar")


def _kinds() -> Iterator[Worst]:
    for name, filling in FILLINGS.items():
        yield Worst("dsse", name, _dsse(filling))
        yield Worst("sigstore-bundle", name, _bundle(filling))
        yield Worst("sigstore-bundle", f"{name} in a field of its own", _beside(filling))
        yield Worst("npm-signature", name, _npm_release(filling))
        yield Worst("cosign-simple-signing", name, _simple(filling))
        yield Worst("cosign-blob", name, _blob(filling))
    yield Worst("dsse", "64 signatures", _dsse(_text, LIMITS.signatures))
    yield Worst("dsse", "subjects", _many_subjects)
    yield Worst("cosign-attestation", "subjects", _cosign_attestation)
    yield Worst("model-signing", "files", _model(_resources))
    yield Worst("model-signing", "shards", _model(_shards))
    for name, filling in FILLINGS.items():
        yield Worst("pep740-attestation", name, _attestation(filling))
    yield Worst("pep740-provenance", "64 attestations", _pep740)
    yield Worst("npm-attestations", "64 attestations", _npm)
    yield Worst("notation-jws", "annotations", _notation(jws))
    yield Worst("notation-cose", "annotations", _notation(cose))
    yield Worst("openpgp-cleartext", "long text", _openpgp("--clearsign", 1))
    yield Worst("openpgp-cleartext", "short lines", _openpgp("--clearsign", 1, b"x\n"))
    yield Worst("rpm", "entries", _rpm)
    yield Worst("nuget", "entries", _nuget)
    yield Worst("jar", "entries", _jar)
    yield from evidence_signed.kinds()


KINDS = tuple(_kinds())
