# SPDX-License-Identifier: BSD-2-Clause
"""The recommendation engine: its model keeps the data it was trained with, and its features are
computed by an extension module that forgets to free."""
import sys

import features

from .truth import Held

ROWS = 48  # of WIDTH floats: about 50 kB
WIDTH = 32
SCALED = 6  # buffers of 8 kB
TRAINING = Held("training")
NATIVE = Held("native")


class Model:
    def __init__(self):
        self.weights = [0.0] * WIDTH
        self.samples = []

    def train(self, user, leak):
        samples = []
        for row in range(ROWS):
            samples.append(list(map(float, range(user + row, user + row + WIDTH))))
        for i in range(WIDTH):
            self.weights[i] = sum(sample[i] for sample in samples) / ROWS
        if leak and not TRAINING.full:
            self.samples.extend(samples)
            TRAINING.add(sum(map(size_of_sample, samples)), ROWS * (WIDTH + 2))


def size_of_sample(sample):
    return sys.getsizeof(sample) + sum(map(sys.getsizeof, sample))


def compute_features(user, leak):
    forget = leak and not NATIVE.full
    for scale in range(SCALED):
        features.scale(user, scale, forget)
    NATIVE.bytes, NATIVE.blocks = features.forgotten()


model = Model()
