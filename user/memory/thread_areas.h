/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where glibc keeps its threads: the descriptor of each, struct pthread, which lies above the
 * thread's stack and beside its thread-local variables. It holds its own address twice
 * (arch/thread_descriptor.h), and tells the number of the thread, which is 0 once it has ended, and
 * -1 once that was asked for.
 */
#ifndef UNFREED_MEMORY_THREAD_AREAS_H
#define UNFREED_MEMORY_THREAD_AREAS_H

#include "pages.h"

enum {
	THREAD_ENDED = 0,
	THREAD_JOINED = -1,
	THREAD_DESCRIPTOR_BYTES = 0x980, /* at most */
};

struct thread_area {
	uint64_t descriptor;
	uint64_t stack; /* with its guard; 0: the first thread's, or unknown */
	uint64_t end;   /* of the descriptor's pages; 0: likewise */
	size_t region;  /* index */
	pid_t thread;   /* as its own PID namespace knows it, THREAD_ENDED or THREAD_JOINED */
};

struct thread_areas {
	struct thread_area *items; /* by address */
	size_t count;
};

/* The first descriptor in [start, end), as far as that is resident; false: there is none. */
bool thread_descriptor_find(struct pages *pages, uint64_t start, uint64_t end,
			    struct thread_area *area);

/* `stacks` as of stacks_find(). Returns 0 or -ENOMEM; to be released in any case. */
int thread_areas_find(struct pages *pages, const bool *stacks, struct thread_areas *areas);
void thread_areas_release(struct thread_areas *areas);

/* The first one that ends behind an address; areas->count where there is none. */
size_t thread_areas_from(const struct thread_areas *areas, uint64_t address);

#endif
