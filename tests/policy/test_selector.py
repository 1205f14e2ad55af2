"""Which artifacts a policy governs: anchored globs over the fields of facts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigurationError
from core.model import Facts, Location
from policy.engine import compile_policies
from policy.selector import FIELDS

MakeFacts = Callable[..., Facts]

TEXT = """\
apiVersion: countersign/v1
kind: Policy
metadata: {name: example}
applies_to: %s
require: [{id: a, verified: {}}]
"""
OCI = Location("acme/app", "acme/app", "v1.2", "linux/arm64")
APT = Location("bookworm/main", "bash", "5.2.15-2+b7", "amd64")
FILE = Location("downloads", "downloads/app.tar.gz")


def selects(applies_to: str, facts: Facts) -> bool:
    (policy,) = compile_policies({"p.yaml": TEXT % applies_to}, {})
    return policy.applies(facts)


@pytest.mark.parametrize(
    ("repository", "governed"),
    [
        ("acme/app", True),
        ("acme/app/deep/er", True),
        ("acme", False),
        ("acme/", True),
        ("acme-evil/app", False),
        ("evil/acme/app", False),
        ("org-evil", False),
        ("acmé/app", False),
        ("ACME/app", False),
        ("acme/app\n", True),
        ("x\nacme/app", False),
    ],
)
def test_globs_are_anchored_at_both_ends(
    facts: MakeFacts, repository: str, *, governed: bool
) -> None:
    seen = facts(kind="oci", location=Location(repository, "n"))
    assert selects('{any: [{oci: {repository: "acme/**"}}]}', seen) is governed
    assert not selects('{any: [{oci: {repository: "org"}}]}', seen)


@pytest.mark.parametrize(
    ("pattern", "text", "governed"),
    [
        ("org/*", "org/app", True),
        ("org/*", "org-evil/app", False),
        ("org/*", "org/app/inner", False),
        ("*", "org/app", False),
        ("**", "org/app", True),
        ("o.g/app", "org/app", False),
        ("[o]rg/app", "org/app", False),
        ("org/ap?", "org/app", True),
        ("org?app", "org/app", False),
    ],
)
def test_a_star_never_crosses_a_slash(
    facts: MakeFacts, pattern: str, text: str, *, governed: bool
) -> None:
    seen = facts(kind="oci", location=Location(text, "n"))
    assert selects(f'{{any: [{{oci: {{repository: "{pattern}"}}}}]}}', seen) is governed


@pytest.mark.parametrize(
    ("block", "kind", "location", "governed"),
    [
        ('oci: {repository: "acme/*", tags: ["x", "v*"]}', "oci", OCI, True),
        ('oci: {repository: "acme/*", tags: ["x"]}', "oci", OCI, False),
        ("oci: {tag: v1.2, platform: linux/arm64}", "oci", OCI, True),
        ("oci: {platforms: each}", "oci", OCI, True),
        ("oci: {platform: each}", "oci", OCI, False),
        ("oci: {platforms: [linux/amd64]}", "oci", OCI, False),
        ("oci: {}", "oci", OCI, True),
        ("oci: {}", "oci-image", OCI, False),
        ("oci: {}", "apt", APT, False),
        ("apt: {package: 'bas*', suite: bookworm, component: main}", "apt", APT, True),
        ("apt: {repository: 'bookworm/*', architecture: amd64}", "apt", APT, True),
        ("apt: {suite: bookworm-security}", "apt", APT, False),
        ("apt: {suite: 'book*', component: non-free}", "apt", APT, False),
        ("apt: {name: bash, version: '5.*'}", "apt", APT, True),
        ("file_tree: {path: 'downloads/*.tar.gz'}", "file_tree", FILE, True),
        ("file_tree: {path: '*.tar.gz'}", "file_tree", FILE, False),
        ("file_tree: {path: '**.tar.gz'}", "file_tree", FILE, True),
        ("file_tree: {}", "apt", APT, False),
        ('"*": {source: debian, owner: platform, tier: release}', "anything", FILE, True),
        ('"*": {source: other}', "apt", APT, False),
        ('"*": {}', "apt", APT, True),
        ("pypi: {project: 'acme-*'}", "pypi", Location("pypi", "acme-core", "1"), True),
        ("file_tree: {version: '**'}", "file_tree", FILE, True),
        ("file_tree: {version: 'v*'}", "file_tree", FILE, False),
    ],
)
def test_each_field_reads_its_own_fact(
    facts: MakeFacts, block: str, kind: str, location: Location, *, governed: bool
) -> None:
    assert selects(f"{{any: [{{{block}}}]}}", facts(kind=kind, location=location)) is governed


def test_a_suite_may_hold_a_slash(facts: MakeFacts) -> None:
    seen = facts(location=Location("stable/updates/main", "bash"))
    assert selects("{any: [{apt: {suite: stable/updates, component: main}}]}", seen)
    flat = facts(location=Location("flat", "bash"))
    assert selects("{any: [{apt: {suite: flat}}]}", flat)


def test_one_block_is_enough(facts: MakeFacts) -> None:
    applies_to = "{any: [{oci: {}}, {apt: {package: bash}}]}"
    assert selects(applies_to, facts())
    assert not selects(applies_to, facts(location=Location("bookworm/main", "dash")))
    assert selects("everything", facts(kind="whatever", location=Location("", "")))


@given(st.text(max_size=30))
def test_a_plain_pattern_selects_itself_alone(text: str) -> None:
    (policy,) = compile_policies({"p.yaml": TEXT % '{any: [{"*": {name: "acme/app"}}]}'}, {})
    (block,) = policy.selector.blocks
    ((_, fits),) = block.fields
    assert fits(text) == (text == "acme/app")


def test_unknown_kinds_are_refused_where_the_kinds_are_known() -> None:
    text = TEXT % "{any: [{ocii: {}}]}"
    compile_policies({"p.yaml": text}, {})
    with pytest.raises(ConfigurationError, match="did you mean `oci`") as caught:
        compile_policies({"p.yaml": text}, {}, kinds=["oci", "apt"])
    assert (caught.value.line, caught.value.column) == (4, 21)
    known = TEXT % '{any: [{oci: {}}, {"*": {}}]}'
    assert compile_policies({"p.yaml": known}, {}, kinds=["oci"])


@pytest.mark.parametrize(
    "applies_to",
    [
        "{any: [{oci: {}, apt: {}}]}",
        "{any: [{}]}",
        "{any: [{oci: [a]}]}",
        "{any: [oci]}",
        "{all: [{oci: {}}]}",
        "[everything]",
        "{any: [{oci: {repository: " + "a" * 600 + "}}]}",
        "{any: [{oci: {digest: x}}]}",
        "{any: [{oci: {repository: [[a]]}}]}",
    ],
)
def test_a_block_that_means_nothing_is_refused(applies_to: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compile_policies({"p.yaml": TEXT % applies_to}, {})
    assert caught.value.line == 4


def test_every_field_reads_text(facts: MakeFacts) -> None:
    assert all(isinstance(read(facts()), str) for read in FIELDS.values())
