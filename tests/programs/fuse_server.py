# SPDX-License-Identifier: BSD-2-Clause
"""A file system of one file, lib.so, that is served by this process: fuse_server.py DIRECTORY FILE UID.

It is mounted at DIRECTORY, as the user's with that number, and has the contents of FILE. Says "ready".
After the line "hold" nothing that is to be read is answered, until the line "let"; after "silent" nothing
at all any more, and each request is printed. Ends with its input."""
import ctypes
import os
import struct
import sys
import threading

LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH, INIT, OPENDIR = \
    1, 2, 3, 14, 15, 17, 18, 25, 26, 27  # fmt: skip
ENOENT, ENOSYS = 2, 38
ROOT, FILE = 1, 2
KEEP_CACHE = 2  # else the kernel drops what it has read of a file when that is opened, and waits for it
HEADER = struct.Struct("<IIQQIII4x")  # length, opcode, unique, node, uid, gid, pid

directory, path, uid = sys.argv[1:]
with open(path, "rb") as file:
    content = file.read()
libc = ctypes.CDLL(None, use_errno=True)
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40000,user_id={uid},group_id=0,allow_other"
if libc.mount(b"served", directory.encode(), b"fuse.served", 0, options.encode()):
    sys.exit(f"cannot mount: {os.strerror(ctypes.get_errno())}")
silent = threading.Event()
holding = threading.Lock()
held = None  # the answers, while they are held


def attributes(node):
    mode, size = (0o40755, 4096) if node == ROOT else (0o100755, len(content))
    return struct.pack("<6Q10I", node, size, (size + 511) // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0,
                       0, 4096, 0)  # fmt: skip


def answer(opcode, node, body):
    """(error, data)"""
    if opcode == INIT:
        return 0, struct.pack("<4I2H2I2H8I", 7, 31, 1 << 17, 0, 12, 9, 1 << 17, 1, 32, 0, *[0] * 8)
    if opcode == LOOKUP and body.startswith(b"lib.so\0"):
        return 0, struct.pack("<4Q2I", FILE, 0, 0, 0, 0, 0) + attributes(FILE)
    if opcode == GETATTR:
        return 0, struct.pack("<Q2I", 0, 0, 0) + attributes(node)
    if opcode in (OPEN, OPENDIR):
        return 0, struct.pack("<Q2I", 1, KEEP_CACHE, 0)
    if opcode == READ:
        _, offset, size = struct.unpack_from("<QQI", body)
        return 0, content[offset:offset + size]
    if opcode == STATFS:
        return 0, struct.pack("<5Q4I24x", 1, 1, 1, 1, 1, 4096, 255, 4096, 0)
    return (0 if opcode in (RELEASE, FLUSH) else ENOENT if opcode == LOOKUP else ENOSYS), b""


def send(message):
    with holding:
        if held is not None and message[0] == READ:
            held.append(message)
        else:
            os.write(device, message[1])


def hold():
    global held
    with holding:
        held = []


def let():
    global held
    with holding:
        messages, held = held, None
    for message in messages:
        send(message)


def serve():
    while True:
        request = os.read(device, 1 << 20)
        _, opcode, unique, node, _, _, pid = HEADER.unpack_from(request)
        if silent.is_set():
            print(f"opcode {opcode} of {pid}", flush=True)
        elif opcode != FORGET:
            error, data = answer(opcode, node, request[40:])
            send((opcode, struct.pack("<IiQ", 16 + len(data), -error, unique) + data))


threading.Thread(target=serve, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    {"hold": hold, "let": let, "silent": silent.set}[line.strip()]()
    print(line.strip(), flush=True)
libc.umount2(directory.encode(), 2)
