"""rpmkeys: signed packages. Debian's release reads packages of versions 3 and 4, none of 6."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from core.errors import MalformedError, TooLargeError
from core.model import Evidence, TrustKind
from tests.oracles.asking import each_asked, entry
from tests.oracles.changes import bit_flipped, bytes_changed, packets_changed
from tests.oracles.oracle import Case, Oracle, Part
from tests.verification.archives.rpm_material import TOOLS, Row, assembled, packages, rows, written
from tests.verification.specimens import setting
from tests.verification.x509.x509_material import inside
from verification.archives.rpm_header import (
    IMMUTABLE_REGION,
    LEAD_BYTES,
    PREAMBLE_BYTES,
    SIGNATURES_REGION,
    Header,
    header_size,
    read_header,
)
from verification.format import Setting

MOST = 1 << 20  # of entries and bytes of a header to be changed
ALGORITHMS = ("sha256", "sha384", "sha512")


def _recipes() -> dict[str, Callable[[], Case]]:
    made: dict[str, Callable[[], Case]] = {}
    for name in ("rsa", "ed", "sub", "other", "both", "sha1"):
        made[name] = lambda name=name: _case(packages().signed[name])  # type: ignore[misc]
    for name in ("rsa", "ed"):
        for algorithm in ALGORITHMS:
            made[f"{name} with {algorithm}"] = lambda n=name, a=algorithm: _case(  # type: ignore[misc]
                packages().sign(n, "-D", f"_gpg_digest_algo {a}")
            )
    made["unsigned"] = lambda: _case(packages().plain)
    return made


def _case(package: bytes) -> Case:
    return Case(b"", package, packages().keyring())


def header_changed(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Leave out, repeat, alter or take from another package one entry of one of the headers."""
    try:
        first, second, payload = _parts(content)
    except (MalformedError, TooLargeError):
        return bytes_changed(content, others, chance)
    is_first = chance.random() < 0.6
    entries = rows(first if is_first else second)
    if not entries:
        return bytes_changed(content, others, chance)
    place = chance.randrange(len(entries))
    row = entries[place]
    kind = chance.randrange(6)
    if kind == 0:
        del entries[place]
    elif kind == 1:
        entries.insert(place, row)
    elif kind == 2:
        entries[place] = Row(row.tag ^ 1, row.type, row.count, row.value)
    else:
        change = chance.choice((bytes_changed, bit_flipped, packets_changed))
        entries[place] = Row(row.tag, row.type, row.count, change(row.value, (), chance))
    heads = [rows(first), rows(second)]
    heads[0 if is_first else 1] = entries
    rest = written(IMMUTABLE_REGION, heads[1]) + payload
    return assembled(content[:LEAD_BYTES], written(SIGNATURES_REGION, heads[0]), rest)


def _parts(content: bytes) -> tuple[Header, Header, bytes]:
    first, start = _header(content, LEAD_BYTES, SIGNATURES_REGION)
    second, end = _header(content, start + -start % 8, IMMUTABLE_REGION)
    return first, second, content[end:]


def _header(content: bytes, start: int, region: int) -> tuple[Header, int]:
    """Read the header that starts there; say where it ends."""
    preamble = content[start : start + PREAMBLE_BYTES]
    size = header_size(preamble, what="header", most_entries=MOST, most_bytes=MOST)
    return read_header(content[start : start + size], region, what="header"), start + size


def _offered(case: Case) -> tuple[Evidence, Setting]:
    return inside(case.artifact), setting(entry(TrustKind.KEYRING, case), now=case.at)


RPMKEYS = Oracle(
    "rpmkeys",
    TOOLS,
    _recipes(),
    {Part.ARTIFACT: (bytes_changed, bit_flipped, bit_flipped, header_changed, header_changed)},
    _offered,
    each_asked(lambda case: packages().accepts(case.artifact)),
)
