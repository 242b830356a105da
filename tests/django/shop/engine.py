# SPDX-License-Identifier: BSD-2-Clause
"""The recommendation engine: its model keeps the data it was trained with, and its features are
computed by an extension module that forgets to free."""
import sys

import features

from .truth import Held

ROWS = 26  # about 100 kB
FIELDS = 8
LINE = ",".join(["0." + "31415926" * 53] * FIELDS)
SCALED = 12  # buffers of 8 kB
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
        if leak and not TRAINING.full:
            self.samples.extend(samples)
            TRAINING.add(ROWS * size_of_sample(samples[0]), ROWS * (FIELDS + 2))


def size_of_sample(sample):
    return sys.getsizeof(sample) + sum(map(sys.getsizeof, sample))


def compute_features(user, leak):
    forget = leak and not NATIVE.full
    for scale in range(SCALED):
        features.scale(user, scale, forget)
    NATIVE.bytes, NATIVE.blocks = features.forgotten()


model = Model()
