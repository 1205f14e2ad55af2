"""`make interop`: sign with the real tools in every way they offer offline, and verify all of it.

Prints a table of tool, way and outcome, and keeps what was signed below tests/specimens/interop/,
with the table of cases that the tests read. Run by hand where Go or the tools are; never in CI.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.fakes.registry import running_registry
from tests.interop.case_judging import Case, altered, judge, write_cases
from tests.interop.cosign_ways import sign_with_cosign
from tests.interop.layouts import copy_to_disk
from tests.interop.material import Stamping, authority, running_timestamper
from tests.interop.notation_ways import sign_with_notation
from tests.interop.toolbox import Bench, find_tools
from tests.interop.workshop import Workshop
from tests.verification.specimens import private_key

KEPT = Path(__file__).parent.parent / "specimens/interop"
MOST_BYTES = 200 * 1024


def main() -> int:
    """Make, verify, print and keep; return how many cases came out wrong."""
    tools = find_tools()
    root = authority("acme timestamp root", private_key("p256", "interop tsa root"))
    stamping = Stamping.made(root, private_key("p256", "interop tsa"))
    stamper = running_timestamper(stamping)
    with running_registry() as registry, stamper as url, tempfile.TemporaryDirectory() as held:
        folder, fresh = Path(held, "work"), Path(held, "kept")
        (folder / "home").mkdir(parents=True)
        fresh.mkdir()
        shop = Workshop(Bench(tools, folder, registry.host), fresh, url, stamping)
        sign_with_cosign(shop)
        sign_with_notation(shop)
        copy_to_disk(shop)
        at = (datetime.now(UTC) + timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
        wrong = sum(_judge(case, fresh, Path(held), at) for case in shop.cases)
        for tool, way, why in shop.failures:
            _say(tool, way, "the tool does not do it", why)
        write_cases(fresh, shop.cases)
        size = sum(path.stat().st_size for path in fresh.rglob("*") if path.is_file())
        sys.stdout.write(f"{len(shop.cases)} cases, {wrong} wrong, {size} bytes\n")
        assert size <= MOST_BYTES
        shutil.rmtree(KEPT, ignore_errors=True)
        shutil.copytree(fresh, KEPT)
    return wrong


def _judge(case: Case, folder: Path, held: Path, at: str) -> bool:
    """Judge a case and its altered copies, note the reasons, print a line; say if it is wrong."""
    case.at = at
    outcome = judge(case.words(folder))
    if case.expect == "verified":
        with tempfile.TemporaryDirectory(dir=held) as spool:
            copies = altered(case, folder, Path(spool))
            case.altered = {label: judge(words) for label, words in copies}
    is_wrong = outcome != case.expect or "verified" in case.altered.values()
    refused = ", ".join(f"{label}: {reason}" for label, reason in case.altered.items())
    mark = "WRONG " if is_wrong else ""
    _say(case.tool, case.way, outcome, mark + (case.why or refused))
    return is_wrong


def _say(tool: str, way: str, outcome: str, more: str) -> None:
    sys.stdout.write(f"{tool:14}  {way:58}  {outcome:24}  {more}\n")


if __name__ == "__main__":
    sys.exit(main())
