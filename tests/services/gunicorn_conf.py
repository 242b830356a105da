# SPDX-License-Identifier: BSD-2-Clause
"""SERVICE_PRELOAD_MB: what the master holds, and every worker shares with it; SERVICE_MAX_REQUESTS:
after how many a worker is replaced (0: never)."""
import gc
import os
import sys

preload_app = "gevent" not in sys.argv  # whose workers replace modules first
max_requests = int(os.environ.get("SERVICE_MAX_REQUESTS", "0"))
ballast = []


def when_ready(_server):
    for number in range(int(os.environ.get("SERVICE_PRELOAD_MB", "0"))):
        ballast.append([b"%04d" % part * 100 for part in range(2300)])
    gc.freeze()


def post_worker_init(_worker):
    import service
    service.start_worker()
