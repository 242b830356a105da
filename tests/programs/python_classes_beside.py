# SPDX-License-Identifier: BSD-2-Clause
"""Lists that get longer, each behind words that look like the beginning of an object: a length and a
class in a tuple, a hash and a class in a dictionary. Fills so many MB first. Says "ready", then
for each number N that it reads: adds N entries to each, and says how many there are."""
import gc
import sys


class Shelf:
    def __init__(self):
        self.rows = []


PAIR = (OSError, [])
MANY = (OSError, ValueError, KeyError, IndexError, {})
BY_CLASS = {one: [] for one in (OSError, ValueError, KeyError, IndexError, TypeError, LookupError,
                                ArithmeticError, AttributeError, BufferError, EOFError, NameError)}
NEIGHBOURS = [((OSError, KeyError), Shelf()) for _ in range(50)]
FILL = []


def add(number):
    PAIR[1].append(number + 1000)
    MANY[4][number] = number + 2000
    BY_CLASS[EOFError].append(number + 3000)
    for _, shelf in NEIGHBOURS[::10]:
        shelf.rows.append(number + 4000)


gc.disable()
for i in range(int(sys.argv[1]) * 16):
    FILL.append([(float(j), [j]) for j in range(400)])
print("ready", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        add(len(PAIR[1]))
    print(len(PAIR[1]), flush=True)
