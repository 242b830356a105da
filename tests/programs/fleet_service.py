# SPDX-License-Identifier: BSD-2-Clause
"""A service that forks now and then, and has a cache that stays as large as it is; until its input ends."""
import os
import select
import sys

KEPT = {}


def serve(number):
    KEPT[number % 500] = [str(number), {"number": number}]
    return [bytearray(200 + number % 50) for _ in range(20)]


def main():
    sys.stdin.readline()
    number = 0
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        number += 1
        serve(number)
        if number % 100 == 0:
            child = os.fork()
            if not child:
                serve(number)
                os._exit(0)
            os.waitpid(child, 0)


main()
