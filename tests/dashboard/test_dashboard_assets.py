"""Style sheets and scripts come from here, for good, and packed."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard import assets
from tests.dashboard.conftest import BASE, Site, addresses

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("name", [*assets.OWN, *assets.PACKAGED])
def test_an_asset_is_served_for_good_and_packed(little: Site, name: str) -> None:
    asset = assets.load(name)
    address = f"/assets/{asset.version}/{name}"
    answer = little.client().get(address, base_url=BASE, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.mimetype == asset.media_type
    assert gzip.decompress(answer.data) == asset.path.read_bytes()
    plain = little.client().get(address, base_url=BASE)
    assert "Content-Encoding" not in plain.headers
    assert plain.data == asset.path.read_bytes()


def test_pages_load_nothing_from_another_host(little: Site) -> None:
    for address in addresses(little):
        for found in re.findall(r'(?:src|href|action|data-plotly)="([^"]*)"', little.text(address)):
            assert found.startswith(("/", "#")), (address, found)
            assert not found.startswith("//")


def test_the_chart_library_is_named_only_where_there_is_a_chart(little: Site) -> None:
    for address in addresses(little):
        text = little.text(address)
        assert ("plotly.js" in text) == ("data-chart" in text), address
    assert "data-chart" in little.text("/")


def test_every_chart_has_a_table(little: Site) -> None:
    for address in ("/", "/signers/3"):
        figure = re.search(r"<figure.*?</figure>", little.text(address), re.DOTALL)
        assert figure is not None
        assert "<figcaption" in figure[0]
        assert "<table" in figure[0]


def test_style_and_script_stay_small() -> None:
    names = ("bootstrap.css", "app.css", "app.js", "theme.js", "plotly.css")
    assert sum(len(assets.load(name).packed()) for name in names) < 45_000


def test_plotly_is_never_imported() -> None:
    program = (
        "import dashboard.application, dashboard.assets, sys;"
        "dashboard.assets.load('plotly.js'); print('plotly' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "False"
