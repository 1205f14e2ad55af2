"""Nothing is kept of what was verified but what a bounded cache holds."""

from __future__ import annotations

import functools
import gc
import importlib
import json
import pkgutil
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

import pytest

import core
import verification
from core.model import Evidence, Outcome, Trust, TrustEntry, digest_of
from tests.verification import specimens
from tests.verification.sigstore.sigstore_world import ACME, Making
from tests.verification.x509 import x509_material
from verification import FORMATS
from verification.predicates import VIEWS
from verification.verifier import verify

MOST_KEPT = 2048
# The only caches without a bound: their keys are those of a table of ours, for others raise.
TABLES = {
    "verification.verifier.format_named": FORMATS,
    "verification.predicates._resolved": VIEWS,
}
TIMES = 40
SPARE = 64 * 1024  # bytes; one certificate kept for each verification would be five times that


def modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def caches() -> dict[str, functools._lru_cache_wrapper[object]]:
    return {
        f"{each.__module__}.{each.__qualname__}": each
        for package in (core, verification)
        for module in modules(package)
        for each in vars(module).values()
        if isinstance(each, functools._lru_cache_wrapper)
        and each.__module__.split(".")[0] in ("core", "verification")
    }


def test_every_cache_is_bounded() -> None:
    unbounded = {name for name, each in caches().items() if each.cache_info().maxsize is None}
    assert unbounded == TABLES.keys()
    sizes = [each.cache_info().maxsize or 0 for name, each in caches().items()]
    assert max(sizes) <= MOST_KEPT


@pytest.mark.parametrize("name", TABLES)
def test_a_cache_without_a_bound_keeps_nothing_that_is_not_in_its_table(name: str) -> None:
    kept = caches()[name]
    with pytest.raises(KeyError):
        kept("none of ours")
    assert kept.cache_info().currsize <= len(TABLES[name])


def pieces(start: int) -> Iterator[tuple[Evidence, TrustEntry]]:
    """Yield evidence that nobody has seen before, and what it verifies under."""
    for number in range(start, start + TIMES):
        content = f"artifact {number}\n".encode() * 9
        subject = specimens.artifact(content)
        key = specimens.private_key("p256", f"flat {number}")
        entry = specimens.key_entry(key)
        yield specimens.evidence(specimens.sign(key, content), subject), entry
        stated = specimens.envelope(specimens.statement(digest_of(content)), key)
        yield specimens.evidence(json.dumps(stated).encode(), subject), entry
        own = replace(Making(), name=f"flat {number}")
        bundle = json.dumps(ACME.message(content, own)).encode()
        yield specimens.evidence(bundle, subject), ACME.entry()
        who = x509_material.identity(name=f"flat {number}")
        info = x509_material.signer_info(who, content)
        cms = x509_material.signed_data((info,), (who.certificate,), None)
        yield specimens.evidence(cms, subject), specimens.authority_entry(x509_material.ROOT)


def test_memory_is_flat_over_changing_input() -> None:
    *warming, last = (list(pieces(TIMES * turn)) for turn in range(4))
    tracemalloc.start()
    try:
        for each in warming:  # loads what is loaded once
            before = held_after(each)
        assert held_after(last) - before < SPARE
    finally:
        tracemalloc.stop()


def held_after(offered: list[tuple[Evidence, TrustEntry]]) -> int:
    verify_all(offered)
    for each in caches().values():
        each.cache_clear()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def altered_at_the_end(content: bytes) -> bytes:
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


def verify_all(offered: list[tuple[Evidence, TrustEntry]]) -> None:
    for number, (evidence, entry) in enumerate(offered):
        setting = specimens.setting(entry)
        assert verify(evidence, setting).outcome is Outcome.VERIFIED
        stranger = offered[number - 4][1]
        altered = replace(evidence, content=altered_at_the_end(evidence.content))
        assert verify(altered, replace(setting, trust=Trust((stranger,)))).outcome is not (
            Outcome.VERIFIED
        )
