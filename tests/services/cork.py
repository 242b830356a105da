# SPDX-License-Identifier: BSD-2-Clause
"""The ranking of Cork (Jump and McKinley, Cork: Dynamic Memory Leak Detection for Garbage-Collected
Languages, POPL 2007), which knows of each look how many bytes there are of each type.

A type may grow where it has not shrunk by more than DECAY since the look before. Its rank rises by how many
looks it has grown in, times by how much it grew as a ratio; it falls likewise where it shrinks. Cork names
the types whose rank is beyond a threshold, the highest first.
"""
DECAY = 0.15


def ranks(looks):
    """`looks` have bytes by type. Ranks by type, of those that are there at the last one."""
    rank, phases = {}, {}
    for before, now in zip(looks, looks[1:]):
        for name, size in now.items():
            was = before.get(name, 0)
            if not was or not size or size <= (1 - DECAY) * was:
                rank[name] = phases[name] = 0
                continue
            ratio = size / was
            if ratio > 1:
                phases[name] = phases.get(name, 0) + 1
                rank[name] = rank.get(name, 0) + phases[name] * (ratio - 1)
            elif ratio < 1:
                rank[name] = rank.get(name, 0) - phases.get(name, 0) * (1 / ratio - 1)
    return {name: value for name, value in rank.items() if looks and name in looks[-1]}


def best_threshold(judged):
    """`judged` are pairs of ranks and, of what leaks, the types that may be named; empty: it does not leak.
    How many Cork gets right at the threshold that suits it best."""
    def is_right(by_type, wanted, threshold):
        named = sorted((name for name, value in by_type.items() if value > threshold),
                       key=by_type.get, reverse=True)
        return named[:1] != [] and named[0] in wanted if wanted else not named

    thresholds = {0, *(value for by_type, _ in judged for value in by_type.values())}
    return max((sum(is_right(by_type, wanted, threshold) for by_type, wanted in judged), threshold)
               for threshold in thresholds)
