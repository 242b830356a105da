# SPDX-License-Identifier: BSD-2-Clause
"""Objects of many types, and a child that is forked and then touches nothing: the kernel has not
mapped the constants of its programs and libraries for it. Says "PID of the child", ends with its
input."""
import array
import collections
import datetime
import decimal
import os
import signal

COUNT = 1000
KEPT = {
    "decimals": [decimal.Decimal(i) for i in range(COUNT)],
    "deques": [collections.deque([i]) for i in range(COUNT)],
    "sets": [{i, str(i)} for i in range(COUNT)],
    "deltas": [datetime.timedelta(i) for i in range(COUNT)],
    "arrays": [array.array("d", [i]) for i in range(COUNT)],
    "bytes": [bytes([i % 250]) * 20 for i in range(COUNT)],
}

child = os.fork()
if not child:
    signal.pause()
print(child, flush=True)
try:
    input()
except EOFError:
    pass
os.kill(child, signal.SIGKILL)
