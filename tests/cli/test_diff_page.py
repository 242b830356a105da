# SPDX-License-Identifier: BSD-2-Clause
"""The page of diff in a headless Chromium: tables that need no script, stacks in red and blue."""

import os
import pathlib
import re
import subprocess

import pytest

from chromium import browser, complaints, needs_chromium  # noqa: F401

TOP = pathlib.Path(__file__).resolve().parents[2]
UNFREED = os.environ.get("UNFREED", TOP / "build" / "unfreed")
GOLDEN = TOP / "tests" / "golden"
RED, BLUE = "hsl(6 ", "hsl(214 "

pytestmark = needs_chromium


@pytest.fixture
def show(browser, tmp_path):  # noqa: F811
    """Opens the page of two files; at the end the browser must have had nothing to complain of."""
    def open_page(before, after, *arguments):
        path = tmp_path / "diff.html"
        subprocess.run([UNFREED, "diff", GOLDEN / before, GOLDEN / after, "-o", path, *arguments],
                       check=True)
        browser.set_window_size(1280, 800)
        browser.get("about:blank")
        browser.get(path.as_uri())
        return browser

    yield open_page
    assert complaints(browser) == []


def boxes(driver):
    """{text: fill} of what is drawn."""
    return driver.execute_script(
        "return Object.fromEntries(Array.from(document.querySelectorAll('.graph g:not(.rest)'),"
        " g => [g.getAttribute('aria-label'), g.querySelector('rect').getAttribute('fill')]))")


def fill_of(driver, text):
    fills = [fill for label, fill in boxes(driver).items() if text in label]
    assert fills, text
    return fills[0]


def tick(driver, key):
    driver.execute_script("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))",
                          driver.find_element("css selector", f"[data-toggle={key}]"))


def rows(driver):
    return driver.execute_script(
        "return Array.from(document.querySelectorAll('.changes tbody tr'),"
        " row => Array.from(row.cells, cell => cell.textContent))")


def test_what_grew_is_red_and_what_went_is_blue_the_other_way_round(show):
    driver = show("service.pb.gz", "wide.pb.gz")
    assert fill_of(driver, "WSGIHandler").startswith(RED)
    assert not any("load_user" in label for label in boxes(driver))
    tick(driver, "before")
    assert fill_of(driver, "load_user").startswith(BLUE)
    assert not any("WSGIHandler" in label for label in boxes(driver))
    assert any("−9.8 MB: 9.8 MB → 0 B" in label for label in boxes(driver))


def test_the_side_that_holds_more_is_drawn_first(show):
    driver = show("wide.pb.gz", "service.pb.gz")
    assert fill_of(driver, "WSGIHandler").startswith(BLUE)


def test_what_is_the_same_has_no_colour(show):
    driver = show("service.pb.gz", "service.json")
    assert rows(driver) == []
    assert {fill for fill in boxes(driver).values()} == {"hsl(0 0% 88%)"}


def test_a_box_says_both_amounts(show):
    driver = show("deep.pb.gz", "service.pb.gz")
    [label] = [label for label in boxes(driver) if "load_user" in label and "9.8 MB" in label]
    assert re.search(r"\+9\.8 MB: 0 B → 9\.8 MB, 0 → 2,910 blocks", label)


def test_tables(show):
    driver = show("deep.pb.gz", "service.pb.gz", "--top", "3")
    found = rows(driver)
    assert len(found) == 6
    assert found[0][0].startswith("load_user (views.py:41)") and found[0][1] == "came"
    assert found[0][2] == "0.0 -> 588.0 MB/h" and found[0][3] == "+9.8 MB"
    assert found[3][1] == "went"
    text = driver.find_element("css selector", "main").get_attribute("textContent")
    assert "2999 more are left out here." in text and "1 more is left out here." in text
    assert "times as long" not in text


def test_lengths_that_differ_are_said(show):
    text = show("service.pb.gz", "wide.pb.gz").find_element("css selector", "main").text
    assert "one recording is 90 times as long as the other" in text


def test_answers_and_looks_are_tables_alone(show):
    driver = show("why.json", "why-early.json")
    assert len(rows(driver)) == 4 and not driver.find_elements("css selector", ".graph")
    driver = show("heap.json", "heap-empty.json")
    assert rows(driver)[0][0] == "dict recommend.behaviour.HISTORY"


def test_hostile_names(show):
    driver = show("hostile.pb.gz", "service.pb.gz")
    assert driver.execute_script("return document.querySelectorAll('main script, main b').length") == 0
    tick(driver, "before")
    assert boxes(driver)
