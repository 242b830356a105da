/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program that `make bench` traces: pairs of malloc and free, timed by itself.
 *
 *     bench_loop [--threads T] [--live N] [--stacks K] [--depth D] [--mixed]
 *
 * Each thread holds N blocks; a pair frees one of them, chosen at random, and allocates its
 * successor (N = 0: a hot pair, the block is freed at once). K distinct stacks, each D frames
 * deep (10) and some more, are taken in turn. Sizes are 64 bytes, or with --mixed 16 to 1008.
 *
 * It prints "ready" and then answers lines: "run PAIRS" (of each thread) with "ns WALL CPU",
 * nanoseconds a pair by CLOCK_MONOTONIC and by the time that a thread ran; "hold BLOCKS" allocates
 * and keeps that many and says "held"; "drop" frees them and says "dropped"; the end of the input
 * ends it.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STACK_BITS = 10, STACKS_MAX = 1 << STACK_BITS, DEPTH_MAX = 63 };

struct worker {
	pthread_t thread;
	void **live;
	uint64_t random;
	uint64_t pairs;
	uint64_t stack; /* the bits choose the call sites on the way down */
};

typedef void work_fn(struct worker *worker);

static unsigned int thread_count = 1;
static unsigned long live_count;
static uint32_t stack_count = 1;
static int depth = STACK_BITS;
static bool mixed_sizes;

static uint64_t random_next(struct worker *worker)
{
	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 7;
	worker->random ^= worker->random << 17;
	return worker->random;
}

static size_t size_next(struct worker *worker)
{
	return mixed_sizes ? 16 + random_next(worker) % 63 * 16 : 64;
}

__attribute__((noinline)) static void pair_hot(struct worker *worker)
{
	void *volatile block = malloc(size_next(worker));

	free(block);
}

__attribute__((noinline)) static void pair_live(struct worker *worker)
{
	void **slot = &worker->live[random_next(worker) % live_count];

	free(*slot);
	*slot = malloc(size_next(worker));
}

__attribute__((noinline)) static void pairs_run(struct worker *worker)
{
	uint64_t count = stack_count == 1 ? worker->pairs : 1;

	for (uint64_t i = 0; i < count; i++) {
		if (live_count)
			pair_live(worker);
		else
			pair_hot(worker);
	}
}

/*
 * Two call sites a level make 2^STACK_BITS stacks. The two marks differ, so that the compiler keeps
 * the sites apart and makes no tail call of either.
 */
__attribute__((noinline)) static void descend(struct worker *worker, work_fn *work, int level)
{
	if (level == depth) {
		work(worker);
		__asm__ volatile("# bottom");
	} else if (worker->stack >> level & 1) {
		descend(worker, work, level + 1);
		__asm__ volatile("# right");
	} else {
		descend(worker, work, level + 1);
		__asm__ volatile("# left");
	}
}

static void stack_advance(struct worker *worker)
{
	worker->stack = (worker->stack + 1) % stack_count;
}

static void *worker_run(void *argument)
{
	struct worker *worker = argument;

	if (stack_count == 1) {
		descend(worker, pairs_run, 0);
		return NULL;
	}
	for (uint64_t i = 0; i < worker->pairs; i++) {
		descend(worker, pairs_run, 0);
		stack_advance(worker);
	}
	return NULL;
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void workers_run(struct worker *workers, uint64_t pairs)
{
	for (unsigned int i = 0; i < thread_count; i++)
		workers[i].pairs = pairs;
	for (unsigned int i = 1; i < thread_count; i++)
		if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]))
			exit(1);
	worker_run(&workers[0]);
	for (unsigned int i = 1; i < thread_count; i++)
		pthread_join(workers[i].thread, NULL);
}

static void round_run(struct worker *workers, uint64_t pairs)
{
	uint64_t wall = now_ns(CLOCK_MONOTONIC);
	uint64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);

	workers_run(workers, pairs);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = now_ns(CLOCK_MONOTONIC) - wall;
	printf("ns %.1f %.1f\n", (double)wall / pairs, (double)cpu / pairs / thread_count);
}

static void block_hold(struct worker *worker)
{
	void **block = malloc(size_next(worker));

	*block = worker->live;
	worker->live = (void *)block;
}

/* The blocks held are a list through their first words. */
static void blocks_hold(struct worker *holder, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		descend(holder, block_hold, 0);
		stack_advance(holder);
	}
}

static void blocks_drop(struct worker *holder)
{
	while (holder->live) {
		void **next = *(void **)holder->live;

		free(holder->live);
		holder->live = next;
	}
}

static void options_parse(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--mixed")) {
			mixed_sizes = true;
			continue;
		}
		unsigned long value = i + 1 < argc ? strtoul(argv[i + 1], NULL, 10) : 0;

		if (!strcmp(argv[i], "--threads") && value > 0)
			thread_count = value;
		else if (!strcmp(argv[i], "--live"))
			live_count = value;
		else if (!strcmp(argv[i], "--stacks") && value > 0 && value <= STACKS_MAX)
			stack_count = value;
		else if (!strcmp(argv[i], "--depth") && value >= STACK_BITS && value <= DEPTH_MAX)
			depth = value;
		else
			exit(2);
		i++;
	}
}

static struct worker *workers_new(void)
{
	struct worker *workers = calloc(thread_count, sizeof(*workers));

	for (unsigned int i = 0; i < thread_count; i++) {
		workers[i].random = 88172645463325252ull + i;
		workers[i].live = calloc(live_count + 1, sizeof(void *));
		for (unsigned long block = 0; block < live_count; block++)
			workers[i].live[block] = malloc(size_next(&workers[i]));
	}
	return workers;
}

int main(int argc, char **argv)
{
	char line[64];

	options_parse(argc, argv);

	struct worker *workers = workers_new();
	struct worker holder = {.random = 1};

	setlinebuf(stdout);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		uint64_t count = strtoull(strchr(line, ' ') ?: "0", NULL, 10);

		if (!strncmp(line, "run ", 4)) {
			round_run(workers, count ?: 1);
		} else if (!strncmp(line, "hold ", 5)) {
			blocks_hold(&holder, count);
			puts("held");
		} else if (!strncmp(line, "drop", 4)) {
			blocks_drop(&holder);
			puts("dropped");
		}
	}
	return 0;
}
