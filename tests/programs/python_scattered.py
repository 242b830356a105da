# SPDX-License-Identifier: BSD-2-Clause
"""As many mappings as the kernel allows, a page each, far from each other, in each of which
something points to another one. Says "ready" and how many there are; then adds 100 entries to
HISTORY for each line of its input."""
import ctypes
import sys

PAGE, STEP, START = 4096, 1 << 30, 0x10000000000
MAP_PRIVATE, MAP_ANONYMOUS, MAP_FIXED_NOREPLACE = 2, 0x20, 0x100000

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                      ctypes.c_long]
HISTORY = {}
count = 0
while count < int(sys.argv[1]):
    address = START + count * STEP
    if libc.mmap(address, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
                 0) != address:
        break
    # what looks like a list of a billion, whose items would be in the next mapping
    head = (ctypes.c_uint64 * 5).from_address(address)
    head[:] = [1, id(list), 1 << 30, address + STEP, 1 << 30]
    count += 1
KEPT = (ctypes.c_uint64 * 64)(*(START + i * STEP for i in range(64)))
print("ready", count, flush=True)
for _ in sys.stdin:
    for _ in range(100):
        HISTORY[len(HISTORY)] = str(len(HISTORY))
    print(len(HISTORY), flush=True)
