# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed heap` names containers by ways that are true: the process that holds them in every way
that people do (tests/programs/python_graphs.py) judges each name itself."""
import json
import subprocess
import textwrap

import pytest

from conftest import TIMEOUT, UNFREED
from pythons import choose, find_pythons, started, tell  # noqa: F401

PYTHONS = find_pythons()
SECRET = "secret-key-of-a-user"
CHURN = ("churn", "__init__", "<dictcomp>", "<listcomp>")  # what lives for a moment


def look(pid, path, *options):
    """The report of one look, as JSON, and its text."""
    run = subprocess.run([UNFREED, "heap", "-p", str(pid), "-o", path, *options],
                         capture_output=True, text=True, timeout=TIMEOUT)
    assert run.returncode == 0, run.stderr
    text = path.read_text()
    return json.loads(text), text


def begin_graphs(python, started, threads=0):  # noqa: F811
    process = python.start("python_graphs.py", threads)
    started.append(process)
    truth = json.loads(process.lines.until("^{"))
    process.lines.until("^ready$")
    return process, truth


def judge(process, container):
    """What the process itself says of a container's name: true, false, unknown."""
    if not container["name"]:
        return "unnamed"
    tell(process, f"{container['address']} {container['name']}")
    return process.lines.next("verdict")


def judge_all(process, report):
    return {(one["address"], one["name"]): judge(process, one) for one in report["containers"]}


def false_names(verdicts):
    return [(name, verdict) for (_, name), verdict in verdicts.items()
            if verdict.startswith("false")]


def check_cases(truth, report, verdicts):
    """Every container is there with its length, under a name that is true and the one wanted."""
    by_length = {}
    for container in report["containers"]:
        by_length.setdefault(container["length"], []).append(container)
    wrong = []
    for case, (length, name) in truth.items():
        found = by_length.get(length, [])
        names = [(one["name"], verdicts[one["address"], one["name"]]) for one in found]
        allowed = ("true",) if name else ("true", "unknown")
        if not any(one and one.startswith(name or "") and verdict in allowed
                   for one, verdict in names):
            wrong.append((case, name, names))
    assert not wrong
    assert len(truth) > 55


@pytest.mark.parametrize("python", PYTHONS)
def test_names_are_true(python, started, tmp_path):  # noqa: F811
    process, truth = begin_graphs(python, started)
    report, text = look(process.pid, tmp_path / "heap.json")
    verdicts = judge_all(process, report)
    check_cases(truth, report, verdicts)
    assert not false_names(verdicts)
    assert SECRET not in text


@pytest.mark.parametrize("python", choose(PYTHONS, 8, 11, 13, 14))
def test_names_are_true_while_threads_allocate(python, started, tmp_path):  # noqa: F811
    process, truth = begin_graphs(python, started, threads=3)
    report, text = look(process.pid, tmp_path / "heap.json")
    tell(process, "stop")  # judging is quicker when it is quiet, and of what is kept
    verdicts = judge_all(process, report)
    check_cases(truth, report, verdicts)
    assert not [(name, verdict) for name, verdict in false_names(verdicts)
                if not any(moment in name for moment in CHURN)]
    assert SECRET not in text


@pytest.mark.parametrize("python", choose(PYTHONS, 11, 14))
def test_keys_only_when_asked_for(python, started, tmp_path):  # noqa: F811
    process, _ = begin_graphs(python, started)
    for name in ("heap.json", "heap.txt"):
        assert SECRET not in look_text(process, tmp_path / name)
        assert SECRET in look_text(process, tmp_path / name, "--with-keys", "--top", "1000")


def look_text(process, path, *options):
    run = subprocess.run([UNFREED, "heap", "-p", str(process.pid), "-o", path, *options],
                         capture_output=True, text=True, timeout=TIMEOUT)
    assert run.returncode == 0, run.stderr
    return path.read_text()


HELD_BY_C = """
    import ctypes
    freed = [{} for _ in range(79)]
    del freed                               # into the interpreter's free list, from which they come again
    taken = [{} for _ in range(60)]
    held = taken[20]
    held.update((number, None) for number in range(50000))
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))
    ctypes.c_void_p.in_dll(ctypes.CDLL(None), "obstack_alloc_failed_handler").value = id(held)
    del held, taken[20]
    print("ready", flush=True)
    input()
"""


def test_what_a_library_holds_is_not_of_the_interpreter(tmp_path):
    """The interpreter's free list still refers to what it gave out; a variable of C code holds it."""
    script = tmp_path / "held.py"
    script.write_text(textwrap.dedent(HELD_BY_C))
    with subprocess.Popen(["/usr/bin/python3", script], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout.readline() == "ready\n"
        report, _ = look(program.pid, tmp_path / "held.json")
        program.kill()
    [found] = [one for one in report["containers"] if one["length"] == 50000]
    assert found["name"].startswith("C data of libc"), found
