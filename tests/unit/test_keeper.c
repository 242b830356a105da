/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that keeps probes, and opens windows, as far as that needs no rights: it is asked
 * for what the kernel refuses, and opens windows in which there is no probe, over a memory that
 * stands for the programs'.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/descriptors.h"
#include "probes/keeper.h"

enum { TRACING_AT = 8, HITS_AT = 64, MEMORY_BYTES = 4096, SECONDS_MOST = 60 };

struct fixture {
	struct keeper *keeper;
	pid_t busy; /* uses a processor */
	int memory_fd;
	volatile char *memory;
	struct window_start start;
};

/* Without the descriptor by which a keeper is asked: it ends when nobody has that any more. */
static pid_t start_busy(void)
{
	pid_t pid = fork();

	if (pid < 0)
		abort();
	if (pid)
		return pid;
	descriptors_close_from(0);
	for (volatile unsigned int i = 0;; i++)
		;
}

static void stop_busy(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int begin(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->keeper = keeper_new();
	fixture->busy = start_busy();
	fixture->memory_fd = memfd_create("memory", MFD_CLOEXEC);
	if (!fixture->keeper || ftruncate(fixture->memory_fd, MEMORY_BYTES))
		return -1;
	fixture->memory =
		mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fixture->memory_fd, 0);
	fixture->start = (struct window_start){
		.terms = {.share = 0.3, .length_ns = 4000000, .seed = 7},
		.targets = {fixture->busy},
		.target_count = 1,
		.tracing_offset = TRACING_AT,
		.hits_offset = HITS_AT,
		.memory_bytes = MEMORY_BYTES,
		.kind = ATTACH_MULTI,
		.program_fd = fixture->memory_fd, /* none, which the kernel says */
		.memory_fd = fixture->memory_fd,
	};
	*state = fixture;
	return 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;

	keeper_free(fixture->keeper);
	if (fixture->busy > 0)
		stop_busy(fixture->busy);
	munmap((void *)fixture->memory, MEMORY_BYTES);
	close(fixture->memory_fd);
	free(fixture);
	return 0;
}

static uint32_t tracing(const struct fixture *fixture)
{
	return *(volatile const uint32_t *)(fixture->memory + TRACING_AT);
}

static void pause_for(long ns)
{
	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static void wait_for_windows(const struct fixture *fixture, uint64_t count)
{
	const struct window_account *account = keeper_windows(fixture->keeper);
	double end_s = clock_s(CLOCK_MONOTONIC) + SECONDS_MOST;

	while (account->windows < count && clock_s(CLOCK_MONOTONIC) < end_s)
		pause_for(1000000);
	assert_true(account->windows >= count);
}

static void test_windows(void **state)
{
	struct fixture *fixture = *state;
	const struct window_account *account = keeper_windows(fixture->keeper);

	assert_int_equal(keeper_begin_windows(fixture->keeper, &fixture->start), 0);
	assert_int_equal(keeper_begin_windows(fixture->keeper, &fixture->start), -EBUSY);
	wait_for_windows(fixture, 4);
	keeper_end_windows(fixture->keeper);
	uint64_t windows = account->windows;

	assert_int_equal(tracing(fixture), 0);
	assert_int_equal(account->failed, 0);
	assert_int_equal(account->promoted, 0);
	/* each lasts as long as was asked for, or longer; what it may cost is paid for first */
	assert_true(account->watched_ns >= windows * fixture->start.terms.length_ns);
	assert_true(account->first_cpu_ns <= account->watched_cpu_ns);
	assert_true(account->watched_cpu_ns <= account->spent_cpu_ns);
	assert_true(account->watched_cpu_ns > 0);
	assert_true(account->spent_cpu_ns < account->total_cpu_ns);
	assert_true((double)account->spent_cpu_ns <= 0.3 * 2 * (double)account->total_cpu_ns);
	pause_for(50000000);
	assert_int_equal(account->windows, windows);
}

/* Each half has a number of its own, the first one an even one, also when they begin anew. */
static void test_halves(void **state)
{
	struct fixture *fixture = *state;
	uint32_t seen[16], count = 0, last = 0;
	double end_s = clock_s(CLOCK_MONOTONIC) + SECONDS_MOST;

	fixture->start.terms.length_ns = 40000000;
	assert_int_equal(keeper_begin_windows(fixture->keeper, &fixture->start), 0);
	while (count < 7 && clock_s(CLOCK_MONOTONIC) < end_s) {
		uint32_t now = tracing(fixture);

		if (now != last)
			seen[count++] = last = now;
		pause_for(100000);
	}
	keeper_end_windows(fixture->keeper);
	assert_int_equal(count, 7);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(seen[i], i % 3 == 2 ? 0 : 2 * (i / 3 + 1) + i % 3);
}

/* At most ten a second, whatever may be spent, and though nobody does anything. */
static void test_apart(void **state)
{
	struct fixture *fixture = *state;
	double began_s = clock_s(CLOCK_MONOTONIC);

	fixture->start.terms.share = 0.5;
	fixture->start.terms.length_ns = 100000;
	assert_int_equal(keeper_begin_windows(fixture->keeper, &fixture->start), 0);
	wait_for_windows(fixture, 6);
	assert_true(clock_s(CLOCK_MONOTONIC) - began_s >= 0.5);
	keeper_end_windows(fixture->keeper);
}

/* Where a probe cannot be had no window is opened, which is counted, and
 * there is another try later. */
static void test_windows_that_fail(void **state)
{
	struct fixture *fixture = *state;
	const struct window_account *account = keeper_windows(fixture->keeper);
	const struct probe probe = {.file_offset = 64};
	const struct probe_set set = {
		.kind = ATTACH_MULTI,
		.program_fd = fixture->memory_fd,
		.file_fd = fixture->memory_fd,
		.pid = fixture->busy,
		.when = PROBES_IN_WINDOWS,
		.probes = &probe,
		.count = 1,
	};
	double end_s = clock_s(CLOCK_MONOTONIC) + SECONDS_MOST;

	assert_int_equal(keeper_attach(fixture->keeper, 5, &set), 0);
	assert_int_equal(keeper_attach(fixture->keeper, 6, &set), 0);
	keeper_remove(fixture->keeper, 6);
	assert_int_equal(keeper_begin_windows(fixture->keeper, &fixture->start), 0);
	while (!account->failed && clock_s(CLOCK_MONOTONIC) < end_s)
		pause_for(1000000);
	assert_int_equal(account->failed, 1);
	assert_true(account->error < 0);
	assert_int_equal(account->windows, 0);
	assert_int_equal(tracing(fixture), 0);
	keeper_remove(fixture->keeper, 5);
	wait_for_windows(fixture, 1);
	keeper_release(fixture->keeper);
	assert_int_equal(tracing(fixture), 0);
}

/* Processor time counts from when one is there until it is not. */
static void test_targets_come_and_go(void **state)
{
	struct fixture *fixture = *state;
	const struct window_account *account = keeper_windows(fixture->keeper);
	pid_t ended = start_busy();

	stop_busy(ended);
	fixture->start.target_count = 0;
	assert_int_equal(keeper_begin_windows(fixture->keeper, &fixture->start), 0);
	pause_for(250000000);
	assert_int_equal(account->total_cpu_ns, 0);
	assert_int_equal(keeper_watch(fixture->keeper, ended), 0); /* it is no mistake */
	assert_int_equal(keeper_watch(fixture->keeper, fixture->busy), 0);
	wait_for_windows(fixture, account->windows + 2);
	assert_true(account->total_cpu_ns > 0);
	keeper_forget(fixture->keeper, fixture->busy);
	keeper_end_windows(fixture->keeper);
	uint64_t used = account->total_cpu_ns;

	assert_int_equal(keeper_begin_windows(fixture->keeper, &fixture->start), 0);
	keeper_end_windows(fixture->keeper);
	assert_true(account->total_cpu_ns < used);
}

/* What the kernel says of it comes back, and nothing is left of it. */
static void test_probes_that_cannot_be_had(void **state)
{
	struct fixture *fixture = *state;
	const struct probe probe = {.file_offset = 64};
	struct probe_set set = {
		.kind = ATTACH_MULTI,
		.program_fd = fixture->memory_fd,
		.file_fd = fixture->memory_fd,
		.probes = &probe,
		.count = 1,
	};
	struct probe *many = calloc(1025, sizeof(*many));

	assert_true(keeper_attach(fixture->keeper, 1, &set) < 0);
	set.kind = ATTACH_PERF;
	assert_true(keeper_attach(fixture->keeper, 1, &set) < 0);
	set.when = PROBES_RARE;
	assert_true(keeper_attach(fixture->keeper, 1, &set) < 0);
	set.count = 0;
	assert_int_equal(keeper_attach(fixture->keeper, 1, &set), 0);
	set.probes = many;
	set.count = 1025;
	assert_int_equal(keeper_attach(fixture->keeper, 1, &set), -E2BIG);
	set.count = 1024;
	assert_true(keeper_attach(fixture->keeper, 1, &set) < 0);
	keeper_remove(fixture->keeper, 1);
	keeper_release(fixture->keeper);
	free(many);
}

static void test_groups(void **state)
{
	struct fixture *fixture = *state;
	uint32_t first = keeper_group(fixture->keeper);

	assert_true(first > 0);
	assert_int_equal(keeper_group(fixture->keeper), first + 1);
}

/* It ends with whoever made it, and is then waited for: no zombie is left. */
static void test_end(void **state)
{
	struct fixture *fixture = *state;

	stop_busy(fixture->busy);
	fixture->busy = 0;
	keeper_free(fixture->keeper);
	fixture->keeper = NULL;
	errno = 0;
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_windows),
		TEST(test_halves),
		TEST(test_apart),
		TEST(test_windows_that_fail),
		TEST(test_targets_come_and_go),
		TEST(test_probes_that_cannot_be_had),
		TEST(test_groups),
		TEST(test_end),
	};

	return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
