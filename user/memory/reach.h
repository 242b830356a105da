/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks of malloc that nothing refers to: lost. Looks at a process again and again, and holds for
 * lost what no look found a reference to.
 *
 * One look: reach_begin() and reach_add() take the heaps and chunks of one walk (arenas.h), then
 * reach_finish() reads what may refer to them.
 */
#ifndef UNFREED_MEMORY_REACH_H
#define UNFREED_MEMORY_REACH_H

#include "arenas.h"

struct lost_block {
	uint64_t address; /* what malloc returned */
	uint64_t bytes;   /* usable */
	uint64_t word;    /* its first one */
	uint64_t hash;    /* of its first bytes: nobody who has no pointer to it can change them */
};

struct lost_blocks {
	/* Why they could not be told in all looks, as a clause; "" where they could. */
	char problem[160];
	const struct lost_block *items; /* by address */
	size_t count;
	uint64_t left_out; /* beyond the room for them */
	size_t looks;
};

/*
 * How a block was reached in a look: from the word at `root`, where the chain begins, or from what
 * is no memory of the process: then REACH_ROOT is set, with a kind and a thread (or 0).
 */
struct reach_path {
	uint64_t root;
	bool direct; /* no other block stands between */
};

#define REACH_ROOT(kind, thread) (UINT64_C(1) << 63 | (uint64_t)(kind) << 32 | (uint32_t)(thread))
#define REACH_ROOT_KIND(root)    ((root) >> 63 ? (enum reach_root)((root) >> 32 & 0xff) : REACH_MEMORY)
#define REACH_ROOT_THREAD(root)  ((pid_t)(uint32_t)(root))

enum reach_root {
	REACH_MEMORY,
	REACH_SYSTEM_CALL, /* an argument of one */
	REACH_REGISTER,
	REACH_EPOLL,
	REACH_TIMER,
	REACH_BLOCKS, /* some other blocks: which ones was forgotten */
};

/* Told of each block that is reached, once a look. */
typedef void reach_fn(void *context, uint64_t block, const struct reach_path *path);

struct reach;

/* Takes at most about `budget_bytes` of our memory. NULL: no memory. */
struct reach *reach_new(const struct procfs *procfs, pid_t pid, uint64_t budget_bytes);
void reach_free(struct reach *reach); /* accepts NULL */

/* Says that blocks of this process cannot be judged, and why; a clause. */
void reach_refuse(struct reach *reach, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Whether they cannot be judged. */
bool reach_refused(const struct reach *reach);

/* Has `reached` told of blocks; NULL: not any more. */
void reach_watch(struct reach *reach, reach_fn *reached, void *context);

/*
 * Has `act` called now and then while a look is taken, which can take many seconds; it may refuse,
 * which ends the look. NULL: not any more.
 */
void reach_meanwhile(struct reach *reach, void (*act)(void *context), void *context);

/* As look_parts() calls them. */
void reach_begin(void *reach, const struct arenas *arenas);
void reach_add(void *reach, const struct chunk *chunk);

/* Words in registers of threads, of a process that was stopped for the look that begins. */
void reach_add_registers(struct reach *reach, pid_t thread, const uint64_t *words, size_t count);

/* Returns 0, also with a problem, or a negative errno: -ESRCH, -ENOMEM. */
int reach_finish(struct reach *reach);

/* What is lost by all looks so far; they must be two at least, but of a core. */
struct lost_blocks reach_lost(const struct reach *reach);

#endif
