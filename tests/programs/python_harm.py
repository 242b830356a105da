# SPDX-License-Identifier: BSD-2-Clause
"""Memory that a careless reader harms, or that harms a careless reader: python_harm.py KIND MB.

quiet: objects, and a thread that counts how often a system call of its was interrupted. userfault:
besides, a list whose items seem to be in pages registered with userfaultfd, and a handler that
counts how often it was woken. prefork: a child that shares all of it; its pid is printed. swapped:
all that is anonymous was asked to be paged out. closed: lists whose items seem to be in memory that
must not be read, or that is not there.

Says "ready", then for each line of its input what it counted, as JSON."""
import ctypes
import gc
import json
import os
import struct
import sys
import threading

PAGE = 4096
PROT_NONE, PROT_READ, PROT_WRITE = 0, 1, 2
MAP_SHARED, MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE = 1, 2, 0x20, 0x4000
MADV_PAGEOUT = 21
SYS_USERFAULTFD = 323
UFFDIO_API, UFFDIO_REGISTER, UFFDIO_ZEROPAGE = 0xc018aa3f, 0xc020aa00, 0xc020aa04
UFFD_API, MODE_MISSING = 0xAA, 1
LIST_ITEMS = 24

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                      ctypes.c_long]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
counts = {"interrupted": 0, "faults": 0}
KEPT = []


def count_interrupted():
    while True:
        if libc.poll(None, 0, 20) < 0:
            counts["interrupted"] += 1


def map_pages(count, protection, flags=MAP_PRIVATE | MAP_ANONYMOUS, fd=-1):
    return libc.mmap(None, count * PAGE, protection, flags, fd, 0)


def make_bait(address):
    """A list of 500 whose items would be there; nobody here touches it again."""
    bait = [None] * 500
    ctypes.c_void_p.from_address(id(bait) + LIST_ITEMS).value = address
    KEPT.append(bait)


def handle_faults(fd):
    while True:
        event = os.read(fd, 32)
        counts["faults"] += 1
        address = struct.unpack_from("<Q", event, 16)[0] & -PAGE
        zero = struct.pack("<QQQq", address, PAGE, 0, 0)
        libc.ioctl(fd, ctypes.c_ulong(UFFDIO_ZEROPAGE), zero)


def register_pages():
    fd = libc.syscall(SYS_USERFAULTFD, 0)
    api = struct.pack("<QQQ", UFFD_API, 0, 0)
    if fd < 0 or libc.ioctl(fd, ctypes.c_ulong(UFFDIO_API), api):
        sys.exit("no userfaultfd")
    address = map_pages(64, PROT_READ | PROT_WRITE)
    range_ = struct.pack("<QQQQ", address, 64 * PAGE, MODE_MISSING, 0)
    if libc.ioctl(fd, ctypes.c_ulong(UFFDIO_REGISTER), range_):
        sys.exit("no userfaultfd")
    threading.Thread(target=handle_faults, args=(fd,), daemon=True).start()
    # one is there, and was asked for by us; a call lets go of the lock that the handler needs
    libc.memset(ctypes.c_void_p(address), 1, 1)
    make_bait(address)
    make_bait(address + 8 * PAGE)


def close_memory():
    make_bait(map_pages(16, PROT_NONE))
    make_bait(map_pages(1 << 20, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE))  # 4 GB, none of it there
    file = os.open(__file__, os.O_RDONLY)
    make_bait(map_pages(64, PROT_READ, MAP_PRIVATE, file))  # mostly beyond its end
    make_bait(0x7fffffff0000)
    make_bait((1 << 63) + 8)


def page_out():
    with open("/proc/self/maps", encoding="ascii") as maps:
        regions = [line.split() for line in maps]
    for region in regions:
        if len(region) == 5 and region[1] == "rw-p":
            start, end = (int(part, 16) for part in region[0].split("-"))
            libc.madvise(start, end - start, MADV_PAGEOUT)


def fork_child():
    child = os.fork()
    if not child:
        libc.prctl(1, 9)  # dies with its parent
        while True:
            libc.pause()
    counts["child"] = child


def main():
    gc.disable()
    KEPT.append([bytes(400) for _ in range(int(sys.argv[2]) << 11)])
    kind = {"quiet": lambda: None, "userfault": register_pages, "closed": close_memory,
            "prefork": fork_child, "swapped": page_out}[sys.argv[1]]
    if sys.argv[1] not in ("swapped", "prefork"):  # there it would touch pages
        threading.Thread(target=count_interrupted, daemon=True).start()
    kind()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(counts), flush=True)
    os._exit(0)


main()
