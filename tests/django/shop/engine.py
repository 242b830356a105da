# SPDX-License-Identifier: BSD-2-Clause
"""The recommendation engine: its model keeps the data it was trained with, and its features are
computed by an extension module that forgets to free."""
import sys

import features

from .truth import Held, size

ROWS = 26  # about 100 kB
FIELDS = 8
LINE = ",".join(["0." + "31415926" * size(53, 6)] * FIELDS)
SAMPLE = 950
SCALED = 12
BUFFER = 8208  # bytes, as malloc has it
TRAINING = Held("training")
NATIVE = Held("native")


class Model:
    def __init__(self):
        self.mean = 0.0
        self.samples = []

    def train(self, leak):
        samples = []
        for _ in range(ROWS):
            samples.append(LINE.split(","))
        self.mean = sum(float(sample[0]) for sample in samples) / ROWS
        kept = TRAINING.keeps(ROWS, SAMPLE) if leak else 0
        if kept:
            self.samples.extend(samples[:kept])
            TRAINING.add(kept * size_of_sample(samples[0]), kept * (FIELDS + 2))


def size_of_sample(sample):
    return sys.getsizeof(sample) + sum(map(sys.getsizeof, sample))


def compute_features(user, leak):
    forgotten = NATIVE.keeps(SCALED, BUFFER) if leak else 0
    for scale in range(SCALED):
        features.scale(user, scale, scale < forgotten)
    NATIVE.bytes, NATIVE.blocks = features.forgotten()


model = Model()
