/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that comes and goes, and what of it was held at the highest moment, by function:
 *
 *   --case wander       at random, with reallocs, up and down; the model is compared at each step
 *   --case temporaries  large ones, freed at once, in front of what is kept and grows later
 *   --case threads      each holds some, all at once
 *
 * The truth has notes: `peak_bytes`, and of each function its bytes and blocks at that moment.
 */
#include <pthread.h>
#include <stdlib.h>

#include "truth.h"

enum { SLOTS = 4000, STEPS = 60000, FUNCTIONS = 4, THREADS = 8, THREAD_BLOCKS = 200 };

struct held {
	uint64_t bytes;
	uint64_t blocks;
};

static struct held held[FUNCTIONS], at_peak[FUNCTIONS];
static uint64_t now_bytes, peak_bytes;

static const char *const names[FUNCTIONS] = {"take_a", "take_b", "take_c", "take_d"};
static const char *const note_bytes[FUNCTIONS] = {"take_a_bytes", "take_b_bytes", "take_c_bytes",
						  "take_d_bytes"};
static const char *const note_blocks[FUNCTIONS] = {"take_a_blocks", "take_b_blocks",
						   "take_c_blocks", "take_d_blocks"};

static void note_alloc(size_t function, size_t bytes)
{
	truth_alloc(names[function], bytes);
	held[function].bytes += bytes;
	held[function].blocks++;
	now_bytes += bytes;
	if (now_bytes <= peak_bytes)
		return;
	peak_bytes = now_bytes;
	for (size_t i = 0; i < FUNCTIONS; i++)
		at_peak[i] = held[i];
}

static void note_free(size_t function, size_t bytes)
{
	truth_free(names[function], bytes);
	held[function].bytes -= bytes;
	held[function].blocks--;
	now_bytes -= bytes;
}

TRUTH_LEAF static void *take_a(size_t bytes)
{
	void *block = malloc(bytes);

	TRUTH_NO_TAIL_CALL();
	return block;
}

TRUTH_LEAF static void *take_b(size_t bytes)
{
	void *block = calloc(1, bytes);

	TRUTH_NO_TAIL_CALL();
	return block;
}

TRUTH_LEAF static void *take_c(size_t bytes)
{
	void *block = malloc(bytes);

	TRUTH_NO_TAIL_CALL();
	return block;
}

/* Takes a block anew, which may be another function's. */
TRUTH_LEAF static void *take_d(void *block, size_t bytes)
{
	void *larger = realloc(block, bytes);

	TRUTH_NO_TAIL_CALL();
	return larger;
}

static struct {
	void *block;
	size_t bytes;
	size_t function;
} slots[SLOTS];

static void slot_take(size_t slot, size_t function, size_t bytes)
{
	void *(*const take[])(size_t) = {take_a, take_b, take_c};

	if (function == FUNCTIONS - 1) {
		slots[slot].block = take_d(slots[slot].block, bytes);
		if (slots[slot].bytes)
			note_free(slots[slot].function, slots[slot].bytes);
	} else {
		slots[slot].block = take[function](bytes);
	}
	if (!slots[slot].block)
		truth_die("out of memory");
	slots[slot].bytes = bytes;
	slots[slot].function = function;
	note_alloc(function, bytes);
}

static void slot_free(size_t slot)
{
	free(slots[slot].block);
	note_free(slots[slot].function, slots[slot].bytes);
	slots[slot].block = NULL;
	slots[slot].bytes = 0;
}

static void note_peak(void)
{
	truth_note("peak_bytes", peak_bytes);
	for (size_t i = 0; i < FUNCTIONS; i++) {
		truth_note(note_bytes[i], at_peak[i].bytes);
		truth_note(note_blocks[i], at_peak[i].blocks);
	}
}

/* More come than go at first, then more go than come. */
static void wander(void)
{
	uint32_t random = 12345;

	for (size_t step = 0; step < STEPS; step++) {
		random = random * 1664525u + 1013904223u;
		size_t slot = (random >> 8) % SLOTS, bytes = 16 + (random >> 12) % 3000;
		bool fill = (random >> 4) % 100 < (step < STEPS / 2 ? 60u : 40u);

		if (fill && !slots[slot].block)
			slot_take(slot, (random >> 20) % (FUNCTIONS - 1), bytes);
		else if (fill)
			slot_take(slot, FUNCTIONS - 1, bytes);
		else if (slots[slot].block)
			slot_free(slot);
	}
	for (size_t slot = 0; slot < SLOTS; slot++)
		if (slots[slot].block)
			slot_free(slot);
	note_peak();
}

static void temporaries(void)
{
	slot_take(0, 0, 1000000);
	for (size_t round = 0; round < 20; round++) {
		slot_take(1, 1, 20000000 + (round == 7));
		slot_take(2, 1, 10000000);
		slot_free(2);
		slot_free(1);
		slot_take(10 + round, 2, 100000);
	}
	note_peak();
}

static pthread_barrier_t all_hold, all_ran;

static void *thread_main(void *unused)
{
	static __thread void *blocks[THREAD_BLOCKS];

	for (size_t i = 0; i < THREAD_BLOCKS; i++)
		blocks[i] = take_a(1000 + i);
	pthread_barrier_wait(&all_hold);
	for (size_t i = 0; i < THREAD_BLOCKS; i++)
		free(blocks[i]);
	pthread_barrier_wait(&all_ran);
	pthread_barrier_wait(&all_ran); /* not before all is counted */
	return unused;
}

static void threads(void)
{
	pthread_t thread;

	pthread_barrier_init(&all_hold, NULL, THREADS);
	pthread_barrier_init(&all_ran, NULL, THREADS + 1);
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, thread_main, NULL))
			truth_die("cannot start a thread");
	pthread_barrier_wait(&all_ran);
	at_peak[0].blocks = (uint64_t)THREADS * THREAD_BLOCKS;
	for (size_t i = 0; i < THREAD_BLOCKS; i++)
		at_peak[0].bytes += (1000 + i) * THREADS;
	peak_bytes = at_peak[0].bytes;
	note_peak();
}

static const struct truth_case cases[] = {
	{"wander", NULL, wander},
	{"temporaries", NULL, temporaries},
	{"threads", NULL, threads},
};

int main(int argc, char **argv)
{
	return truth_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
