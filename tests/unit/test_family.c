/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is a worker of whom, in a recorded tree. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "made_tree.h"
#include "process/family.h"

static void write_process(pid_t pid, const char *exe, const char *group, const char *children)
{
	char name[128];

	snprintf(name, sizeof(name), "%d/exe", (int)pid);
	tree_link(name, exe);
	snprintf(name, sizeof(name), "%d/task/%d/children", (int)pid, (int)pid);
	tree_write(name, children);
	snprintf(name, sizeof(name), "%d/cgroup", (int)pid);
	tree_write(name, group);
}

static int setup(void **state)
{
	(void)state;
	tree_make("/tmp/unfreed-family");
	write_process(1, "/sbin/init", "0::/init.scope\n", "10 20 30 ");
	write_process(10, "/sbin/init", "0::/user.slice/init.scope\n", "");
	write_process(20, "/bin/python3", "0::/web.service\n", "21 22 ");
	write_process(21, "/bin/python3", "0::/web.service\n", "");
	write_process(22, "/bin/sh", "0::/web.service\n", "23 ");
	write_process(23, "/bin/python3", "0::/other.scope\n", "");
	write_process(30, "/sbin/init", "0::/init.scope\n", "");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove();
	return 0;
}

static void test_workers_run_the_same_program(void **state)
{
	const struct procfs procfs = {.root = tree_root};
	pid_t *pids;

	(void)state;
	assert_int_equal(family_list_workers(&procfs, 20, &pids), 2);
	assert_int_equal(pids[0], 21);
	assert_int_equal(pids[1], 23);
	free(pids);
	assert_int_equal(family_list_workers(&procfs, 21, &pids), 0);
	free(pids);
	assert_int_equal(family_list_workers(&procfs, 999, &pids), 0);
	free(pids);
}

/* The service managers of users are init's program, and its children. */
static void test_of_init_those_in_its_cgroup_alone(void **state)
{
	const struct procfs procfs = {.root = tree_root};
	pid_t *pids;

	(void)state;
	assert_int_equal(family_list_workers(&procfs, 1, &pids), 1);
	assert_int_equal(pids[0], 30);
	free(pids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_workers_run_the_same_program),
		cmocka_unit_test(test_of_init_those_in_its_cgroup_alone),
	};

	return cmocka_run_group_tests_name("family", tests, setup, teardown);
}
