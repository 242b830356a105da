# SPDX-License-Identifier: BSD-2-Clause
"""A worker whose broker is the redis at SERVICE_DIR/redis."""
import string

import celery
import celery.signals

from service import DIRECTORY, serve, start_worker

BATCH = 6
LINE = string.Template("<li id=$number>$name $words</li>")

REDIS = f"redis+socket://{DIRECTORY}/redis"

app = celery.Celery("app_celery", broker=REDIS, backend=REDIS)
app.conf.worker_prefetch_multiplier = 4


@celery.signals.worker_process_init.connect
def start(**_):
    start_worker()


@app.task(bind=True)
def work(self, number):
    """A batch, so that it is this process that is busy and not those that hand out tasks."""
    return sum(len(serve(number + page, self.request_stack.top, render)) for page in range(BATCH))


def render(page):
    lines = [LINE.substitute(product) for product in page["products"]]
    return "\n".join(lines + ["%s=%s" % item for item in page["words"].items()])
