# SPDX-License-Identifier: BSD-2-Clause
"""The alert rules and the dashboard of deploy/, against Debian's Prometheus, which scrapes a monitor at
work. `for:` of the rules is none here, as nobody waits for hours; their thresholds are as they are."""
import importlib.util
import json
import re
import subprocess
import sys
import urllib.parse
import urllib.request

import pytest

from cgroups import memory_group
from conftest import ROOT, TIMEOUT, Lines, eventually
from monitors import Monitor
from servers import Server, unpack

RULES = ROOT / "deploy/unfreed.rules.yml"
RULES_TESTED = ROOT / "tests/integration/alert_rules.yml"
DASHBOARD = ROOT / "deploy/unfreed-dashboard.json"
VARIABLES = {"$instance": ".*", "$service": ".*", "$__rate_interval": "10s"}


def promtool(*arguments):
    return subprocess.run([unpack("prometheus") / "usr/bin/promtool", *map(str, arguments)],
                          capture_output=True, text=True, timeout=TIMEOUT)


def alert_names():
    return set(re.findall(r"- alert: (\w+)", RULES.read_text()))


def expressions_of(dashboard):
    """Of all panels, by title."""
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel["targets"]]


@pytest.mark.unprivileged
def test_the_rules_are_rules():
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.unprivileged
def test_when_each_rule_tells_and_when_not():
    done = promtool("test", "rules", RULES_TESTED)
    assert done.returncode == 0, done.stdout + done.stderr
    tested = RULES_TESTED.read_text()
    for name in alert_names():
        assert re.search(rf"alertname: {name}, exp_alerts: \[\]", tested), f"{name} is never silent"
        assert re.search(rf"alertname: {name}\n +exp_alerts:\n", tested), f"{name} is never told"


class Prometheus(Server):
    """Scrapes and judges twice a second."""

    def __init__(self, directory, monitor):
        root = unpack("prometheus")
        rules, configuration = directory / "rules.yml", directory / "prometheus.yml"
        rules.write_text(re.sub(r"\bfor: \w+", "for: 0s", RULES.read_text()))
        configuration.write_text(f"""
global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
rule_files: [{rules}]
scrape_configs:
  - job_name: unfreed
    static_configs: [{{targets: ["127.0.0.1:{monitor.port}"]}}]
""")
        super().__init__(root, [root / "usr/bin/prometheus", f"--config.file={configuration}",
                                f"--storage.tsdb.path={directory / 'data'}",
                                "--web.listen-address=127.0.0.1:0"],
                         r"Server is ready to receive web requests")
        [self.address] = {found[1] for line in self.lines.seen
                          if (found := re.search(r"Listening on.* address=(127\.0\.0\.1:[1-9]\d*)", line))}

    def ask(self, path, **arguments):
        with urllib.request.urlopen(f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(arguments)}",
                                    timeout=TIMEOUT) as answer:
            return json.load(answer)["data"]

    def query(self, expression):
        return self.ask("query", query=expression)["result"]

    def firing(self):
        return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"]
                if alert["state"] == "firing"}

    def until_firing(self, names):
        eventually(lambda: names <= self.firing(), f"{names} are not told")


# A megabyte a second, beside what is most of what it may take from the beginning on.
FILLS = """
import functools, socket, time
try:
    from sqlalchemy.pool import QueuePool
    POOL = QueuePool(object, pool_size=3)
except ImportError:
    pass
@functools.lru_cache(maxsize=10)
def price(product):
    return product * 2
PAIR = socket.socketpair()
print("ready", flush=True)
others, history = b"x" * (185 << 20), []
def remember():
    history.append(b"x" * 100_000)
began = time.monotonic()
while True:
    while len(history) < 10 * (time.monotonic() - began):
        remember()
        price(len(history) % 20)
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """One that fills its cgroup, a monitor of it, and a Prometheus that has heard of what fills it."""
    unpack("prometheus")
    with memory_group(300) as group:
        process = subprocess.Popen([sys.executable, "-c", FILLS], stdout=subprocess.PIPE, text=True,
                                   preexec_fn=group.enter)
        try:
            Lines(process.stdout).until("^ready$")
            with Monitor("-p", process.pid, "-d", 5, "--budget", 100) as monitor, \
                    Prometheus(tmp_path_factory.mktemp("prometheus"), monitor) as prometheus:
                prometheus.until_firing({"UnfreedLeak", "UnfreedNearLimit", "UnfreedLimitSoon",
                                         "UnfreedGrowsFast"})
                yield monitor, prometheus
        finally:
            process.kill()
            process.wait(TIMEOUT)


def test_what_grows_is_told(watched):
    _, prometheus = watched
    alerts = prometheus.ask("alerts")["alerts"]
    [leak] = [alert for alert in alerts if alert["labels"].get("name", "").endswith("history")]
    assert leak["labels"]["verdict"] == "grows, no bound seen"
    assert re.fullmatch(r"python3\[\d+\]: __main__\.history grows by [\d.]+[MG]B an hour .*",
                        leak["annotations"]["summary"])
    assert re.match(r"Filled by remember \(", leak["annotations"]["description"])
    near = [alert for alert in alerts if alert["labels"]["alertname"] == "UnfreedNearLimit"]
    assert re.fullmatch(r"/\S*unfreed-test-\S+ uses [789]\S+% of its memory limit",
                        near[0]["annotations"]["summary"])
    assert "UnfreedDown" not in prometheus.firing()


def families(monitor):
    """What it says at /metrics, by the names that its samples have."""
    return {name + ("_total" if kind == "counter" else "")
            for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", monitor.metrics().text, re.M)}


def test_metrics_that_are_named_are_there(watched):
    monitor, _ = watched
    for path in (RULES, DASHBOARD):
        named = set(re.findall(r"\bunfreed_\w+", re.sub(r"#.*", "", path.read_text())))
        assert len(named) > 10 and not named - families(monitor), path


# Known after hours, and where the kernel says how long a cgroup waits for memory.
MAY_HAVE_NOTHING = {"Growth an hour, by the last day", "Ended for want of memory, waiting for memory",
                    "What was not seen or kept"}
if not importlib.util.find_spec("sqlalchemy"):
    MAY_HAVE_NOTHING |= {"Connections of pools (Python)"}


def test_each_panel_shows_something(watched):
    _, prometheus = watched
    dashboard = json.loads(DASHBOARD.read_text())
    for title, expression in expressions_of(dashboard):
        for name, value in VARIABLES.items():
            expression = expression.replace(name, value)
        assert "$" not in expression
        if title not in MAY_HAVE_NOTHING:
            eventually(lambda asked=expression: prometheus.query(asked), expression)
    for annotation in dashboard["annotations"]["list"]:
        assert prometheus.query(annotation["expr"].replace("$instance", ".*"))


@pytest.mark.unprivileged
def test_the_panels_do_not_lie_on_each_other():
    dashboard = json.loads(DASHBOARD.read_text())
    places = [(x, y) for panel in dashboard["panels"] for place in [panel["gridPos"]]
              for x in range(place["x"], place["x"] + place["w"])
              for y in range(place["y"], place["y"] + place["h"])]
    assert len(places) == len(set(places)) and max(x for x, _ in places) == 23
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_a_monitor_that_is_gone_is_told(watched):
    monitor, prometheus = watched
    assert monitor.end() == 0
    prometheus.until_firing({"UnfreedDown"})
