# SPDX-License-Identifier: BSD-2-Clause
"""Run by gdb on a process that it is attached to: the stack of every allocation, as gdb unwinds it.

    gdb -nx -batch -p PID \\
        -ex "python sites=[(NAME, ADDRESS, SIZE), …]; output='FILE'" -x gdb_stacks.py

Prints "ready" once the breakpoints are set. SIGINT to gdb ends it: it detaches and writes FILE, JSON:
a list of [count, [[address, name, is a signal's or not], …]], leaf first.
"""
import json

import gdb

stacks = {}


def frames_from(frame):
    """Those that lie on the stack: not inlined functions, nor what gdb concludes from debug
    information about calls that a jump has replaced."""
    frames = []
    while frame is not None:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            frames.append((frame.pc(), frame.name() or "", frame.type() == gdb.SIGTRAMP_FRAME))
        frame = frame.older()
    return tuple(frames)


def is_allocator(address):
    """Whether a return address lies in an allocation function: what that one allocates is one."""
    return any(start < address <= start + size for _, start, size in sites)  # noqa: F821


class Site(gdb.Breakpoint):
    """On an allocation function's first instruction."""

    def __init__(self, name, address):
        super().__init__(f"*{address:#x}", internal=True)
        self.function = name

    def stop(self):
        frame = gdb.newest_frame()
        # it ends in a jump to malloc, which counts
        if self.function == "realloc" and not int(frame.read_register("rdi")):
            return False
        stack = frames_from(frame.older())
        if not any(is_allocator(address) for address, _, _ in stack):
            stacks[stack] = stacks.get(stack, 0) + 1
        return False


def command(text):
    gdb.execute(text, to_string=True)


for setting in ("pagination off", "confirm off", "backtrace past-main on",
                "backtrace past-entry on", "print thread-events off"):
    command(f"set {setting}")
command("set breakpoint always-inserted on")
command("handle all nostop noprint pass")
command("handle SIGINT stop nopass")
command("handle SIGTRAP stop nopass")
for name, address, _ in sites:  # noqa: F821 (from the command line)
    Site(name, address)
print("ready", flush=True)
command("continue")
command("delete")
command("detach")
with open(output, "w") as file:  # noqa: F821
    json.dump([[count, stack] for stack, count in stacks.items()], file)
