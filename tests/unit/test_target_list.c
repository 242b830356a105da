/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom a recording attaches to, in a recorded tree: who was asked for, workers, children. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "made_tree.h"
#include "service/target_list.h"

static struct event told;
static size_t told_count;

static void note_event(void *context, const struct event *event)
{
	(void)context;
	told = *event;
	told_count++;
}

static const struct listener listener = {.hear = note_event};

static void write_process(pid_t pid, const char *exe, const char *children)
{
	char name[128];

	snprintf(name, sizeof(name), "%d/exe", (int)pid);
	tree_link(name, exe);
	snprintf(name, sizeof(name), "%d/task/%d/children", (int)pid, (int)pid);
	tree_write(name, children);
	snprintf(name, sizeof(name), "%d/cgroup", (int)pid);
	tree_write(name, "0::/web.service\n");
}

static int setup(void **state)
{
	(void)state;
	tree_make("/tmp/unfreed-target-list");
	write_process(20, "/bin/python3", "21 22 24 ");
	write_process(21, "/bin/python3", "");
	write_process(22, "/bin/sh", "23 ");
	write_process(23, "/bin/cat", "");
	write_process(24, "/bin/python3", "");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove();
	return 0;
}

static struct target_list list_of(const pid_t *pids, size_t count, bool by_number, bool forks)
{
	const struct procfs procfs = {.root = tree_root};
	const struct target_list_request request = {
		.pids = pids,
		.count = count,
		.by_number = by_number,
		.follow_forks = forks,
		.listener = &listener,
	};
	struct target_list list = {0};
	struct failure failure;

	told_count = 0;
	assert_int_equal(target_list_fill(&list, &procfs, &request, &failure), 0);
	return list;
}

static void assert_listed(struct target_list list, size_t needed, const pid_t *pids, size_t count)
{
	assert_int_equal(list.needed, needed);
	assert_int_equal(list.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(list.pids[i], pids[i]);
	target_list_release(&list);
	assert_null(list.pids);
}

static void test_a_master_brings_its_workers(void **state)
{
	static const pid_t asked[] = {20}, listed[] = {20, 21, 24};

	(void)state;
	assert_listed(list_of(asked, 1, true, false), 1, listed, 3);
	assert_int_equal(told_count, 1);
	assert_int_equal(told.kind, EVENT_WORKERS_NOW);
	assert_int_equal(told.pid, 20);
	assert_int_equal(told.count, 2);
}

static void test_each_is_listed_once(void **state)
{
	static const pid_t asked[] = {24, 20}, listed[] = {24, 20, 21};
	static const pid_t all[] = {20, 21, 24};

	(void)state;
	assert_listed(list_of(asked, 2, true, false), 2, listed, 3);
	assert_int_equal(told.count, 1);
	/* nobody is added, and nothing is told */
	assert_listed(list_of(all, 3, true, false), 3, all, 3);
	assert_int_equal(told_count, 0);
}

static void test_where_forks_are_followed_all_children(void **state)
{
	static const pid_t asked[] = {20}, listed[] = {20, 21, 24, 22, 23};

	(void)state;
	assert_listed(list_of(asked, 1, true, true), 1, listed, 5);
	assert_int_equal(told.kind, EVENT_WORKERS_TOO);
	assert_int_equal(told.count, 2);
}

/* Who was found by name was found with all workers of that name; none of them must be there. */
static void test_by_name_nobody_is_needed(void **state)
{
	static const pid_t asked[] = {20, 21};

	(void)state;
	assert_listed(list_of(asked, 2, false, false), 0, asked, 2);
	assert_int_equal(told_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_master_brings_its_workers),
		cmocka_unit_test(test_each_is_listed_once),
		cmocka_unit_test(test_where_forks_are_followed_all_children),
		cmocka_unit_test(test_by_name_nobody_is_needed),
	};

	return cmocka_run_group_tests_name("target list", tests, setup, teardown);
}
