# SPDX-License-Identifier: BSD-2-Clause
"""What `unfreed monitor` knows of what is in processes that do not grow: by a look now and then."""
import json
import subprocess
import sys

from conftest import LOSSES, TIMEOUT, Lines, eventually, has_ended
from monitors import Monitor
from servers import children

# A line has it ask its caches, and collect; then it says what they and its collector say of themselves.
ASKED = """
import functools, gc, json, sys
gc.disable()

@functools.lru_cache(maxsize=1000)
def render(user):
    return "<h1>" + str(user)

@functools.lru_cache(maxsize=None)
def price(product):
    return product * 2

class Cycle:
    pass

TABLE = {number: str(number) for number in range(20000)}
for user in range(400):
    render(user % 300)
print("ready", flush=True)
for line in sys.stdin:
    for product in range(50):
        price(product % 7)
    for _ in range(30):
        cycle = Cycle()
        cycle.me = cycle
    gc.collect()
    caches = {of.__wrapped__.__name__: of.cache_info()._asdict() for of in (render, price)}
    print(json.dumps({"caches": caches, "gc": gc.get_stats()}), flush=True)
"""


class Asked:
    """Kept still, so that what it says is so until it is asked again."""

    def __init__(self, script=ASKED):
        self.process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        self.lines = Lines(self.process.stdout)
        self.lines.until("^ready$")

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.lines.until("^{"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(TIMEOUT)


def looked_again(metrics, looks):
    return metrics.one("unfreed_looks_total") >= looks + 2


def test_collector_and_caches_of_one_that_does_not_grow():
    with Asked() as asked, Monitor("-p", asked.pid, "--budget", 100) as monitor:
        truth = asked.ask()
        looks = monitor.metrics().one("unfreed_looks_total")
        metrics = monitor.until(lambda seen: looked_again(seen, looks), "nobody looks")
        of = {"pid": str(asked.pid), "service": f"python3[{asked.pid}]"}
        assert metrics.one("unfreed_python_gc_enabled", **of) == 0
        for number, generation in enumerate(truth["gc"]):
            for key, value in generation.items():
                assert metrics.one(f"unfreed_python_gc_{key}_total", generation=str(number), **of) == value
        assert truth["gc"][2]["collected"] >= 30
        for name, info in truth["caches"].items():
            cache = {"name": f"__main__.{name}", **of}
            assert metrics.one("unfreed_cache_entries", **cache) == info["currsize"]
            assert metrics.one("unfreed_cache_hits_total", **cache) == info["hits"]
            assert metrics.one("unfreed_cache_misses_total", **cache) == info["misses"]
            assert metrics.get("unfreed_cache_bound_entries", **cache) == info["maxsize"]
        assert metrics.one("unfreed_container_entries", name="__main__.TABLE", type="dict", **of) == 20000
        assert metrics.one("unfreed_container_bytes", name="__main__.TABLE", **of) > 1e6
        assert len(metrics.all("unfreed_container_entries")) <= 10
        assert sum(value for _, value in metrics.all("unfreed_target_memory_bytes", **of)) \
            > metrics.one("unfreed_target_live_bytes", **of) > 1e6
        assert metrics.one("unfreed_inquiries_total") == metrics.one("unfreed_looks_failed_total") == 0
        assert {labels["cause"] for labels, value in metrics.all("unfreed_losses_total")} >= {
            *LOSSES, "no_room", "alerts_dropped", "history_not_written", "looks_failed"}
        assert metrics.one("unfreed_losses_total", cause="looks_failed") == 0
        assert monitor.end() == 0


def test_each_service_in_turn():
    """And one that is no Python."""
    sleeper = subprocess.Popen(["sleep", str(10 * TIMEOUT)])
    try:
        with Asked() as first, Asked() as second, \
                Monitor("-p", f"{first.pid},{second.pid},{sleeper.pid}", "--budget", 100) as monitor:
            metrics = monitor.until(lambda seen: len(seen.all("unfreed_target_live_bytes")) == 3,
                                    "it does not look at all")
            assert {labels["pid"] for labels, _ in metrics.all("unfreed_python_gc_enabled")} \
                == {str(first.pid), str(second.pid)}
            first.process.kill()
            first.process.wait(TIMEOUT)
            monitor.until(lambda seen: not seen.all("unfreed_cache_entries", pid=str(first.pid)),
                          "what is gone is told")
    finally:
        sleeper.kill()
        sleeper.wait(TIMEOUT)


def test_nobody_looks_without_a_budget():
    with Asked() as asked, Monitor("-p", asked.pid, "--budget", 0) as monitor:
        metrics = monitor.until(lambda seen: seen.one("unfreed_self_rounds_total") > 100, "no rounds")
        assert metrics.one("unfreed_looks_total") == 0
        assert not metrics.all("unfreed_target_live_bytes")


def test_a_look_ends_with_it():
    with Asked() as asked:
        with Monitor("-p", asked.pid, "--budget", 100) as monitor:
            eventually(lambda: children(monitor.pid), "nobody looks")
            [child] = children(monitor.pid)
            assert monitor.end() == 0
            eventually(lambda: has_ended(child), "it goes on")
        assert asked.process.poll() is None


def test_what_could_not_be_seen_is_counted():
    """Of one that holds more than the look may take, some stand for others."""
    script = "KEPT = [[str(n)] for n in range(600000)]\nprint('ready', flush=True)\ninput()"
    with Asked(script) as asked, Monitor("-p", asked.pid, "--budget", 100, "--max-memory", 16) as monitor:
        metrics = monitor.until(lambda seen: seen.all("unfreed_target_live_bytes"), "nobody looks")
        assert metrics.one("unfreed_losses_total", cause="sampled") > 0 \
            or metrics.one("unfreed_losses_total", cause="no_room") > 0


def test_hostile_names():
    """They neither break a line nor say twice what is known once."""
    script = """
import functools
for name in ('a"b\\\\\\nunfreed_up 1', "x" * 5000, "x" * 5001):
    def function(key):
        return key
    function.__name__ = function.__qualname__ = name
    globals()[name] = functools.lru_cache(maxsize=10)(function)
    globals()[name](1)
print("ready", flush=True)
input()
"""
    with Asked(script) as asked, Monitor("-p", asked.pid, "--budget", 100) as monitor:
        metrics = monitor.until(lambda seen: seen.all("unfreed_cache_entries"), "nobody looks")
        names = [labels["name"] for labels, _ in metrics.all("unfreed_cache_entries")]
        assert any("unfreed_up" in name for name in names)
        assert not metrics.all("unfreed_up") and len(set(names)) == len(names)
        assert max(map(len, names)) <= 1024




def test_caches_that_inquiries_saw():
    """A small one beside many containers that are larger: it is told by the look of an inquiry too."""
    script = """
import functools, time
LARGER = {f"table_{number}": list(range(2000)) for number in range(60)}
for name, table in LARGER.items():
    globals()[name] = {key: str(key) for key in table}
history = {}

@functools.lru_cache(maxsize=8)
def rate(currency):
    return currency

for currency in range(12):
    rate(currency % 6)
print("ready", flush=True)
while True:
    for _ in range(50):
        history[len(history)] = bytearray(1000)
    time.sleep(0.02)
"""
    with Asked(script) as asked, Monitor("-p", asked.pid, "-d", 3, "--budget", 100) as monitor:
        monitor.stderr.until(r"__main__\.history")
        metrics = monitor.metrics()
        cache = {"name": "__main__.rate", "pid": str(asked.pid)}
        assert metrics.one("unfreed_cache_entries", **cache) == metrics.one("unfreed_cache_hits_total", **cache) == 6
        assert metrics.one("unfreed_cache_bound_entries", **cache) == 8
        assert len(metrics.all("unfreed_container_entries")) <= 10
