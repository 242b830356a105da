# SPDX-License-Identifier: BSD-2-Clause
"""Starts a service with leaks and caches, loads it and reads its truth; for `run` and pytest."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
DJANGO = HERE.parent / "django"
MODULES = pathlib.Path(os.environ.get("UNFREED_BUILD", HERE.parents[1] / "build")) / "services"
PYTHON = "/usr/bin/python3"  # Debian's: its packages are the frameworks
START_SECONDS = 60
STOP_SECONDS = 20

for path in (HERE, DJANGO):
    sys.path.insert(0, str(path))
from caches import CACHES  # noqa: E402
from kinds import KINDS  # noqa: E402
from leaks import LEAKS  # noqa: E402
from load import get  # noqa: E402


def gunicorn(app, *options):
    return lambda directory, workers: [
        "-m", "gunicorn", "--config", HERE / "gunicorn_conf.py", "--workers", workers, "--bind",
        f"unix:{directory}/socket", "--worker-tmp-dir", directory, "--graceful-timeout", "1",
        "--timeout", "120", *options, f"{app}:app"]  # fmt: skip


def uvicorn(directory, _workers):
    return ["-m", "uvicorn", "--uds", f"{directory}/socket", "--no-access-log", "--log-level",
            "warning", "app_fastapi:app"]  # fmt: skip


def aiohttp(directory, _workers):
    return [HERE / "app_aiohttp.py", f"{directory}/socket"]


def celery(_directory, workers):
    return ["-m", "celery", "--app", "app_celery", "worker", "--pool", "prefork", "--concurrency",
            workers, "--loglevel", "warning", "--without-gossip", "--without-mingle",
            "--without-heartbeat"]  # fmt: skip


FRAMEWORKS = {
    "django": gunicorn("app_django"),
    "flask": gunicorn("app_flask", "--worker-class", "gthread", "--threads", "4"),
    "fastapi": uvicorn,
    "aiohttp": aiohttp,
    "celery": celery,
    "gevent": gunicorn("app_flask", "--worker-class", "gevent"),
}
ASYNC = ("fastapi", "aiohttp")
CACHE_SHARE = 0.5


def leaks_of(framework):
    """The ten of it: tasks never end where there is a loop, else it is threads that keep."""
    return [name for name in LEAKS if name != ("threads" if framework in ASYNC else "tasks")]


def start_redis(directory):
    sys.path.append(str(HERE.parent / "integration"))
    from servers import Redis
    return Redis(directory)


class Service:
    """One at work. `pid`: its master, or itself; `workers`: the processes that serve."""

    def __init__(self, framework, leaks=(), rate=30, caches=CACHES, cache_rate=None,
                 workers=1, preload_mb=0, max_requests=0):  # fmt: skip
        """A cache is filled more slowly than anything leaks: nothing else tells them apart while it
        is not full."""
        cache_rate = rate * CACHE_SHARE if cache_rate is None else cache_rate
        self.framework = framework
        self.temporary = tempfile.TemporaryDirectory(prefix="unfreed-service-")
        self.directory = pathlib.Path(self.temporary.name)
        self.environment = {
            **os.environ, "PYTHONPATH": f"{HERE}:{MODULES}", "PYTHONDONTWRITEBYTECODE": "1",
            "SERVICE_DIR": str(self.directory), "SERVICE_PRELOAD_MB": str(preload_mb),
            "SERVICE_MAX_REQUESTS": str(max_requests),
            "SERVICE_LEAKS": ",".join(f"{name}:{rate}" for name in leaks),
            "SERVICE_CACHES": ",".join(f"{name}:{cache_rate}" for name in caches),
        }  # fmt: skip
        self.loads = []
        self.redis = start_redis(self.directory) if framework == "celery" else None
        with open(self.directory / "log", "w") as log:
            self.process = subprocess.Popen(
                list(map(str, [PYTHON, *FRAMEWORKS[framework](self.directory, workers)])),
                cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True)
        self.pid = self.process.pid
        try:
            self.workers = self.wait_workers(workers)
        except BaseException:
            self.stop()
            raise

    def wait_workers(self, count):
        """Until each tells its truth and, but for celery, somebody answers."""
        deadline = time.monotonic() + START_SECONDS
        socket = self.directory / "socket"
        while True:
            found = self.living_workers()
            if len(found) == count and (self.framework == "celery" or socket.exists()):
                return found
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.framework} is not ready: {self.log()[-2000:]}")
            time.sleep(0.02)

    def living_workers(self):
        """Those that serve now; under max_requests they come and go."""
        pids = [int(path.suffix[1:]) for path in self.directory.glob("truth.*")
                if path.suffix != ".new"]
        return sorted(pid for pid in pids if os.path.exists(f"/proc/{pid}/exe"))

    def log(self):
        return (self.directory / "log").read_text()

    def truth(self, pid=None):
        """What a worker tells of itself."""
        return json.loads(get(self.directory / f"truth.{pid or self.workers[0]}", "/truth"))

    def merged_truth(self):
        """Of all that serve now, as of one."""
        first, *others = map(self.truth, self.living_workers())
        for other in others:
            first["eintr"] += other["eintr"]
            for name, leak in other["leaks"].items():
                for key in ("rate", "entries", "bytes"):
                    first["leaks"][name][key] += leak[key]
        return first

    def load(self, rate=0, seconds=3600, clients=4):
        """Starts a load: so many requests a second, or (0) as many as are answered."""
        command = [PYTHON, HERE / "load_celery.py"] if self.framework == "celery" else [
            PYTHON, DJANGO / "load.py", self.directory / "socket", "--resource", "/work/{number}"]
        load = subprocess.Popen(
            [*map(str, command), "--rate", str(rate), "--seconds", str(seconds), "--clients",
             str(clients)], cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True)
        self.loads.append(load)
        return load

    def busy_seconds(self, pid=None):
        """How long a worker has been on a processor or waiting for one."""
        tasks = pathlib.Path(f"/proc/{pid or self.workers[0]}/task").glob("*/schedstat")
        return sum(sum(map(int, task.read_text().split()[:2])) for task in tasks) / 1e9

    def stop(self):
        """Everything that was started ends; returns the exit status."""
        for load in self.loads:
            if load.poll() is None:
                load.kill()
            load.wait()
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        finally:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            if self.redis:
                self.redis.__exit__()
            self.temporary.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def finish(load, end=False):
    """What a load did, by its own account; `end`: before its time."""
    if end:
        load.terminate()
    return json.loads(load.communicate()[0])
