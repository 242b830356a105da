# SPDX-License-Identifier: BSD-2-Clause
"""Objects of many kinds, kept by one function amid others that a second one drops: where CPython has
a free list of the kind, the kept ones were allocated by the function that drops. Says `ready`; on a
line of input it works, prints how many it keeps of each kind, and ends on another line.

    python_free_lists.py STEPS
"""
import contextvars
import json
import sys

STEPS = int(sys.argv[1])
FUNCTIONS = """
def drop_{kind}(number):
    return [make_drop_{kind}(number + i) for i in range(20)]

def make_drop_{kind}(number):
    return {value}

def keep_{kind}(number):
    for i in range(10):
        KEPT.append(make_keep_{kind}(number + i))

def make_keep_{kind}(number):
    return {value}
"""
KINDS = {
    "dict": "{'a': number}",
    "list": "[number, number]",
    "tuple": "(number, number + 1)",
    "float": "number * 1.5",
    "context": "contextvars.copy_context()",
    "str": "'s%d' % number",
    "bytes": "b'%d' % number",
    "set": "{number}",
    "instance": "Thing()",
}
KEPT = []


class Thing:
    pass


def main():
    for kind, value in KINDS.items():
        exec(compile(FUNCTIONS.format(kind=kind, value=value), kind + ".py", "exec"), globals())
    print("ready", flush=True)
    sys.stdin.readline()
    for kind in KINDS:
        for step in range(STEPS):
            globals()["drop_" + kind](10**6 + step * 20)
            globals()["keep_" + kind](2 * 10**6 + step * 10)
    print(json.dumps({kind: STEPS * 10 for kind in KINDS}), flush=True)
    sys.stdin.readline()


main()
