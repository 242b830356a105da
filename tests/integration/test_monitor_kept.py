# SPDX-License-Identifier: BSD-2-Clause
"""Alerts that wait when `unfreed monitor` ends are kept in its history, and the next one sends them: once."""
import json
import os
import signal
import sqlite3

import pytest

from conftest import eventually
from monitors import Monitor, near_limit, service  # noqa: F401
from test_monitor_webhook import Receiver

ENDS = [signal.SIGTERM, signal.SIGKILL]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def kept(history):
    base = sqlite3.connect(history)
    try:
        return [(receiver, json.loads(text)) for receiver, text in
                base.execute("SELECT receiver, json FROM alert ORDER BY id")]
    finally:
        base.close()


@pytest.fixture
def nowhere():
    """Where nobody listens, until somebody does."""
    with Receiver() as server:
        pass
    return server


@pytest.mark.parametrize("number", ENDS)
def test_sent_by_the_next_one(nowhere, number, tmp_path):
    history = tmp_path / "history"
    with near_limit("--history", history, "--webhook", nowhere.url) as bell:
        bell.ring()
        bell.monitor.stderr.until("which is posted again")
        bell.end()
        eventually(lambda: [alert["change"] for _, alert in kept(history)] == ["new", "over"], "they are not kept")
        assert [alert["pids"] for _, alert in kept(history)] == [[bell.process.pid]] * 2
        bell.monitor.end(number)
        assert "are lost" not in bell.monitor.stderr.rest()
        before = kept(history)
        assert len(before) == 2 and {receiver for receiver, _ in before} == {"webhook"}
        with Receiver(address=nowhere.server_address) as server:
            for _ in range(2):
                with Monitor("-p", bell.process.pid, "--budget", 0, "--history", history, "--webhook",
                             nowhere.url) as monitor:
                    eventually(lambda: len(server.alerts) == 2, "they are not posted")
                    eventually(lambda: not kept(history), "they are kept on")
                    monitor.until_round()
                    assert monitor.metrics().one("unfreed_self_alerts_dropped_total") == 0
                    assert monitor.end() == 0
            assert [alert["change"] for alert in server.alerts] == ["new", "over"]
            assert [alert["pids"] for alert in server.alerts] == [[]] * 2, "they may be of others by now"
            assert [alert["at"] for alert in server.alerts] == [alert["at"] for _, alert in before]


def test_a_finding_is_told_once(service, nowhere, tmp_path):  # noqa: F811
    """By the one that found it, or by the next."""
    history = tmp_path / "history"
    options = ["-p", service.pid, "-d", 8, "--budget", 100, "--history", history, "--webhook", nowhere.url]
    with Monitor(*options) as monitor:
        monitor.stderr.until(r"__main__\.history")
        eventually(lambda: kept(history), "it is not kept")
        assert monitor.end() == 0
    with Receiver(address=nowhere.server_address) as server, Monitor(*options) as monitor:
        eventually(lambda: any("history" in alert["name"] for alert in server.alerts), "it is not posted")
        monitor.until(lambda seen: seen.one("unfreed_inquiries_total") >= 1
                      and seen.one("unfreed_self_rounds_total") > 50, "nobody is asked")
        eventually(lambda: not kept(history), "they are kept on")
        assert monitor.end() == 0
        named = [alert["name"] for alert in server.alerts if alert["change"] == "new"]
        assert len(named) == len(set(named)) and named.count("__main__.history") == 1


def test_what_is_on_its_way_may_arrive(tmp_path):
    """A program that takes its time is not killed for that we are told to end."""
    program, alerts = tmp_path / "hook", tmp_path / "alerts"
    program.write_text(f"#!/bin/sh\necho begun >>{tmp_path}/begun\nsleep 1\n{{ cat; echo; }} >>{alerts}\n")
    program.chmod(0o700)
    history = tmp_path / "history"
    with near_limit("--history", history, "--exec", program) as bell:
        bell.ring()
        eventually((tmp_path / "begun").exists, "it is not started")
        assert bell.monitor.end() == 0
        assert len(alerts.read_text().splitlines()) == 1 and not kept(history)


def test_without_a_history_that_is_said(nowhere):
    with near_limit("--webhook", nowhere.url) as bell:
        bell.ring()
        bell.monitor.stderr.until("which is posted again")
        bell.end()
        assert bell.monitor.end() == 0
        assert "unfreed: alerts that were not delivered, 2, are lost; with --history they are kept" \
            in bell.monitor.stderr.rest()


def test_another_receiver_gets_nothing_of_the_former(nowhere, tmp_path):
    """Where it is another one while it runs; those are dropped, and kept no more."""
    history, config = tmp_path / "history", tmp_path / "config"
    config.write_text(f"webhook = {nowhere.url}\n")
    with Receiver() as other, near_limit("--history", history, "--config", config) as bell:
        bell.ring()
        bell.monitor.stderr.until("which is posted again")
        assert len(kept(history)) == 1
        config.write_text(f"webhook = {other.url}\n")
        bell.monitor.process.send_signal(signal.SIGHUP)
        eventually(lambda: not kept(history), "it is kept on")
        assert bell.dropped() == 1
        bell.end()
        eventually(lambda: other.alerts, "the next one is not posted")
        assert [alert["change"] for alert in other.alerts] == ["over"]
        assert bell.monitor.end() == 0


@pytest.mark.parametrize("rows, sent", [
    ([("webhook", 0, '{"kind":"limit","change":"new","pids":[1]}')], 0),  # of 1970
    ([("webhook", None, "no JSON at all"), ("webhook", None, "[]"), ("webhook", None, '{"n":1}')], 1),
    ([("exec", None, '{"n":1}')], 0),
    ([("webhook", None, json.dumps({"n": number})) for number in range(300)], 32),
])
def test_what_may_stand_there(service, rows, sent, tmp_path):  # noqa: F811
    history = tmp_path / "history"
    options = ["-p", service.pid, "--budget", 0, "--history", history]
    with Receiver() as server:
        with Monitor(*options, "--webhook", server.url) as monitor:
            monitor.until_round()
            assert monitor.end() == 0
        with sqlite3.connect(history) as base:
            base.executemany("INSERT INTO alert (receiver, at, json) VALUES (?, coalesce(?, strftime('%s')), ?)", rows)
        base.close()
        with Monitor(*options, "--webhook", server.url) as monitor:
            monitor.until_round()
            eventually(lambda: len(server.alerts) >= min(sent, 3), "they are not posted")
            monitor.until_round()
            assert len(kept(history) if sent < 32 else []) == (1 if rows[0][0] == "exec" else 0)
            assert monitor.end() == 0
        assert len(server.alerts) <= sent + 1
    assert os.stat(history).st_mode & 0o777 == 0o600
