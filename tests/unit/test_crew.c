/* SPDX-License-Identifier: BSD-2-Clause */
/* Workers that come and go, in a recorded tree: how many, how long they lived, what they used. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "lib/clock.h"
#include "made_tree.h"
#include "service/crew.h"

enum { MASTER = 20 };

static void write_process(pid_t pid, double age_s, unsigned int cpu_ticks)
{
	double start = (clock_s(CLOCK_BOOTTIME) - age_s) * (double)sysconf(_SC_CLK_TCK);
	char name[64], text[256];

	snprintf(name, sizeof(name), "%d/exe", (int)pid);
	tree_link(name, "/bin/python3");
	snprintf(name, sizeof(name), "%d/cgroup", (int)pid);
	tree_write(name, "0::/web.service\n");
	snprintf(name, sizeof(name), "%d/cmdline", (int)pid);
	tree_write(name, "python3");
	snprintf(name, sizeof(name), "%d/task/%d/children", (int)pid, (int)pid);
	tree_write(name, "");
	snprintf(name, sizeof(name), "%d/status", (int)pid);
	snprintf(text, sizeof(text),
		 "Name:\tpython3\nState:\tS (sleeping)\nTgid:\t%d\nUid:\t0\t0\t0\t0\nVmRSS:\t100 "
		 "kB\n",
		 (int)pid);
	tree_write(name, text);
	snprintf(name, sizeof(name), "%d/stat", (int)pid);
	snprintf(text, sizeof(text),
		 "%d (python3) S 20 1 1 0 -1 0 0 0 0 0 %u 0 0 0 20 0 1 0 %.0f 1000 25 0 0 0 0\n",
		 (int)pid, cpu_ticks, start);
	tree_write(name, text);
}

static void write_children(const char *pids)
{
	tree_write("20/task/20/children", pids);
}

static void end(pid_t pid)
{
	char name[64];

	snprintf(name, sizeof(name), "%d/stat", (int)pid);
	unlink(tree_path(name));
	snprintf(name, sizeof(name), "%d/status", (int)pid);
	unlink(tree_path(name));
}

/* However dear the list was before: on a busy machine that alone may put it off for seconds. */
static void poll_all(struct crew *crew, double now)
{
	crew->list_at_s = now;
	crew_poll(crew, now, 0);
}

static double set_up_s;

static int setup(void **state)
{
	(void)state;
	set_up_s = clock_s(CLOCK_MONOTONIC);
	tree_make("/tmp/unfreed-crew");
	write_process(MASTER, 1000, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove();
	return 0;
}

/* Processes are as much older than they were written as the test was kept waiting meanwhile. */
static double older_s(void)
{
	return clock_s(CLOCK_MONOTONIC) - set_up_s;
}

#define assert_about(a, b) assert_true((a) > (b)-0.1 && (a) < (b) + 0.1 + 3 * older_s())

static void test_come_and_go(void **state)
{
	const struct procfs procfs = {.root = tree_root};
	double ticks = (double)sysconf(_SC_CLK_TCK), now = clock_s(CLOCK_MONOTONIC);
	struct crew crew;

	(void)state;
	write_process(21, 50, 500);
	write_process(22, 40, 400);
	write_children("21 22 ");
	crew_init(&crew, &procfs, MASTER, now);
	poll_all(&crew, now);
	assert_int_equal(crew.count, 2);
	assert_int_equal(crew.members[0].resident_bytes + crew.members[1].resident_bytes,
			 200 << 10);
	assert_true(crew_life_s(&crew) == 0 && crew_used_s(&crew) == 0);

	/* what they used before does not count, of newcomers all does */
	end(22);
	write_process(23, 2, 30); /* at now + 4, which is no time that passes */
	write_children("21 23 ");
	poll_all(&crew, now + 4);
	assert_int_equal(crew.count, 2);
	assert_int_equal(crew.ended, 1);
	assert_about(crew_life_s(&crew), 42); /* it ended between two polls */
	assert_about(crew_present_s(&crew), 4 + 2 + 2);
	assert_about(crew_used_s(&crew), 30 / ticks);

	end(21);
	end(23);
	write_children("");
	poll_all(&crew, now + 6);
	assert_int_equal(crew.count, 0);
	assert_int_equal(crew.ended, 3);
	assert_int_equal(crew.usual_count, 2);
	assert_int_equal(crew.usual_bytes, 200 << 10);
	assert_about(crew_present_s(&crew), 5 + 2 + 3);
	assert_about(crew_life_s(&crew), 3); /* the shortest of three */
	assert_about(crew_used_s(&crew), 30 / ticks);
	crew_release(&crew);
}

/* Looking for others waits; who is there is known all the same. */
static void test_pause(void **state)
{
	const struct procfs procfs = {.root = tree_root};
	double now = clock_s(CLOCK_MONOTONIC);
	struct crew crew;

	(void)state;
	write_process(31, 50, 0);
	write_children("31 ");
	crew_init(&crew, &procfs, MASTER, now);
	crew_poll(&crew, now, 5);
	write_process(32, 0.5, 0);
	write_children("31 32 ");
	end(31);
	crew_poll(&crew, now + 1, 5);
	assert_int_equal(crew.count, 0);
	crew_poll(&crew, now + 1000, 5);
	assert_int_equal(crew.count, 1);
	assert_int_equal(crew.members[0].pid, 32);
	crew_release(&crew);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pause, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
