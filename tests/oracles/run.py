"""Ask every oracle about thousands of cases; `make oracles` calls this.

usage: run.py [ORACLE...] [--cases N] [--seed N] [--work FOLDER]

Prints one line for each oracle and the table of disagreements with how often each was seen. Exits
with 1 if any case stands in no row; such cases are written to FOLDER, each part to a file.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.oracles.disagreements import DISAGREEMENTS, Disagreement, explaining  # noqa: E402
from tests.oracles.oracle import Ending, Oracle, Part, cases, judged  # noqa: E402
from tests.oracles.table import ORACLES  # noqa: E402

HEAD = ("oracle", "cases", "both verify", "both refuse", "cannot judge", "we refuse, it accepts",
        "WE VERIFY, IT REFUSES")  # fmt: skip


@dataclass
class Tally:
    """What became of the cases of one oracle."""

    endings: int = 0
    both_verify: int = 0
    both_refuse: int = 0
    not_judged: int = 0
    laxer: Counter[str] = field(default_factory=Counter)  # by our reason
    stricter: int = 0
    rows: Counter[Disagreement] = field(default_factory=Counter)
    unexplained: list[Ending] = field(default_factory=list)

    def add(self, name: str, ending: Ending) -> None:
        """Count one ending."""
        self.endings += 1
        if ending.accepted is None:
            self.not_judged += 1
        elif ending.agreed:
            self.both_verify += ending.accepted
            self.both_refuse += not ending.accepted
        else:
            self._add_disagreement(name, ending)

    def _add_disagreement(self, name: str, ending: Ending) -> None:
        if ending.reason:
            self.laxer[ending.reason] += 1
        else:
            self.stricter += 1
        row = explaining(name, ending)
        if row is None:
            self.unexplained.append(ending)
        else:
            self.rows[row] += 1

    def cells(self, name: str) -> tuple[str, ...]:
        """Return the tally's line of the table."""
        lax = ", ".join(f"{reason} {count}" for reason, count in self.laxer.most_common())
        listed = sum(count for row, count in self.rows.items() if not row.reason)
        strict = f"{self.stricter} ({listed} by a section)" if self.stricter else "0"
        counts = (self.endings, self.both_verify, self.both_refuse, self.not_judged)
        return (name, *map(str, counts), lax or "-", strict)


def tallied(oracle: Oracle, count: int, seed: int) -> Tally:
    """Ask an oracle about that many cases."""
    tally = Tally()
    for ending in judged(oracle, list(cases(oracle, count, seed))):
        tally.add(oracle.name, ending)
    return tally


def main() -> int:
    """Ask the oracles; return 1 if a case is judged in two ways and stands in no row."""
    options = _options()
    logging.disable(logging.CRITICAL)  # sigstore-python warns at every call
    tallies: dict[str, Tally] = {}
    _print_row(HEAD)
    for name in options.oracle or ORACLES:
        oracle = ORACLES[name]
        if oracle.missing:
            sys.stdout.write(f"{name}: not asked, {', '.join(oracle.missing)} not found\n")
            continue
        tallies[name] = tallied(oracle, options.cases, options.seed)
        _print_row(tallies[name].cells(name))
        for number, ending in enumerate(tallies[name].unexplained):
            _keep(options.work / f"{name}-{number:03}", name, ending)
    _print_disagreements(tallies)
    return 1 if any(each.unexplained for each in tallies.values()) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Ask other programs about the same cases.")
    parser.add_argument("oracle", nargs="*")
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "oracles")
    return parser.parse_args()


def _print_row(cells: Iterable[str]) -> None:
    sys.stdout.write("| " + " | ".join(cells) + " |\n")
    sys.stdout.flush()


def _print_disagreements(tallies: dict[str, Tally]) -> None:
    sys.stdout.write("\n")
    for row in DISAGREEMENTS:
        asked = [name for name in row.oracles if name in tallies]
        seen = {name: tallies[name].rows[row] for name in asked if tallies[name].rows[row]}
        counts = ", ".join(f"{name} {count}" for name, count in seen.items())
        if asked:
            _print_row((row.reason or "verified", counts or "NOT SEEN", row.why, row.section))


def _keep(folder: Path, name: str, ending: Ending) -> None:
    """Write an unexplained case down and say what it is."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in Part:
        (folder / part.value).write_bytes(getattr(ending.case, part.value))
    case = ending.case
    words = (name, case.recipe, case.changed or "unchanged", ending.reason or "verified",
             ending.verification.detail, "accepted" if ending.accepted else "refused")  # fmt: skip
    (folder / "about").write_text("\n".join((*words, str(case.at), case.about)) + "\n")
    sys.stdout.write(f"IN NO ROW {folder}: {' / '.join(words)[:300]}\n")


if __name__ == "__main__":
    sys.exit(main())
