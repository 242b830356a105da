# SPDX-License-Identifier: BSD-2-Clause
"""What the monitor's page says of what is in a process: caches, connection pools, Python's collector, the
largest containers, against what the process says of itself."""
import json
import subprocess
import sys

import pytest

from conftest import ROOT, TIMEOUT, Lines
from guarded import Guarded
from pages import Page

sys.path.insert(0, str(ROOT / "tests/cli"))
from chromium import browser, complaints, least_contrast, needs_chromium, what_sticks_out  # noqa: E402, F401

# A line has it ask its caches and collect; then it says what they say of themselves.
HOLDING = """
import functools, gc, json, socket, sqlite3, sys
gc.disable()

@functools.lru_cache(maxsize=4000)
def price(product):
    return product * 2

@functools.lru_cache(maxsize=None)
def greeting(language):
    return "<b>" + language

PAIR = socket.socketpair()
TABLE = {number: str(number) for number in range(20000)}
try:
    from sqlalchemy.pool import QueuePool
    POOL = QueuePool(lambda: sqlite3.connect(":memory:"), pool_size=2, max_overflow=2)
    HELD = [POOL.connect() for _ in range(3)]
except ImportError:
    POOL = None
greeting("de")
print("ready", POOL is not None, flush=True)
for line in sys.stdin:
    for product in range(200):
        price(product % 150)
    for _ in range(30):
        cycle = []
        cycle.append(cycle)
    gc.collect()
    print(json.dumps({"price": price.cache_info()._asdict(), "gc": gc.get_stats()}), flush=True)
"""


class Holding:
    def __init__(self):
        self.process = subprocess.Popen(["/usr/bin/python3", "-c", HOLDING], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.lines = Lines(self.process.stdout)
        self.has_pool = self.lines.until("^ready") == "ready True"

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.lines.until("^{"))


def held(monitor):
    [service] = monitor.get("/api/services")["services"]
    return service["memory"]


def until_looked(monitor, condition):
    """What is held at the first look of which it is so."""
    monitor.until(lambda _: held(monitor) and condition(held(monitor)), "no such look")
    return held(monitor)


def cache_of(memory, name):
    [cache] = [cache for cache in memory["caches"] if cache["name"] == f"__main__.{name}"]
    return cache


@pytest.fixture(scope="module")
def monitor(tmp_path_factory):
    """It has been asked; it is looked at, asked again, and looked at: `before` and `after` are what it said."""
    holding = Holding()
    try:
        before = holding.ask()
        with Guarded(tmp_path_factory.mktemp("held"), "-p", holding.process.pid, "--budget", 100) as running:
            running.before = before
            until_looked(running, lambda memory: cache_of(memory, "price")["misses"] == 150)
            running.after = holding.ask()
            until_looked(running, lambda memory: cache_of(memory, "price")["hits_since"] == 200)
            running.holding = holding
            yield running
            assert running.end() == 0
    finally:
        holding.process.kill()
        holding.process.wait(TIMEOUT)


def test_what_it_asks_for(monitor):
    memory = held(monitor)
    said, before = monitor.after["price"], monitor.before["price"]
    cache = cache_of(memory, "price")
    assert (cache["length"], cache["bound"], cache["hits"], cache["misses"]) == \
        (said["currsize"], said["maxsize"], said["hits"], said["misses"])
    assert (cache["hits_since"], cache["misses_since"]) == \
        (said["hits"] - before["hits"], said["misses"] - before["misses"]) == (200, 0)
    other = cache_of(memory, "greeting")
    assert (other["bound"], other["hits"], other["misses"], other["hits_since"]) == (None, 0, 1, 0)
    assert not memory["gc"]["enabled"]
    for generation, stats, earlier in zip(memory["gc"]["generations"], monitor.after["gc"], monitor.before["gc"]):
        for key in ("collections", "collected", "uncollectable"):
            assert generation[key] == stats[key]
        assert generation["collections_since"] == stats["collections"] - earlier["collections"]
        assert generation["collected_since"] == stats["collected"] - earlier["collected"]
    [table] = [one for one in memory["containers"] if one["name"] == "__main__.TABLE"]
    assert table["length"] == 20000 and table["bytes"] > 10**6
    assert memory["since"] < memory["taken_at"] and sum(memory["parts"].values()) > memory["live_bytes"]
    if monitor.holding.has_pool:
        [pool] = memory["pools"]
        assert (pool["name"], pool["in_use"], pool["idle"], pool["maximum"]) == ("__main__.POOL", 3, 0, 4)


def rows_of(page, table):
    return [[cell.text for cell in row.find_elements("css selector", "td")]
            for row in page.all(f"table.{table} tbody tr")]


@pytest.fixture
def page(browser, monitor):  # noqa: F811
    shown = Page(browser, monitor.port)
    shown.open()
    shown.sign_in(monitor.token)
    shown.one(".held")
    yield shown
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    assert [told for told in complaints(browser) if "401 (Unauthorized)" not in told["message"]] == []


@needs_chromium
def test_what_is_shown(page, monitor):
    caches = {cells[0]: cells[1:6] for cells in rows_of(page, "caches")}
    [price] = [cells for name, cells in caches.items() if "__main__.price" in name]
    assert price == ["150", "4,000", "200", "0", "100 %"]
    [greeting] = [cells for name, cells in caches.items() if "__main__.greeting" in name]
    assert greeting == ["1", "no bound", "0", "0", "not asked"]
    heading = page.one(".held .of-collector h3").text
    assert heading == "Python's garbage collector is off"
    [_, _, oldest] = rows_of(page, "collector")
    assert oldest[0] == "2" and oldest[1].startswith("1\nevery ") and int(oldest[2]) >= 30
    assert any("__main__.TABLE" in cells[0] and cells[1] == "20,000" for cells in rows_of(page, "containers"))
    assert rows_of(page, "connections") == [["unix", "2", "0"]]
    if monitor.holding.has_pool:
        assert [cells[1:] for cells in rows_of(page, "pools")] == [["3", "0", "4", "75 %"]]
        assert page.count("table.pools .share.near") == 1


@needs_chromium
@pytest.mark.parametrize("width", (800, 1280, 2560))
@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_it_is_readable(page, width, scheme):
    page.open(width, scheme)
    page.one(".held")
    assert page.driver.execute_script(
        "const page = document.documentElement; return page.scrollWidth - page.clientWidth") == 0
    assert what_sticks_out(page.driver) == []
    worst = least_contrast(page.driver, "main *:not(svg *)")
    assert worst[0] >= 4.5, worst
