# SPDX-License-Identifier: BSD-2-Clause
"""Large temporaries, as the feature vectors of a model: what is held while they are made, which is gone
afterwards. Says `ready`; on a line of input it makes them, prints as JSON {function: bytes} of what was
held at the highest moment, and ends on another line."""
import json
import sys

KEPT_BYTES = 2000000
VECTOR_BYTES = 8000000
SCALED_BYTES = 16000000
NUMBERS = 100000
kept = []


def keep():
    kept.append(bytearray(KEPT_BYTES))


def make_numbers():
    return [i * 1.5 for i in range(NUMBERS)]


def make_vector():
    return bytearray(VECTOR_BYTES)


def scale(vector):
    return bytearray(SCALED_BYTES), vector


def compute_features():
    numbers = make_numbers()
    pair = scale(make_vector())
    return len(numbers) + len(pair)


def keep_more():
    kept.append(bytearray(KEPT_BYTES))


def main():
    print("ready", flush=True)
    sys.stdin.readline()
    keep()
    for _ in range(3):
        compute_features()
        keep_more()
    keep_more()
    print(json.dumps({"keep": KEPT_BYTES, "make_vector": VECTOR_BYTES, "scale": SCALED_BYTES,
                      "keep_more": 2 * KEPT_BYTES, "numbers": NUMBERS}), flush=True)
    sys.stdin.readline()


main()
