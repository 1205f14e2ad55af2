"""What is weak in how one apt source is configured: found, said, and never honoured."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.apt_suite import Suite
from collectors.apt_trust import NO_SIGNED_BY, NOT_READ, ODD_SIGNED_BY
from core.model import Trust, UnitFinding
from core.text import display

_SHOWN = 300
_OF_TRUST = (  # how a flag of the trust begins → code, what was expected
    (NO_SIGNED_BY, "SIGNED_BY_MISSING", "Signed-By with the archive's own keyring"),
    (NOT_READ, "SIGNED_BY_UNUSABLE", "a keyring that can be read"),
    (ODD_SIGNED_BY, "SIGNED_BY_UNUSABLE", "an absolute path or a fingerprint"),
)


def findings(suite: Suite, trust: Trust | None) -> tuple[UnitFinding, ...]:
    """Return everything that weakens the suite or leaves a part of it unseen, each once."""
    return tuple(dict.fromkeys(_findings(suite, trust)))


def _findings(suite: Suite, trust: Trust | None) -> Iterator[UnitFinding]:
    place = display(suite.place, _SHOWN)
    for flag in suite.flags:
        name = display(flag.partition("=")[0], _SHOWN)
        detail = f"{place} asks for {display(flag, _SHOWN)}, which is not honoured"
        expected = f"no option {name}"
        yield UnitFinding("SOURCE_OPTION_WEAK", detail, expected, display(flag, _SHOWN))
    for flag in trust.flags if trust is not None else ():
        for start, reason, expected in _OF_TRUST:
            if flag.startswith(start):
                found = display(flag.removeprefix(start).lstrip(" :") or flag, _SHOWN)
                yield UnitFinding(reason, f"{place}: {display(flag, _SHOWN)}", expected, found)
    for source in suite.source_places:
        detail = f"{display(source, _SHOWN)} offers source packages, which are not scanned"
        yield UnitFinding("SOURCE_PACKAGES_UNSEEN", detail, "entries of the type deb", "deb-src")
