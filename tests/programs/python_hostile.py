# SPDX-License-Identifier: BSD-2-Clause
"""An interpreter (3.11 or later) whose own structures lie, where it does not need them itself:

    python_hostile.py CASE

Prints `ready`; after a line of input `middle`, which lies in between `outer` and `inner`, is made
to lie, and 1000 blocks of BLOCK_BYTES are allocated by libc's malloc. Prints {"file", "outer",
"inner": lines}, waits for the next line, makes all right again and prints `unhurt`."""
import ctypes
import json
import os
import random
import struct
import sys

BLOCK_BYTES = 70001
COUNT = 1000
FRAME_CODE, FRAME_PREVIOUS = (0, 8) if sys.version_info >= (3, 12) else (32, 48)
CODE_FILENAME, CODE_NAME, CODE_QUALNAME, CODE_LINES = 112, 120, 128, 136
STR_TYPE, STR_LENGTH = 8, 16
FRAME_OF_OBJECT = 24
UNMAPPED = 0x10000
libc = ctypes.CDLL(None)
made = []


def word(address):
    return ctypes.c_uint64.from_address(address)


def frame_address(frame):
    return word(id(frame) + FRAME_OF_OBJECT).value


def copy_of(thing, offset, value):
    """The address of a copy of an object, with another word in it."""
    data = bytearray(ctypes.string_at(id(thing), sys.getsizeof(thing)))
    data[offset:offset + 8] = struct.pack("Q", value)
    made.append(ctypes.create_string_buffer(bytes(data), len(data)))
    return ctypes.addressof(made[-1]) if ctypes.addressof(made[-1]) % 8 == 0 else sys.exit("odd")


def in_code(field, value):
    return lambda frame, _: (id(frame.f_code) + field, value)


def in_frame(field, value):
    return lambda frame, _: (frame_address(frame) + field, value)


CASES = {
    "giant_name": in_code(CODE_QUALNAME, copy_of("middle", STR_LENGTH, 1 << 40)),
    "name_of_no_type": in_code(CODE_QUALNAME, copy_of("middle", STR_TYPE, UNMAPPED)),
    "unmapped_name": in_code(CODE_QUALNAME, UNMAPPED),
    "unmapped_file": in_code(CODE_FILENAME, UNMAPPED),
    "unmapped_lines": in_code(CODE_LINES, UNMAPPED),
    "giant_lines": in_code(CODE_LINES, copy_of(b"lines", STR_LENGTH, 1 << 40)),
    "no_code": in_frame(FRAME_CODE, id("no code")),
    "unmapped_code": in_frame(FRAME_CODE, UNMAPPED),
    "unmapped_chain": in_frame(FRAME_PREVIOUS, UNMAPPED),
    "loop": lambda frame, inner: (frame_address(frame) + FRAME_PREVIOUS, frame_address(inner)),
    "long_name": None,
    "control_name": None,
    "random_lines": None,
}


def inner(lie):
    cell = None
    if lie:
        address, value = lie(sys._getframe(1), sys._getframe())
        cell = word(address)
        before, cell.value = cell.value, value
    for _ in range(COUNT): libc.malloc(BLOCK_BYTES)
    print(truth, flush=True)
    sys.stdin.readline()
    if lie:
        cell.value = before


def middle(lie): return inner(lie)


def outer(lie): return middle(lie)


def rewrite(case):
    """What a program may do to its code without any tricks."""
    code = middle.__code__
    if case == "random_lines":
        middle.__code__ = code.replace(co_linetable=random.Random(1).randbytes(1 << 16))
    else:
        name = "n" * 1000000 if case == "long_name" else "\x1b[2J</script>\0\n\u202e\ud800"
        middle.__code__ = code.replace(co_qualname=name)


case = sys.argv[1]
if not CASES[case]:
    rewrite(case)
truth = json.dumps({"file": __file__, "inner": inner.__code__.co_firstlineno + 6,
                    "outer": outer.__code__.co_firstlineno})
print("ready", flush=True)
sys.stdin.readline()
outer(CASES[case])
print("unhurt", flush=True)
os._exit(0)
