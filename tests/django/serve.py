#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the shop's database and becomes gunicorn, on a unix socket and nothing else.

Needs build/django/features.abi3.so (`make django`); --features says where else it is.
"""
import argparse
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CREATE = "import django; django.setup(); from shop import catalogue; catalogue.create()"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path,
                        help="empty; for the database and the socket")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--leaks", default="", metavar="NAME,…", help="what leaks")
    parser.add_argument("--megabytes-per-hour", type=float, metavar="MB", help="how fast all leaks "
                        "together are, at --rate visits a second; 100 kB a visit each without it")
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--features", type=pathlib.Path, default=HERE.parents[1] / "build/django")
    parser.add_argument("--python", default=sys.executable, metavar="COMMAND",
                        help="in front of -m gunicorn; words, split at spaces")
    return parser.parse_args()


def leak_bytes(arguments):
    """What each leak keeps of a visit."""
    leaks = arguments.leaks.count(",") + 1
    return arguments.megabytes_per_hour * 1e6 / 3600 / arguments.rate / leaks


def main():
    arguments = parse_arguments()
    directory = arguments.directory.resolve()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": f"{HERE}:{arguments.features.resolve()}",
        "SHOP_DATA": str(directory),
        "SHOP_LEAKS": arguments.leaks,
    }
    if arguments.megabytes_per_hour is not None:
        environment["SHOP_LEAK_BYTES"] = str(leak_bytes(arguments))
    subprocess.run([sys.executable, "-c", CREATE], env=environment, check=True)
    python = arguments.python.split()
    os.execvpe(python[0], [
        *python, "-m", "gunicorn", "--workers", str(arguments.workers), "--worker-tmp-dir",
        str(directory), "--bind", f"unix:{directory}/socket", "--log-level", "info",
        "--graceful-timeout", "5", "--timeout", "120", "--preload", "--name", "shop", "shop.wsgi",
    ], environment)  # fmt: skip


if __name__ == "__main__":
    main()
