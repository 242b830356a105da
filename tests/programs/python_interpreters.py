# SPDX-License-Identifier: BSD-2-Clause
"""An interpreter within the interpreter, whose dictionary SUB grows by as many entries as each line
of the input says. Says "ready", and after each line "done"."""
import sys

try:
    import _interpreters as interpreters
    run = interpreters.exec
except ImportError:
    import _xxsubinterpreters as interpreters
    run = interpreters.run_string

line = None
KEEP = [str(number) for number in range(3000)]
inner = interpreters.create()
run(inner, """
import __main__
__main__.SUB = {}
def add(count):
    for _ in range(count):
        SUB[len(SUB)] = f"entry {len(SUB)}"
add(4000)
""")
print("ready", flush=True)
for line in sys.stdin:
    run(inner, f"add({int(line)})")
    KEEP.extend("0" * int(line))
    print("done", flush=True)
