# SPDX-License-Identifier: BSD-2-Clause
"""COUNT functions, made one after the other, of which each keeps a block and is gone before the next one
comes, so that their code lies at few addresses. Says `ready`, does so on a line of input, prints how many
addresses of code there were, and ends on another line.

    python_made.py COUNT
"""
import json
import sys

COUNT = int(sys.argv[1])
SOURCE = """
def made_%d(kept, place):
    kept[place] = bytes(300)
"""


def main():
    kept = [None] * COUNT
    addresses = set()
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(COUNT):
        made = {}
        exec(SOURCE % number, made)
        function = made["made_%d" % number]
        function(kept, number)
        addresses.add(id(function.__code__))
        del function, made
    print(json.dumps({"addresses": len(addresses)}), flush=True)
    sys.stdin.readline()


main()
