# SPDX-License-Identifier: BSD-2-Clause
"""What `make release` makes: one program for any distribution with glibc 2.31 or later. It is tried in
Debians of four releases that have nothing beside their base, each with its own glibc, on this kernel."""
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile

import pytest

from cgroups import memory_group
from conftest import BUILD, ROOT, TIMEOUT, Recorder, Target, assert_exact, needs
from monitors import Monitor, service  # noqa: F401
from test_monitor_unit import CAPABILITIES

SECONDS = 900  # to make it
SUITES = ["bullseye", "bookworm", "trixie", "sid"]
OLDEST_GLIBC = (2, 31)
MEGABYTES_MAX = 20
LIBRARIES = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2"}  # all of glibc
FILES = """
bin/unfreed
lib/systemd/system/unfreed-monitor.service
share/bash-completion/completions/unfreed
share/doc/unfreed/CHANGELOG.md
share/doc/unfreed/LICENSE
share/doc/unfreed/LICENSES/BSD-2-Clause.txt
share/doc/unfreed/LICENSES/GPL-2.0.txt
share/doc/unfreed/LICENSES/linked/README
share/doc/unfreed/README.md
share/doc/unfreed/SECURITY.md
share/doc/unfreed/deploy/Containerfile
share/doc/unfreed/deploy/daemonset.yaml
share/doc/unfreed/deploy/unfreed-monitor.default
share/doc/unfreed/deploy/unfreed-monitor.service
share/doc/unfreed/estimators.md
share/doc/unfreed/examples/recycle-gunicorn
share/doc/unfreed/examples/unfreed-dashboard.json
share/doc/unfreed/examples/unfreed.rules.yml
share/doc/unfreed/formats.md
share/doc/unfreed/how-it-works.md
share/doc/unfreed/verdicts.md
share/fish/vendor_completions.d/unfreed.fish
share/man/man1/unfreed.1.gz
share/zsh/site-functions/_unfreed
""".split()  # fmt: skip

POD = (ROOT / "deploy/daemonset.yaml").read_text()

# A directory of ours is /mnt there, in a mount namespace that goes with the command. Nothing else is written.
ENTER = """
root=$1 directory=$2
shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --bind "$directory" "$root/mnt"
exec chroot "$root" "$@"
"""


def run(*command, seconds=TIMEOUT, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=seconds, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make_release(tree):
    """As from a shell: a make that runs the tests would be told of by this one."""
    shell = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["make", "release"], cwd=tree, env=shell, capture_output=True, text=True,
                          timeout=SECONDS)
    if "release-libraries: " in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr
    line = done.stdout.splitlines()[-1]
    assert re.fullmatch(r"build/unfreed-\S+-linux-\w+\.tar\.gz", line)
    return tree / line


@pytest.fixture(scope="module")
def release():
    if "UNFREED_BUILD" in os.environ:
        pytest.skip("this is another build")
    return make_release(ROOT)


@pytest.fixture(scope="module")
def unpacked(release, tmp_path_factory):
    directory = tmp_path_factory.mktemp("release")
    run("tar", "-C", directory, "--strip-components=1", "-xf", release)
    return directory


@pytest.fixture
def bare(request, unpacked, tmp_path):
    return Bare(request.param, unpacked / "bin/unfreed", tmp_path)


def suite_root(suite):
    root = BUILD / "roots" / suite
    if not (root / "mnt").is_dir():
        pytest.skip(f"no Debian {suite} in build/roots")
    return root


class Bare:
    """The program in a Debian with nothing else of ours; what it writes to /mnt is in the directory."""

    program = "/mnt/unfreed"

    def __init__(self, suite, program, directory):
        root = suite_root(suite)
        self.directory = directory
        os.link(program, directory / "unfreed")
        self.enter = [needs("unshare"), "--mount", "--propagation", "private", "sh", "-ec", ENTER, "sh",
                      str(root), str(directory)]

    def run(self, *arguments):
        return run(*self.enter, self.program, *arguments)


def test_what_is_in_it(release):
    with tarfile.open(release) as tar:
        members = tar.getmembers()
    tops = {member.name.split("/")[0] for member in members}
    assert tops == {release.name.removesuffix(".tar.gz")}
    names = [member.name.partition("/")[2] for member in members]
    licences = [name for name in names if "/linked/" in name and not name.endswith("/README")]
    assert sorted(set(names) - set(licences)) == FILES
    assert all(member.isfile() and member.uid == member.gid == 0 for member in members)
    assert {member.name.partition("/")[2]: member.mode & 0o111 for member in members if member.mode & 0o111} == \
        {"bin/unfreed": 0o111, "share/doc/unfreed/examples/recycle-gunicorn": 0o111}


def test_licences_are_those_of_what_is_in_it(unpacked):
    """Of each library whose functions are in the program, with where its source is."""
    directory = unpacked / "share/doc/unfreed/LICENSES/linked"
    named = [line.split()[0] for line in (directory / "README").read_text().split("\n\n")[1].splitlines()[1:]]
    assert {path.name for path in directory.iterdir()} == {"README", "common-licenses", *named}
    assert "libmicrohttpd" in named and "libc6-dev" in named
    for name in named:
        text = (directory / name).read_text()
        assert "opyright" in text
        for common in re.findall(r"/usr/share/(common-licenses/[A-Z]+-[\d.]*\d)", text):
            assert (directory / common).exists()


def test_it_is_small(release, unpacked):
    for path in (release, unpacked / "bin/unfreed"):
        assert path.stat().st_size < MEGABYTES_MAX * 10**6


def test_it_needs_an_old_c_library_alone(unpacked):
    dynamic = run("readelf", "-dW", unpacked / "bin/unfreed")
    needed = set(re.findall(r"\(NEEDED\).*\[(\S+)\]", dynamic))
    assert {name for name in needed if not name.startswith("ld-linux")} <= LIBRARIES
    assert "libc.so.6" in needed and not re.search(r"RPATH|RUNPATH", dynamic)
    symbols = run("objdump", "-T", unpacked / "bin/unfreed")
    versions = {tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([\d.]+)", symbols)}
    assert (2, 2, 5) in versions and max(versions) <= OLDEST_GLIBC
    assert set(re.findall(r"\((?!GLIBC_)([\w.]+)\)", symbols)) == set()


@pytest.mark.parametrize("bare", SUITES, indirect=True)
class TestInABareDebian:
    def test_it_says_what_this_kernel_allows(self, bare):
        version = re.search(r"^VERSION := (.*)", (ROOT / "Makefile").read_text(), re.M)[1]
        assert bare.run("--version") == f"unfreed {version}\n"
        told, costs = bare.run("doctor").split("\ncost ")
        assert told == run(ROOT / "build/unfreed", "doctor").split("\ncost ")[0]
        assert re.search(r"^ +emulated +[1-9]", costs, re.M)

    def test_it_reads_and_watches(self, bare, service):  # noqa: F811
        bare.run("heap", "-p", service.pid, "-o", "/mnt/heap.json")
        look = json.loads((bare.directory / "heap.json").read_text())
        assert "__main__.history" in {container["name"] for container in look["containers"]}
        text = bare.run("why", "-p", service.pid, "-d", 8, "-o", "-", "-o", "/mnt/why.json")
        assert re.search(r"filled by +remember \(", text), text

    def test_it_records(self, bare):
        with Target("family") as target:
            recorder = Recorder(bare.directory, "-p", target.pid, before=bare.enter, program=bare.program,
                                seen_in="/mnt")
            recorder.wait_tracing()
            target.go()
            truth = target.truth()
            result = recorder.stop()
            assert target.finish() == 0
        assert result.status == 0, result.stderr
        assert_exact(truth, result)

    def test_it_monitors(self, bare, service):  # noqa: F811
        """What it loads where it is not a release: libmicrohttpd and SQLite."""
        with Monitor("-p", service.pid, "--history", "/mnt/history", "--token-file", "/mnt/token",
                     before=bare.enter, program=bare.program) as monitor:
            monitor.until(lambda metrics: metrics.get("unfreed_target_resident_bytes", pid=str(service.pid)),
                          "nothing is said of it")
            token = (bare.directory / "token").read_text().strip()
            status, _, text = monitor.ask(path="/api/services", Authorization=f"Bearer {token}")
            assert status == 200 and json.loads(text), text
            assert monitor.end() == 0
        assert (bare.directory / "history").read_bytes().startswith(b"SQLite format 3\0")


def of_pod(name):
    return re.search(rf"^ +{name}: (.*)$", POD, re.M)[1]


def test_a_pod_gives_what_the_unit_gives():
    assert of_pod("add").strip("[]").lower().split(", ") == CAPABILITIES
    assert (of_pod("drop"), of_pod("runAsUser")) == ("[ALL]", "0")
    assert (of_pod("hostPID"), of_pod("readOnlyRootFilesystem")) == ("true", "true")
    assert of_pod("allowPrivilegeEscalation") == "false" and "privileged: true" not in POD


def in_a_pod(group, bare):
    """A command that starts others as there: in a cgroup namespace, as root with the capabilities alone."""
    only = "".join(f",+{name}" for name in CAPABILITIES)
    return ["sh", "-ec", 'echo $$ >"$0/cgroup.procs"; exec "$@"', str(group.path), needs("unshare"), "--cgroup",
            *bare.enter, "setpriv", "--no-new-privs", f"--bounding-set=-all{only}", f"--inh-caps=-all{only}"]


@pytest.mark.parametrize("bare", ["bookworm"], indirect=True)
def test_what_a_pod_gives_is_enough(bare):
    """To tell lines, and the limit of another pod, whose cgroup is named from its own there."""
    with memory_group(500) as pods, memory_group(300, pods) as ours, memory_group(200, pods) as theirs:
        process = subprocess.Popen([sys.executable, str(ROOT / "tests/programs/demo_service.py")],
                                   preexec_fn=theirs.enter)
        try:
            with Monitor("-p", process.pid, "-d", 8, "--budget", 100, "--history", "/mnt/history",
                         before=in_a_pod(ours, bare), program=bare.program) as monitor:
                metrics = monitor.until(lambda metrics: metrics.all("unfreed_cgroup_memory_limit_bytes"), "no limit")
                [(labels, limit)] = metrics.all("unfreed_cgroup_memory_limit_bytes")
                assert (labels["cgroup"], limit) == (f"/../{theirs.path.name}", 200 << 20)
                monitor.stderr.until(r"__main__\.history: .* filled by remember \(")
                assert monitor.end() == 0
        finally:
            process.kill()
            process.wait(TIMEOUT)


def test_the_container(unpacked, tmp_path):
    """Made of what is unpacked and a Debian, as the head of the Containerfile says."""
    buildah = [needs("buildah"), "--root", tmp_path / "root", "--runroot", tmp_path / "run",
               "--storage-driver", "vfs"]
    context = tmp_path / "context"
    run("cp", "-a", unpacked, context)
    run("tar", "-C", suite_root("bookworm"), "--exclude=./dev/*", "--exclude=./var/cache/*", "-cf",
        context / "base.tar", ".")
    run(*buildah, "bud", "--isolation=chroot", "-q", "-t", "unfreed", "-f",
        context / "share/doc/unfreed/deploy/Containerfile", context)
    # less than there is: not every root may have as much as buildah asks for
    container = run(*buildah, "from", "--pull-never", "--ulimit", "nofile=1024:1024", "--ulimit",
                    "nproc=4096:4096", "unfreed").strip()
    told = run(*buildah, "run", "--isolation=chroot", container, "--", "/usr/bin/unfreed", "--version")
    assert told.startswith("unfreed ")
    configured = json.loads(run(*buildah, "inspect", "--type=image", "unfreed"))["OCIv1"]["config"]
    assert configured["Entrypoint"] == ["/usr/bin/unfreed"]


@pytest.mark.long
def test_another_directory_gives_the_same_bytes(tmp_path):
    made = []
    for directory in ("one", "another/and/deeper"):
        run("git", "clone", "-q", ROOT, tmp_path / directory)
        made.append(make_release(tmp_path / directory))
    assert made[0].name == made[1].name
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in made}) == 1


@pytest.mark.long
def test_under_the_oldest_and_the_newest_kernel(unpacked):
    program = unpacked / "bin/unfreed"
    told = run(ROOT / "scripts/check-kernels", "--quick", "--program", program, seconds=2400)
    passed, failed = re.search(r"^(\d+) passed, (\d+) failed", told, re.M).groups()
    assert int(failed) == 0
    if int(passed) == 0:
        pytest.skip("no kernel to be had")
