# SPDX-License-Identifier: BSD-2-Clause
"""What goes wrong gets one sentence on stderr and the exit status of its kind."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from conftest import TIMEOUT, UNFREED, Target, doctor_says, needs

FAILURE, USAGE, TARGET, PERMISSION = 1, 2, 3, 4
NOBODY = 65534

USAGE_ERRORS = [
    ["record"],
    ["record", "-p", "abc"],
    ["record", "-p", "0"],
    ["record", "-p", "-5"],
    ["record", "-p", "12x"],
    ["record", "-p", "1,,2"],
    ["record", "-p", "99999999999999999999"],
    ["record", "-p", "1", "--", "true"],
    ["record", "--"],
    ["record", "-p", "1", "-o", "x.unknown"],
    ["record", "-p", "1", "-o", "x"],
    ["record", "-p", "1", "-f", "nonsense", "-o", "-"],
    ["record", "-p", "1", "--attach", "magic"],
    ["record", "-p", "1", "--exact", "--budget", "1"],
    ["record", "-p", "1", "--budget", "x"],
    ["record", "-p", "1", "-d", "soon"],
    ["record", "-p", "1", "-d", "-1"],
    ["record", "-p", "1", "-i", "0"],
    ["record", "-p", "1", "--top", "many"],
    ["record", "-p", "1", "--count", "pages"],
    ["record", "-p", "1", "--older-than", "-1"],
    ["record", "-p", "1", "--python", "perhaps"],
    ["record", "-p", "1", "--max-blocks", "0"],
    ["record", "-p", "1", "--max-blocks", "1e6"],
    ["record", "-p", "1", "--max-stacks", "-3"],
    ["record", "-p", "1", "--max-stacks", "99999999999999999999"],
    ["record", "-p", "1", "--no-such-option"],
    ["record", "-p"],
    ["no-such-command"],
    ["report"],
    ["report", "--no-such-option"],
    ["heap", "-p", "1", "-o", "a.json", "-o", "b.json"],
]


def unfreed(*args, status, **options):
    """Runs the tool to its end; checks its exit status and that it said one sentence, returned."""
    done = subprocess.run([str(UNFREED), *map(str, args)], capture_output=True, text=True,
                          timeout=TIMEOUT, **options)
    assert done.returncode == status, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert re.match(r"unfreed( \w+)?: ", done.stderr)
    assert "tracing" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("args", USAGE_ERRORS, ids=" ".join)
def test_usage(args, tmp_path):
    unfreed(*args, status=USAGE, cwd=tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_command_at_all():
    done = subprocess.run([str(UNFREED)], capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == USAGE
    assert done.stderr


@pytest.mark.parametrize("args", [["--help"], ["help"], ["-h"], ["record", "--help"], ["report", "--help"],
                                  ["doctor", "--help"], ["help", "why"], ["--version"]], ids=" ".join)
def test_help_is_no_error(args):
    done = subprocess.run([str(UNFREED), *args], capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0
    assert done.stdout and not done.stderr


def test_help_of_a_command():
    shown = [subprocess.run([str(UNFREED), *args], capture_output=True, text=True, timeout=TIMEOUT)
             for args in (["help", "record"], ["record", "--help"])]
    assert shown[0].stdout == shown[1].stdout
    assert "no command 'nonsense'" in unfreed("help", "nonsense", status=USAGE)


def test_no_such_process():
    assert "4194303" in unfreed("record", "-p", 4194303, status=TARGET)
    assert "above 4194304" in unfreed("record", "-p", 99999999, status=USAGE)


def test_a_kernel_thread():
    """Process 2 is kthreadd, unless this runs in a PID namespace of its own."""
    if pathlib.Path("/proc/2/comm").read_text() != "kthreadd\n":
        pytest.skip("process 2 is no kernel thread here")
    for command in "record", "heap", "why":
        assert "a kernel thread" in unfreed(command, "-p", 2, status=TARGET)


def test_a_zombie():
    with Target("family") as target:
        target.process.stdin.close()
        os.waitid(os.P_PID, target.pid, os.WEXITED | os.WNOWAIT)
        for command in "record", "heap", "why":
            assert "has exited already" in unfreed(command, "-p", target.pid, status=TARGET)


def test_holders_of_what_is_no_python():
    """It is no answer where the question was left out of it."""
    with Target("family") as target:
        assert "has none that are understood" in unfreed("heap", "-p", target.pid, "--holders", "x",
                                                         status=TARGET)


def test_a_thread_that_is_not_its_process():
    with Target("churn", "--threads", 2) as target:
        thread = max(map(int, os.listdir(f"/proc/{target.pid}/task")))
        assert thread != target.pid
        assert str(target.pid) in unfreed("record", "-p", thread, status=TARGET)


def test_an_output_that_cannot_be_fails_before_the_trace(tmp_path):
    with Target("family") as target:
        path = tmp_path / "nowhere" / "leak.svg"
        told = unfreed("record", "-p", target.pid, "-o", path, "-d", 60, status=FAILURE)
        assert told.startswith(f"unfreed: cannot write {path}: ") and told.count("\n") == 1


def test_what_was_measured_is_not_lost_with_its_file(tmp_path):
    run = subprocess.run([UNFREED, "record", "-o", "/dev/full", "-f", "json", "--", "true"],
                         capture_output=True, text=True, timeout=TIMEOUT)
    assert run.returncode == 1 and "cannot write /dev/full" in run.stderr
    assert "not freed" in run.stdout
    # where something could be written, that is enough
    run = subprocess.run([UNFREED, "record", "-o", "/dev/full", "-f", "json", "-o",
                          tmp_path / "leak.txt", "--", "true"],
                         capture_output=True, text=True, timeout=TIMEOUT)
    assert run.returncode == 1 and not run.stdout
    assert f"wrote {tmp_path}/leak.txt: " in run.stderr
    assert "not freed" in (tmp_path / "leak.txt").read_text()


@pytest.mark.parametrize("code, told", [("exit 0", "sh ended with status 0"),
                                        ("exit 3", "sh ended with status 3"),
                                        ("kill -9 $$", "sh was killed by signal 9 (Killed)")])
def test_how_the_command_ended_is_said(code, told):
    run = subprocess.run([UNFREED, "record", "--", "sh", "-c", code], capture_output=True,
                         text=True, timeout=TIMEOUT)
    assert run.returncode == 0
    assert run.stderr.endswith(f"unfreed: {told}\n")


def test_one_of_several_is_missing():
    with Target("family") as target:
        assert "4194303" in unfreed("record", "-p", f"{target.pid},4194303", status=TARGET)


@pytest.mark.parametrize("bits", [["-m64"], ["-m32"]], ids=" ".join)
def test_a_process_without_an_allocator(tmp_path, bits):
    """Static, without a libc: there is nothing to probe, in 64 bits or in 32."""
    code = ".globl _start\n_start:\n1: pause\n jmp 1b\n"
    source = tmp_path / "loop.S"
    source.write_text(code)
    subprocess.run([needs("gcc"), *bits, "-nostdlib", "-static", "-o", tmp_path / "loop", source],
                   check=True)
    process = subprocess.Popen([tmp_path / "loop"])
    try:
        unfreed("record", "-p", process.pid, status=TARGET)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def for_everyone():
    """A copy of the tool where any user can run it."""
    directory = tempfile.mkdtemp()
    os.chmod(directory, 0o755)
    shutil.copy(UNFREED, directory)
    os.chmod(f"{directory}/unfreed", 0o755)
    yield pathlib.Path(directory)
    shutil.rmtree(directory)


def test_another_user_may_not(for_everyone):
    setpriv = needs("setpriv")
    with Target("family") as target:
        done = subprocess.run(
            [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
             for_everyone / "unfreed", "record", "-p", str(target.pid)],
            capture_output=True, text=True, timeout=TIMEOUT, cwd="/")
    assert done.returncode == PERMISSION
    assert len(done.stderr.splitlines()) == 1
    assert "root" in done.stderr


def test_no_such_command(tmp_path):
    assert "/no/such/program" in unfreed("record", "--", "/no/such/program", status=TARGET)


def test_a_command_that_is_no_program(tmp_path):
    (tmp_path / "data").write_text("no program\n")
    unfreed("record", "--", tmp_path / "data", status=TARGET)


@pytest.mark.parametrize("path", ["gone/x.json", "/dev/full"])
def test_an_output_that_cannot_be_written(record, tmp_path, path):
    """The other output is there all the same, and whole."""
    directory = tmp_path / "gone"
    directory.mkdir()
    path = str(tmp_path / path)  # the second one is absolute
    options = ["-o", path] + (["-f", "json"] if path == "/dev/full" else [])
    with Target("family") as target:
        recorder = record(target, options=options)
        directory.rmdir()
        target.go()
        truth = target.truth()
        result = recorder.stop()
    assert result.status == FAILURE
    assert len(result.complaints) == 1 and path in result.complaints[0]
    assert result.totals["live_bytes"] == truth["live_bytes"]


def test_a_full_stdout(record, tmp_path):
    with Target("family") as target, open("/dev/full", "w") as full:
        recorder = subprocess.Popen([str(UNFREED), "record", "--exact", "-p", str(target.pid),
                                     "-d", "0.1"], stdout=full, stderr=subprocess.PIPE, text=True)
        _, stderr = recorder.communicate(timeout=TIMEOUT)
    assert recorder.returncode == FAILURE
    assert "cannot write to stdout: No space left on device" in stderr
    assert " not freed" in stderr and "losses: " in stderr  # it is shown there then


def test_the_report_of_a_file_that_is_none(tmp_path):
    (tmp_path / "x.pb.gz").write_bytes(b"\x1f\x8b garbage")
    unfreed("report", tmp_path / "x.pb.gz", status=FAILURE)
    unfreed("report", tmp_path / "missing.pb.gz", status=FAILURE)


def test_the_text_report_on_stdout():
    """Without -o; all else is on stderr."""
    with Target("family") as target:
        recorder = subprocess.run([str(UNFREED), "record", "--exact", "-p", str(target.pid), "-d",
                                   "0.1"], capture_output=True, text=True, timeout=TIMEOUT)
    assert recorder.returncode == 0
    assert recorder.stdout.startswith(f"family ({target.pid})")
    assert recorder.stderr.splitlines()[-1] == f"unfreed: tracing {target.pid} (family)"


def test_an_attach_kind_that_the_kernel_lacks():
    for kind in ("session", "multi"):
        if doctor_says(kind)[0]:
            continue
        with Target("family") as target:
            unfreed("record", "-p", target.pid, "--attach", kind, status=PERMISSION)


def test_another_pid_namespace_is_refused():
    """Numbers in there are not those that the kernel's programs see."""
    run = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", UNFREED, "record", "--", "true"],
                         capture_output=True, text=True, timeout=TIMEOUT)
    assert run.returncode == 4
    assert len(run.stderr.splitlines()) == 1 and "PID namespace" in run.stderr
