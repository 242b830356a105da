# SPDX-License-Identifier: BSD-2-Clause
"""Servers from Debian packages, unpacked under the build directory and never installed."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile

import pytest

from conftest import BUILD, ROOT, TIMEOUT, Lines, needs

SERVERS = BUILD / "servers"
NOBODY = 65534


def unpack(*names):
    """The root that holds the packages; downloaded once. Skips the test where that fails."""
    needs("apt-get")
    root = SERVERS / names[0]
    got = subprocess.run([ROOT / "scripts/debian-unpack", root, *names], capture_output=True,
                         text=True)
    if got.returncode:
        pytest.skip(f"debian-unpack {names[0]}: {got.stderr.strip()[-200:]}")
    return root


def environment(root):
    """Libraries of the packages first."""
    paths = {str(path.parent) for path in (root / "usr/lib").rglob("*.so*") if path.is_file()}
    paths = sorted(path for path in paths if re.search(r"/usr/lib(/[^/]+-linux-[^/]+)?$", path))
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(paths), "LC_ALL": "C"}


class Server:
    """A server in the foreground, until `ready` (a pattern) is in what it prints."""

    def __init__(self, root, command, ready, **options):
        self.environment = environment(root)
        self.process = subprocess.Popen([str(word) for word in command], env=self.environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True,
                                        start_new_session=True, **options)
        self.pid = self.process.pid
        self.lines = Lines(self.process.stdout)
        if ready:
            self.lines.until(ready)

    def run(self, *command, **options):
        """A client, to its end; its stdout."""
        done = subprocess.run([str(word) for word in command], env=self.environment, text=True,
                              stdout=subprocess.PIPE, check=True, timeout=TIMEOUT, **options)
        return done.stdout

    def stop(self, number=signal.SIGTERM):
        """Asks it to end, and returns its exit status."""
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """With its workers, which would outlive it."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(TIMEOUT)


def children(pid):
    found = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in found.split()]


@pytest.fixture
def directory():
    """Short enough for the path of a unix socket, and open to another user."""
    with tempfile.TemporaryDirectory(prefix="unfreed-") as path:
        os.chmod(path, 0o755)
        yield path


class Redis(Server):
    def __init__(self, directory, *options):
        root, self.path = unpack("redis-server", "redis-tools"), f"{directory}/redis"
        self.bin = root / "usr/bin"
        super().__init__(root, [self.bin / "redis-server", "--port", "0", "--unixsocket", self.path,
                                "--save", "", "--appendonly", "no", "--dir", directory, *options],
                         "[Rr]eady to accept connections")

    def ask(self, *words):
        return self.run(self.bin / "redis-cli", "-s", self.path, *words)

    def benchmark(self, *options):
        return self.run(self.bin / "redis-benchmark", "-s", self.path, "-q", *options)

    def used_memory(self):
        text = self.ask("INFO", "memory")
        return int(re.search(r"^used_memory:(\d+)", text, re.MULTILINE).group(1))


class Nginx(Server):
    """One worker, which serves `page` and logs nothing."""

    def __init__(self, directory):
        root, self.path = unpack("nginx", "nginx-common"), f"{directory}/nginx"
        with open(f"{directory}/conf", "w") as conf:
            conf.write(f"""daemon off; pid {directory}/pid; error_log stderr notice;
                worker_processes 1; events {{}} http {{ access_log off; gzip on;
                gzip_types *; gzip_http_version 1.0;
                client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
                fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
                scgi_temp_path {directory}/scgi;
                server {{ listen unix:{self.path}; root {directory}; }} }}""")
        with open(f"{directory}/page", "w") as page:
            page.write("unfreed\n" * 1000)
        pathlib.Path(self.path).unlink(missing_ok=True)  # of one that was killed
        super().__init__(root, [root / "usr/sbin/nginx", "-p", directory, "-c", f"{directory}/conf"],
                         "start worker process ")

    @property
    def worker(self):
        [worker] = children(self.pid)
        return worker

    def get(self, name, *headers):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path)
            lines = [f"GET /{name} HTTP/1.0", *headers, "", ""]
            client.sendall("\r\n".join(lines).encode())
            answer = b""
            while part := client.recv(65536):
                answer += part
        return answer


def postgres_packages():
    """Those that Debian's postgresql is at the moment: their names have a version."""
    depends = subprocess.run([needs("apt-cache"), "depends", "postgresql"], capture_output=True,
                             text=True).stdout
    version = re.search(r"Depends: postgresql-(\d+)$", depends, re.MULTILINE)
    if not version:
        pytest.skip("apt knows no postgresql")
    return f"postgresql-{version[1]}", f"postgresql-client-{version[1]}"


class Postgres(Server):
    """A cluster of its own. The server refuses to run as root; the files may lie in root's home."""

    def __init__(self, directory):
        root = unpack(*postgres_packages())
        [self.bin] = root.glob("usr/lib/postgresql/*/bin")
        # access(2) forgets the capabilities of who is not root, unless told not to
        self.user = [needs("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                     "--inh-caps=+dac_override", "--ambient-caps=+dac_override",
                     "--securebits=+no_setuid_fixup"]
        self.socket = directory
        data = f"{directory}/data"
        os.mkdir(data, 0o700)
        os.chown(data, NOBODY, NOBODY)
        os.chown(directory, NOBODY, NOBODY)
        subprocess.run([*self.user, self.bin / "initdb", "-D", data, "-U", "test", "-A", "trust",
                        "-N", "--locale=C"], env=environment(root), check=True, cwd="/",
                       stdout=subprocess.DEVNULL)
        super().__init__(root, [*self.user, self.bin / "postgres", "-D", data, "-k", directory, "-c",
                                "listen_addresses=", "-c", "fsync=off", "-c", "jit=off"],
                         "ready to accept connections", cwd="/")

    def command(self, name, *args):
        return [str(self.bin / name), "-h", self.socket, "-U", "test", *map(str, args)]


class Session:
    """One psql, and with it one backend."""

    def __init__(self, server):
        self.process = subprocess.Popen(server.command("psql", "-qAtX", "postgres"), text=True,
                                        env=server.environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.lines = Lines(self.process.stdout)
        self.pid = int(self.ask("select pg_backend_pid();"))

    def ask(self, statement):
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        return self.lines.next(statement)

    def memory(self):
        return int(self.ask("select sum(total_bytes)::bigint from pg_backend_memory_contexts;"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
