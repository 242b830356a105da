# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed heap` needs CAP_SYS_PTRACE alone, in any PID namespace that shows the target: no BPF, no
capability to administer the system, no root."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import ROOT, TIMEOUT, UNFREED
from pythons import choose, find_rootless, of_system, prefer

# $1: the interpreter, $2: the program, $3: where its lines go; the rest: the tool, but for -p PID
SCRIPT = """
mkfifo "$3.in" "$3.out"
"$1" "$2" 5 <"$3.in" >"$3.out" & target=$!
exec 3>"$3.in" 4<"$3.out"
read line <&4
echo 5000 >&3
read line <&4
shift 3
"$@" -p $target
status=$?
# nothing of it was harmed: it still answers
echo 1 >&3
read line <&4
echo "$line" >&2
kill $target
exit $status
"""
TEMPORARY = pathlib.Path("/tmp")
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
ONLY = ["--bounding-set=-all,+sys_ptrace", "--inh-caps=-all,+sys_ptrace"]
WAYS = {
    "root": ONLY,
    "none": ["--bounding-set=-all", "--inh-caps=-all"],
    "of nobody": ["--inh-caps=-all"],  # who has none, and may not change the bounding set
}


def run(python, tmp_path, way, user=()):
    for tool in "unshare", "setpriv":
        if not shutil.which(tool):
            pytest.skip(f"no {tool} here")
    output = tmp_path / "out"
    output.mkdir()
    output.chmod(0o777)
    binary = output / "unfreed"  # where nobody may read it
    shutil.copy(UNFREED, binary)
    source = shutil.copy(ROOT / "tests/programs/python_large.py", output)
    for path in output.parents:
        if path != path.parent and path.stat().st_uid == os.getuid() and path != TEMPORARY:
            path.chmod(path.stat().st_mode | 0o011)
    command = ["unshare", "--pid", "--fork", "--mount-proc", *user, "sh", "-c", SCRIPT, "sh",
               python.path, source, output / "pipe", "setpriv", *WAYS[way],
               binary, "heap", "-q", "-o", output / "look.json"]
    return subprocess.run(command, text=True, capture_output=True, timeout=TIMEOUT, check=False)


def check(done, path):
    assert done.returncode == 0, done.stderr
    assert done.stderr == "5001\n"
    report = json.loads(path.read_text())
    assert report["python"]["problem"] is None and report["python"]["version"]
    assert report["target"]["exe"]
    names = {row["name"]: row["length"] for row in report["containers"]}
    assert names["__main__.HISTORY"] == 5000
    parts = {part["name"]: part["resident_bytes"] for part in report["memory"]["parts"]}
    assert parts["python_live"] > 4e6
    assert sum(parts.values()) == report["memory"]["resident_bytes"]


@pytest.mark.parametrize("python", choose(find_rootless(), 9, 11, 13))
def test_one_capability(python, tmp_path):
    check(run(python, tmp_path, "root"), tmp_path / "out/look.json")


def test_own_process(tmp_path):
    """A user's own process needs no capability, unless Yama wants one."""
    scope = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")
    if scope.exists() and scope.read_text().strip() != "0":
        pytest.skip("Yama forbids it here")
    python = of_system()
    check(run(python, tmp_path, "of nobody", NOBODY), tmp_path / "out/look.json")


def test_no_capability(tmp_path):
    """Of another user's process, or one with more capabilities: one sentence, and status 4."""
    done = run(prefer(find_rootless(), 11)[0].values[0], tmp_path, "none")
    assert done.returncode == 4
    assert "CAP_SYS_PTRACE" in done.stderr.splitlines()[0]
    assert done.stderr.splitlines()[1] == "5001"
