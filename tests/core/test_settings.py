"""The settings file: defaults, places, one clear error each, and a page that names everything."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from core import settings
from core.errors import ConfigurationError
from core.limits import Limits
from core.settings import Secret, Settings, SettingsFile, Validity, load, parse

PAGE = (Path(__file__).parent.parent.parent / "docs" / "settings.md").read_text()
PATH = Path("/etc/acme/countersign.yaml")
MODELS = [
    model
    for model in vars(settings).values()
    if isinstance(model, type)
    and issubclass(model, BaseModel)
    and model.__module__ == "core.settings"
]
FIELDS = sorted(
    {field.alias or name for model in MODELS for name, field in model.model_fields.items()}
    | {field.name for field in dataclasses.fields(Limits)}
)
WHOLE = """\
database: postgresql+psycopg://db/x
trust:
  keys: {release: {file: trust/release.pub, valid: {from: 2026-01-01, until: 2026-12-31}}}
  keyrings: {debian: {file: trust/debian.gpg, only: [ABCD]}}
sources:
  - {id: prod, kind: oci, url: "https://registry.acme.example", trust: [release], every: 15m}
  - id: debian
    kind: apt
    from: machine
    trust: [debian]
exclude:
  - {match: {oci: {repository: "acme/scratch/**"}}, reason: throw-away, owner: platform}
limits: {json_depth: 32}
serve: {port: 0}
"""


class _Options(BaseModel):
    """What a collector's options look like."""

    model_config = ConfigDict(extra="forbid")

    url: str
    token: Secret | None = None
    pages: int = 1


@pytest.mark.parametrize("field", FIELDS)
def test_every_option_is_on_the_page(field: str) -> None:
    assert re.search(rf"^\| `{field}` \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize("field", dataclasses.fields(Limits), ids=lambda field: field.name)
def test_every_limit_is_on_the_page_with_its_default(field: dataclasses.Field[float]) -> None:
    assert re.search(rf"^\| `{field.name}` \| {field.default:.0f} \|", PAGE, re.MULTILINE)


def test_the_example_on_the_page_is_read() -> None:
    example = PAGE.split("\n\n")[2]
    file = parse("\n".join(line[4:] for line in example.splitlines()), PATH)
    assert [source.id for source in file.settings.sources] == ["prod"]


def test_an_empty_file_is_all_defaults() -> None:
    assert parse("", PATH).settings == Settings()


def test_a_whole_file_is_read() -> None:
    file = parse(WHOLE, PATH)
    prod, debian = file.settings.sources
    assert prod.every == timedelta(minutes=15)
    assert prod.options == {"url": "https://registry.acme.example"}
    assert debian.options == {"from": "machine"}
    assert (debian.every, debian.owner) == (timedelta(hours=1), "nobody")
    assert file.settings.trust.names == ("release", "debian")
    assert file.settings.trust.keys["release"].valid == Validity.model_validate(
        {"from": "2026-01-01", "until": "2026-12-31T23:59:59.999999Z"}
    )
    assert file.settings.limits == Limits(json_depth=32)
    assert file.folder == Path("/etc/acme")


def test_options_of_a_collector_keep_their_places() -> None:
    error = parse(WHOLE, PATH).error("no such host", "sources", 1, "from")
    assert str(error) == "/etc/acme/countersign.yaml:9:5: no such host"
    assert parse(WHOLE, PATH).error("x", "sources", 0, "url", "deeper").line == 6


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("urls: x", ":1:28: unknown key `sources[0].urls`; did you mean `url`?"),
        ("evry: 1h", ":1:28: unknown key `sources[0].evry`; did you mean `every`?"),
        ("trsut: []", ":1:28: unknown key `sources[0].trsut`; did you mean `trust`?"),
        ("onwer: me", ":1:28: unknown key `sources[0].onwer`; did you mean `owner`?"),
        ("pages: many, url: x", "`sources[0].pages` must be a whole number, found text"),
        ("pages: 2", ":1:11: `sources[0].url` is missing; add it"),
        ("url: x, token: hunter2", "a secret never stands in the file: write {env: NAME}"),
        ("url: x, token: {}", "a secret is exactly one of {env: NAME} or {file: PATH}"),
        ("url: x, token: {env: A, file: B}", "a secret is exactly one of"),
    ],
)
def test_faults_in_a_collectors_options_are_placed_and_never_echoed(
    options: str, said: str
) -> None:
    file = parse(f"sources: [{{id: a, kind: b, {options}}}]", PATH)
    with pytest.raises(ConfigurationError, match=re.escape(said)) as raised:
        _read_options(file)
    assert "hunter2" not in str(raised.value)
    assert raised.value.__suppress_context__


def _read_options(file: SettingsFile) -> None:
    try:
        _Options.model_validate(file.settings.sources[0].options)
    except ValidationError as error:
        file.refuse(error, "sources", 0, model=_Options)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("databse: x", ":1:1: unknown key `databse`; did you mean `database`?"),
        ("x\u202ey: 1", "unknown key `x\\u{202e}y`; known are `database`"),
        (
            "limits:\n  jsn_depth: 3",
            ":2:3: unknown key `limits.jsn_depth`; did you mean `json_depth`?",
        ),
        (
            "limits: {json_depth: lots}",
            ":1:10: `limits.json_depth` must be a whole number, found text",
        ),
        (
            "limits: {json_depth: 1.5}",
            "`limits.json_depth` must be a whole number, found a fraction",
        ),
        ("limits: {json_depth: 3}", "`limits.json_depth`: must be at least 4"),
        ("limits: {read_seconds: 0}", "`limits.read_seconds`: must be more than 0"),
        ("limits: {read_seconds: 601}", "`limits.read_seconds`: must be at most 600"),
        ("limits: {read_seconds: soon}", "`limits.read_seconds` must be a number, found text"),
        ("limits: 3", "`limits` must be a mapping (key: value), found a whole number"),
        ("limits:", "`limits` must be a mapping (key: value), found nothing; give it a value"),
        ("database: 5", "`database` must be text, found a whole number; put it in quotes"),
        ("database: ''", "`database`: must be at least 1 characters long"),
        ("sources: {}", ":1:1: `sources` must be a list, found a mapping"),
        ("sources:\n  - kind: oci", ":2:5: `sources[0].id` is missing; add it"),
        ("sources:\n  - {id: A b, kind: oci}", ":2:6: `sources[0].id`: must have the form"),
        ("sources: [{id: a, kind: b, every: 15q}]", ":1:28: `sources[0].every`: a duration is"),
        ("sources: [{id: a, kind: b, every: 9999999d}]", "`sources[0].every`: a duration is"),
        ("sources: [{id: a, kind: b, every: 0s}]", "`sources[0].every`: must be at least"),
        ("sources:\n- {id: a, kind: b}\n- {id: a, kind: b}", ":3:4: two sources have the id `a`"),
        ("sources: [{id: a, kind: b, trust: [x]}]", ":1:36: `sources[0].trust` names `x`"),
        (
            "trust: {keys: {release: {file: x}}}\nsources: [{id: a, kind: b, trust: [relase]}]",
            ":2:36: `sources[0].trust` names `relase`, not under `trust:`; did you mean `release`?",
        ),
        (
            "trust:\n  keys: {x: {file: a}}\n  keyrings: {x: {file: b}}",
            ":3:14: `x` is also one of the keys; a name of trust is unique",
        ),
        ("trust: {keys: {r: {}}}", ":1:16: `trust.keys.r.file` is missing"),
        ("trust: {roots: {r: {file: x, only: [A]}}}", "`trust.roots.r"),
        ("trust: {revocations: {r: {file: x, only: [A]}}}", "`trust.revocations.r.only`"),
        ("trust: {keys: {k: {file: x, valid: }}}", "`trust.keys.k.valid`: found nothing"),
        ("trust: {keys: {k: {file: x, valid: {from: }}}}", "`trust.keys.k.valid.from`: found"),
        ("trust: {keys: {k: {file: x, valid: {until: ~}}}}", "`trust.keys.k.valid.until`: found"),
        ("trust: {keys: {r: {file: x, flie: y}}}", "`trust.keys.r.flie`; did you mean `file`?"),
        ("trust: {keys: {r: {file: x, valid: {form: 1}}}}", "valid.form`; did you mean `from`?"),
        (
            "trust: {keys: {r: {file: x, valid: {from: 2026-02-30}}}}",
            ":1:37: `trust.keys.r.valid.from`",
        ),
        (
            "trust: {keys: {r: {file: x, valid: {from: 2026-01-02, until: 2026-01-01}}}}",
            "`until` lies before `from`",
        ),
        (
            "serve: {host: 0.0.0.0}",
            "`serve.host`: must be one of '127.0.0.1', '::1' or 'localhost'",
        ),
        ("serve: {port: 65536}", "`serve.port`: must be at most 65535"),
        (
            "serve: {port: 1, threads: 0, host: x}",
            ":1:18: `serve.threads`: must be at least 1 (and 1 more",
        ),
        (
            "exclude: [{match: {oci: {a: b}}, reason: '', owner: x}]",
            "`exclude[0].reason`: must be at",
        ),
        ("exclude: [{match: {}, reason: x, owner: x}]", "`exclude[0].match`: must have at least 1"),
        (
            "exclude: [{match: {oci: x}, reason: x, owner: x}]",
            "`exclude[0].match.oci` must be a mapping",
        ),
        ("- a", ":1:1: `the file` must be a mapping (key: value), found a list"),
        ("serve: {port: 1, port: 2}", "`port` appears twice"),
        ("a: b: c", ":1:5: not YAML"),
    ],
)
def test_an_error_names_place_field_and_fix(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)) as raised:
        parse(text, PATH)
    assert str(raised.value).startswith(f"{PATH}:{raised.value.line}:{raised.value.column}: ")


def _error_of(text: str) -> ConfigurationError | None:
    try:
        parse(text, PATH)
    except ConfigurationError as error:
        return error
    return None


@given(st.text())
def test_any_text_is_settings_or_an_error_with_a_line(text: str) -> None:
    error = _error_of(text)
    assert error is None or error.line >= 1


@given(
    st.sampled_from(sorted(Settings.model_fields)),
    st.sampled_from(["5", "x", "[]", "{}", "[[]]", "{a: b}", "[{id: 1}]", "{keys: {x: y}}", "1.5"]),
)
def test_any_value_of_any_option_is_read_or_refused_in_its_line(field: str, value: str) -> None:
    error = _error_of(f"# first\n{field}: {value}\n")
    assert error is None or (error.line == 2 and field in error.message)


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ("2026-01-31", "2026-01-31T00:00:00+00:00", "2026-01-31T23:59:59.999999+00:00"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00+00:00", "2026-01-31T12:00:00+00:00"),
        ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00+00:00", "2026-01-31T10:00:00+00:00"),
    ],
)
def test_a_day_counts_from_its_start_to_its_end(written: str, first: str, last: str) -> None:
    validity = Validity.model_validate({"from": written, "until": written})
    assert validity.from_ == datetime.fromisoformat(first)
    assert validity.until == datetime.fromisoformat(last)
    assert validity.from_ is not None
    assert validity.from_.tzinfo is UTC


def test_times_of_python_are_taken_with_a_zone_only() -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert Validity.model_validate({"from": noon}).from_ == noon
    with pytest.raises(ValidationError, match="zone"):
        Validity.model_validate({"from": noon.replace(tzinfo=None)})
    assert settings.parse_duration(timedelta(1)) == settings.parse_duration("1d")
    assert Secret.model_validate({"env": "TOKEN"}).env == "TOKEN"


@pytest.mark.parametrize(
    "written",
    ["2026-01-31T12:00:00", "0001-01-01T00:00:00+14:00", "soon", "", 20260131, True],
)
def test_a_time_without_zone_or_sense_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        Validity.model_validate({"from": written})


def test_a_file_is_loaded_with_or_without_mark(tmp_path: Path) -> None:
    path = tmp_path / "countersign.yaml"
    for start in (b"", b"\xef\xbb\xbf"):
        path.write_bytes(start + b"executor: processes:2\n")
        assert load(path).settings.executor == "processes:2"
    assert load(path).folder == tmp_path


def test_a_file_that_cannot_be_read_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read: .*countersign init"):
        load(tmp_path / "absent.yaml")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path)


def test_a_file_in_another_encoding_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "countersign.yaml"
    path.write_bytes(b"database: x\nexecutor: \xe4\n")
    with pytest.raises(ConfigurationError, match=r":2:11: not UTF-8"):
        load(path)


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "countersign.yaml"
    path.write_bytes(b"#" * (settings.MAX_SETTINGS_BYTES + 1))
    with pytest.raises(ConfigurationError, match="more than"):
        load(path)
