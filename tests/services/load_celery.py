#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What tests/django/load.py is to services of HTTP, for the celery worker of SERVICE_DIR."""
import argparse
import pathlib
import sys

import celery.exceptions

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "django"))
import load  # noqa: E402
from app_celery import work  # noqa: E402


def visit(number):
    result = work.delay(number)
    try:
        result.get(timeout=30)
    except celery.exceptions.CeleryError as error:
        raise OSError(str(error)) from error


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    load.add_arguments(parser)
    return load.run(visit, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
