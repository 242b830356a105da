/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load with exact totals: threads that allocate and free through shared slots, so that most blocks
 * are freed by another thread and their addresses are handed out again at once.
 *
 *   --threads N   workers (4)
 *   --slots N     blocks that can be live (1000); few make reuse instant
 *   --stacks N    distinct stacks (1)
 *   --bytes N     largest block (256); sizes are mixed from 16 up
 *   --rounds N    steps of each worker; 0 (the default): until a line arrives on stdin
 *   --pause-us N  sleep between bursts of 64 steps, for a modest load (0)
 *   --calloc      blocks of a third of the sizes are got by calloc
 *   --realloc     every fourth step takes a block, gives it another size and puts it back
 *   --list        says `live ADDRESS BYTES` of each block that is left, before the truth
 *
 * A block carries its size, and its address as a check: a free that finds another value there has
 * seen memory that was not its own, and ends the program. The workers are made before `ready` and
 * never end, so that the libc allocates nothing for them in between.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "branches.h"
#include "truth.h"

#define THREADS_MAX 256
#define SMALLEST    ((size_t)16)
#define BURST       64

struct block {
	size_t bytes;
	struct block *self;
};

struct worker {
	uint64_t seed;
	uint64_t steps;
	uint64_t alloc_bytes;
	uint64_t alloc_blocks;
	uint64_t free_bytes;
	uint64_t free_blocks;
} __attribute__((aligned(128)));

static struct worker workers[THREADS_MAX];
static struct block **slots;
static uint64_t slot_count, stack_count, largest, rounds, pause_us;
static unsigned int depth;
static bool reallocs;
static int stop;
static pthread_barrier_t begin, end;

static uint64_t worker_random(struct worker *worker)
{
	worker->seed ^= worker->seed << 13;
	worker->seed ^= worker->seed >> 7;
	worker->seed ^= worker->seed << 17;
	return worker->seed;
}

static struct block *worker_alloc(struct worker *worker)
{
	size_t bytes = SMALLEST + worker_random(worker) % (largest - SMALLEST + 1);
	struct block *block = branch_alloc(worker_random(worker) % stack_count, depth, bytes);

	if (!block)
		truth_die("churn: malloc failed");
	block->bytes = bytes;
	block->self = block;
	worker->alloc_bytes += bytes;
	worker->alloc_blocks++;
	return block;
}

static void worker_free(struct worker *worker, struct block *block)
{
	if (!block)
		return;
	if (block->self != block)
		truth_die("churn: a block was overwritten");
	block->self = NULL;
	worker->free_bytes += block->bytes;
	worker->free_blocks++;
	free(block);
}

TRUTH_LEAF static struct block *worker_realloc(struct worker *worker, struct block *block)
{
	size_t bytes = SMALLEST + worker_random(worker) % (largest - SMALLEST + 1);

	worker->free_bytes += block->bytes;
	worker->free_blocks++;
	block = realloc(block, bytes);
	if (!block)
		truth_die("churn: realloc failed");
	block->bytes = bytes;
	block->self = block;
	worker->alloc_bytes += bytes;
	worker->alloc_blocks++;
	return block;
}

static void worker_resize(struct worker *worker, struct block **slot)
{
	struct block *block = __atomic_exchange_n(slot, NULL, __ATOMIC_ACQ_REL);

	if (block)
		block = worker_realloc(worker, block);
	worker_free(worker, __atomic_exchange_n(slot, block, __ATOMIC_ACQ_REL));
	worker->steps++;
}

static void worker_step(struct worker *worker)
{
	uint64_t random = worker_random(worker);

	if (reallocs && worker->steps % 4 == 3) {
		worker_resize(worker, &slots[(random >> 1) % slot_count]);
		return;
	}

	struct block *block = random & 1 ? worker_alloc(worker) : NULL;
	struct block **slot = &slots[(random >> 1) % slot_count];

	worker_free(worker, __atomic_exchange_n(slot, block, __ATOMIC_ACQ_REL));
	worker->steps++;
}

static bool worker_goes_on(struct worker *worker)
{
	if (rounds)
		return worker->steps < rounds;
	return !__atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void *worker_run(void *argument)
{
	struct worker *worker = argument;

	pthread_barrier_wait(&begin);
	while (worker_goes_on(worker)) {
		worker_step(worker);
		if (pause_us && worker->steps % BURST == 0)
			usleep(pause_us);
	}
	pthread_barrier_wait(&end);
	for (;;)
		pause();
	return NULL;
}

static void configure(void)
{
	slot_count = truth_number("--slots", 1000);
	stack_count = truth_number("--stacks", 1);
	largest = truth_number("--bytes", 256);
	rounds = truth_number("--rounds", 0);
	pause_us = truth_number("--pause-us", 0);
	reallocs = truth_flag("--realloc");
	branch_by_calloc = truth_flag("--calloc");
	depth = branch_depth(stack_count);
	if (!slot_count || !stack_count || largest < SMALLEST)
		truth_die("churn: bad option");
	slots = mmap(NULL, slot_count * sizeof(*slots), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (slots == MAP_FAILED)
		truth_die("churn: mmap failed");
}

static void list_blocks(void)
{
	char line[64];

	for (size_t i = 0; i < slot_count; i++) {
		if (!slots[i])
			continue;
		snprintf(line, sizeof(line), "live %zu %zu", (size_t)slots[i], slots[i]->bytes);
		truth_say(line);
	}
}

static void report(size_t threads, uint64_t elapsed_ns)
{
	uint64_t steps = 0;

	if (truth_flag("--list"))
		list_blocks();
	for (size_t i = 0; i < threads; i++) {
		const struct worker *worker = &workers[i];

		truth_alloc_many("branch_leaf", worker->alloc_bytes, worker->alloc_blocks);
		truth_free_many("branch_leaf", worker->free_bytes, worker->free_blocks);
		steps += worker->steps;
	}
	truth_note("steps", steps);
	truth_note("elapsed_ns", elapsed_ns);
	truth_finish();
}

int main(int argc, char **argv)
{
	size_t threads;
	uint64_t started_ns;
	pthread_t thread;

	truth_init(argc, argv);
	configure();
	threads = truth_number("--threads", 4);
	if (!threads || threads > THREADS_MAX)
		truth_die("churn: 1 to 256 threads");
	pthread_barrier_init(&begin, NULL, threads + 1);
	pthread_barrier_init(&end, NULL, threads + 1);
	for (size_t i = 0; i < threads; i++) {
		workers[i].seed = 88172645463325252ull + i * 7919;
		if (pthread_create(&thread, NULL, worker_run, &workers[i]))
			truth_die("churn: no thread");
	}
	truth_ready();
	started_ns = truth_now_ns();
	pthread_barrier_wait(&begin);
	if (!rounds) {
		truth_wait_line();
		__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	}
	pthread_barrier_wait(&end);
	report(threads, truth_now_ns() - started_ns);
	return 0;
}
