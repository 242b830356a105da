#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Pools of connections of the libraries that there are, and what they are at: a line of JSON, then "ready".

    connection_pools.py [--web PORT] [--redis SOCKET] [--postgres DIRECTORY]

Those that need a server that is not given connect to none, and have none. A line has it give all back, and
say so again."""
import argparse
import json
import sqlite3
import sys


class Service:
    """What it holds has names."""


SERVICE = Service()
TRUTH = {}
GIVE_BACK = []
NOTE = []


def of_sqlalchemy():
    from sqlalchemy.pool import QueuePool

    def connect():
        return sqlite3.connect(":memory:", check_same_thread=False)

    def note():
        for name in ("ENGINE", "UNLIMITED"):
            pool = getattr(SERVICE, name)
            TRUTH[f"__main__.SERVICE.{name}"] = {
                "type": "sqlalchemy.pool.impl.QueuePool", "in_use": pool.checkedout(), "idle": pool.checkedin(),
                "maximum": 15 if name == "ENGINE" else None}

    SERVICE.ENGINE = QueuePool(connect, pool_size=5, max_overflow=10)
    SERVICE.UNLIMITED = QueuePool(connect, pool_size=2, max_overflow=-1)
    held = [SERVICE.ENGINE.connect() for _ in range(7)] + [SERVICE.UNLIMITED.connect() for _ in range(3)]
    for connection in held[:3]:
        connection.close()
    GIVE_BACK.append(lambda: [connection.close() for connection in held[3:]])
    NOTE.append(note)


def of_redis(path):
    from redis.connection import BlockingConnectionPool, ConnectionPool, UnixDomainSocketConnection

    SERVICE.REDIS = ConnectionPool(connection_class=UnixDomainSocketConnection, path=path, max_connections=20)
    SERVICE.BLOCKING = BlockingConnectionPool(connection_class=UnixDomainSocketConnection, path=path,
                                              max_connections=6, timeout=1)
    SERVICE.PLAIN = ConnectionPool(connection_class=UnixDomainSocketConnection, path=path)
    held = {pool: [pool.get_connection("PING") for _ in range(4)] if path else []
            for pool in (SERVICE.REDIS, SERVICE.BLOCKING)}
    for pool, connections in held.items():
        if connections:
            pool.release(connections.pop())

    def note():
        for name, made, most in (("REDIS", 4, 20), ("BLOCKING", 4, 6), ("PLAIN", 0, None)):
            pool = getattr(SERVICE, name)
            in_use = len(held.get(pool, ()))
            TRUTH[f"__main__.SERVICE.{name}"] = {
                "type": f"redis.connection.{type(pool).__name__}", "in_use": in_use,
                "idle": (made if path else 0) - in_use, "maximum": most}

    def give_back():
        for pool, connections in held.items():
            while connections:
                pool.release(connections.pop())

    GIVE_BACK.append(give_back)
    NOTE.append(note)


def of_urllib3(port):
    from urllib3.connectionpool import HTTPConnectionPool

    SERVICE.WEB = HTTPConnectionPool("127.0.0.1", port or 9, maxsize=8, block=True)
    held = [SERVICE.WEB.request("GET", "/", preload_content=False) for _ in range(3)] if port else []
    if held:
        answer = held.pop()
        answer.read()
        answer.release_conn()

    def note():
        TRUTH["__main__.SERVICE.WEB"] = {
            "type": "urllib3.connectionpool.HTTPConnectionPool", "in_use": len(held),
            "idle": (3 if port else 0) - len(held), "maximum": 8}

    def give_back():
        while held:
            answer = held.pop()
            answer.read()
            answer.release_conn()

    GIVE_BACK.append(give_back)
    NOTE.append(note)


def of_psycopg2(directory):
    from psycopg2.pool import ThreadedConnectionPool

    SERVICE.POSTGRES = ThreadedConnectionPool(0, 9, host=directory or "/nonexistent", dbname="postgres",
                                              user="test")
    held = [SERVICE.POSTGRES.getconn() for _ in range(2)] if directory else []

    def note():
        TRUTH["__main__.SERVICE.POSTGRES"] = {
            "type": "psycopg2.pool.ThreadedConnectionPool", "in_use": len(held),
            "idle": len(SERVICE.POSTGRES._pool), "maximum": 9}

    def give_back():
        while held:
            SERVICE.POSTGRES.putconn(held.pop())

    GIVE_BACK.append(give_back)
    NOTE.append(note)


def of_psycopg_pool(directory):
    from psycopg_pool import ConnectionPool

    SERVICE.POOL = ConnectionPool(f"host={directory or '/nonexistent'} dbname=postgres user=test", min_size=2,
                                  max_size=7, open=bool(directory))
    if directory:
        SERVICE.POOL.wait()
    held = [SERVICE.POOL.getconn() for _ in range(4)] if directory else []

    def note():
        TRUTH["__main__.SERVICE.POOL"] = {
            "type": "psycopg_pool.pool.ConnectionPool", "in_use": len(held),
            "idle": SERVICE.POOL.get_stats().get("pool_available", 0), "maximum": 7}

    def give_back():
        while held:
            SERVICE.POOL.putconn(held.pop())

    GIVE_BACK.append(give_back)
    NOTE.append(note)


def say():
    for note in NOTE:
        note()
    print(json.dumps(TRUTH), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--web", type=int)
    parser.add_argument("--redis")
    parser.add_argument("--postgres")
    given = parser.parse_args()
    for make in (of_sqlalchemy, lambda: of_redis(given.redis), lambda: of_urllib3(given.web),
                 lambda: of_psycopg2(given.postgres), lambda: of_psycopg_pool(given.postgres)):
        try:
            make()
        except ImportError as error:
            print(f"without: {error}", flush=True)
    say()
    print("ready", flush=True)
    for _ in sys.stdin:
        for give_back in GIVE_BACK:
            give_back()
        say()


if __name__ == "__main__":
    main()
