/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What share of its processor time a process spends in its allocation functions, without any probe:
 * a clock of each thread's own time strikes, and where it is then is counted (sample_place of
 * bpf/rate.bpf.c).
 *
 * From that share follows how often it allocates. What an allocation function does itself, without
 * those that it calls, is its fast path: in glibc, jemalloc, tcmalloc and mimalloc alike it takes
 * one to two and a half nanoseconds a call, whatever the program does. With probes the same cannot
 * be told where they take nearly all of the time: what they leave is a difference of two large
 * numbers, and even the code between them is slower than it would be, for the kernel has emptied
 * the caches.
 */
#ifndef UNFREED_SAMPLING_H
#define UNFREED_SAMPLING_H

#include "../allocators/allocators.h"

struct sampling;

struct sample_share {
	double samples;
	double inside; /* of these, in functions that allocate, as malloc and operator new do */
};

/* Whether a site is in such a function: what calloc and realloc take depends on the size. */
bool sampling_sees(const struct site *site);

/* `program_fd` and `map_fd`: sample_place and samples_by_place. NULL where there is no memory. */
struct sampling *sampling_new(int program_fd, int map_fd);

/*
 * From now on samples a process, in those of its threads that are there. Returns 0 or a negative
 * errno: then it is not sampled, or only in part. Others' samples count where the program looks for
 * them: `first_site_by_pid` must have the process.
 */
int sampling_watch(struct sampling *sampling, const struct procfs *procfs, pid_t pid);

/* Ends it for all. */
void sampling_stop(struct sampling *sampling);

/* What was seen of a process, in the functions of its allocators. Returns 0 or a negative errno. */
int sampling_share(const struct sampling *sampling, const struct procfs *procfs, pid_t pid,
		   const struct allocators *allocators, struct sample_share *share);

/*
 * The processor time of a process for each of the calls whose functions are sampled, in ns, where a
 * malloc and its free take `pair_ns` in a loop of nothing else. 0: cannot be told.
 */
double sampling_call_ns(const struct sample_share *share, double pair_ns);

/* Stops. Accepts NULL. */
void sampling_free(struct sampling *sampling);

#endif
