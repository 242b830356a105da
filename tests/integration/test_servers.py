# SPDX-License-Identifier: BSD-2-Clause
"""Real servers under bounded load, on unix sockets: what is outstanding is what the server itself
says that it keeps, no unit is lost, and the server serves and ends as ever."""
import os
import re
import signal
import socket
import subprocess
import tempfile

import pytest

from conftest import Lines, needs
from servers import Server, children, environment, unpack

NOBODY = 65534


@pytest.fixture
def directory():
    """Short enough for the path of a unix socket, and open to another user."""
    with tempfile.TemporaryDirectory(prefix="unfreed-") as path:
        os.chmod(path, 0o755)
        yield path


def used_memory(server, root, path):
    text = server.run(root / "usr/bin/redis-cli", "-s", path, "INFO", "memory")
    return int(re.search(r"^used_memory:(\d+)", text, re.MULTILINE).group(1))


def test_redis(record, directory):
    """redis counts usable sizes itself; requested ones are below them by jemalloc's size classes,
    at most 20 %, and a little of what it had before was freed."""
    root, path = unpack("redis-server", "redis-tools"), f"{directory}/redis"
    command = [root / "usr/bin/redis-server", "--port", "0", "--unixsocket", path, "--save", "",
               "--appendonly", "no", "--dir", directory]
    with Server(root, command, "[Rr]eady to accept connections") as server:
        used_memory(server, root, path)
        before = used_memory(server, root, path)
        recorder = record(server)
        server.run(root / "usr/bin/redis-benchmark", "-s", path, "-n", 30000, "-r", 20000, "-d",
                   500, "-t", "set", "-q")
        grown = used_memory(server, root, path) - before
        result = recorder.stop()
        assert server.stop() == 0
    assert result.status == 0, result.stderr
    assert not result.losses
    assert grown > 5_000_000
    assert 0.8 * grown < result.totals["live_bytes"] <= 1.01 * grown


def get(path, name):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(f"GET /{name} HTTP/1.0\r\n\r\n".encode())
        answer = b""
        while part := client.recv(65536):
            answer += part
    return answer


def test_nginx(record, directory):
    """A request's pool is freed with it: after 2,000 requests and a graceful end next to nothing
    is left."""
    root, path = unpack("nginx", "nginx-common"), f"{directory}/nginx"
    with open(f"{directory}/conf", "w") as conf:
        conf.write(f"""daemon off; pid {directory}/pid; error_log stderr notice; worker_processes 1;
            events {{}} http {{ access_log off; client_body_temp_path {directory}/body;
            proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
            uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
            server {{ listen unix:{path}; root {directory}; }} }}""")
    with open(f"{directory}/page", "w") as page:
        page.write("unfreed\n" * 1000)
    command = [root / "usr/sbin/nginx", "-p", directory, "-c", f"{directory}/conf"]
    with Server(root, command, "start worker process ") as server:
        [worker] = children(server.pid)
        recorder = record(worker)
        for i in range(2000):
            answer = get(path, "page" if i % 4 else "missing")
            assert (b"200 OK" if i % 4 else b"404 Not Found") in answer
        assert server.stop(signal.SIGQUIT) == 0
        result = recorder.wait()
    assert result.status == 0, result.stderr
    assert not result.losses
    assert result.totals["alloc_blocks"] >= 2 * 2000
    assert result.totals["live_bytes"] < 65536


class Postgres(Server):
    """A cluster of its own. The server refuses to run as root; the files may lie in root's home."""

    def __init__(self, directory):
        root = unpack("postgresql-15", "postgresql-client-15")
        [self.bin] = root.glob("usr/lib/postgresql/*/bin")
        self.user = [needs("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                     "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
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


def test_postgres_backend(record, directory):
    """Memory contexts are made of malloc's blocks, and the backend lists them: prepared statements
    stay until the session ends."""
    with Postgres(directory) as server, Session(server) as session:
        session.memory()
        before = session.memory()
        recorder = record(session)
        for i in range(500):
            session.process.stdin.write(
                f"prepare p{i} as select relname, {i} from pg_class where oid = $1;\n"
                f"execute p{i}(1);\n")
        grown = session.memory() - before
        result = recorder.stop()
        assert session.ask("select 6 * 7;") == "42"
    assert result.status == 0, result.stderr
    assert not result.losses
    assert grown > 2_000_000
    # Not exact: some of what the backend had before was freed, some of the rest is no context's.
    assert 0.9 * grown < result.totals["live_bytes"] < 1.1 * grown


def test_postgres_with_followed_backends(record, directory):
    """The postmaster and its children under pgbench: every transaction is answered."""
    with Postgres(directory) as server:
        server.run(*server.command("pgbench", "-i", "-q", "postgres"), stderr=subprocess.DEVNULL)
        recorder = record(server, options=["--follow-forks"])
        done = server.run(*server.command("pgbench", "-S", "-c", "4", "-t", "500", "postgres"))
        assert "number of transactions actually processed: 2000/2000" in done
        result = recorder.stop()
        assert server.stop() == 0
    assert result.status == 0, result.stderr
    assert not result.losses
    assert len(result.report["targets"]) >= 5
    assert result.totals["alloc_blocks"] > 2000
