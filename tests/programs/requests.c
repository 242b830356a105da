/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A busy service: requests that allocate and free, a leak among them, and two caches that are full
 * before anybody looks, each of a size of its own, or all of one.
 *
 *   --leaks N     blocks a second that are leaked (0)
 *   --inserts N   blocks a second that each cache takes in, and lets go (300)
 *   --entries N   that the caches hold (3000)
 *   --blocks N    that a request allocates (40)
 *   --callocs N   of another function that a request calls, once it counts (0)
 *   --same        requests, leak and caches allocate blocks of one size
 *   --child       what counts is done by a child that is forked then
 *   --children N  forked a second, once it counts; each serves some requests and ends
 *
 * Is busy from `ready` on; a line on stdin, and it counts; another one, and it ends. The truth has
 * what was leaked between these; `cpu_ns`: processor time of all requests; `disturbed_ns`: of those
 * that took over three times as long as the median one, as those do in which calls are traps;
 * `longest_ns`: of these the longest.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "truth.h"

enum {
	BLOCKS_MAX = 400,
	ENTRIES_MAX = 1 << 20,
	TICKS = 1 << 16,
	LEAK = 512,
	LRU = 1500,
	TTL = 1000
};

static uint64_t seed = 88172645463325252u;
static uint64_t leaks_per_s, inserts_per_s, entries, blocks_per_request, callocs;
static bool same, counting;
static uint64_t children_per_s, children, failed_children;
static void *leaked;
static void *lru[ENTRIES_MAX], *ttl[ENTRIES_MAX];
static uint64_t ttl_next;
static uint64_t took[TICKS]; /* requests by what they took, in units of 100 ns */
static volatile double sink;

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void *take(size_t bytes)
{
	void *block = malloc(same ? LEAK : bytes);

	if (!block)
		truth_die("out of memory");
	memset(block, 1, 32);
	return block;
}

TRUTH_LEAF static void leak_one(void)
{
	void **block = take(LEAK);

	*block = leaked;
	leaked = block;
	TRUTH_NO_TAIL_CALL();
}

/* One goes as another one comes: which, is by chance. */
TRUTH_LEAF static void fill_lru(void)
{
	void **slot = &lru[random_number() % entries];

	free(*slot);
	*slot = take(LRU);
	TRUTH_NO_TAIL_CALL();
}

/* The oldest goes. */
TRUTH_LEAF static void fill_ttl(void)
{
	void **slot = &ttl[ttl_next++ % entries];

	free(*slot);
	*slot = take(TTL);
	TRUTH_NO_TAIL_CALL();
}

static size_t churn_bytes(void)
{
	uint64_t number = random_number();

	return number & 1 ? 32 + (number >> 1) % 400 : 2000 + (number >> 1) % 2000;
}

TRUTH_LEAF static void serve(void)
{
	void *blocks[BLOCKS_MAX];
	size_t count = 0;
	double work = 1;

	for (size_t i = 0; i < blocks_per_request; i++) {
		blocks[count++] = take(churn_bytes());
		for (int round = 0; round < 500; round++)
			work = work * 1.0000001 + 0.1;
		if (count > 8 && random_number() & 1) {
			size_t one = random_number() % count;

			free(blocks[one]);
			blocks[one] = blocks[--count];
		}
	}
	while (count)
		free(blocks[--count]);
	for (size_t i = 0; counting && i < callocs; i++)
		free(calloc(1, 3000));
	sink = work;
}

static bool has_line(void)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

	if (poll(&input, 1, 0) <= 0)
		return false;
	truth_wait_line();
	return true;
}

static void note_disturbed(uint64_t requests)
{
	uint64_t passed = 0, median = 0, disturbed = 0, longest = 0, all = 0;

	while (median < TICKS - 1 && (passed += took[median]) < requests / 2)
		median++;
	for (uint64_t i = 0; i < TICKS; i++) {
		all += took[i] * i * 100;
		if (i <= 3 * median || !took[i])
			continue;
		disturbed += took[i] * i * 100;
		longest = i * 100;
	}
	truth_note("median_ns", median * 100);
	truth_note("cpu_ns", all);
	truth_note("disturbed_ns", disturbed);
	truth_note("longest_ns", longest);
}

static void prepare(void)
{
	leaks_per_s = truth_number("--leaks", 0);
	inserts_per_s = truth_number("--inserts", 300);
	entries = truth_number("--entries", 3000);
	blocks_per_request = truth_number("--blocks", 40);
	callocs = truth_number("--callocs", 0);
	children_per_s = truth_number("--children", 0);
	same = truth_flag("--same");
	if (entries > ENTRIES_MAX || blocks_per_request > BLOCKS_MAX)
		truth_die("too many");
	for (uint64_t i = 0; i < entries; i++) {
		lru[i] = take(LRU);
		ttl[i] = take(TTL);
	}
	for (int i = 0; i < 1000; i++)
		serve();
}

/* In its own memory, and ends at once. */
static void fork_one(void)
{
	pid_t child = fork();
	int status;

	if (!child) {
		for (int i = 0; i < 10; i++)
			serve();
		leak_one();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		failed_children++;
	children++;
}

/* Until a line comes. Returns how many requests there were. */
static uint64_t run(uint64_t *leaked_blocks)
{
	uint64_t start_ns = truth_now_ns(), requests = 0, inserts = 0;

	*leaked_blocks = 0;
	memset(took, 0, sizeof(took));
	while (requests % 64 || !has_line()) {
		uint64_t before_ns = cpu_ns(), ticks;
		double passed_s = (double)(truth_now_ns() - start_ns) / 1e9;

		serve();
		for (; (double)*leaked_blocks < passed_s * (double)leaks_per_s; ++*leaked_blocks)
			leak_one();
		for (; (double)inserts < passed_s * (double)inserts_per_s; inserts++) {
			fill_lru();
			fill_ttl();
		}
		while (counting && (double)children < passed_s * (double)children_per_s)
			fork_one();
		ticks = (cpu_ns() - before_ns) / 100;
		took[ticks < TICKS ? ticks : TICKS - 1]++;
		requests++;
	}
	return requests;
}

/* The child goes on; its parent ends as it does. */
static void go_on_in_child(void)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		truth_die("cannot fork");
	if (!child)
		return;
	if (waitpid(child, &status, 0) != child)
		truth_die("cannot wait");
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int main(int argc, char **argv)
{
	uint64_t requests, leaked_blocks;

	truth_init(argc, argv);
	prepare();
	truth_say("ready");
	run(&leaked_blocks);
	if (truth_flag("--child"))
		go_on_in_child();
	counting = true;
	requests = run(&leaked_blocks);
	truth_note("requests", requests);
	truth_note("leaked", leaked_blocks);
	truth_note("children", children);
	truth_note("failed_children", failed_children);
	note_disturbed(requests);
	truth_finish();
	return 0;
}
