# SPDX-License-Identifier: BSD-2-Clause
"""The page of an answer in a headless Chromium: what a person sees, on a desk and on a telephone.

The pages are golden files, which tests/unit/test_look_output.c holds against what is written now.
"""

import pathlib

import pytest

from chromium import (
    browser, complaints, least_contrast, needs_chromium, what_sticks_out,  # noqa: F401
)  # fmt: skip

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"

pytestmark = needs_chromium


@pytest.fixture
def show(browser):  # noqa: F811
    """Opens a page; at the end the browser must have had nothing to complain of."""
    def open_page(name, width=1280, scheme="light"):
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})
        browser.get((GOLDEN / f"{name}.html").as_uri())
        return browser

    yield open_page
    assert complaints(browser) == []


def count(driver, selector):
    return len(driver.find_elements("css selector", selector))


def text(driver, selector="main"):
    return driver.find_element("css selector", selector).text


def test_says_what_grows_first(show):
    driver = show("why")
    assert "gunicorn 1234 + 3 workers, up 3.5 d" in text(driver, "header")
    assert "15.2 MB/h (14.1 to 16.3), explained 14.5" in text(driver, "h1")
    assert "limit in 4.3 d" in text(driver, "header")
    findings = [finding.text for finding in driver.find_elements("css selector", ".finding")]
    assert len(findings) == 4
    for words in ("leak", "9.1 MB/h", "holds 764 MB", "dict recommend.behaviour.HISTORY of Event",
                  "remember (recommend/behaviour.py:25) < recommend (views.py:18)",
                  "none leaves"):
        assert words in findings[0]
    assert "unexplained" in findings[3]
    assert count(driver, ".chart polyline") == 2


def test_stacks_open_without_a_script(show):
    driver = show("why")
    assert count(driver, "script") == 0
    stack = driver.find_element("css selector", ".finding details")
    assert stack.text == "stack of 4"
    stack.find_element("css selector", "summary").click()
    assert stack.text.splitlines() == [
        "stack of 4",
        "setdefault (/usr/lib/python3.11/collections/__init__.py:400)",
        "remember (/srv/shop/recommend/behaviour.py:25)",
        "wrapper (/usr/lib/python3/dist-packages/django/core.py:11)",
        "recommend (/srv/shop/recommend/views.py:18)"]


@pytest.mark.parametrize("page", ("why", "why-early", "why-hostile"))
@pytest.mark.parametrize("width", (360, 800, 1600))
def test_nothing_sticks_out(show, page, width):
    driver = show(page, width)
    assert driver.execute_script(
        "const page = document.documentElement; return page.scrollWidth - page.clientWidth") == 0
    if page == "why-hostile" and width == 360:
        return  # numbers of twenty digits scroll inside their tables
    assert what_sticks_out(driver) == []


def test_names_stay_text(show):
    driver = show("why-hostile", 800)
    assert count(driver, "script") == count(driver, "img") == count(driver, "main a") == 0
    assert "<script>alert(1)</script>" in text(driver, ".finding h3")
    assert count(driver, ".finding") == 16


@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_is_readable_by_day_and_night(show, scheme):
    driver = show("why-hostile", scheme=scheme)
    worst = least_contrast(driver)
    assert worst[0] >= 4.5, worst
    ground = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(251, 252, 250)", "dark": "rgb(20, 26, 22)"}[scheme]
