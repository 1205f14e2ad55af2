"""A real browser: nothing refused, nothing fetched from elsewhere, charts drawn, axe content."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright
from werkzeug.serving import make_server

from storage import schema
from tests.dashboard.conftest import Site, addresses

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
WATCH = """
window.refusals = [];
document.addEventListener("securitypolicyviolation",
  (event) => window.refusals.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
BROKEN_CODES = """[...document.querySelectorAll(".rows a.code")]
  .filter(code => code.getClientRects().length > 1).map(code => code.textContent)"""
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
ALL_RULES = {"runOnly": {"type": "tag", "values": LEVELS}, "resultTypes": ["violations"]}
COLOUR_RULES = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail("Chromium not found, install the package chromium")
        pytest.skip("Chromium not found, install the package chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield opened
        opened.close()


def _served(site: Site) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, site.application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def base(little: Site) -> Iterator[str]:
    yield from _served(little)


@pytest.fixture
def writable(fresh: Site) -> Iterator[str]:
    yield from _served(fresh)


@dataclass
class Watched:
    """A page and everything that went wrong on it."""

    page: Page
    base: str
    troubles: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        self.page.goto(self.base + address)
        if self.page.locator("[data-chart]").count():
            self.page.wait_for_selector("[data-drawn=yes]")

    def refused(self) -> list[str]:
        found: list[str] = self.page.evaluate("window.refusals")
        return self.troubles + found


def _watched(browser: Browser, base: str, **options: Any) -> Watched:
    page = browser.new_context(reduced_motion="reduce", **options).new_page()
    page.set_default_timeout(60_000)
    page.add_init_script(WATCH)
    watched = Watched(page, base)

    def console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            watched.troubles.append(f"{page.url}: {message.text}")

    def request(asked: Request) -> None:
        if not asked.url.startswith(("data:", "blob:", base)):
            watched.troubles.append(f"{page.url} asks {asked.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: watched.troubles.append(str(error)))
    page.on("request", request)
    return watched


def _serious(page: Page, rules: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    return [
        (page.url, one["id"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in Axe().run(page, options=rules).response["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


def test_every_page_is_clean_and_accessible(browser: Browser, little: Site, base: str) -> None:
    watched = _watched(browser, base, color_scheme="light", viewport={"width": 1440, "height": 900})
    page, serious = watched.page, []
    for address in addresses(little):
        watched.open(address)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        serious += _serious(page, ALL_RULES)
        page.emulate_media(color_scheme="dark")
        page.wait_for_selector("html[data-bs-theme=dark]")
        serious += _serious(page, COLOUR_RULES)
        page.emulate_media(color_scheme="light")
        assert watched.refused() == [], address
    assert serious == []
    page.context.close()


def test_nothing_is_wider_than_a_telephone(browser: Browser, little: Site, base: str) -> None:
    watched = _watched(browser, base, viewport={"width": 390, "height": 800})
    for address in addresses(little):
        watched.open(address)
        wide = watched.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, address
        assert watched.page.evaluate(BROKEN_CODES) == [], address
    assert watched.refused() == []
    watched.page.context.close()


def test_a_long_place_of_evidence_breaks_on_a_telephone(
    browser: Browser, fresh: Site, writable: str
) -> None:
    long = sa.literal(f"file:{'a' * 90}/") + sa.cast(schema.evidence_set.c.id, sa.String)
    with fresh.database.writing() as connection:
        connection.execute(schema.evidence_set.update().values(key=long))
    watched = _watched(browser, writable, viewport={"width": 390, "height": 800})
    artifact = next(one for one in addresses(fresh) if one.startswith("/artifacts/"))
    watched.open(artifact)
    assert "a" * 90 in watched.page.inner_text("main")
    assert watched.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    watched.page.context.close()


def test_the_chart_follows_the_theme(browser: Browser, base: str) -> None:
    watched = _watched(browser, base, color_scheme="light")
    watched.open("/")
    page = watched.page
    colour = "document.querySelector('.plot .js-line').style.stroke"
    light = page.evaluate(colour)
    page.get_by_role("button", name="Dark").click()
    page.wait_for_function(f"{colour} !== {light!r}")
    watched.open("/signers/3")
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"  # it is remembered
    assert page.locator(".plot .bars .point").count() > 0
    assert watched.refused() == []
    page.context.close()


def test_the_keyboard_is_enough(browser: Browser, base: str) -> None:
    watched = _watched(browser, base)
    watched.open("/artifacts")
    page = watched.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#content"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("lib")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=lib")
    assert watched.refused() == []
    page.context.close()


def test_times_are_local_on_hover(browser: Browser, base: str) -> None:
    watched = _watched(browser, base, timezone_id="Asia/Tokyo", locale="en-GB")
    watched.open("/sources")
    titles = watched.page.locator("time").evaluate_all("all => all.map(one => one.title)")
    assert titles
    assert all(title.endswith("local time") for title in titles)
    assert "20:30:00" in titles[0]  # 11:30 UTC
    watched.page.context.close()


def test_a_scan_is_asked_for_by_button_and_its_page_follows(
    browser: Browser, writable: str
) -> None:
    watched = _watched(browser, writable)
    watched.open("/sources/debian")
    page = watched.page
    with page.expect_response("**/sources/progress.json"):
        page.get_by_role("button", name="Scan now").click()
    page.wait_for_selector("text=waiting for the scheduler")
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_selector("text=waiting for the scheduler", state="detached")
    assert watched.refused() == []
    page.context.close()
