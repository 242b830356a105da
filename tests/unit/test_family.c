/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is a worker of whom, in a recorded tree. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/family.h"

static char root[64];

static void write_file(pid_t pid, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%d/%s", root, (int)pid, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void write_process(pid_t pid, const char *exe, const char *group, const char *children)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%d", root, (int)pid);
	mkdir(path, 0700);
	strcat(path, "/exe");
	assert_int_equal(symlink(exe, path), 0);
	snprintf(path, sizeof(path), "%s/%d/task", root, (int)pid);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%d/task/%d", root, (int)pid, (int)pid);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "task/%d/children", (int)pid);
	write_file(pid, path, children);
	write_file(pid, "cgroup", group);
}

static int setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/unfreed-family-XXXXXX");
	assert_non_null(mkdtemp(root));
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
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static void test_workers_run_the_same_program(void **state)
{
	const struct procfs procfs = {.root = root};
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
	const struct procfs procfs = {.root = root};
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
