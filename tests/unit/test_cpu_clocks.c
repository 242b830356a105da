/* SPDX-License-Identifier: BSD-2-Clause */
/* The processor time of children that come, work and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "probes/cpu_clocks.h"

#define MS 1000000

/* A child that works until it has used so much, says so, and waits. */
static pid_t start(uint64_t ns)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < ns)
			;
		if (write(ready[1], "r", 1) == 1)
			pause();
		_exit(1);
	}
	assert_true(pid > 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

/* Once those that wait have come to rest, which takes them some more. */
static uint64_t read_at_rest(struct cpu_clocks *clocks)
{
	uint64_t before, now = cpu_clocks_read(clocks, false);

	do {
		before = now;
		usleep(1000);
		now = cpu_clocks_read(clocks, false);
	} while (now != before);
	return now;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_what_is_gone_still_counts(void **state)
{
	struct cpu_clocks clocks;
	uint64_t first, both, after;
	pid_t one = start(30 * MS), other;

	(void)state;
	assert_int_equal(cpu_clocks_init(&clocks), 0);
	assert_int_equal(cpu_clocks_add(&clocks, one), 0);
	assert_int_equal(cpu_clocks_add(&clocks, one), 0); /* once */
	first = cpu_clocks_read(&clocks, false);
	assert_true(first >= 30 * MS && first < 60 * MS);
	other = start(20 * MS);
	assert_int_equal(cpu_clocks_add(&clocks, other), 0);
	both = read_at_rest(&clocks);
	assert_true(both >= first + 20 * MS && both < first + 50 * MS);
	end(one);
	after = cpu_clocks_read(&clocks, false);
	assert_true(after == both);
	end(other);
	cpu_clocks_drop(&clocks, other);
	assert_true(cpu_clocks_read(&clocks, false) == both);
	assert_int_equal(cpu_clocks_add(&clocks, other), -ESRCH);
	cpu_clocks_release(&clocks);
}

/* It counts as if it had been busy since it was looked at. */
static void test_what_was_not_seen_is_charged(void **state)
{
	const struct timespec rest = {0, 20 * MS};
	struct cpu_clocks clocks;
	uint64_t before, after;
	pid_t pid = start(5 * MS);

	(void)state;
	assert_int_equal(cpu_clocks_init(&clocks), 0);
	assert_int_equal(cpu_clocks_add(&clocks, pid), 0);
	before = cpu_clocks_read(&clocks, true);
	assert_true(before >= 5 * MS && before < 25 * MS);
	nanosleep(&rest, NULL);
	end(pid);
	after = cpu_clocks_read(&clocks, true);
	assert_true(after >= before + 20 * MS);
	assert_true(cpu_clocks_read(&clocks, true) == after);
	cpu_clocks_release(&clocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_gone_still_counts),
		cmocka_unit_test(test_what_was_not_seen_is_charged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
