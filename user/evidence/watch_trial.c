/* SPDX-License-Identifier: BSD-2-Clause */
#include "watch_trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "watchpoints.h"

enum { ROUNDS = 8, WRITES = 16 };

static volatile uint64_t own_word;

static uint64_t load(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* The processor time of a write, but for what of it was the program's. */
static uint64_t time_write(const struct watch_word_state *state)
{
	uint64_t program = load(&state->program_ns);
	uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	for (int i = 0; i < WRITES; i++)
		own_word++;
	uint64_t elapsed = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;

	program = load(&state->program_ns) - program;
	return elapsed > program ? (elapsed - program) / WRITES : 0;
}

static int by_size(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

/* The median of the rounds. */
static uint64_t time_writes(const struct watch_word_state *state)
{
	uint64_t taken[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		taken[i] = time_write(state);
	qsort(taken, ROUNDS, sizeof(taken[0]), by_size);
	return taken[ROUNDS / 2];
}

int watch_try(struct watch_word_state *state, int program_fd, uint64_t *trap_ns,
	      struct failure *failure)
{
	const struct watchpoint_word word = {(uint64_t)(uintptr_t)&own_word, sizeof(own_word)};

	own_word = 0;
	*state = (struct watch_word_state){
		.address = word.address, .mask = ~0ull, .bytes = word.bytes, .armed = 1};
	int fd = watchpoint_open_here(&word, program_fd);

	if (fd < 0)
		return failure_set(failure, STATUS_KERNEL,
				   "cannot make a hardware watchpoint: %s%s", strerror(-fd),
				   fd == -EPERM || fd == -EACCES ? "; it takes root, or CAP_PERFMON"
								 : "");
	*trap_ns = time_writes(state);
	close(fd);
	state->address = 0;
	if (load(&state->changes[WATCH_GREW]) == ROUNDS * WRITES)
		return 0;
	return failure_set(
		failure, STATUS_KERNEL,
		"hardware watchpoints are not delivered here: %llu of %d writes to a "
		"word of our own were seen; the machine or its hypervisor keeps them back",
		(unsigned long long)load(&state->hits), ROUNDS * WRITES);
}
