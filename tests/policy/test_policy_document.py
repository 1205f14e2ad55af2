"""The policy file: every mistake is one error with path, line, column and a fix."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigurationError
from policy.document import PolicyDocument
from policy.engine import compile_policies

GOOD = """\
apiVersion: countersign/v1
kind: Policy
metadata: {name: example, owner: team, controls: [ssdf/PS.2.1], title: An example}
mode: warn
applies_to:
  any:
  - oci: {repository: "acme/**", tags: ["v*"], platforms: each}
  - apt: {package: bash, suite: bookworm}
require:
- id: signed
  title: It is signed
  solution: Sign it
  verified: {}
on_error: {keep_last_for: 24h, then: unknown}
waivers: []
tests: []
"""


def complaint(text: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        compile_policies({"p.yaml": text}, {})
    assert caught.value.path == "p.yaml"
    assert caught.value.line >= 1
    assert caught.value.column >= 1
    return caught.value


def test_the_whole_language_as_built_compiles() -> None:
    (policy,) = compile_policies({"p.yaml": GOOD}, {})
    assert (policy.name, policy.title, policy.owner) == ("example", "An example", "team")
    assert policy.controls == ("ssdf/PS.2.1",)
    assert policy.keep_last_for.total_seconds() == 86400
    assert [(one.id, one.title) for one in policy.requirements] == [("signed", "It is signed")]


@pytest.mark.parametrize(
    ("old", "new", "message", "place"),
    [
        ("apiVersion: countersign/v1", "apiVersion: countersign/v2", "apiVersion", (1, 1)),
        ("kind: Policy", "kind: Polcy", "`kind`: must be one of 'Policy'", (2, 1)),
        ("kind: Policy\n", "", "`kind` is missing", (1, 1)),
        ("mode: warn", "mood: warn", "unknown key `mood`; did you mean `mode`?", (4, 1)),
        ("mode: warn", "mode: block", "`mode`: must be one of", (4, 1)),
        ("owner: team", "ownr: team", "did you mean `owner`?", (3, 27)),
        ("name: example", "name: Example!", "`metadata.name`: must have the form", (3, 12)),
        ("name: example", "name: 12", "`metadata.name` must be text", (3, 12)),
        ("ssdf/PS.2.1", "PS.2.1", "controls", (3, 51)),
        ("package: bash", "pakage: bash", "did you mean `package`?", (8, 11)),
        ("package: bash", "package: ''", "at least 1 characters", (8, 11)),
        ("package: bash", "package: []", "at least 1 entries", (8, 11)),
        ("package: bash", "package: 1.0", "must be a list", (8, 11)),
        ("package: bash", "package: {regex: .*}", "must be a list", (8, 11)),
        ('tags: ["v*"]', "tags: [1.0]", "put it in quotes", (7, 41)),
        ("- apt: {", "- {oci: {}, apt: {", "not YAML", (9, 1)),
        ("id: signed", "id: 'Signed it'", "`require[0].id`: must have the form", (10, 3)),
        ("- id: signed\n  title", "- title", "`require[0].id` is missing", (10, 3)),
        ("verified: {}", "verifed: {}", "did you mean `verified`?", (13, 3)),
        ("verified: {}", "signed-by: {}", "did you mean `signed_by`?", (13, 3)),
        ("  verified: {}\n", "", "it demands nothing", (10, 3)),
        ("verified: {}", "verified: {contested: no}", "contested", (13, 14)),
        ("verified: {}", "verified: {contestd: warn}", "did you mean `contested`?", (13, 14)),
        ("verified: {}", "verified: true", "must be a mapping", (13, 3)),
        ("verified: {}", "cel: ''", "at least 1 characters", (13, 3)),
        ("verified: {}", "cel: true", "must be text", (13, 3)),
        ("verified: {}", "any: []", "at least 1 entries", (13, 3)),
        ("verified: {}", "any: [{}]", "at least 1 entries", (13, 9)),
        ("verified: {}", "any: [{verified: {}, verifie: {}}]", "mean `verified`?", (13, 24)),
        ("24h", "1 day", "a duration is a whole number and a unit", (14, 12)),
        ("then: unknown", "then: passed", "`on_error.then`", (14, 32)),
    ],
)  # fmt: skip
def test_a_mistake_has_a_place_and_a_fix(
    old: str, new: str, message: str, place: tuple[int, int]
) -> None:
    assert old in GOOD
    error = complaint(GOOD.replace(old, new, 1))
    assert message in error.message
    assert (error.line, error.column) == place


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("verified: {}", "provenance: {predicate: slsa/v1}", "provenance"),
        ("verified: {}", "no_downgrade: {within: major}", "no_downgrade"),
        ("verified: {}", "device: {state: compliant}", "device"),
        ("verified: {}", "when: signer.kind == 'human'", "when"),
        ("verified: {}", "any: [{device: {}}]", "device"),
        ("waivers: []", "waivers: [{id: SEC-1}]", "waivers"),
        ("tests: []", "tests: [{name: x}]", "tests"),
    ],
)
def test_what_is_not_built_yet_says_so_and_is_never_ignored(old: str, new: str, key: str) -> None:
    error = complaint(GOOD.replace(old, new, 1))
    assert "not supported yet" in error.message
    row = GOOD.replace(old, new, 1).split("\n")[error.line - 1]
    assert row[error.column - 1 :].startswith(key)


def test_an_empty_require_is_an_error() -> None:
    text = GOOD[: GOOD.index("require:")]
    assert "`require`: must have at least 1 entries" in complaint(text + "require: []\n").message
    assert "`require` is missing" in complaint(text).message


def test_two_requirements_never_share_an_id() -> None:
    error = complaint(GOOD.replace("on_error", "- {id: signed, verified: {}}\non_error"))
    assert "two requirements have the id `signed`" in error.message
    assert (error.line, error.column) == (14, 4)


def test_governing_everything_must_be_said() -> None:
    start, end = GOOD.index("applies_to"), GOOD.index("require:")
    assert "`applies_to` is missing" in complaint(GOOD[:start] + GOOD[end:]).message
    wrong = complaint(GOOD[:start] + "applies_to: all\n" + GOOD[end:])
    assert "`applies_to` must be" in wrong.message
    empty = complaint(GOOD[:start] + "applies_to: {any: []}\n" + GOOD[end:])
    assert "at least 1 entries" in empty.message


def test_a_mode_left_out_is_the_one_that_cannot_hurt() -> None:
    (policy,) = compile_policies({"p": GOOD.replace("mode: warn\n", "")}, {})
    assert policy.mode.value == "observe"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing but a comment\n",
        "null",
        "[]",
        "hello",
        "- - - -",
        "{" * 5000,
        "[" * 5000,
        "a: " * 50,
        "a: &x [*x]",
        "a: &a [1]\nb: *a",
        "!!python/object/apply:os.system [echo]",
        GOOD + "---\n" + GOOD,
        GOOD + "mode: enforce\n",
        GOOD.replace("mode: warn", "mode: &m warn"),
        GOOD.replace("metadata:", "<<: {mode: enforce}\nmetadata:"),
        GOOD.replace("  title", "\ttitle"),
        GOOD.replace("example", "\x00"),
        GOOD.replace("example", '"\\ud800"'),
        GOOD.replace("It is signed", "x" * 5_000_000),
        GOOD.replace("It is signed", "x" * 500),
        "%YAML 1.1\n---\n" + GOOD,
    ],
    ids=range(22),
)
def test_hostile_yaml_is_one_error_with_a_place(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compile_policies({"p.yaml": text}, {})
    assert caught.value.path == "p.yaml"
    assert len(str(caught.value)) < 1000


@given(st.text(max_size=60), st.integers(0, len(GOOD)), st.integers(0, 40))
def test_noise_in_the_file_is_an_error_or_a_policy(noise: str, at: int, cut: int) -> None:
    with suppress(ConfigurationError):
        (policy,) = compile_policies({"p.yaml": GOOD[:at] + noise + GOOD[at + cut :]}, {})
        assert policy.requirements
        assert policy.name


def test_two_policies_never_share_a_name() -> None:
    with pytest.raises(ConfigurationError) as caught:
        compile_policies({"b.yaml": GOOD, "a.yaml": GOOD}, {})
    assert "already in a.yaml" in caught.value.message
    assert (caught.value.path, caught.value.line, caught.value.column) == ("b.yaml", 3, 12)


def test_the_shape_has_a_json_schema() -> None:
    schema = PolicyDocument.model_json_schema()
    assert set(schema["required"]) == {"apiVersion", "kind", "metadata", "applies_to", "require"}
