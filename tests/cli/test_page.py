# SPDX-License-Identifier: BSD-2-Clause
"""The page of record in a headless Chromium: what a person sees, clicks and types."""

import os
import pathlib
import re
import subprocess
import urllib.parse

import pytest

from chromium import ActionChains, Keys, browser, complaints, needs_chromium  # noqa: F401

TOP = pathlib.Path(__file__).resolve().parents[2]
UNFREED = os.environ.get("UNFREED", TOP / "build" / "unfreed")
GOLDEN = TOP / "tests" / "golden"

pytestmark = needs_chromium


def write(profile, path, *arguments):
    subprocess.run([UNFREED, "report", GOLDEN / f"{profile}.pb.gz", "-o", path, *arguments],
                   check=True)
    return path.read_text()


@pytest.fixture(params=["html", "svg"])
def show(request, browser, tmp_path):  # noqa: F811
    """Opens a profile's page; at the end the browser must have had nothing to complain of."""
    def open_page(profile, *arguments, width=1280, address=""):
        path = tmp_path / f"page.{request.param}"
        write(profile, path, *arguments)
        browser.set_window_size(width, 800)
        browser.get("about:blank")
        browser.get(path.as_uri() + address)
        return browser

    yield open_page
    assert complaints(browser) == []


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


def tick(driver, key):
    click(driver, driver.find_element("css selector", f"[data-toggle={key}]"))


def findings(driver):
    """[name, where, …] of each row of the table."""
    return driver.execute_script(
        "return Array.from(document.querySelectorAll('.findings tbody tr'),"
        " row => Array.from(row.cells, cell => cell.textContent))")


def address(driver):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlparse(driver.current_url).fragment,
                                       keep_blank_values=True))


UNFOLDED = "#chains=0"


def test_header_says_what_was_measured(show):
    text = page_text(show("service"))
    for words in ("recommend (1234)", "12.4 MB in 3,211 blocks not freed, 4 stacks", "60 s",
                  "exact", "overhead ~2.0 % of its CPU, 0.5 % of a core", "losses: none",
                  "unknown frees: 12", "memory 64.5 MB resident, +15.5 MB", "unexplained +2.6 MB",
                  "2023-11-14 22:13:20 UTC", "by unfreed 0.0.0-test"):
        assert words in text


def test_findings(show):
    driver = show("wide", "--app", "/srv/recsys")
    table = findings(driver)
    assert len(table) == 8
    assert table[0][0] == "QuerySet._fetch_all" and table[0][1].startswith("views.py:")
    sizes = [row[2] for row in table]
    assert sizes == sorted(sizes, key=lambda size: -float(size.split()[0]))
    assert page_text(driver, ".findings").startswith("own codewherenot freed")
    button = driver.find_element("css selector", ".more button")
    click(driver, button)
    assert len(findings(driver)) > 8
    click(driver, driver.find_element("css selector", "[data-sort=name]"))
    names = [row[0] for row in findings(driver)]
    assert names == sorted(names, key=str.lower)
    assert address(driver) == {"sort": "name", "all": "1"}
    tick(driver, "lines")
    assert len({row[0] for row in findings(driver)}) == len(findings(driver)) < len(names)


def test_a_finding_shows_its_stacks_alone(show):
    driver = show("service")
    row = driver.find_element("css selector", "[data-finding='load_user (views.py:41)']")
    click(driver, row)
    assert address(driver) == {"only": "load_user (views.py:41)"}
    assert "Only the stacks of load_user (views.py:41)" in page_text(driver)
    assert not frames(driver, "allocate")
    click(driver, driver.find_element("css selector", ".chosen button"))
    assert frames(driver, "cache::put")


def test_widths_are_shares(show):
    driver = show("service", address=UNFOLDED)
    whole = width(frame(driver, "all"))
    assert width(frame(driver, "PyBytes_FromStringAndSize")) / whole == pytest.approx(
        9800000 / 12409920, abs=0.01)
    driver = show("service", "--count", "blocks", address=UNFOLDED)
    assert width(frame(driver, "PyBytes_FromStringAndSize")) / whole == pytest.approx(
        2900 / 3211, abs=0.01)
    tick(driver, "unit")
    assert width(frame(driver, "PyBytes_FromStringAndSize")) / whole == pytest.approx(
        9800000 / 12409920, abs=0.01)


def test_click_zooms_and_reset_returns(show):
    driver = show("service")
    before = width(frame(driver, "cache::put"))
    click(driver, frame(driver, "cache::put"))
    assert width(frame(driver, "cache::put")) > 3 * before
    assert width(frame(driver, "all")) == width(frame(driver, "cache::put"))
    assert frames(driver, "load_user") == []
    assert "/src/cache.cc:301, /srv/lib/libcache.so.2" in page_text(driver, ".detail")
    driver.back()
    assert width(frame(driver, "cache::put")) == before
    click(driver, frame(driver, "cache::put"))
    click(driver, driver.find_element("xpath", "//*[text()='Reset']"))
    assert width(frame(driver, "cache::put")) == before
    click(driver, frame(driver, "cache::put"))
    ActionChains(driver).send_keys(Keys.ESCAPE).perform()
    assert width(frame(driver, "cache::put")) == before


def test_a_chain_is_one_row_until_it_is_opened(show):
    driver = show("deep")
    chain = frame(driver, "walk (tree.py:10) ×88 › grow (tree.py:20) › copy (copy.py:7)")
    assert not frames(driver, "grow")
    click(driver, chain)
    assert len(frames(driver, "walk (tree.py:10),")) == 88
    assert width(frame(driver, "grow")) == width(frame(driver, "all"))
    tick(driver, "chains")
    tick(driver, "chains")
    assert not frames(driver, "grow")


def test_zoom_keeps_the_frame_where_it_is(show):
    driver = show("deep", address=UNFOLDED)
    for name in "keep", "grow":
        group = frame(driver, name)
        driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", group)
        before = driver.execute_script("return arguments[0].getBoundingClientRect().top", group)
        click(driver, group)
        after = driver.execute_script("return arguments[0].getBoundingClientRect().top",
                                      frame(driver, name))
        # but for the end of the page, which may come nearer
        assert 100 < before < 700 and abs(after - before) < 40
        driver.back()


def test_inverted_names_what_called_the_allocator(show):
    driver = show("deep")
    tick(driver, "inverted")
    assert address(driver) == {"inverted": "1"}
    leafy = frame(driver, "leafy (enum.py:1)")
    assert width(leafy) / width(frame(driver, "all")) == pytest.approx(3 / 13, abs=0.01)
    assert leafy.get_attribute("transform").endswith(" 18)")
    assert frames(driver, "copy (copy.py:7)")


def test_library_frames_can_be_left_out(show):
    driver = show("deep", address=UNFOLDED)
    tick(driver, "library")
    assert not frames(driver, "copy") and not frames(driver, "made")
    assert width(frame(driver, "grow")) / width(frame(driver, "all")) == pytest.approx(
        9 / 13, abs=0.01)


def test_what_is_too_narrow_is_counted(show):
    driver = show("deep", address=UNFOLDED)
    assert frames(driver, "3,000 narrower frames")
    assert "6,000 frames are too narrow to draw here, with 300.0 kB" in page_text(
        driver, ".left-out")


def test_search_is_by_regular_expression(show):
    driver = show("service", address=UNFOLDED)
    field = driver.find_element("css selector", "input[type=search]")
    field.click()
    field.send_keys(r"^LOAD_user .*/app/views\.py:\d+$")
    marked = driver.find_elements("css selector", ".graph g.match")
    assert marked and all(group.get_attribute("aria-label").startswith("load_user")
                          for group in marked)
    assert page_text(driver, "output") == "found in 79 % · 9.8 MB"
    assert len(driver.find_elements("css selector", ".findings tr.match")) == 1
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("nothing is called this")
    assert driver.find_elements("css selector", ".graph g.match") == []
    assert page_text(driver, "output") == "found in 0 % · 0 B"
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("(")
    assert page_text(driver, "output") == "not a regular expression"
    field.send_keys(Keys.ESCAPE)
    assert page_text(driver, "output") == ""


def test_the_view_is_in_the_address(show):
    driver = show("service", address=UNFOLDED)
    tick(driver, "lines")
    tick(driver, "inverted")
    click(driver, frame(driver, "allocate (new_allocator.h)"))
    field = driver.find_element("css selector", "input[type=search]")
    field.click()
    field.send_keys("cache|user")
    fragment = urllib.parse.urlparse(driver.current_url).fragment
    seen = page_text(driver, ".graph")
    again = show("service", address="#" + fragment)
    assert page_text(again, ".graph") == seen
    assert not again.find_element("css selector", "[data-toggle=lines]").is_selected()
    assert again.execute_script(
        "return document.querySelector('input[type=search]').value") == "cache|user"
    # nonsense shows what there is
    show("service", address="#zoom=7.9.x&sort=__proto__&unit=x&only=none&open=1.2+9&find=%5B")


def test_frames_can_be_copied(show):
    driver = show("service", address=UNFOLDED)
    click(driver, frame(driver, "load_user"))
    frame_button, stack_button = driver.find_elements("css selector", ".detail button")
    assert frame_button.get_attribute("data-copies") == (
        "load_user (views.py:41)  /srv/app/views.py:41")
    assert stack_button.get_attribute("data-copies").split("\n") == [
        "load_user (views.py:41)", "View.handle (views.py:88)", "<module> (main.py:12)", "_start"]
    frame_button.click()
    driver.execute_async_script("setTimeout(arguments[0], 0)")
    assert frame_button.get_attribute("textContent") in ("Copied", "Not allowed")


def test_tooltip(show):
    driver = show("service", address=UNFOLDED)
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
    driver = show("service", address=UNFOLDED)
    driver.execute_script("document.querySelector('.graph [tabindex=\"0\"]').focus()")
    keys = ActionChains(driver)
    for key in (Keys.ARROW_DOWN, Keys.ARROW_RIGHT):
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
        " ...Array.from(document.querySelectorAll('.app > *, .app svg *, .findings, .bar *'),"
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


def test_processes_can_be_told_apart(show):
    driver = show("wide")
    assert not frames(driver, "gunicorn (4100)")
    assert "gunicorn (2 processes)" in page_text(driver)
    tick(driver, "processes")
    assert frames(driver, "gunicorn (4100)") and frames(driver, "gunicorn (4101)")
    driver = show("wide", "--by", "pid")
    assert frames(driver, "gunicorn (4100)") and frames(driver, "gunicorn (4101)")


def test_hostile_names_are_text(show):
    driver = show("hostile", address=UNFOLDED)
    for element in ("img", "b"):
        assert driver.find_elements("css selector", element) == []
    assert len(driver.find_elements("css selector", "script")) == 2
    tick(driver, "inverted")
    assert frames(driver, "</script><script>alert(1)</script>")
    assert frames(driver, "\\x1b]0;owned\\x07\\x1b[2J")
    assert driver.execute_script("return document.title") != ""


def test_nothing_is_loaded_from_elsewhere(show):
    driver = show("wide")
    assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_the_policy_allows_nothing_but_its_own(browser, tmp_path):  # noqa: F811
    """A script or a style that somebody gets into the page does nothing."""
    path = tmp_path / "page.html"
    text = write("service", path)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert "unsafe" not in policy and policy.startswith("default-src 'none'; script-src 'sha256-")
    path.write_text(text.replace("<h1>", "<h1><script>document.title = 'owned'</script>"
                                 "<img src=x onerror=\"document.title = 'owned'\">", 1))
    browser.get(path.as_uri())
    assert browser.title.startswith("Not freed: recommend")
    assert frames(browser, "all")
    messages = " ".join(entry["message"] for entry in browser.get_log("browser"))
    assert messages.count("Content Security Policy") >= 2
    with pytest.raises(Exception, match="TrustedHTML"):
        browser.execute_script("document.body.innerHTML = '<b>'")


def test_the_page_shows_without_scripts(browser, tmp_path):  # noqa: F811
    path = tmp_path / "page.html"
    text = write("wide", path)
    assert "<td class=\"name\">" in text
    path.write_text(re.sub(r"script-src '[^']*'", "script-src 'none'", text))
    browser.get(path.as_uri())
    assert [row[0] for row in findings(browser)][0].startswith("QuerySet._fetch_all (views.py:")
    assert "gunicorn (2 processes)" in page_text(browser, "#plain")
    assert len(browser.find_elements("css selector", "#stack-picture svg text")) > 20
    assert browser.find_elements("css selector", ".graph") == []
    browser.get_log("browser")


def test_svg_shows_without_scripts(browser, tmp_path):  # noqa: F811
    """As an image, where no script runs, the picture itself is there."""
    text = write("wide", tmp_path / "graph.svg")
    assert re.search(r"<text[^>]*>WSGIHandler.__call__ \(views.py:20\)</text>", text)
    (tmp_path / "page.html").write_text('<img src="graph.svg" style="width:100%">')
    browser.get((tmp_path / "page.html").as_uri())
    size = browser.execute_script(
        "const i = document.images[0]; return [i.complete, i.naturalWidth, i.clientHeight]")
    assert size[0] and size[1] > 0 and size[2] > 200
