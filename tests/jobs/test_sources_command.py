"""`sources check`: what it reaches, what it says, and that it keeps nothing."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from jobs.commands.sources import check_sources
from storage import schema
from tests.jobs import one_database
from tests.jobs.apt_workspace import AptScene, packages

keys, apt, database_url = one_database.keys, one_database.apt, one_database.database_url


def checked(apt: AptScene) -> tuple[int, str]:
    ran = CliRunner().invoke(check_sources, ["--config", str(apt.settings)])
    return ran.exit_code, ran.output


def test_a_source_within_reach_is_begun_and_nothing_is_kept(apt: AptScene) -> None:
    apt.publish(packages(3))
    code, words = checked(apt)
    assert code == 0
    assert words.count("\n") == 1
    assert [path for path, _ in apt.server.requests if "Release" in path]
    with apt.workspace.database.reading() as connection:
        for table in (schema.unit, schema.scan, schema.evidence_set, schema.location):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0


@pytest.mark.parametrize("code", [401, 404, 500])
def test_a_source_whose_units_the_settings_name_is_asked_all_the_same(
    apt: AptScene, code: int
) -> None:
    apt.publish(packages(3))
    (release,) = {path for path in _asked(apt) if path.endswith("/InRelease")}
    apt.server.answers[release] = (code, b"")
    apt.server.answers[release.replace("InRelease", "Release")] = (code, b"")
    said, words = checked(apt)
    assert said == 3
    assert words.startswith("apt: ")
    assert release.rpartition("/")[0] in words


def _asked(apt: AptScene) -> list[str]:
    checked(apt)
    return [path for path, _ in apt.server.requests]
