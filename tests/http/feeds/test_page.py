"""The page of a feed link: what is on it, and how a real browser shows it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from gateway.domain.model import FeedLevel
from gateway.services import feeds
from tests.feed_world import World, event

ROOT = Path(__file__).resolve().parents[3]
EVIL = '<script>alert(1)</script> & "quoted"'


def fill(world: World) -> None:
    world.resource("room", name="Room Lindau", color="#3366cc")
    times = ("DTSTART;TZID=Europe/Berlin:20260302T100000", "DTEND;TZID=Europe/Berlin:20260302T113000")
    world.put("room", event("a", *times, "RRULE:FREQ=WEEKLY", "SUMMARY:Planning", "LOCATION:Left half"))
    world.put("room", event("b", "DTSTART:20260306T100000Z", "DTEND:20260306T120000Z", f"SUMMARY:{EVIL}"))
    world.put(
        "room", event("c", "DTSTART;VALUE=DATE:20260303", "DTEND;VALUE=DATE:20260306", "SUMMARY:Trade fair")
    )
    world.put(
        "room",
        event("d", "DTSTART:20260304T220000Z", "DTEND:20260305T020000Z", "SUMMARY:Hidden", "CLASS:PRIVATE"),
    )


@pytest.fixture
def made(world: World) -> feeds.NewFeed:
    fill(world)
    return world.feed("room", level=FeedLevel.FULL)


async def test_page_shows_week_and_agenda_in_the_zone_of_the_resource(
    world: World, made: feeds.NewFeed
) -> None:
    async with world.client() as client:
        answer = await client.get(made.path.replace(".ics", ".html"))
        page = await answer.text()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Times are those of Europe/Berlin" in page
    assert "2 – 8 March 2026" in page
    assert "10:00 – 11:30" in page
    assert "from 23:00" in page
    assert "until 03:00" in page
    assert "Left half" in page
    assert "Hidden" not in page
    assert EVIL not in page
    assert EVIL in unescape(unescape(page))


async def test_page_is_locked_down(world: World, made: feeds.NewFeed) -> None:
    async with world.client() as client:
        answer = await client.get(made.path.replace(".ics", ".html"))
        page = await answer.text()
        again = await client.get(
            made.path.replace(".ics", ".html"), headers={"If-None-Match": answer.headers["ETag"]}
        )
        for asset in re.findall(r'"(/feeds/-/static/[^"]+)"', page):
            assert (await client.get(asset)).status == 200
        assert (await client.get("/feeds/-/static/..%2fpage.py")).status == 404
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert "style=" not in page
    assert not re.search(r"<script(?![^>]*src=)", page)
    assert again.status == 304


async def test_weeks_can_be_turned_inside_the_window_only(world: World, made: feeds.NewFeed) -> None:
    path = made.path.replace(".ics", ".html")
    async with world.client() as client:
        next_week = await (await client.get(path, params={"week": "2026-W11"})).text()
        nonsense = await (await client.get(path, params={"week": "<b>"})).text()
        far = await (await client.get(path, params={"week": "2035-W01"})).text()
    assert "9 – 15 March 2026" in next_week
    assert 'href="?week=2026-W12"' in next_week
    assert "2 – 8 March 2026" in nonsense
    assert 'rel="next"' not in far


async def test_pain_47_page_of_one_link_names_no_other(world: World, made: feeds.NewFeed) -> None:
    other = world.feed("room")
    async with world.client() as client:
        page = await (await client.get(made.path.replace(".ics", ".html"))).text()
    assert made.secret in page
    assert other.secret not in page


# -- in a real browser ------------------------------------------------------------------------------

_SERVE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from aiohttp import web
from gateway.services import startup
from gateway.settings import Settings
from gateway.domain.model import FeedLevel
from tests.feed_world import World
from tests.http.feeds.test_page import fill
settings = Settings(data=Path(sys.argv[1]), public_url="https://cal.example.org")
now = datetime(2026, 3, 4, 10, 20, tzinfo=UTC)
db = startup.open_database(settings)
startup.ready_database(db, settings, now=now)
world = World(db, settings, now)
fill(world)
made = world.feed("room", level=FeedLevel.FULL)
async def main():
    runner = web.AppRunner(world.app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}{made.path}", flush=True)
    await asyncio.Event().wait()
import asyncio
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("page")
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(data)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://"), "the page server did not start"
        yield url
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium, "Chromium is missing; install it with `make system-deps`."
    assert driver, "chromedriver is missing; install it with `make system-deps`."
    options = Options()
    options.binary_location = chromium
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
        "--disable-default-apps", "--disable-domain-reliability", "--metrics-recording-only",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    yield started
    started.quit()


def size(browser: webdriver.Chrome, width: int, height: int) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 500},
    )


def errors(browser: webdriver.Chrome) -> list[Any]:
    return [entry for entry in browser.get_log("browser") if entry["level"] in {"SEVERE", "WARNING"}]


def test_browser_shows_week_and_agenda_without_an_error(browser: webdriver.Chrome, address: str) -> None:
    size(browser, 1280, 900)
    browser.get(address.replace(".ics", ".html"))
    assert errors(browser) == []
    slots = browser.find_elements(By.CSS_SELECTOR, ".slot")
    assert len(slots) >= 3
    lane = browser.find_element(By.CSS_SELECTOR, ".day-lane").size["height"]
    first = next(slot for slot in slots if "Planning" in slot.text)
    assert 0 < first.size["height"] < lane / 3, "positions by style hash were not taken"
    assert browser.find_element(By.CSS_SELECTOR, ".bar").text == "Trade fair"
    agenda = browser.find_element(By.ID, "agenda").text
    assert "Planning" in agenda
    assert EVIL in agenda
    assert "Hidden" not in agenda


def test_browser_buttons_lead_to_the_programs(browser: webdriver.Chrome, address: str) -> None:
    browser.get(address.replace(".ics", ".html"))
    path = urlsplit(address).path

    def href(name: str) -> str:
        return browser.find_element(By.ID, name).get_dom_attribute("href")

    assert href("webcal") == f"webcal://cal.example.org{path}"
    assert parse_qs(urlsplit(href("google")).query)["cid"] == [f"webcal://cal.example.org{path}"]
    for name, host in (("outlook", "outlook.office.com"), ("outlook-personal", "outlook.live.com")):
        assert urlsplit(href(name)).netloc == host
        assert parse_qs(urlsplit(href(name)).query)["url"] == [f"https://cal.example.org{path}"]
    # A click on a plain .ics link would import once instead of subscribing.
    hrefs = [a.get_dom_attribute("href") for a in browser.find_elements(By.TAG_NAME, "a")]
    assert not [each for each in hrefs if re.fullmatch(r"https?://cal\.example\.org/.*\.ics", each or "")]
    browser.find_element(By.ID, "copy").click()
    for _ in range(600):
        if said := browser.find_element(By.ID, "copied").text:
            break
        time.sleep(0.05)
    assert "address is" in said


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_browser_has_no_sideways_scroll_on_a_phone(
    browser: webdriver.Chrome, address: str, scheme: str
) -> None:
    size(browser, 360, 740)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.get(address.replace(".ics", ".html"))
    width, inner = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert width <= inner == 360
    background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", background)[:3]))
    assert (brightness < 150) == (scheme == "dark")
    for button in browser.find_elements(By.CSS_SELECTOR, "a.button, button"):
        assert button.size["height"] >= 40, "too small for a thumb"
    assert errors(browser) == []


def test_browser_turns_weeks_by_keyboard(browser: webdriver.Chrome, address: str) -> None:
    size(browser, 1280, 900)
    browser.get(address.replace(".ics", ".html"))
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the list"
    body.send_keys(Keys.ARROW_RIGHT)
    for _ in range(600):
        if "W11" in browser.current_url:
            break
        time.sleep(0.05)
    assert "9 – 15 March 2026" in browser.find_element(By.CSS_SELECTOR, ".weeks h2").text
