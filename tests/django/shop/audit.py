# SPDX-License-Identifier: BSD-2-Clause
"""A log handler that keeps the records until somebody asks for them, which nobody does."""
import logging
import sys

from .truth import Held, size

RECORDS = 5
CONTEXT = "recommendation model 7, catalogue 2, region eu, experiment control; " * size(280, 2)
RECORD = 880
HELD = Held("log")
logger = logging.getLogger(__name__)


class KeepingHandler(logging.Handler):
    def __init__(self):
        super().__init__()
        self.kept = []

    def emit(self, record):
        line = self.format(record)
        if record.leak:
            record.line = line
            self.kept.append(record)
            HELD.add(sys.getsizeof(line), 1)


def note_visit(user, leak):
    kept = HELD.keeps(RECORDS, RECORD) if leak else 0
    for number in range(RECORDS):
        logger.info("user %d, visit %d, %s", user, number, CONTEXT, extra={"leak": number < kept})
