"""Fuzz one target, guided by coverage (atheris) where that is installed; `make fuzz` calls this.

usage: run.py TARGET... [--seconds N] [--work FOLDER] [--seed N] [--seeds FOLDER]

Each find is written to FOLDER/finds/, to be mended and put into the corpus with `--keep NAME FILE`.
Without atheris the same mutants are tried blindly, new endings kept as seeds.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
MOST_BYTES = 64 * 1024
MOST_SEEDS = 200
FOREIGN = frozenset({"foreign", "MalformedError", "MALFORMED"})
MEASURED = ["core", "verification", "collectors", "net", "policy", "jobs"]


def main() -> int:
    """Fuzz the targets one after the other; return 1 if anything was found."""
    options = _options()
    if options.keep:
        return _keep(*options.keep)
    if len(options.target) == 1 and options.child:
        return _child(options.target[0], options)
    from tests.fuzz.targets import target_names

    found = 0
    for name in options.target or target_names():
        words = [sys.executable, __file__, name, "--child", "--seconds", str(options.seconds),
                 "--work", str(options.work), "--seed", str(options.seed),
                 *(["--seeds", str(options.seeds)] if options.seeds else [])]  # fmt: skip
        found |= subprocess.run(words, cwd=ROOT, check=False).returncode
    return 1 if found else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fuzz the readers of untrusted bytes.")
    parser.add_argument("target", nargs="*")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=Path, metavar="FOLDER", help="files to begin with as well")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "fuzz")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--keep", nargs=2, metavar=("TARGET", "FILE"), help="add to the corpus")
    return parser.parse_args()


class Session:
    """One target being fuzzed: counts, notes each kind of find once, and goes on."""

    def __init__(self, name: str, folder: Path) -> None:
        from tests.fuzz.targets import load

        self.target, self.folder = load(name), folder
        self.runs, self.endings = 0, dict[str, int]()
        self.finds: set[str] = set()

    def once(self, content: bytes) -> str:
        """Run one input; say how it ended."""
        from tests.fuzz.targets import attempt

        self.runs += 1
        try:
            ending = attempt(self.target, content)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - a panic of Rust is no Exception
            ending = self._note(error, content)
        self.endings[ending] = self.endings.get(ending, 0) + 1
        return ending

    def _note(self, error: BaseException, content: bytes) -> str:
        last = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__}-{Path(last.filename).stem}-{last.lineno}"
        if kind not in self.finds:
            self.finds.add(kind)
            folder = self.folder / "finds"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{self.target.name}-{kind}").write_bytes(content)
            words = "".join(traceback.format_exception(error))
            (folder / f"{self.target.name}-{kind}.txt").write_text(words)
        return f"FOUND {kind}"

    def report(self, seconds: float) -> None:
        """Print one line: what ran, how long, how it ended."""
        said = ", ".join(f"{name} {count}" for name, count in sorted(self.endings.items()))
        sys.stdout.write(f"{self.target.name}\t{seconds:.0f} s\t{self.runs} runs\t{said}\n")
        sys.stdout.flush()


def _seeds(session: Session, folder: Path | None) -> list[bytes]:
    """Return the corpus, and of a folder the files that the target takes for its own."""
    seeds = list(session.target.inputs.values())
    paths = sorted(folder.rglob("*")) if folder is not None else []
    for path in paths:
        if path.is_file() and path.stat().st_size <= MOST_BYTES:
            content = path.read_bytes()
            ending = session.once(content)
            if ending not in FOREIGN and len(seeds) < MOST_SEEDS:
                seeds.append(content)
    return seeds


def _child(name: str, options: argparse.Namespace) -> int:
    try:
        atheris: Any = importlib.import_module("atheris")  # `make fuzz` alone installs it
    except ImportError:
        return _blind(name, options)
    with atheris.instrument_imports(include=MEASURED):
        import tests.fuzz.readers
    del tests.fuzz.readers
    from tests.fuzz.mutation import mutant

    session = Session(name, options.work)
    kept = options.work / "corpus" / name
    kept.mkdir(parents=True, exist_ok=True)
    seeds, began = _seeds(session, options.seeds), time.monotonic()
    for number, content in enumerate(seeds):
        (kept / f"seed-{number}").write_bytes(content)

    def change(content: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.5:
            return bytes(atheris.Mutate(content, most))
        return mutant(content, seeds, chance)[:most]

    def run(content: bytes) -> None:
        session.once(content)
        if time.monotonic() - began >= options.seconds:
            session.report(time.monotonic() - began)
            sys.stdout.flush()
            os._exit(1 if session.finds else 0)  # libFuzzer's own end prints its statistics

    words = [sys.argv[0], str(kept), f"-max_len={MOST_BYTES}", "-timeout=20", "-verbosity=0",
             "-print_final_stats=0", f"-seed={options.seed}", "-rss_limit_mb=2500"]  # fmt: skip
    words.append(f"-artifact_prefix={options.work}/hang-{name}-")
    atheris.Setup(words, run, custom_mutator=change)
    atheris.Fuzz()
    return 0


def _blind(name: str, options: argparse.Namespace) -> int:
    from tests.fuzz.mutation import mutant

    session, chance = Session(name, options.work), random.Random(options.seed)
    seeds, began = _seeds(session, options.seeds), time.monotonic()
    while time.monotonic() - began < options.seconds:
        content = mutant(chance.choice(seeds), seeds, chance)[:MOST_BYTES]
        ending = session.once(content)
        if session.endings[ending] == 1:
            seeds.append(content)
    session.report(time.monotonic() - began)
    return 1 if session.finds else 0


def _keep(name: str, file: str) -> int:
    """Put a find into the corpus, as short a name as tells it apart."""
    from tests.fuzz.targets import CORPUS, packed

    path = CORPUS / f"{name}.json"
    document = json.loads(path.read_text())
    count = sum(key.startswith("found") for key in document["inputs"])
    document["inputs"][f"found-{count + 1}"] = packed(Path(file).read_bytes())
    path.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
