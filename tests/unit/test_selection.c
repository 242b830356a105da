/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is meant by a name, a command line, a container or a cgroup, in recorded trees. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "made_tree.h"
#include "process/selection.h"

#define ID_A "1f0c8a5be2d34b7f9a6c0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c"
#define ID_B "1f0d8a5be2d34b7f9a6c0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c"

static void write_process(pid_t pid, pid_t parent, const char *comm, int kilobytes,
			  const char *groups, const char *exe)
{
	char path[128], text[512];

	snprintf(path, sizeof(path), "%d/status", (int)pid);
	snprintf(text, sizeof(text),
		 "Name:\t%s\nState:\tS (sleeping)\nTgid:\t%d\nPPid:\t%d\nVmRSS:\t%8d kB\n", comm,
		 (int)pid, (int)parent, kilobytes);
	tree_write(path, text);
	snprintf(path, sizeof(path), "%d/stat", (int)pid);
	snprintf(text, sizeof(text), "%d (%s) S %d 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 99 1 1\n",
		 (int)pid, comm, (int)parent);
	tree_write(path, text);
	snprintf(path, sizeof(path), "%d/comm", (int)pid);
	snprintf(text, sizeof(text), "%s\n", comm);
	tree_write(path, text);
	snprintf(path, sizeof(path), "%d/cgroup", (int)pid);
	tree_write(path, groups);
	snprintf(path, sizeof(path), "%d/exe", (int)pid);
	if (*exe)
		tree_link(path, exe);
}

#define write_arguments(pid, text) tree_write_bytes(#pid "/cmdline", text, sizeof(text))

static int setup(void **state)
{
	static const char helper[] =
		"/bin/python3\0-c\0from multiprocessing.resource_tracker import main;main(9)";
	char mounts[512];

	(void)state;
	tree_make("/tmp/unfreed-selection");
	snprintf(mounts, sizeof(mounts),
		 "22 1 0:20 / / rw - ext4 /dev/root rw\n"
		 "30 22 0:26 / %s/one rw - cgroup none rw,memory\n"
		 "31 22 0:27 / %s/two rw shared:9 - cgroup2 none rw\n",
		 tree_root, tree_root);
	tree_write("self/mountinfo", mounts);
	write_process(1, 0, "init", 900, "0::/init.scope\n", "/sbin/init");
	write_process(2, 0, "kthreadd", 0, "0::/\n", "");
	write_process(10, 1, "gunicorn", 9000, "0::/system.slice/docker-" ID_A ".scope\n",
		      "/bin/python3");
	write_process(11, 10, "gunicorn", 50000, "0::/system.slice/docker-" ID_A ".scope\n",
		      "/bin/python3");
	write_process(12, 10, "gunicorn", 40000, "0::/system.slice/docker-" ID_A ".scope/sub\n",
		      "/bin/python3");
	write_process(13, 10, "gunicorn", 8000, "0::/system.slice/docker-" ID_A ".scope\n",
		      "/bin/python3");
	tree_write_bytes("13/cmdline", helper, sizeof(helper));
	write_process(20, 1, "a-name-of-more-", 700, "4:memory:/kubepods/podx/" ID_B "\n3:cpu:/\n",
		      "/bin/server");
	write_process(30, 1, "conmon", 600, "0::/machine.slice/libpod-conmon-" ID_B ".scope\n",
		      "/bin/conmon");
	write_process(31, 1, "redis", 500, "0::/default/redis-1\n", "/bin/redis");
	write_process(32, 1, "cafe", 400, "0::/default/cafe\n", "/bin/cafe");
	write_process(33, 1, "odd", 300, "0::/system.slice\n", "/bin/odd");
	write_process(34, 1, "web", 300, "0::/web.service\n", "/bin/web");
	write_arguments(10, "/bin/python3\0-m\0gunicorn\0shop.wsgi:application\0--workers\0"
			    "4");
	write_arguments(12, "/bin/python3\0-m\0gunicorn\0shop.wsgi:application\0--workers\0"
			    "4");
	write_arguments(20, "server\0\0-x\0");
	tree_write("34/cmdline", "");
	tree_write("one/kept/cgroup.procs", "");
	tree_write("two/web.slice/cgroup.procs", "10\n");
	tree_write("two/web.slice/below/cgroup.procs", "12\n0\n4194304\n");
	tree_write("two/empty/cgroup.procs", "");
	tree_write("two/kept/cgroup.procs", "31\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove();
	return 0;
}

/* The PIDs that are listed, as "11 12 10"; the failure's status and text where there are none. */
static const char *list(enum selection_kind kind, const char *name)
{
	const struct procfs procfs = {tree_root};
	const struct selection selection = {kind, name};
	static char text[600];
	struct selected *items;
	struct failure failure;
	size_t count, used = 0;

	if (selection_list(&procfs, &selection, &items, &count, &failure)) {
		snprintf(text, sizeof(text), "%d: %s", failure.status, failure.text);
		return text;
	}
	*text = '\0';
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, i ? " %d" : "%d",
					 (int)items[i].pid);
	free(items);
	return text;
}

static const char *choose(enum selection_kind kind, const char *name, bool with_workers)
{
	const struct procfs procfs = {tree_root};
	const struct selection selection = {kind, name};
	static char text[600];
	struct failure failure;
	pid_t pid = 0;

	if (selection_choose(&procfs, &selection, with_workers, "heap looks at", &pid, &failure))
		snprintf(text, sizeof(text), "%d: %s", failure.status, failure.text);
	else
		snprintf(text, sizeof(text), "%d", (int)pid);
	return text;
}

static void test_by_name(void **state)
{
	(void)state;
	assert_string_equal(list(SELECT_COMM, "gunicorn"), "11 12 10 13");
	assert_string_equal(list(SELECT_COMM, "a-name-of-more-than-fifteen"), "20");
	assert_string_equal(list(SELECT_COMM, "gun"), "3: there is no process named \"gun\"");
	assert_string_equal(list(SELECT_COMM, "kthreadd"),
			    "3: there is no process named \"kthreadd\"");
	assert_string_equal(list(SELECT_COMM, ""), "3: there is no process named \"\"");
}

static void test_by_command_line(void **state)
{
	(void)state;
	assert_string_equal(list(SELECT_MATCH, "gunicorn shop\\.wsgi"), "12 10");
	assert_string_equal(list(SELECT_MATCH, "gunicorn (shop|other)\\.wsgi:.*-workers [0-9]$"),
			    "12 10");
	assert_string_equal(list(SELECT_MATCH, "^server  -x"), "20");
	assert_string_equal(list(SELECT_MATCH, "^$"),
			    "3: no process has a command line that matches \"^$\"");
	assert_string_equal(list(SELECT_MATCH, "celery"),
			    "3: no process has a command line that matches \"celery\"");
	assert_string_equal(choose(SELECT_MATCH, "gunicorn", true), "10");
	assert_string_equal(
		list(SELECT_MATCH, "gunicorn (shop"),
		"2: --match needs an extended regular expression, not \"gunicorn (shop\": "
		"Unmatched ( or \\(");
}

/* sudo has ours in its command line, and so has the shell that started it. */
static void test_who_started_us_is_not_meant(void **state)
{
	char path[64];

	(void)state;
	write_process(40, 1, "sh", 100, "0::/\n", "/bin/sh");
	write_process(41, 40, "sudo", 100, "0::/\n", "/bin/sudo");
	write_process(42, 40, "celery", 100, "0::/\n", "/bin/python3");
	write_arguments(40, "sh\0-c\0sudo unfreed why --match 'worker of queue'");
	write_arguments(41, "sudo\0unfreed\0why\0--match\0worker of queue");
	write_arguments(42, "celery\0worker of queue");
	write_process(getpid(), 41, "unfreed", 100, "0::/\n", "/bin/unfreed");
	snprintf(path, sizeof(path), "%d/cmdline", (int)getpid());
	tree_write(path, "unfreed --match worker of queue");
	assert_string_equal(list(SELECT_MATCH, "worker of queue"), "42");
}

static void test_by_container(void **state)
{
	(void)state;
	assert_string_equal(list(SELECT_CONTAINER, ID_A), "11 12 10 13");
	assert_string_equal(list(SELECT_CONTAINER, "1f0c8a5be2d3"), "11 12 10 13");
	assert_string_equal(list(SELECT_CONTAINER, "1f0d"), "20");
	assert_string_equal(list(SELECT_CONTAINER, "redis-1"), "31");
	assert_string_equal(list(SELECT_CONTAINER, "cafe"), "32");
	assert_string_equal(list(SELECT_CONTAINER, "1f0"),
			    "2: the IDs of several containers begin with \"1f0\": " ID_A ", " ID_B
			    "; give more of the one that is meant");
}

static void test_no_such_container(void **state)
{
	(void)state;
	const char *const names[] = {
		"redis",   "web",  "system.slice",          ID_A "0", "docker",
		"default", "init", "docker-" ID_A ".scope", "caf",    "web.service"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_memory_equal(list(SELECT_CONTAINER, names[i]),
				    "3: no process runs in a container whose ID", 42);
	assert_memory_equal(list(SELECT_CONTAINER, ""), "3: no process", 13);
}

static void test_by_cgroup(void **state)
{
	char path[128];

	(void)state;
	assert_string_equal(list(SELECT_CGROUP, "/web.slice"), "12 10");
	assert_string_equal(list(SELECT_CGROUP, "web.slice/"), "12 10");
	assert_string_equal(list(SELECT_CGROUP, "web.slice/below"), "12");
	snprintf(path, sizeof(path), "%s/two/web.slice", tree_root);
	assert_string_equal(list(SELECT_CGROUP, path), "12 10");
	/* of that name there is one in both hierarchies: the one that has processes counts */
	assert_string_equal(list(SELECT_CGROUP, "kept"), "31");
	assert_string_equal(list(SELECT_CGROUP, "empty"), "3: no process is in cgroup empty");
	assert_string_equal(list(SELECT_CGROUP, "web"),
			    "3: there is no cgroup web below /sys/fs/cgroup");
}

static void test_a_master_stands_for_its_workers(void **state)
{
	(void)state;
	assert_string_equal(choose(SELECT_COMM, "gunicorn", true), "10");
	assert_string_equal(choose(SELECT_COMM, "redis", true), "31");
}

static void test_several_are_named(void **state)
{
	(void)state;
	assert_string_equal(choose(SELECT_COMM, "gunicorn", false),
			    "2: heap looks at one process, and --comm gunicorn means 3: 11 "
			    "(gunicorn, 51.2 MB), 12 (gunicorn, 41.0 MB), 10 (gunicorn, 9.2 MB); "
			    "give the PID of one");
}

static void test_of_many_some_are_named(void **state)
{
	const char *said;

	(void)state;
	for (pid_t pid = 100; pid < 140; pid++)
		write_process(pid, 1, "httpd", 100, "0::/\n", "/bin/httpd");
	said = choose(SELECT_COMM, "httpd", true);
	assert_non_null(strstr(said, "means 40: 100 (httpd, 102.4 kB), 101"));
	assert_non_null(strstr(said, " and 34 more; give the PID of one"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_name),
		cmocka_unit_test(test_by_command_line),
		cmocka_unit_test(test_who_started_us_is_not_meant),
		cmocka_unit_test(test_by_container),
		cmocka_unit_test(test_no_such_container),
		cmocka_unit_test(test_by_cgroup),
		cmocka_unit_test(test_a_master_stands_for_its_workers),
		cmocka_unit_test(test_several_are_named),
		cmocka_unit_test(test_of_many_some_are_named),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
