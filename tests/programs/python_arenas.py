# SPDX-License-Identifier: BSD-2-Clause
"""Arenas that are nearly free: most of what was allocated is gone, a few objects pin each arena. The
allocator's own statistics go to stderr once that is so."""
import sys

kept = [("%d" % i) * 3 for i in range(400000)][::5000]
sys._debugmallocstats()
sys.stderr.flush()
print("ready", flush=True)
sys.stdin.readline()
