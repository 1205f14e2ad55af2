"""What exists is documented, and what is documented exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import click
import pytest

from app import countersign
from collectors import COLLECTORS
from core.reasons import REASONS, Reason
from dashboard import PAGES
from verification import FORMATS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


@pytest.mark.parametrize(("name", "command"), list(commands(countersign)), ids=str)
def test_every_command_is_documented_and_helps(name: str, command: click.Command) -> None:
    assert f"`{name}" in (DOCS / "commands.md").read_text()
    assert command.get_help(click.Context(command, info_name=name)).startswith("Usage:")


def test_every_option_of_verify_is_documented() -> None:
    text = (DOCS / "verify.md").read_text()
    options = {word for one in dict(commands(countersign))["verify"].params for word in one.opts}
    assert not [one for one in options if one.startswith("--") and one not in text]


@pytest.mark.parametrize(
    "reason", [reason for reason in REASONS.values() if reason.command], ids=lambda one: one.code
)
def test_every_reason_names_a_command_that_there_is(reason: Reason) -> None:
    program, *words = reason.command.split()
    assert program == "countersign"
    known = dict(commands(countersign))
    name = next(one for one in (" ".join(words[:2]), words[0]) if one in known)
    options = {word for one in known[name].params for word in one.opts}
    assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("kind", COLLECTORS)
def test_every_collector_is_documented(kind: str) -> None:
    text = (DOCS / "collectors.md").read_text().partition(f"## `{kind}`")[2].partition("\n## ")[0]
    for name, option in resolve_name(COLLECTORS[kind]).Options.model_fields.items():
        assert f"`{option.alias or name}`" in text, name


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_documented(name: str) -> None:
    assert f"`{name}`" in (DOCS / "formats.md").read_text()


@pytest.mark.parametrize("entry", PAGES)
def test_every_page_is_documented(entry: str) -> None:
    assert f"## {resolve_name(entry).title}\n" in (DOCS / "pages.md").read_text()


def test_every_dependency_is_explained() -> None:
    text = (DOCS / "dependencies.md").read_text()
    for file in ("requirements.in", "requirements-dev.in"):
        for line in (ROOT / file).read_text().splitlines():
            name = re.match(r"[a-z][a-z0-9-]*", line)
            if name:
                assert name[0] in text, name[0]


@pytest.mark.parametrize("page", [*DOCS.rglob("*.md"), ROOT / "README.md"], ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target
