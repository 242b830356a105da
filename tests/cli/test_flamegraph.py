# SPDX-License-Identifier: BSD-2-Clause
"""The flame graphs in a headless Chromium: what a person sees, clicks and types."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
UNFREED = os.environ.get("UNFREED", TOP / "build" / "unfreed")
GOLDEN = TOP / "tests" / "golden"

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys
    MISSING = next((f"no {tool} (Debian: {package})" for tool, package in
                    (("chromium", "chromium"), ("chromedriver", "chromium-driver"))
                    if not shutil.which(tool)), None)
except ImportError:
    MISSING = "no selenium (Debian: python3-selenium)"

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for switch in ("headless=new", "no-sandbox", "disable-gpu", "disable-background-networking",
                   "disable-component-update", "disable-sync", "no-first-run",
                   "disable-dev-shm-usage",
                   f"user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    yield driver
    driver.quit()


@pytest.fixture(params=["html", "svg"])
def show(request, browser, tmp_path):
    """Opens a profile's drawing; at the end the browser must have had nothing to complain of."""
    def open_drawing(profile, *arguments, width=1280):
        path = tmp_path / f"graph.{request.param}"
        subprocess.run([UNFREED, "report", GOLDEN / f"{profile}.pb.gz", "-o", path, *arguments],
                       check=True)
        browser.set_window_size(width, 800)
        browser.get(path.as_uri())
        return browser

    yield open_drawing
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []


def frames(driver, text):
    return driver.execute_script(
        "return Array.from(document.querySelectorAll('.graph g')).filter("
        "g => g.getAttribute('aria-label').startsWith(arguments[0]))", text)


def frame(driver, text):
    return frames(driver, text)[0]


def width(group):
    return float(group.find_element("css selector", "rect").get_attribute("width"))


def page_text(driver, selector=".app"):
    return driver.find_element("css selector", selector).get_attribute("textContent")


def click(driver, group):
    driver.execute_script(
        "arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", group)


def test_header_says_what_was_measured(show):
    text = page_text(show("service"))
    for words in ("recommend (1234)", "12.4 MB in 3,211 blocks not freed, 4 stacks", "60 s",
                  "exact", "overhead ~2.0 % of its CPU, 0.5 % of a core", "losses: none", "unknown frees: 12",
                  "memory 64.5 MB resident, +15.5 MB", "unexplained +2.6 MB",
                  "widths are bytes"):
        assert words in text


def test_widths_are_shares(show):
    driver = show("service")
    whole = width(frame(driver, "all"))
    assert width(frame(driver, "PyBytes_FromStringAndSize")) / whole == pytest.approx(
        9800000 / 12409920, abs=0.01)
    driver = show("service", "--count", "blocks")
    assert width(frame(driver, "PyBytes_FromStringAndSize")) / whole == pytest.approx(
        2900 / 3211, abs=0.01)


def test_click_zooms_and_reset_returns(show):
    driver = show("service")
    before = width(frame(driver, "cache::put"))
    click(driver, frame(driver, "cache::put"))
    assert width(frame(driver, "cache::put")) > 3 * before
    assert width(frame(driver, "all")) == width(frame(driver, "cache::put"))
    assert frames(driver, "PyBytes") == []
    driver.find_element("css selector", "button").click()
    assert width(frame(driver, "cache::put")) == before
    click(driver, frame(driver, "cache::put"))
    ActionChains(driver).send_keys(Keys.ESCAPE).perform()
    assert width(frame(driver, "cache::put")) == before


def test_search_marks_and_counts(show):
    driver = show("service")
    field = driver.find_element("css selector", "input")
    field.click()
    field.send_keys("LOAD_user (views.py")
    marked = driver.find_elements("css selector", ".graph g.match")
    assert len(marked) == 1 and marked[0].get_attribute("aria-label").startswith("load_user")
    assert page_text(driver, "output") == "matched 79 %"
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("nothing is called this")
    assert driver.find_elements("css selector", ".graph g.match") == []
    assert page_text(driver, "output") == "matched 0 %"
    field.send_keys(Keys.ESCAPE)
    assert page_text(driver, "output") == ""


def test_tooltip(show):
    driver = show("service")
    ActionChains(driver).move_to_element(frame(driver, "load_user")).perform()
    tip = driver.find_element("css selector", ".tip")
    text = tip.get_attribute("textContent")
    for words in ("load_user (views.py:41)", "9.8 MB in 2,910 blocks, 79 %",
                  "/srv/app/views.py:41"):
        assert words in text
    assert tip.get_attribute("hidden") is None
    ActionChains(driver).move_to_element(
        driver.find_element("css selector", "h1")).perform()
    assert tip.get_attribute("hidden") is not None


def test_keyboard(show):
    driver = show("service")
    driver.execute_script("document.querySelector('.graph [tabindex=\"0\"]').focus()")
    keys = ActionChains(driver)
    for key in (Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_RIGHT):
        keys.send_keys(key)
    keys.perform()
    focused = driver.switch_to.active_element
    assert focused.get_attribute("aria-label").startswith("[truncated]")
    ActionChains(driver).send_keys(Keys.ENTER).perform()
    assert width(frame(driver, "[libssl.so.3")) == width(frame(driver, "all"))
    ActionChains(driver).send_keys("/").perform()
    assert driver.switch_to.active_element.tag_name.endswith("input")


@pytest.mark.parametrize("size", [800, 1280, 2560])
def test_fits_the_window(show, size):
    driver = show("wide", width=size)
    inner = driver.execute_script(
        "return document.querySelector('.app').getBoundingClientRect().right")
    assert size - 20 <= inner <= size
    edge = driver.execute_script(
        "return Math.max(document.documentElement.scrollWidth - window.innerWidth,"
        " ...Array.from(document.querySelectorAll('.app *'),"
        " e => e.getBoundingClientRect().right))")
    assert edge <= inner
    assert width(frame(driver, "all")) > inner - 50
    outside = driver.execute_script("""
        return Array.from(document.querySelectorAll('.graph g')).filter(g => {
            const text = g.querySelector('text');
            return text && text.getComputedTextLength() > g.querySelector('rect').width.baseVal.value;
        }).length""")
    assert outside == 0


def test_window_resize_draws_anew(show):
    driver = show("wide", width=1600)
    driver.set_window_size(900, 800)
    driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    inner = driver.execute_script("return window.innerWidth")
    assert inner - 50 < width(frame(driver, "all")) < inner


def test_same_targets_names_are_told_apart(show):
    driver = show("wide", "--by", "pid")
    assert frames(driver, "gunicorn (4100)") and frames(driver, "gunicorn (4101)")


def test_processes_of_a_program_are_one(show):
    driver = show("wide")
    assert not frames(driver, "gunicorn (4100)")
    assert width(frame(driver, "gunicorn")) == pytest.approx(width(frame(driver, "all")), rel=0.01)
    assert "gunicorn (2 processes)" in page_text(driver)


def test_hostile_names_are_text(show):
    driver = show("hostile")
    for element in ("img", "b"):
        assert driver.find_elements("css selector", element) == []
    assert len(driver.find_elements("css selector", "script")) == 2
    assert frames(driver, "</script><script>alert(1)</script>")
    assert frames(driver, "\\x1b]0;owned\\x07\\x1b[2J")
    assert driver.execute_script("return document.title") != ""


def test_nothing_is_loaded_from_elsewhere(show):
    driver = show("wide")
    assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_svg_shows_without_scripts(browser, tmp_path):
    """As an image, where no script runs, the picture itself is there."""
    subprocess.run([UNFREED, "report", GOLDEN / "wide.pb.gz", "-o", tmp_path / "graph.svg"],
                   check=True)
    text = (tmp_path / "graph.svg").read_text()
    assert re.search(r"<text[^>]*>WSGIHandler.__call__ \(views.py:20\)</text>", text)
    (tmp_path / "page.html").write_text('<img src="graph.svg" style="width:100%">')
    browser.get((tmp_path / "page.html").as_uri())
    size = browser.execute_script(
        "const i = document.images[0]; return [i.complete, i.naturalWidth, i.clientHeight]")
    assert size[0] and size[1] > 0 and size[2] > 200
