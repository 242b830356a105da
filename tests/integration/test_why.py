# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed why` on processes that come and go, collect, replace and do nothing: what it must not
say, and what it must not miss."""
import json
import os
import re
import signal
import subprocess
import textwrap
import threading

import pytest

from conftest import PROGRAMS, TIMEOUT, UNFREED, library

PYTHON = "/usr/bin/python3"


class Script:
    """A Python program that says `ready`, and whose PID is asked about."""

    def __init__(self, text, *wrap):
        self.process = subprocess.Popen([*wrap, PYTHON, "-c", textwrap.dedent(text)],
                                        stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        assert self.process.stdout.readline() == "ready\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def why(directory, *arguments):
    return subprocess.run([UNFREED, "why", *map(str, arguments)], cwd=directory,
                          capture_output=True, text=True)


def ask(pid, directory, seconds=8, *options):
    run = why(directory, "-p", pid, "-d", seconds, "-o", "why.json", "-o", "-", *options)
    assert run.returncode == 0, run.stderr
    print(run.stdout)
    return json.loads((directory / "why.json").read_text()), run.stdout


def names(answer):
    return [(finding["container"] or {}).get("name") for finding in answer["findings"]]


POOL = """
    import multiprocessing, os, time
    results, cache = [], {}
    def work(i):
        cache[i] = "v%d" % i * 10
        return i
    pool = multiprocessing.Pool(2, maxtasksperchild=MAXTASKS)
    pool.apply(work, (0,))
    print("ready", flush=True)
    i = 0
    while True:
        pool.apply_async(work, (i,), callback=results.append)
        i += 1
        time.sleep(0.004)
"""


def test_a_master_that_collects_is_asked_too(tmp_path):
    with Script(POOL.replace("MAXTASKS", "None")) as pool:
        answer, text = ask(pool.pid, tmp_path)
    assert {"__main__.results", "__main__.cache"} <= set(names(answer))
    assert answer["processes"] == 2 and f"python3 {pool.pid} + 2 workers" in text


def test_workers_that_end_do_not_end_the_watches(tmp_path):
    with Script(POOL.replace("MAXTASKS", "300")) as pool:
        answer, text = ask(pool.pid, tmp_path, 10)
    assert answer["processes"] <= 3  # those that are there, not all that were
    assert answer["resident_bytes"] < 100e6
    assert answer["lacks"] is None, text
    assert any(finding["watched_s"] for finding in answer["findings"]), text


GENERATIONS = """
    import os, time
    def work():
        kept = []
        globals()["KEPT"] = kept
        end = time.monotonic() + 2
        while time.monotonic() < end:
            kept.append([0] * 100)
            time.sleep(0.005)
        os._exit(0)
    print("ready", flush=True)
    for _ in range(3):
        pids = [os.fork() or work() for _ in range(2)]
        for pid in pids:
            os.waitpid(pid, 0)
    time.sleep(1000)
"""


def test_a_target_that_is_killed_meanwhile(tmp_path):
    with Script("""
        import time
        print("ready", flush=True)
        time.sleep(1000)
    """) as script:
        killer = threading.Timer(2, script.process.kill)
        killer.start()
        answer, text = ask(script.pid, tmp_path, 20)
        killer.join()
    assert answer["ended"] and answer["watched_s"] < 10, text
    assert ", ended after " in text and "unfreed heap" not in text


def test_a_target_that_is_stopped(tmp_path):
    with Script("""
        import time
        print("ready", flush=True)
        time.sleep(1000)
    """) as script:
        os.kill(script.pid, signal.SIGSTOP)
        answer, text = ask(script.pid, tmp_path, 2)
    assert "it was stopped" in answer["lacks"] and "lacks   it was stopped" in text


def test_nobody_is_there_at_the_end(tmp_path):
    """All that ended are not there, and neither is their memory; two were there at a time."""
    with Script(GENERATIONS) as master:
        answer, text = ask(master.pid, tmp_path, 10)
    assert answer["workers"]["seen"] > 2, text
    assert answer["processes"] <= 2 and answer["resident_bytes"] < 60e6, text


REPLACED_WORKERS = """
    import os, time
    def work():
        kept = []
        globals()["KEPT"] = kept
        end = time.monotonic() + LIFE
        while time.monotonic() < end:
            kept.append([0] * 100)
            time.sleep(0.005)
        os._exit(0)
    def begin():
        pid = os.fork()
        return pid or work()
    begin(), begin()
    print("ready", flush=True)
    while True:
        os.wait()
        begin()
"""


def test_workers_that_are_replaced_all_the_time(tmp_path):
    """None lives for half as long as it is asked; what leaks in each is found, and some stand for
    all."""
    with Script(REPLACED_WORKERS.replace("LIFE", "5")) as master:
        answer, text = ask(master.pid, tmp_path, 24)
    found = dict(zip(names(answer), answer["findings"]))
    assert "__main__.KEPT" in found, text
    workers = answer["workers"]
    assert 0 < workers["told"] <= workers["seen"] and workers["ended"] >= 4, workers
    assert answer["full_in_s"] is None and "came and went" in text
    # two workers at a time, 848 bytes each 5 ms or, on a busy machine, less often
    assert 0.1 < found["__main__.KEPT"]["bytes_per_hour"] / (2 * 848 / 0.005 * 3600) < 1.5, text
    assert any(fill["frames"][0]["name"] == "work" for fill in
               found["__main__.KEPT"]["filled_by"]), text


REPLACED = """
    import time
    class Handle:
        def __init__(self, n):
            self.args = [n] * 100
    class Loop: pass
    loop = Loop()
    loop.scheduled = []
    kept = {}
    print("ready", flush=True)
    n = 0
    while True:
        loop.scheduled.append(Handle(n))
        kept[n] = [n]
        if len(loop.scheduled) >= 100:  # as asyncio does with its cancelled timers
            loop.scheduled = loop.scheduled[60:]
        n += 1
        time.sleep(0.015)
"""


def test_a_list_that_is_replaced_is_no_leak(tmp_path):
    with Script(REPLACED) as program:
        answer, text = ask(program.pid, tmp_path)
    found = dict(zip(names(answer), (finding["verdict"] for finding in answer["findings"])))
    assert found.get("__main__.loop.scheduled", "churn") in ("churn", "sawtooth"), text
    assert found["__main__.kept"] == "grows, no bound seen"


TIMERS = """
    import asyncio, os, random, time
    rate, cancelled = RATES
    def later(data): pass
    async def wait():
        try:
            await asyncio.wait_for(asyncio.sleep(0.05 * random.random()), 30)
        except asyncio.TimeoutError:
            pass
    async def main():
        loop = asyncio.get_running_loop()
        for number in range(BEFORE):
            loop.call_later(36000 + number, later, os.urandom(1000))
        start, kept, waits = time.monotonic(), 0, 0
        print("ready", flush=True)
        while True:
            while kept < (time.monotonic() - start) * rate:
                loop.call_later(36000 + kept, later, os.urandom(1000))
                kept += 1
            while waits < (time.monotonic() - start) * cancelled:
                asyncio.ensure_future(wait())
                waits += 1
            await asyncio.sleep(0.02)
    asyncio.run(main())
"""


@pytest.mark.parametrize("rates, before", [
    ("20, 150", 300), pytest.param("20, 60", 900, marks=pytest.mark.long)])
def test_timers_that_never_come_among_many_that_are_cancelled(tmp_path, rates, before):
    """Those that are cancelled are taken out all at once, where they are more than half: each few seconds,
    or less often than a watch lasts. The list tells, or what those have that are not."""
    with Script(TIMERS.replace("RATES", rates).replace("BEFORE", str(before))) as program:
        answer, text = ask(program.pid, tmp_path, 25)
    found = [finding for finding in answer["findings"]
             if "._scheduled" in ((finding["container"] or {}).get("name") or "")]
    assert len(found) == 1, text
    assert found[0]["verdict"] in ("grows, no bound seen", "filling cache"), text
    assert 0.4 < found[0]["bytes_per_hour"] / (20 * 1300 * 3600) < 2, text


FORGOTTEN = """
    import os, time
    sessions = {}
    print("ready", flush=True)
    start, number, purged = time.monotonic(), 0, 0
    while True:
        while number < (time.monotonic() - start) * 200:
            sessions[number] = (number % 10 < FORGOTTEN, os.urandom(300))
            number += 1
        if number - purged > 300:
            sessions = dict(item for item in sessions.items() if item[1][0])
            purged = number
        time.sleep(0.005)
"""


@pytest.mark.parametrize("forgotten", [0, 1])
def test_a_purge_that_forgets_some(tmp_path, forgotten):
    with Script(FORGOTTEN.replace("FORGOTTEN", str(forgotten))) as program:
        answer, text = ask(program.pid, tmp_path, 25)
    found = [finding["reason"] for finding in answer["findings"]
             if finding["verdict"] in ("leak", "grows, no bound seen", "filling cache")]
    assert ["each time more is left" in reason for reason in found] == [True] * forgotten, text


TRIE_OF_DICTS = """
    import random, time
    TRIE = {}
    def add(number):
        node = TRIE
        for letter in random.choices("abcdefghijklmnopqrstuvwxyz", k=random.randrange(2, 6)):
            node = node.setdefault(letter, {})
        node.setdefault("of", []).append("document %d" % number)
"""
TRIE_OF_NODES = """
    import random, time
    class Node:
        def __init__(self):
            self.below, self.count = {}, 0
    class Trie:
        def __init__(self):
            self.root = Node()
    TRIE = Trie()
    def add(number):
        node = TRIE.root
        for letter in random.choices("abcdefgh", k=random.randrange(3, 12)):
            if letter not in node.below:
                node.below[letter] = Node()
            node = node.below[letter]
        node.count += 1
"""
FILL_TRIE = """
    for number in range(1000):
        add(number)
    print("ready", flush=True)
    start, number = time.monotonic(), 0
    while True:
        while number < (time.monotonic() - start) * 100:
            add(number)
            number += 1
        time.sleep(0.01)
"""


@pytest.mark.parametrize("trie", [
    pytest.param(TRIE_OF_DICTS, id="dicts"), pytest.param(TRIE_OF_NODES, id="nodes", marks=pytest.mark.long)])
def test_a_trie_is_told_once(tmp_path, trie):
    """Though at some looks it is told as a tree, and at others by what its nodes have for those below."""
    with Script(trie + FILL_TRIE) as script:
        answer, text = ask(script.pid, tmp_path, 20)
    found = [finding for finding in answer["findings"]
             if ((finding["container"] or {}).get("name") or "").startswith("__main__.TRIE")]
    assert len(found) == 1, text
    assert found[0]["bytes_per_hour"] < 1.5 * answer["growth"]["bytes_per_hour"], text


GROWS = """
import time
kept = []
end = time.monotonic() + 60
while time.monotonic() < end:
    kept.append([1] * 50)
    time.sleep(.002)
"""


def test_two_that_are_called_alike(tmp_path):
    """As keys are not shown, a list and a dict in one dict have one name."""
    with Script("""
        import time
        BOX = {"rows": [], "totals": {}}
        def fill(n):
            BOX["rows"].append("row %d " % n * 10)
            BOX["totals"][n] = "total %d " % n * 10
        fill(0)
        print("ready", flush=True)
        n = 0
        while True:
            n += 1
            fill(n)
            time.sleep(0.005)
    """) as script:
        answer, text = ask(script.pid, tmp_path)
    types = [finding["container"]["type"] for finding in answer["findings"]
             if (finding["container"] or {}).get("name") == "__main__.BOX[*]"]
    assert sorted(types) == ["dict", "list"], text


def test_a_command_that_a_shell_executes(tmp_path):
    (tmp_path / "grows.py").write_text(GROWS)
    run = why(tmp_path, "-d", 10, "--fail-above", "1MB/h", "--",
              "sh", "-c", f"sleep 0.1; exec {PYTHON} grows.py")
    assert "list __main__.kept" in run.stdout, run.stdout
    assert run.returncode == 1 and "faster than --fail-above" in run.stderr


def test_a_command_that_cannot_run(tmp_path):
    run = why(tmp_path, "--", tmp_path / "nothing")
    assert run.returncode == 3 and run.stdout == ""
    assert run.stderr == f"unfreed: cannot run {tmp_path}/nothing: No such file or directory\n"


def test_a_command_that_fails_says_so(tmp_path):
    run = why(tmp_path, "-d", 5, "--", "sh", "-c", "sleep 0.3; exit 3")
    assert run.stderr.endswith("unfreed: sh ended with status 3\n")


@pytest.mark.parametrize("path", ["no/why.json", "/proc/why.json"])
def test_an_output_that_cannot_be_is_said_before(path, tmp_path):
    run = why(tmp_path, "-p", 1, "-o", tmp_path / path)  # the second one is absolute
    assert run.returncode == 1 and run.stderr.startswith("unfreed: cannot write ")
    assert run.stderr.count("\n") == 1 and not run.stdout


def test_an_answer_is_not_lost_with_its_output(tmp_path):
    with Script("import time; print('ready', flush=True); time.sleep(60)") as program:
        run = why(tmp_path, "-p", program.pid, "-d", 1, "-o", "/dev/full")
    assert run.returncode == 1 and "cannot write /dev/full" in run.stderr
    assert run.stdout.startswith(f"python3 {program.pid}, up ")


def on_a_full_disk(directory, *arguments):
    """There is a file system of one page there, and a file that fills it."""
    shell = 'mount -t tmpfs -o size=4k none "$0" && cd "$0" && ! cat /dev/zero > fill 2> /dev/null && exec "$@"'
    return subprocess.run(["unshare", "-m", "sh", "-c", shell, directory, UNFREED, "why", *map(str, arguments)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)


def test_an_answer_that_cannot_be_saved_is_a_failure(tmp_path):
    """Whoever asks again later would look for it in vain; elsewhere it can be."""
    elsewhere = tmp_path / "elsewhere.json"
    full = tmp_path / "full"
    full.mkdir()
    with Script("import time; print('ready', flush=True); time.sleep(60)") as program:
        run = on_a_full_disk(full, "-p", program.pid, "-d", 1)
        other = on_a_full_disk(full, "-p", program.pid, "-d", 1, "-o", elsewhere)
    assert run.returncode == 1
    assert re.search(r"^unfreed: cannot save the answer as why-\d+-[\d-]+\.json: No space left on device; "
                     "-o FILE.json saves it elsewhere$", run.stderr, re.MULTILINE), run.stderr
    assert run.stdout.startswith(f"python3 {program.pid}, up ")
    assert "unfreed diff why-" not in run.stdout
    assert other.returncode == 0 and json.loads(elsewhere.read_text()), other.stderr


IDLE = """
    import gc, time
    rows = [{"number": 1000 + i, "name": f"row {i}"} for i in range(60_000)]
    late = []
    gc.collect()
    print("ready", flush=True)
    while GROWS:
        late.append({"name": "late %d" % len(late)})
        time.sleep(0.05)
    time.sleep(3600)
"""


def count_looks(stderr):
    return stderr.count("a look with a graph"), stderr.count("a look without one")


def test_what_does_nothing_is_looked_through_once(tmp_path):
    """Once, or twice where nothing is known yet of what it did since; and still it is said what is
    in it."""
    with Script(IDLE.replace("GROWS", "False")) as script:
        run = why(tmp_path, "-v", "-p", script.pid, "-d", 8, "-o", "why.json", "-o", "-")
    assert run.returncode == 0, run.stderr
    graphs, others = count_looks(run.stderr)
    answer = json.loads((tmp_path / "why.json").read_text())
    assert 1 <= graphs <= 2 and others >= 3, run.stderr
    assert "more than it used itself" in run.stdout
    assert not answer["findings"]
    assert "list __main__.rows" in run.stdout


def test_what_does_little_and_grows_is_named(tmp_path):
    """And what each look saw in malloc is told once, however often it was weighed."""
    with Script(IDLE.replace("GROWS", "True")) as script:
        run = why(tmp_path, "-v", "-p", script.pid, "-d", 8, "-o", "why.json")
    assert run.returncode == 0, run.stderr
    answer = json.loads((tmp_path / "why.json").read_text())
    assert names(answer)[:1] == ["__main__.late"]
    assert answer["findings"][0]["filled_by"]
    assert "unfreed: wrote why.json: grows " in run.stderr
    assert run.stderr.count(" kB in malloc at ") <= sum(count_looks(run.stderr)), run.stderr


ASKED_LESS = """
    import time
    kept = []
    def request():
        until = time.process_time() + 0.005
        while time.process_time() < until:
            pass
        kept.append([float(len(kept))])
    print("ready", flush=True)
    began = time.monotonic()
    while True:
        request()
        time.sleep(0.005 if time.monotonic() - began < 11 else 0.09)
"""


def test_a_leak_of_which_less_is_asked_is_no_cache(tmp_path):
    """Halfway its load falls to a tenth, and so does what it leaks; not for what it does."""
    with Script(ASKED_LESS) as script:
        answer, text = ask(script.pid, tmp_path, 20)
    assert names(answer)[:1] == ["__main__.kept"]
    assert answer["findings"][0]["verdict"] == "grows, no bound seen", text


MAPS = """
    import mmap, time
    kept = []
    print("ready", flush=True)
    while True:
        kept.append(mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        kept[-1].write(bytes([1]) * (1 << 20))
        time.sleep(0.05)
"""


def test_what_nobody_explains_has_a_next_step(tmp_path):
    with Script(MAPS) as script:
        answer, text = ask(script.pid, tmp_path, 10)
    assert answer["findings"][0]["verdict"] == "unexplained", text  # beside it a list gets longer
    assert f"record -p {script.pid} -d 60 --growth" in " ".join(text.split())


SIZES = """
    import ctypes, random, select, sys, time
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    held, began, kept = [], time.monotonic(), 0
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        for _ in range(random.randrange(40)):
            held.append(libc.malloc(random.choice([500, 9000, 40000])))
        random.shuffle(held)
        while len(held) > random.randrange(50, 1500):
            libc.free(held.pop())
        while kept < 5 * (time.monotonic() - began):
            kept += bool(libc.malloc(3000))
    print(kept / (time.monotonic() - began), flush=True)
"""


def test_what_grows_by_sizes_of_blocks_alone(tmp_path):
    """Five blocks a second are forgotten, and forty megabytes come and go beside them: bytes tell
    nothing, but of this size there are ever more."""
    with Script(SIZES) as script:
        answer, text = ask(script.pid, tmp_path, 12)
        script.process.stdin.write("\n")
        script.process.stdin.flush()
        truth = 3600 * 3008 * float(script.process.stdout.readline())
    grown = [found for found in answer["findings"] if found["verdict"] == "grows, no bound seen"]
    assert [found["subject"] for found in grown] == ["C memory"], text
    assert grown[0]["low"] <= truth <= grown[0]["high"], (truth, text)
    assert 0.7 * truth < grown[0]["bytes_per_hour"] < 1.4 * truth, (truth, text)
    reason = grown[0]["reason"]  # of sizes, or of what a recording of those saw
    assert "blocks of 3.0 kB of malloc" in reason or "not freed" in reason, text


SHARED = """
    import mmap, time
    cache, at = mmap.mmap(-1, 64 << 20), 0
    print("ready", flush=True)
    while True:
        cache[at:at + 65536] = bytes(65536)
        at += 65536
        time.sleep(0.05)
"""


def test_shared_memory_is_told_beside_the_growth(tmp_path):
    with Script(SHARED) as script:
        answer, text = ask(script.pid, tmp_path, 6)
    [shared] = [found for found in answer["findings"] if found["subject"] == "shared memory"]
    assert shared["verdict"] == "filling cache" and "67.1 MB that are mapped" in shared["reason"]
    assert shared["low"] < 65536 * 20 * 3600 and shared["bytes_per_hour"] > 65536 * 10 * 3600, text
    assert answer["explained_bytes_per_hour"] in (0, None), text


BESIDE_A_CACHE = """
    import ctypes, time
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    cache, number = [libc.malloc(3000) for _ in range(4000)], 0

    def lookup():
        libc.free(cache[number % len(cache)])
        cache[number % len(cache)] = libc.malloc(3000)

    def remember():
        libc.malloc(700)

    print("ready", flush=True)
    began = time.monotonic()
    while True:
        lookup()
        lookup()
        remember()
        number += 1
        time.sleep(max(began + number / 100 - time.monotonic(), 0))
"""


def test_a_leak_in_c_beside_a_cache_that_is_full(tmp_path):
    """The cache makes eight times as many bytes, and frees as many, which are older than the recording.
    Put forward is the line that leaks."""
    script = tmp_path / "beside.py"
    script.write_text(textwrap.dedent(BESIDE_A_CACHE))
    with subprocess.Popen([PYTHON, script], stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout.readline() == "ready\n"
            answer, text = ask(program.pid, tmp_path, 24)
        finally:
            program.kill()
    [finding] = [found for found in answer["findings"] if found["subject"] == "C memory"]
    fills = finding["filled_by"]
    assert fills[0]["frames"][fills[0]["own"]]["name"] == "remember", text
    assert fills[0]["delta"] > 0.8 * sum(fill["delta"] for fill in fills), text
    assert re.search(r"allocated .*remember \(\S*beside\.py:12\)", " ".join(text.split())), text
    assert "took the place of others" in " ".join(text.split()), text


BUSY_BESIDE = """
    import ctypes, time
    libc = ctypes.CDLL(None)

    def forget():
        libc.malloc(700)

    print("ready", flush=True)
    began, number = time.monotonic(), 0
    while True:
        for _ in range(300):
            bytes(5000)
        forget()
        number += 1
        time.sleep(max(began + number / 100 - time.monotonic(), 0))
"""


def test_a_leak_in_c_of_what_calls_malloc_often(tmp_path):
    """Recording its calls costs it more than it may for long: it is done for the shorter."""
    script = tmp_path / "often.py"
    script.write_text(textwrap.dedent(BUSY_BESIDE))
    with subprocess.Popen([PYTHON, script], stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout.readline() == "ready\n"
            answer, text = ask(program.pid, tmp_path, 24)
        finally:
            program.kill()
    [finding] = [found for found in answer["findings"] if found["subject"] == "C memory"]
    assert re.search(r"allocated .*forget \(\S*often\.py:6\)", " ".join(text.split())), text


WIDER = """
    import numpy, time
    table = numpy.zeros((3, 100))
    print("ready", flush=True)
    while True:
        table = numpy.hstack([table, numpy.ones((3, 40))])
        time.sleep(0.1)
"""


def test_an_array_that_becomes_wider(tmp_path):
    """What its first dimension has stays as it was."""
    pytest.importorskip("numpy")
    script = tmp_path / "wider.py"
    script.write_text(textwrap.dedent(WIDER))
    with subprocess.Popen([PYTHON, script], stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout.readline() == "ready\n"
            answer, text = ask(program.pid, tmp_path, 16)
        finally:
            program.kill()
    finding = answer["findings"][0]
    assert (finding["verdict"], finding["container"]["name"]) == (
        "grows, no bound seen", "__main__.table"), text
    assert finding["filled_by"][0]["frames"][0]["line"] == 6, text
    # 960 bytes each time, ten times a second at most
    assert 15e6 < finding["bytes_per_hour"] < 36e6, text


def test_who_calls_a_program_s_own_allocator(tmp_path):
    """All its stacks begin with that."""
    with subprocess.Popen([PROGRAMS / "wrapped"], stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout.readline() == "ready\n"
            answer, text = ask(program.pid, tmp_path, 12)
        finally:
            program.kill()
    fill = answer["findings"][0]["filled_by"][0]
    assert [frame["name"] for frame in fill["frames"][fill["own"]:]][:3] == [
        "open_session", "serve", "main"], text
    assert re.search(r"allocated +open_session \(\S*wrapped\.c:\d+\) < serve", text), text
    assert fill["frames"][fill["own"] - 1]["name"] == "pool_alloc"  # nothing is left out of JSON


def ask_cpp_fills(tmp_path, **environment):
    """The answer, in which the line that fills stands first."""
    program = subprocess.Popen([PROGRAMS / "cpp_fills"], stdout=subprocess.PIPE, text=True,
                               env={**os.environ, **environment})
    try:
        assert program.stdout.readline() == "ready\n"
        answer, text = ask(program.pid, tmp_path, 20)
    finally:
        program.kill()
        program.communicate()
    finding = answer["findings"][0]
    assert finding["subject"] == "C memory", text
    fill = finding["filled_by"][0]
    assert "open_session" in fill["frames"][fill["own"]]["name"], fill
    return answer, text


def test_the_line_of_cpp_that_fills_a_map_in_a_short_watch(tmp_path):
    """Traced for three seconds: what outlives half of them counts. Put forward is the program's own
    function, not the library's that it instantiates."""
    _, text = ask_cpp_fills(tmp_path)
    assert "allocated   open_session" in text
    assert " 0 blocks" not in text  # 580 blocks are some


def test_stacks_of_memory_that_another_allocator_has(tmp_path):
    """Which of its blocks are live cannot be read, and yet what calls it can be recorded."""
    answer, _ = ask_cpp_fills(tmp_path, LD_PRELOAD=str(library("libjemalloc.so.2")))
    finding = answer["findings"][0]
    assert finding["bytes_per_hour"] > 0.5 * answer["growth"]["bytes_per_hour"]
