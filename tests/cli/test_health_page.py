# SPDX-License-Identifier: BSD-2-Clause
"""The page of a report on services in a headless Chromium. It is a golden file, which
tests/unit/test_health.c holds against what is written now."""

import pathlib

import pytest

from chromium import (
    browser, complaints, least_contrast, needs_chromium, what_sticks_out,  # noqa: F401
)  # fmt: skip

PAGE = pathlib.Path(__file__).resolve().parents[1] / "golden/health.html"

pytestmark = needs_chromium


@pytest.fixture
def show(browser):  # noqa: F811
    def open_page(width=1280, scheme="light"):
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})
        browser.get(PAGE.as_uri())
        return browser

    yield open_page
    assert complaints(browser) == []


def texts(driver, selector):
    return [element.text for element in driver.find_elements("css selector", selector)]


def test_says_what_changed_and_what_grows(show):
    driver = show()
    assert texts(driver, "h1") == ["2 services, 3 findings, 4 changes"]
    assert texts(driver, "h2")[:2] == ["Since 2026-03-30 23:33 UTC", "gunicorn"]
    assert texts(driver, "section:nth-of-type(1) dt") == ["new", "over", "came", "new"]
    shop = texts(driver, "section:nth-of-type(2)")[0]
    for words in ("grows 15.0 MB/h (15.0 to 15.0) over 24.0 h", "3.0 GB, reached in 4.5 d (eight times in ten from 4.4 d to 4.5 d)",
                  "each frees 1 since the last report, 4 before", "dict shop.history",
                  "remember (shop/behaviour.py:29) < recommend (views.py:18)"):
        assert words in shop
    assert "log.records" not in shop, "it is over"
    assert len(texts(driver, "section:nth-of-type(2) .chart polyline")) == 2


def test_names_stay_text(show):
    driver = show(800)
    assert texts(driver, "script, main b, main i, main a") == []
    assert "</li><script>alert(1)</script>\\u{202e}" in texts(driver, "section:nth-of-type(3) .finding h3")[0]


@pytest.mark.parametrize("width", (360, 800, 1280, 2560))
@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_is_readable(show, width, scheme):
    driver = show(width, scheme)
    assert driver.execute_script(
        "const page = document.documentElement; return page.scrollWidth - page.clientWidth") == 0
    assert what_sticks_out(driver) == []
    worst = least_contrast(driver)
    assert worst[0] >= 4.5, worst


def test_stacks_that_fill_it(show):
    """As wide as what grows by way of them, each below its caller."""
    driver = show()
    [figure] = driver.find_elements("css selector", "figure.stacks")
    boxes = {box.get_attribute("title").split(" (")[0]: box.rect for box in
             figure.find_elements("css selector", ".flames div")}
    assert boxes["recommend"]["y"] < boxes["remember"]["y"] == boxes["emit"]["y"]
    assert abs(boxes["remember"]["width"] / boxes["emit"]["width"] - 3) < 0.05
    assert boxes["remember"]["width"] + boxes["emit"]["width"] <= boxes["recommend"]["width"] + 1
    assert boxes["emit"]["x"] >= boxes["remember"]["x"] + boxes["remember"]["width"] - 1
    assert "as of 2026-03-31 22:33 UTC" in figure.text
