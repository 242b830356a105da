/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a target is seen as it is, or is not to be seen. Each reason has one sentence, in reason.c,
 * and where it refuses something the exit status that goes with it. Knows nothing of how a sentence
 * gets to a person.
 */
#ifndef UNFREED_PLAN_REASON_H
#define UNFREED_PLAN_REASON_H

#include <stddef.h>

#include "../lib/failure.h"

enum reason {
	REASON_NONE,
	/* What is asked for contradicts itself. */
	REASON_FREEZE_ALONE,
	REASON_NO_MALLOC_TO_REACH,
	REASON_NOTHING_ASKED,
	REASON_PEAK_OF_REACHABLE,
	REASON_PEAK_OF_OLD,
	REASON_PEAK_OF_NOTHING,
	REASON_GROWTH_ALONE,
	REASON_BUDGET_ALONE,
	/* The kernel does not allow it. */
	REASON_NO_PRIVILEGE,
	REASON_OTHER_PIDS,
	REASON_NO_SUCH_PROBES,
	REASON_NO_PROBES,
	REASON_NO_PROBES_HERE,
	/* A process is none to put probes into. */
	REASON_GONE,
	REASON_NOT_ALLOWED,
	REASON_NO_EXECUTABLE,
	REASON_32_BIT,
	REASON_SECCOMP,
	REASON_NO_MALLOC,
	/* Each call of malloc costs too much, or there is nothing else to see. */
	REASON_MALLOC_DEAR,
	REASON_MALLOC_DEAR_MEANWHILE,
	REASON_WINDOWS_INSTEAD,
	REASON_NO_OBJECTS,
	REASON_MALLOC_LEFT_OUT,
	REASON_NOTHING_TO_JUDGE,
	/* Each block of CPython costs too much. */
	REASON_OBJECTS_DEAR,
	REASON_OBJECTS_CHEAPER,
	REASON_OBJECTS_REFUSED,
	/* What was asked for is not to be had of an interpreter. */
	REASON_NO_ALLOCATORS,
	REASON_HOOK_IN_FRONT,
	REASON_NO_SECOND_ADDRESS,
	REASON_NO_REFILL,
	/* What a person should know of an interpreter whose plan is made. */
	REASON_ALLOCATOR_NOT_FOUND,
	REASON_SYSTEM_MALLOC,
	REASON_MIMALLOC,
	REASON_UNKNOWN_ALLOCATOR,
	REASON_HOOK,
	REASON_HOOK_DEBUG,
	REASON_HOOK_TRACEMALLOC,
	REASON_STEPPED,
	REASON_INLINED,
	REASON_TOO_OFTEN,
	REASON_LEFT_STEERED,
	REASON_COUNT
};

/* What sentences name; of one reason only what its own does. */
struct reason_words {
	int pid;
	double percent;     /* that it would be slowed by */
	double calls_per_s; /* of an allocator */
	const char *comm;
	const char *release; /* of the kernel */
	const char *probes;  /* their kind */
	const char *lacks;   /* see capabilities_of_bpf() */
	const char *version; /* of CPython */
};

/* Cut to `size` bytes; nothing for REASON_NONE. `words` NULL: the sentence names nothing. Returns
 * `text`. */
const char *reason_write(enum reason reason, const struct reason_words *words, char *text,
			 size_t size);

/* Fills `failure`. Returns -1; 0, and nothing is filled, for REASON_NONE. */
int reason_fail(enum reason reason, const struct reason_words *words, struct failure *failure);

enum { REASON_SIZE = 512 }; /* no sentence is cut, unless by what it names */

#endif
