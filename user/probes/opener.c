/* SPDX-License-Identifier: BSD-2-Clause */
#include "opener.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../arch/trap_samples.h"
#include "../lib/array.h"
#include "../lib/clock.h"
#include "calibration.h"
#include "cpu_clocks.h"
#include "pace.h"

#define WINDOWS_PER_S  10
#define APART_NS       (UINT64_C(1000000000) / WINDOWS_PER_S)
#define PERF_TAIL_NS   100000000.0 /* for each probe */
#define SETTLE_NS      2000000     /* with so few hits: only rare functions are left */
#define QUIET_HITS     2
#define SETTLE_MOST_NS 200000000
#define CLOSING_MOST   256
#define RETRY_NS       UINT64_C(1000000000)

struct placed {
	uint32_t group;
	struct probe_set set; /* probes and descriptors are ours */
	struct links links;   /* of one that is in place between windows */
};

struct opener {
	struct window_account *account; /* shared */
	pthread_mutex_t lock;           /* of what is next */
	struct placed *items;
	size_t count;
	/* While windows are opened: */
	bool running;
	volatile bool over;
	pthread_t thread;
	struct window_start start;
	struct cpu_clocks clocks; /* of the targets */
	volatile uint32_t *tracing;
	const volatile uint64_t *hits;
	void *memory;
	uint32_t half;
	uint64_t begun_cpu_ns;
	/* In the window's thread: */
	struct pace pace;
	double paid_ns; /* for the window that is due */
	struct links open;
	struct probe first_probe;
	struct probe_set first;
	uint64_t prepared_ns; /* how long that took last */
	/* Of all threads that close: */
	pthread_mutex_t closing_lock;
	pthread_cond_t closed;
	size_t closing;
};

struct closing {
	struct opener *opener;
	int fd;
};

/* --- life --- */

struct opener *opener_new(void)
{
	struct opener *opener = calloc(1, sizeof(*opener));
	void *account = mmap(NULL, sizeof(*opener->account), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (opener && account != MAP_FAILED && !cpu_clocks_init(&opener->clocks)) {
		opener->account = account;
		pthread_mutex_init(&opener->lock, NULL);
		pthread_mutex_init(&opener->closing_lock, NULL);
		pthread_cond_init(&opener->closed, NULL);
		return opener;
	}
	if (account != MAP_FAILED)
		munmap(account, sizeof(*opener->account));
	free(opener);
	return NULL;
}

void opener_free(struct opener *opener)
{
	if (!opener)
		return;
	munmap(opener->account, sizeof(*opener->account));
	cpu_clocks_release(&opener->clocks);
	free(opener);
}

const struct window_account *opener_account(const struct opener *opener)
{
	return opener->account;
}

/* --- sets --- */

static void placed_release(struct placed *placed)
{
	links_release(&placed->links);
	close(placed->set.program_fd);
	close(placed->set.file_fd);
	free((void *)placed->set.probes);
}

int opener_add(struct opener *opener, uint32_t group, const struct probe_set *set)
{
	struct probe *probes = calloc(set->count, sizeof(*probes));
	struct placed placed = {.group = group, .set = *set};
	int error = probes ? 0 : -ENOMEM;

	placed.set.probes = probes;
	if (!error) {
		memcpy(probes, set->probes, set->count * sizeof(*probes));
		if (set->when == PROBES_RARE)
			error = links_attach(&placed.links, &placed.set);
	}
	pthread_mutex_lock(&opener->lock);
	if (!error && !array_append(&opener->items, &opener->count, placed))
		error = -ENOMEM;
	pthread_mutex_unlock(&opener->lock);
	if (error)
		placed_release(&placed);
	return error;
}

void opener_remove(struct opener *opener, uint32_t group)
{
	size_t kept = 0;

	pthread_mutex_lock(&opener->lock);
	for (size_t i = 0; i < opener->count; i++) {
		if (opener->items[i].group == group)
			placed_release(&opener->items[i]);
		else
			opener->items[kept++] = opener->items[i];
	}
	opener->count = kept;
	pthread_mutex_unlock(&opener->lock);
}

/* --- time --- */

int opener_watch(struct opener *opener, pid_t pid)
{
	int error = cpu_clocks_add(&opener->clocks, pid);

	return error == -ESRCH ? 0 : error; /* it has ended */
}

void opener_forget(struct opener *opener, pid_t pid)
{
	cpu_clocks_drop(&opener->clocks, pid);
}

static uint64_t cpu_now(struct opener *opener)
{
	return cpu_clocks_read(&opener->clocks, false);
}

/* Of a window: what a target did in it that ended there is spent, too. */
static uint64_t cpu_in_window(struct opener *opener)
{
	return cpu_clocks_read(&opener->clocks, true);
}

static void rest_until(uint64_t at_ns)
{
	const struct timespec at = {(time_t)(at_ns / 1000000000), (long)(at_ns % 1000000000)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

/* --- closing --- */

static void *close_one(void *argument)
{
	struct closing *closing = argument;
	struct opener *opener = closing->opener;

	close(closing->fd);
	free(closing);
	pthread_mutex_lock(&opener->closing_lock);
	opener->closing--;
	pthread_cond_broadcast(&opener->closed);
	pthread_mutex_unlock(&opener->closing_lock);
	return NULL;
}

/* At most so many are under way then. */
static void wait_closed(struct opener *opener, size_t most)
{
	pthread_mutex_lock(&opener->closing_lock);
	while (opener->closing > most)
		pthread_cond_wait(&opener->closed, &opener->closing_lock);
	pthread_mutex_unlock(&opener->closing_lock);
}

/* Those that note allocations go first, as they came last. The threads inherit the haste of this
 * one: probes stay until they come to run. */
static void close_links(struct opener *opener, struct links *links)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	while (links->count) {
		struct closing *closing = malloc(sizeof(*closing));
		int fd = links->fds[--links->count];
		pthread_t thread;

		if (closing)
			*closing = (struct closing){opener, fd};
		pthread_mutex_lock(&opener->closing_lock);
		opener->closing++;
		pthread_mutex_unlock(&opener->closing_lock);
		if (closing && !pthread_create(&thread, &attributes, close_one, closing))
			continue;
		free(closing);
		close(fd);
		pthread_mutex_lock(&opener->closing_lock);
		opener->closing--;
		pthread_mutex_unlock(&opener->closing_lock);
	}
	pthread_attr_destroy(&attributes);
	free(links->fds);
	*links = (struct links){0};
}

/* --- a window --- */

/* -ETIMEDOUT: it is given up. */
static int attach_all(struct opener *opener, uint64_t before_ns)
{
	int error = 0;

	pthread_mutex_lock(&opener->lock);
	for (size_t i = 0; i < opener->count && !error; i++) {
		const struct placed *placed = &opener->items[i];

		if (placed->set.when == PROBES_IN_WINDOWS)
			error = links_attach(&opener->open, &placed->set);
		if (error == -ESRCH) /* it has ended */
			error = 0;
		if (!error && (double)(cpu_in_window(opener) - before_ns) > opener->paid_ns)
			error = -ETIMEDOUT;
	}
	pthread_mutex_unlock(&opener->lock);
	return error;
}

/* Puts the kernel into the state in which links are made and taken out at once. */
static void prepare_kernel(struct opener *opener, struct links *first)
{
	uint64_t began_ns = clock_ns(CLOCK_MONOTONIC);

	links_attach(first, &opener->first); /* without it the others merely take longer */
	opener->prepared_ns = clock_ns(CLOCK_MONOTONIC) - began_ns;
}

/* The second half is not shorter than the first one: it ends when the kernel is ready. */
static void watch(struct opener *opener, struct links *first)
{
	struct window_account *account = opener->account;
	uint64_t began_ns, began_cpu_ns, middle_cpu_ns, end_ns;
	uint64_t length_ns = opener->start.terms.length_ns;

	opener->half += 2;
	if (opener->half < 2)
		opener->half = 2;
	began_cpu_ns = cpu_in_window(opener);
	began_ns = clock_ns(CLOCK_MONOTONIC);
	__atomic_store_n(opener->tracing, opener->half, __ATOMIC_SEQ_CST);
	rest_until(began_ns + length_ns / 2);
	middle_cpu_ns = cpu_in_window(opener);
	__atomic_store_n(opener->tracing, opener->half + 1, __ATOMIC_SEQ_CST);
	end_ns = clock_ns(CLOCK_MONOTONIC) + length_ns / 2;
	if (opener->prepared_ns < length_ns / 2)
		rest_until(end_ns - opener->prepared_ns);
	prepare_kernel(opener, first);
	rest_until(end_ns);
	__atomic_store_n(opener->tracing, 0, __ATOMIC_SEQ_CST);
	account->watched_ns += clock_ns(CLOCK_MONOTONIC) - began_ns;
	account->watched_cpu_ns += cpu_in_window(opener) - began_cpu_ns;
	account->first_cpu_ns += middle_cpu_ns - began_cpu_ns;
	account->windows++;
}

static bool all_closed(struct opener *opener)
{
	bool closed;

	pthread_mutex_lock(&opener->closing_lock);
	closed = !opener->closing;
	pthread_mutex_unlock(&opener->closing_lock);
	return closed;
}

/*
 * Until there are no hits any more: with perf's probes when all are closed. Where the
 * targets do nothing none says that the probes are gone: a machine that is busy may let them
 * wait for longer than this.
 */
static void wait_quiet(struct opener *opener)
{
	uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + SETTLE_MOST_NS, before, before_cpu_ns;

	if (opener->start.kind == ATTACH_PERF) {
		wait_closed(opener, 0);
		return;
	}
	do {
		before = *opener->hits;
		before_cpu_ns = cpu_in_window(opener);
		rest_until(clock_ns(CLOCK_MONOTONIC) + SETTLE_NS);
	} while ((*opener->hits > before + QUIET_HITS ||
		  (cpu_in_window(opener) == before_cpu_ns && !all_closed(opener))) &&
		 clock_ns(CLOCK_MONOTONIC) < end_ns);
}

static void open_window(struct opener *opener)
{
	struct window_account *account = opener->account;
	struct links first = {0};
	uint64_t before_ns, after_ns, took_ns;
	int error;

	wait_closed(opener, CLOSING_MOST);
	prepare_kernel(opener, &first);
	before_ns = cpu_now(opener);
	error = attach_all(opener, before_ns);
	if (!error)
		watch(opener, &first);
	close_links(opener, &opener->open);
	wait_quiet(opener);
	close_links(opener, &first);
	after_ns = cpu_in_window(opener);
	account->total_cpu_ns = after_ns - opener->begun_cpu_ns;
	took_ns = after_ns - before_ns;
	pace_took(&opener->pace, took_ns, account->total_cpu_ns);
	account->spent_cpu_ns = opener->pace.spent_ns;
	if (error == -ETIMEDOUT)
		account->given_up++;
	if (!error || error == -ETIMEDOUT)
		return;
	account->failed++;
	account->error = error;
	rest_until(clock_ns(CLOCK_MONOTONIC) + RETRY_NS);
}

/* --- between windows --- */

/* Probes of functions that are not rare any more are for windows alone. */
static void promote(struct opener *opener)
{
	pthread_mutex_lock(&opener->lock);
	for (size_t i = 0; i < opener->count; i++) {
		struct placed *placed = &opener->items[i];

		if (placed->set.when != PROBES_RARE)
			continue;
		placed->set.when = PROBES_IN_WINDOWS;
		opener->account->promoted++;
		close_links(opener, &placed->links);
	}
	pthread_mutex_unlock(&opener->lock);
}

/* How long probes of perf stay when a window is over: the kernel takes them out one by one. */
static double tail_ns(struct opener *opener)
{
	size_t probes = 0;

	if (opener->start.kind != ATTACH_PERF)
		return 0;
	pthread_mutex_lock(&opener->lock);
	for (size_t i = 0; i < opener->count; i++)
		if (opener->items[i].set.when == PROBES_IN_WINDOWS)
			probes += opener->items[i].set.count;
	pthread_mutex_unlock(&opener->lock);
	return (double)probes * PERF_TAIL_NS;
}

static double window_ns(struct opener *opener)
{
	return (double)opener->start.terms.length_ns + SETTLE_NS + tail_ns(opener);
}

/* Returns when the next window is paid for; false: there is none any more. */
static bool wait_due(struct opener *opener)
{
	uint64_t from_ns = clock_ns(CLOCK_MONOTONIC), from_cpu_ns = cpu_now(opener);
	double chance = pace_chance(&opener->pace);

	while (!opener->over) {
		uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), cpu_ns = cpu_now(opener);
		double used_ns = (double)(cpu_ns - opener->begun_cpu_ns);
		double rate = (double)(cpu_ns - from_cpu_ns) / (double)(now_ns - from_ns + 1);
		double length_ns = window_ns(opener);
		double due_ns = pace_due_ns(&opener->pace, chance, rate, length_ns);

		opener->account->total_cpu_ns = cpu_ns - opener->begun_cpu_ns;
		if (pace_is_frequent(&opener->pace, *opener->hits, cpu_ns, now_ns))
			promote(opener);
		if (now_ns < from_ns + APART_NS)
			rest_until(from_ns + APART_NS);
		else if (used_ns < due_ns)
			rest_until(now_ns + pace_rest_ns(due_ns - used_ns, rate));
		else {
			opener->paid_ns = pace_expected_ns(&opener->pace, rate, length_ns);
			return true;
		}
	}
	return false;
}

static void *run(void *context)
{
	const struct sched_param haste = {.sched_priority = 1};
	struct opener *opener = context;

	pthread_setschedparam(pthread_self(), SCHED_FIFO,
			      &haste); /* else windows may last longer */
	while (wait_due(opener))
		open_window(opener);
	return NULL;
}

/* --- begin and end --- */

static int find_clocks(struct opener *opener)
{
	const struct window_start *start = &opener->start;
	int error = 0;

	for (uint32_t i = 0; i < start->target_count && !error; i++)
		error = opener_watch(opener, start->targets[i]);
	return error;
}

static int map_memory(struct opener *opener)
{
	const struct window_start *start = &opener->start;
	char *memory = mmap(NULL, start->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			    start->memory_fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	opener->memory = memory;
	opener->tracing = (uint32_t *)(memory + start->tracing_offset);
	opener->hits = (uint64_t *)(memory + start->hits_offset);
	return 0;
}

static void forget_start(struct opener *opener)
{
	if (opener->memory)
		munmap(opener->memory, opener->start.memory_bytes);
	opener->memory = NULL;
	close(opener->start.memory_fd);
	close(opener->start.program_fd);
	if (opener->first.file_fd > 0)
		close(opener->first.file_fd);
	opener->first.file_fd = 0;
}

/* Without it windows open more slowly. */
static void find_first(struct opener *opener)
{
	opener->first_probe.file_offset = calibration_file_offset(trap_emulated);
	opener->first = (struct probe_set){
		.kind = opener->start.kind,
		.program_fd = opener->start.program_fd,
		.file_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
		.pid = getpid(),
		.probes = &opener->first_probe,
		.count = opener->first_probe.file_offset ? 1 : 0,
	};
}

int opener_begin(struct opener *opener, const struct window_start *start)
{
	int error;

	if (opener->running) {
		close(start->memory_fd);
		close(start->program_fd);
		return -EBUSY;
	}
	opener->start = *start;
	error = find_clocks(opener);
	if (!error)
		error = map_memory(opener);
	if (!error) {
		find_first(opener);
		opener->over = false;
		opener->pace.share = start->terms.share;
		opener->pace.chance = start->terms.seed | 1;
		opener->begun_cpu_ns = cpu_now(opener);
		error = -pthread_create(&opener->thread, NULL, run, opener);
	}
	if (error)
		forget_start(opener);
	opener->running = !error;
	return error;
}

void opener_end(struct opener *opener)
{
	if (!opener->running)
		return;
	opener->over = true;
	pthread_join(opener->thread, NULL);
	wait_closed(opener, 0);
	opener->running = false;
	opener->account->total_cpu_ns = cpu_now(opener) - opener->begun_cpu_ns;
	forget_start(opener);
}

void opener_release(struct opener *opener)
{
	for (size_t i = 0; i < opener->count; i++)
		placed_release(&opener->items[i]);
	free(opener->items);
	opener->items = NULL;
	opener->count = 0;
}
