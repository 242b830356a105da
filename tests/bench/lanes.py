# SPDX-License-Identifier: BSD-2-Clause
"""The programs of a measurement: the loop that is traced, and what traces it.

Each loop runs on a copy of libc of its own. Probes belong to a file, so that the tracer of one loop
costs the others nothing, all stay attached, and their rounds can be interleaved.
"""

import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
BENCH = BUILD / "bench"
UNFREED = BUILD / "unfreed"
ATTACH_SECONDS = 60
ROUND_NS = 40e6
PROOF_PAIRS = 6000  # more than are compared at first, see bpf/proof.h
PROOF_SECONDS = 5  # until the probes that this takes are gone


class Unavailable(Exception):
    """Something that a lane needs is not here; the reason."""


def find_libc():
    for line in Path("/proc/self/maps").read_text().splitlines():
        if line.split("/")[-1].startswith("libc.so"):
            return Path("/" + line.split("/", 1)[1])
    raise Unavailable("this Python is linked with no libc.so")


def wait_for_line(stream, wanted, process):
    """Reads until a line that holds `wanted`."""
    seen = []
    timer = threading.Timer(ATTACH_SECONDS, process.kill)
    timer.start()
    for line in stream:
        seen.append(line)
        if wanted in line:
            timer.cancel()
            return
    timer.cancel()
    raise Unavailable("".join(seen).strip() or "it ended without a word")


def processor_ns(pid):
    """What all threads of a process have used."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads)


class Loop:
    """tests/bench/bench_loop.c, or a program that answers as it does, as a process."""

    clock = "wall"
    wall_ns = 0.0  # of all rounds of all loops
    cpu_ns = 0.0

    def __init__(self, name, arguments=(), environment=(), libc=None, program="bench_loop"):
        directory = libc or BENCH / "libc" / name
        if not libc:
            directory.mkdir(parents=True, exist_ok=True)
            shutil.copy(find_libc(), directory / "libc.so.6")
            (directory / "libc.so.6").chmod(0o755)  # bpftrace wants that
        self.libc = directory / "libc.so.6"
        self.process = subprocess.Popen(
            [str(BENCH / program), *arguments],
            env=dict(os.environ, LD_LIBRARY_PATH=str(directory), **dict(environment)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid
        self.threads = 1
        if "--threads" in arguments:
            self.threads = int(arguments[arguments.index("--threads") + 1])
        wait_for_line(self.process.stdout, "ready", self.process)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def run(self, pairs):
        """Returns nanoseconds a pair."""
        _, wall, cpu = self.ask(f"run {pairs}").split()
        Loop.wall_ns += float(wall) * pairs * min(self.threads, os.cpu_count())
        Loop.cpu_ns += float(cpu) * pairs * self.threads
        return float(cpu if Loop.clock == "cpu" else wall)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Tracer:
    """Something that traces a loop until it is stopped."""

    process = None

    def environment(self):
        """What the loop is started with."""
        return {}

    def attach(self, loop):
        pass

    def settle(self):
        """After some thousand pairs: until what it does at first alone is over."""

    def stop(self):
        if not self.process:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(ATTACH_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def attach_silent(self, loop, command, log):
        """For tracers that do not say when they are in place: their victim does."""
        before = statistics.median(loop.run(2000) for _ in range(5))
        with open(BENCH / log, "w") as file:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
        deadline = time.monotonic() + ATTACH_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if statistics.median(loop.run(200) for _ in range(3)) > 5 * before + 300:
                time.sleep(1)  # until its last probe is in place too
                return
            time.sleep(0.1)
        self.process.kill()
        raise Unavailable(f"it did not attach, see build/bench/{log}")


class Untraced(Tracer):
    name = "untraced"


class Floor(Tracer):
    """Empty programs on the sites and with the kind of link that unfreed takes."""

    name = "floor"

    def __init__(self, kind):
        self.kind = kind

    def attach(self, loop):
        if not (BENCH / "floor").exists():
            raise Unavailable("build/bench/floor is not built")
        self.process = subprocess.Popen(
            [str(BENCH / "floor"), str(loop.pid), self.kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        wait_for_line(self.process.stdout, "ready", self.process)

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()


class Unfreed(Tracer):
    name = "unfreed"
    exact = True

    def __init__(self, *options, output=None):
        self.output = output or BENCH / "unfreed.json"
        self.options = options

    def attach(self, loop):
        if not UNFREED.exists():
            raise Unavailable("build/unfreed is not built")
        command = [str(UNFREED), "record", *(["--exact"] if self.exact else []), "-p", str(loop.pid)]
        self.process = subprocess.Popen(
            [*command, *self.options, "-o", str(self.output)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for_line(self.process.stderr, "tracing", self.process)

    def settle(self):
        time.sleep(PROOF_SECONDS)


class Peers:
    """Tools of Debian 13, in a root of their own."""

    tarball = BUILD / "roots" / "trixie-peers.tar"

    def __init__(self):
        made = subprocess.run(
            [str(ROOT / "scripts/debian-root"), "trixie", str(self.tarball)]
            + ["libbpf-tools", "bpftrace"],
        )
        if made.returncode:
            raise Unavailable("the root of Debian 13 could not be made")
        self.root = Path(tempfile.mkdtemp(prefix="peers.", dir=self.tarball.parent))
        subprocess.run(["tar", "-C", self.root, "-xpf", self.tarball], check=True)
        # by the same path inside, as bpftrace looks for its target's files in the target's root,
        # and by a short one, as memleak cuts paths off
        Path(f"{self.root}{BENCH}").mkdir(parents=True)
        (self.root / "bench").mkdir()

    def command(self, *arguments):
        """Its mounts are private: they go when the tool does."""
        script = """
            mount --rbind /proc "$1/proc" && mount --rbind /sys "$1/sys" &&
            mount --bind "$2" "$1$2" && mount --bind "$2" "$1/bench" || exit
            root=$1
            shift 2
            exec chroot "$root" "$@"
        """
        inside = ["sh", "-c", script, "sh", str(self.root), str(BENCH), *arguments]
        return ["unshare", "--mount", "--propagation", "private", *inside]

    def remove(self):
        subprocess.run(["rm", "-rf", "--one-file-system", str(self.root)])


class Memleak(Tracer):
    name = "memleak"

    def __init__(self, peers):
        self.peers = peers

    def attach(self, loop):
        libc = f"/bench/{loop.libc.relative_to(BENCH)}"
        command = ["memleak-libbpf", "-p", str(loop.pid), "-O", libc, "86400"]
        self.attach_silent(loop, self.peers.command(*command), "memleak.log")


BPFTRACE = """
uprobe:LIBC:malloc { @size[tid] = arg0; }
uretprobe:LIBC:malloc /@size[tid]/ {
    @live_bytes[retval] = @size[tid];
    @live_stack[retval] = ustack;
    delete(@size[tid]);
}
uprobe:LIBC:free /@live_bytes[arg0]/ { delete(@live_bytes[arg0]); delete(@live_stack[arg0]); }
END { clear(@size); clear(@live_bytes); clear(@live_stack); }
"""


class Bpftrace(Tracer):
    """The shortest script that finds outstanding blocks by stack."""

    name = "bpftrace"

    def __init__(self, peers):
        self.peers = peers

    def attach(self, loop):
        script = BENCH / "memory.bt"
        script.write_text(BPFTRACE.replace("LIBC", str(loop.libc)))
        command = ["env", "BPFTRACE_MAX_MAP_KEYS=1000000", "bpftrace", "-p", str(loop.pid)]
        self.attach_silent(loop, self.peers.command(*command, str(script)), "bpftrace.log")


class Heaptrack(Tracer):
    """Not a peer: it lives in the target and must be there from its start. For information."""

    name = "heaptrack"
    library = Path("/usr/lib/heaptrack/libheaptrack_preload.so")

    def environment(self):
        if not self.library.exists():
            raise Unavailable("heaptrack is not installed")
        return {"LD_PRELOAD": str(self.library), "DUMP_HEAPTRACK_OUTPUT": "/dev/null"}


class Redis:
    """redis-server of Debian on copies of its allocator and of libc, under redis-benchmark."""

    commands = ["set", "lpush", "hset"]

    def __init__(self, name, environment=()):
        root = BENCH / "redis"
        got = subprocess.run(
            [str(ROOT / "scripts/debian-unpack"), str(root), "redis-server", "redis-tools"]
        )
        if got.returncode:
            raise Unavailable("redis-server could not be had")
        self.bin = root / "usr/bin"
        # the path of a unix socket has little room
        self.directory = tempfile.TemporaryDirectory(prefix="unfreed-bench-")
        self.socket = f"{self.directory.name}/redis"
        libraries = [*root.glob("usr/lib/*-linux-*"), *root.glob("lib/*-linux-*")]
        self.paths = ":".join([self.copy_allocators(name), *map(str, libraries)])
        self.process = subprocess.Popen(
            [str(self.bin / "redis-server"), "--port", "0", "--unixsocket", self.socket]
            + ["--save", "", "--appendonly", "no", "--dir", self.directory.name],
            env=dict(os.environ, LD_LIBRARY_PATH=self.paths, **dict(environment)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid
        wait_for_line(self.process.stdout, "eady to accept connections", self.process)

    @staticmethod
    def copy_allocators(name):
        directory = BENCH / "libc" / name
        directory.mkdir(parents=True, exist_ok=True)
        libc = find_libc()
        found = [*(BENCH / "redis").rglob("libjemalloc.so.2"), *libc.parent.glob("libjemalloc.so.2")]
        for library in [libc, *found[:1]]:
            shutil.copy(library, directory)
        return str(directory)

    def run(self, count):
        """As many of each command: nanoseconds a request, of the clock or of the server's
        processor time."""
        cpu, wall = processor_ns(self.pid), time.monotonic_ns()
        subprocess.run(
            [str(self.bin / "redis-benchmark"), "-s", self.socket, "-q", "-n", str(count)]
            + ["-r", "10000", "-d", "100", "-t", ",".join(self.commands)],
            env=dict(os.environ, LD_LIBRARY_PATH=self.paths),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        wall, cpu = time.monotonic_ns() - wall, processor_ns(self.pid) - cpu
        requests = count * len(self.commands)
        return (cpu if Loop.clock == "cpu" else wall) / requests

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()


def take_turns(lanes, rounds):
    for _ in range(rounds):
        for lane in lanes:
            lane.round()


class TracedLane:
    """A target, what traces it, and its rounds; `round` is its users'."""

    def __init__(self, tracer, target, name=None):
        self.name = name or tracer.name
        self.tracer = tracer
        self.target = target
        self.results = []
        try:
            tracer.attach(target)
        except Unavailable:
            target.stop()
            raise

    def median(self):
        return statistics.median(self.results)

    def stop(self):
        self.tracer.stop()
        self.target.stop()


class Lane(TracedLane):
    """A loop, sized to the length of a round."""

    def __init__(self, tracer, arguments=(), live=0, name=None, program="bench_loop"):
        loop = Loop(name or tracer.name, arguments, tracer.environment(), program=program)
        super().__init__(tracer, loop, name)
        self.warm_up(live)

    def warm_up(self, live):
        """Until every block that was live at the attach has been replaced; then sizes a round."""
        self.target.run(max(8 * live, PROOF_PAIRS))
        self.tracer.settle()
        self.pairs = max(500, int(ROUND_NS / self.target.run(max(live, 1000))))

    def round(self):
        self.results.append(self.target.run(self.pairs))
