"""Copy the tree and start `tests.guards.deletion` in the copy; `make guards` calls this.

usage: python -m tests.guards.run [TEXT]    with a text, only guards whose file or tests hold it
"""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from py_compile import PycInvalidationMode

ROOT = Path(__file__).parent.parent.parent
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "build", "run")


def main() -> None:
    """Exit with what the deletions exit with."""
    with tempfile.TemporaryDirectory(prefix="countersign-guards-") as made:
        folder = Path(made) / "tree"
        shutil.copytree(ROOT, folder, ignore=_LEFT_OUT)
        # By content, not by time and size: a deletion may leave both as they were.
        by_content = PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(folder, quiet=1, invalidation_mode=by_content)
        command = [sys.executable, "-m", "tests.guards.deletion", *sys.argv[1:2]]
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=folder, check=False, env=environment)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
