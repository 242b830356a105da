# SPDX-License-Identifier: BSD-2-Clause
"""The monitor's page in a headless Chromium, of a service whose names are hostile: what a person sees, by
day and by night, on a small screen and on a wide one."""
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ROOT, TIMEOUT, eventually
from guarded import Guarded
from pages import Page

sys.path.insert(0, str(ROOT / "tests/cli"))
from chromium import (  # noqa: E402
    browser, complaints, least_contrast, needs_chromium, what_sticks_out,  # noqa: F401
)  # fmt: skip

EVIL = "<img src=x onerror=alert(1)>"
EVIL_NAME = "shop.<script>alert(1)</script>\u202e\x1b[31m"
WATCHED = EVIL[:15] + "["  # PID]
HOUR = 3600


def edit(path, text, *values):
    base = sqlite3.connect(path)
    try:
        with base:
            return base.execute(text, values).fetchall()
    finally:
        base.close()


def change(answer, factor):
    """The same answer as if it were another time's: what it has is held `factor` times."""
    changed = json.loads(answer)
    changed["findings"][0]["bytes_per_hour"] *= factor
    changed["findings"][0]["container"]["name"] = EVIL_NAME
    for container in changed["look"]["containers"]:
        container["bytes"] = int((container["bytes"] or 0) * factor)
    return json.dumps(changed)


def fill(path, service):
    """A day of samples, with a gap; an answer an hour ago, one two hours ago; a finding that is over."""
    now = int(time.time())
    for minute in range(1, 24 * 60):
        if not 300 < minute < 360:
            edit(path, "INSERT OR REPLACE INTO sample VALUES (?, ?, 1, ?, ?, ?)", service,
                 now - 60 * minute, 3 * 10**9 - minute * 10**6, 2 * 10**9 - minute * 10**6, 5 * 10**8)
    [(answer,)] = edit(path, "SELECT json FROM answer ORDER BY id LIMIT 1")
    for hours, factor in ((1, 2), (2, 1)):
        edit(path, "INSERT INTO answer (service, at, json) VALUES (?, ?, ?)", service, now - hours * HOUR,
             change(answer, factor))
    edit(path, "INSERT INTO finding (service, name, type, verdict, bytes_per_hour, low, high, holds_bytes,"
         " filled_by, reason, first_at, last_at, over_at) VALUES (?, ?, 'dict', 'leak', 9.1e6, 8e6, 10e6,"
         " 764000000, ?, 'none leaves', ?, ?, ?)", service, EVIL_NAME, f"add ({EVIL}.py:7)",
         now - 50 * HOUR, now - 9 * HOUR, now - 8 * HOUR)
    edit(path, "INSERT INTO service (name, cgroup) VALUES (?, '/gone')", EVIL)
    edit(path, "INSERT INTO sample SELECT max(id), ?, 1, 1, 1, 0 FROM service", now - 3 * HOUR)


@pytest.fixture(scope="module")
def monitor(tmp_path_factory):
    """Of a service that leaks, by a file of an evil name, which has an evil name itself."""
    directory = tmp_path_factory.mktemp("page")
    program = directory / f"{EVIL}.py"
    shutil.copy(ROOT / "tests/programs/demo_service.py", program)
    python = directory / EVIL[:15]
    python.symlink_to(Path(sys.executable).resolve())
    process = subprocess.Popen([str(python), str(program)])
    try:
        (directory / "config").write_text("budget = 100\n")
        with Guarded(directory, "-p", process.pid, "-d", 8, "--config", directory / "config",
                     "--history", directory / "history") as running:
            running.stderr.until(r"__main__\.history")
            eventually(lambda: edit(directory / "history", "SELECT * FROM answer"), "none is kept")
            (directory / "config").write_text("budget = 0\n")  # however long the tests take: no other answer
            running.process.send_signal(signal.SIGHUP)
            running.until(lambda metrics: not metrics.one("unfreed_budget_ratio"), "it asks again")
            [found] = running.get("/api/services")["services"]
            fill(directory / "history", found["id"])
            running.service = found
            yield running
            assert running.end() == 0
    finally:
        process.kill()
        process.wait(TIMEOUT)


@pytest.fixture
def page(browser, monitor):  # noqa: F811
    """At the end the browser must have had nothing to complain of, but that it was not signed in."""
    browser.get("about:blank")
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    shown = Page(browser, monitor.port)
    yield shown
    assert [told for told in complaints(browser) if "401 (Unauthorized)" not in told["message"]] == []


@pytest.fixture
def signed_in(page, monitor):
    page.open()
    page.sign_in(monitor.token)
    page.one(".services")
    return page


def test_what_it_is_served_with(monitor):
    status, headers, text = monitor.ask("GET", "/")
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe" not in policy
    assert "connect-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "trusted-types 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
    assert "innerHTML" not in text and "src=" not in text and "@import" not in text
    assert "demo_service" not in text and EVIL not in text, "what it shows it asks for"


def test_what_it_asks_for(monitor):
    [found] = monitor.get("/api/services")["services"]
    [finding] = [finding for finding in found["findings"] if finding["name"] == "__main__.history"]
    assert finding["verdict"] == "grows, no bound seen" and "remember (" in finding["filled_by"]
    assert finding["low"] <= finding["bytes_per_hour"] <= finding["high"] and finding["holds_bytes"]
    assert finding["first_at"] <= finding["last_at"] and "inquiry" in found["growth"]
    assert found["memory"]["live_bytes"] > 1e6 and found["memory"]["parts"]["python_live"] > 1e6
    kept = monitor.get(f"/api/findings?service={found['id']}")["findings"]
    assert {row["name"]: bool(row["over_at"]) for row in kept if row["verdict"] != "unexplained"}.items() >= \
        {"__main__.history": False, EVIL_NAME: True}.items()
    answers = monitor.get(f"/api/answers?service={found['id']}")["answers"]
    assert len(answers) == 3 and answers == sorted(answers, key=lambda answer: answer["at"], reverse=True)
    whole = monitor.get(f"/api/answer?id={answers[0]['id']}")
    assert whole["schema"] == "unfreed/why/1" and whole["target"]["pid"] == found["processes"][0]["pid"]


@needs_chromium
def test_it_is_opened_by_the_token_alone(page, monitor):
    page.open()
    page.sign_in("no-such-token-at-all")
    page.until(lambda: page.one(".sign-in .lossy").text == "That is not the token.", "it is not refused")
    page.sign_in("töken\nof\x01others")
    assert not page.one(".sign-in").find_element("css selector", ".lossy").text.startswith("TypeError")
    assert page.count(".services") == 0
    page.sign_in(monitor.token)
    page.one(".services")
    assert monitor.token not in page.driver.current_url
    assert page.driver.execute_script("return document.cookie") == "", "no script reads it"
    page.driver.refresh()
    page.one(".services")


@needs_chromium
def test_services(signed_in):
    page = signed_in
    page.until(lambda: page.count(".services tbody tr") == 2, "not both of them")
    [watched, gone] = [row.text for row in page.all(".services tbody tr")]
    assert EVIL[:15] in watched and "MB" in watched and "grows, no bound seen" in watched
    assert EVIL in gone and "none for 3 h" in gone
    page.one(".services [data-sort=name]").click()
    page.until(lambda: page.one(".services th[aria-sort]").text == "service ▾", "it is not sorted")
    page.one(".services [data-sort=name]").click()
    page.until(lambda: page.one(".services th[aria-sort]").text == "service ▴", "it is not turned")
    assert "sort=-name" in page.driver.current_url


@needs_chromium
def test_lines(signed_in):
    page = signed_in
    page.choose(WATCHED)
    page.until(lambda: page.count(".chart polygon") >= 6, "two runs of three parts, with a gap")
    heights = page.driver.execute_script(
        "return Array.from(document.querySelectorAll('.chart polygon'), p => p.getBBox().height)")
    assert all(height > 5 for height in heights[:3])
    assert "of files, shared 1.0 GB" in page.driver.execute_script(
        "const box = document.querySelector('.chart').getBoundingClientRect();"
        "const x = box.left + box.width / 2;"
        "document.querySelector('.chart').dispatchEvent(new PointerEvent('pointermove',"
        "{clientX: x, clientY: box.top + 50}));"
        "return document.querySelector('.pointed').textContent")
    assert page.count(".chart .mark") == 3
    [hour] = [one for one in page.all(".ranges button") if one.text == "1 h"]
    hour.click()
    page.until(lambda: page.one(".ranges [aria-pressed=true]").text == "1 h", "no hour")
    assert "range=hour" in page.driver.current_url


@needs_chromium
def test_findings(signed_in):
    page = signed_in
    page.choose(WATCHED)
    page.until(lambda: page.count(".findings tbody tr") >= 2, "no findings")
    rows = [row.text for row in page.all(".findings tbody tr")]
    [leak] = [row for row in rows if "__main__.history" in row and "__main__.history[" not in row]
    assert "grows, no bound seen" in leak and f"/{EVIL}.py:" in leak
    assert "s ago" in leak or "min ago" in leak
    [over] = [row for row in rows if "over for 8 h" in row]
    assert "<script>alert(1)</script>\\u{202e}\\u{1b}[31m" in over.replace("\n", "")
    assert "9.1" in over and "8.0 to 10" in over and "764.0 MB" in over and "2 d ago" in over


@needs_chromium
def test_answers(signed_in):
    page = signed_in
    page.choose(WATCHED)
    page.until(lambda: page.count("[data-answer]") == 3, "no answers")
    page.all("[data-answer]")[1].click()
    page.until(lambda: "Answer of" in page.one(".of-answer h3").text, "it is not shown")
    assert "<script>alert(1)</script>" in page.one(".of-answer").text
    frames = [frame.text for frame in page.all(".flames text")]
    assert any("remember" in frame for frame in frames), frames
    stack = page.all(".found details")[0]
    stack.find_element("css selector", "summary").click()
    assert any("serve (" in frame.text for frame in stack.find_elements("css selector", "li"))
    link = page.all(".answers a")[0]
    assert link.get_attribute("download").startswith("why-")


@needs_chromium
def test_two_answers_are_compared(signed_in):
    page = signed_in
    page.choose(WATCHED)
    page.until(lambda: page.count("[data-answer]") == 3, "no answers")
    page.all("input[name=before]")[2].click()
    page.all("input[name=after]")[1].click()
    page.until(lambda: page.count(".compared tbody tr"), "they are not compared")
    tables = [table.text for table in page.all(".compared")]
    [held] = [line for line in tables[0].splitlines() if "__main__.history" in line]
    assert "+" in held and page.count(".compared .grew") and not page.count(".compared .shrank")
    assert "<script>alert(1)</script>\\u{202e}" in tables[-1]
    assert "unfreed diff why-" in page.one(".of-compared").text


@needs_chromium
def test_nothing_of_a_target_is_markup(signed_in):
    page = signed_in
    page.choose(WATCHED)
    page.until(lambda: page.count("[data-answer]") == 3, "no answers")
    page.all("[data-answer]")[1].click()
    page.until(lambda: "Answer of" in page.one(".of-answer h3").text, "it is not shown")
    assert page.count("img") == page.count("main script") == page.count("main style") == 0
    assert "\u202e" not in page.driver.page_source and "\x1b" not in page.driver.page_source


@needs_chromium
@pytest.mark.parametrize("width", (800, 1280, 2560))
@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_it_is_readable(signed_in, width, scheme):
    page = signed_in.open(width, scheme)
    page.choose(WATCHED)
    page.until(lambda: page.count("[data-answer]") == 3, "no answers")
    page.all("[data-answer]")[1].click()
    page.until(lambda: page.count(".flames text"), "no graph")
    assert page.driver.execute_script(
        "const page = document.documentElement; return page.scrollWidth - page.clientWidth") == 0
    assert what_sticks_out(page.driver) == []
    worst = least_contrast(page.driver, "main *:not(svg *)")
    assert worst[0] >= 4.5, worst
    ground = page.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(251, 252, 250)", "dark": "rgb(20, 26, 22)"}[scheme]
