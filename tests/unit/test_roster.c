/* SPDX-License-Identifier: BSD-2-Clause */
/* Which service a process belongs to, who comes and goes, and what is forgotten: in a made tree. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "made_tree.h"
#include "service/monitor/metrics.h"

enum { OLD = 1 }; /* clock ticks since boot: long ago */

static struct roster roster;
static const struct selection of_group = {SELECT_CGROUP, "/"}, none;
static struct procfs procfs;
static char told[1000];

/* In the group of that name, of which there is one. */
static void write_process(pid_t pid, pid_t parent, const char *comm, const char *group,
			  const char *exe, unsigned long start, int ticks)
{
	char path[128], text[512];

	snprintf(path, sizeof(path), "%d/status", (int)pid);
	snprintf(text, sizeof(text),
		 "Name:\t%s\nState:\tS (sleeping)\nTgid:\t%d\nPPid:\t%d\nVmRSS:\t    2000 kB\n"
		 "RssAnon:\t    1000 kB\nVmSwap:\t      10 kB\nThreads:\t3\n",
		 comm, (int)pid, (int)parent);
	tree_write(path, text);
	snprintf(path, sizeof(path), "%d/stat", (int)pid);
	snprintf(text, sizeof(text), "%d (%s) S %d 1 1 0 -1 0 0 0 0 0 %d 0 0 0 20 0 1 0 %lu 1 1\n",
		 (int)pid, comm, (int)parent, ticks, start);
	tree_write(path, text);
	snprintf(path, sizeof(path), "%d/cgroup", (int)pid);
	snprintf(text, sizeof(text), "0::%s\n", group);
	tree_write(path, text);
	snprintf(path, sizeof(path), "%d/exe", (int)pid);
	unlink(tree_path(path));
	tree_link(path, exe);
	snprintf(path, sizeof(path), "%d/task/%d/children", (int)pid, (int)pid);
	tree_write(path, "");
	snprintf(path, sizeof(path), "%d/smaps_rollup", (int)pid);
	tree_write(path, "Rss: 2000 kB\nPss:    1500 kB\nPss_Anon: 7 kB\n");
}

static void write_children(pid_t pid, const char *children)
{
	char path[128];

	snprintf(path, sizeof(path), "%d/task/%d/children", (int)pid, (int)pid);
	tree_write(path, children);
}

static void end_process(pid_t pid)
{
	char path[128];

	snprintf(path, sizeof(path), "%d/status", (int)pid);
	unlink(tree_path(path));
}

static void list(const char *pids)
{
	tree_write("fs/cgroup.procs", pids);
}

static void hear(void *context, const struct event *event)
{
	size_t used = strlen(told);

	(void)context;
	snprintf(told + used, sizeof(told) - used, "%s %s %s; ",
		 event->kind == EVENT_SERVICE_CAME ? "came" : "went", event->name, event->path);
}

static const struct listener listener = {hear, NULL};

static int setup(void **state)
{
	char mounts[512];

	(void)state;
	tree_make("/tmp/unfreed-roster");
	procfs = (struct procfs){.root = tree_root};
	snprintf(mounts, sizeof(mounts), "30 22 0:26 / %s/fs rw - cgroup2 none rw\n", tree_root);
	tree_write("self/mountinfo", mounts);
	*told = '\0';
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	roster_release(&roster);
	tree_remove();
	return 0;
}

static void begin(const struct selection *selection, const pid_t *pids, size_t count)
{
	assert_int_equal(roster_init(&roster, &procfs, selection, pids, count), 0);
	roster.listener = &listener;
}

static void look(double now_s)
{
	struct failure failure;

	assert_int_equal(roster_look(&roster, now_s, &failure), 0);
}

static const struct watched_service *service(const char *name, const char *group)
{
	for (size_t i = 0; i < roster.service_count; i++)
		if (!strcmp(roster.services[i]->name, name) &&
		    !strcmp(roster.services[i]->group, group))
			return roster.services[i];
	fail_msg("no service %s in %s", name, group);
	return NULL;
}

/* A shell that started a master, its workers under another name, and a program of their own. */
static void write_servers(void)
{
	write_process(10, 1, "sh", "/web", "/bin/sh", OLD, 5);
	write_process(11, 10, "gunicorn", "/web", "/bin/python3", OLD, 5);
	write_process(12, 11, "gunicorn: worke", "/web", "/bin/python3", OLD, 5);
	write_process(13, 11, "gunicorn: worke", "/web", "/bin/python3", OLD, 5);
	write_process(14, 12, "convert", "/web", "/bin/convert", OLD, 5);
	write_process(20, 1, "redis", "/db", "/bin/redis", OLD, 5);
	write_process(21, 1, "redis", "/db2", "/bin/redis", OLD, 5);
	write_children(10, "11");
	write_children(11, "12 13");
	write_children(12, "14");
	list("10\n11\n12\n13\n14\n20\n21\n");
}

static void test_services(void **state)
{
	(void)state;
	write_servers();
	begin(&of_group, NULL, 0);
	look(100);
	roster_read(&roster, 100);
	assert_int_equal(roster.service_count, 5);
	assert_int_equal(service("gunicorn", "/web")->processes, 3);
	assert_int_equal(service("sh", "/web")->processes, 1);
	assert_int_equal(service("convert", "/web")->processes, 1);
	assert_int_equal(service("redis", "/db")->processes, 1);
	assert_int_equal(service("redis", "/db2")->processes, 1);
	assert_int_equal(roster.instance_count, 7);
	for (size_t i = 0; i < roster.instance_count; i++)
		assert_int_equal(roster.instances[i].proportional_bytes, 1500 * 1024);
	assert_false(roster_is_over(&roster));
}

/* A worker is replaced; its successor may even have its number. */
static void test_workers_are_replaced(void **state)
{
	(void)state;
	write_servers();
	begin(&of_group, NULL, 0);
	look(100);
	roster_read(&roster, 100);
	*told = '\0';
	for (int i = 0; i < 50; i++) {
		write_process(13, 11, "gunicorn: worke", "/web", "/bin/python3",
			      OLD + 1 + (unsigned long)i, 7);
		roster_read(&roster, 101 + i);
		assert_int_equal(service("gunicorn", "/web")->processes, 2);
		look(101 + i);
		assert_int_equal(service("gunicorn", "/web")->processes, 3);
	}
	assert_int_equal(service("gunicorn", "/web")->came, 53);
	assert_int_equal(service("gunicorn", "/web")->went, 50);
	assert_int_equal(roster.service_count, 5);
	assert_int_equal(roster.instance_count, 7);
	assert_string_equal(told, "");
}

static void test_a_service_ends_and_comes_again(void **state)
{
	(void)state;
	write_process(20, 1, "redis", "/db", "/bin/redis", OLD, 300);
	list("20\n");
	begin(&of_group, NULL, 0);
	look(100);
	write_process(20, 1, "redis", "/db", "/bin/redis", OLD, 500);
	roster_read(&roster, 110);
	end_process(20);
	roster_read(&roster, 120);
	assert_int_equal(service("redis", "/db")->processes, 0);
	/* what it used before it was watched does not count */
	assert_int_equal(service("redis", "/db")->past_cpu_s, (int)procfs_seconds(200));
	write_process(22, 1, "redis", "/db", "/bin/redis", OLD, 5);
	list("22\n");
	look(130);
	assert_int_equal(roster.service_count, 1);
	assert_int_equal(service("redis", "/db")->processes, 1);
	assert_string_equal(told, "came redis /db; went redis /db; came redis /db; ");
}

static void test_what_is_long_gone_is_forgotten(void **state)
{
	(void)state;
	write_process(20, 1, "redis", "/db", "/bin/redis", OLD, 5);
	list("20\n");
	begin(&of_group, NULL, 0);
	look(100);
	assert_int_equal(roster.groups.count, 1);
	end_process(20);
	roster_read(&roster, 200);
	roster_read(&roster, 3699);
	assert_int_equal(roster.service_count, 1);
	assert_int_equal(roster.groups.count, 0);
	roster_read(&roster, 3701);
	assert_int_equal(roster.service_count, 0);
}

/* However many come, there is room for so many; those that are over make room. */
static void test_bounds(void **state)
{
	char name[32];

	(void)state;
	begin(&of_group, NULL, 0);
	for (int i = 0; i < 3 * SERVICES_MAX; i++) {
		snprintf(name, sizeof(name), "server-%d", i);
		write_process(1000 + i, 1, name, "/", "/bin/server", OLD, 5);
		snprintf(name, sizeof(name), "%d\n", 1000 + i);
		list(name);
		look(100 + i);
		end_process(1000 + i);
		roster_read(&roster, 100 + i);
	}
	assert_int_equal(roster.service_count, SERVICES_MAX);
	assert_int_equal(roster.left_out, 0);
	assert_int_equal(service("server-383", "/")->came, 1);
}

static void test_by_number(void **state)
{
	static const pid_t pids[] = {11, 20};
	struct failure failure;

	(void)state;
	write_servers();
	begin(&none, pids, 2);
	look(100);
	assert_int_equal(service("gunicorn[11]", "/web")->processes, 3);
	assert_int_equal(service("redis[20]", "/db")->processes, 1);
	write_process(20, 1, "other", "/db", "/bin/redis", OLD + 9, 5);
	roster_read(&roster, 110);
	look(110);
	assert_int_equal(roster.instance_count, 3);
	for (pid_t pid = 11; pid <= 13; pid++)
		end_process(pid);
	assert_false(roster_is_over(&roster));
	roster_read(&roster, 120);
	look(120);
	assert_true(roster_is_over(&roster));
	roster_release(&roster);
	begin(&none, pids, 1);
	assert_int_equal(roster_look(&roster, 100, &failure), -1);
	assert_int_equal(failure.status, STATUS_TARGET);
}

static bool says(const struct metrics *metrics, const char *line)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	metrics_write(metrics, file);
	fclose(file);
	bool found = strstr(text, line);
	if (!found)
		print_message("%s", text);
	free(text);
	return found;
}

static void test_metrics(void **state)
{
	const struct inquiries inquiries = {.asked = 2};
	const struct looks looks = {.made = 5, .failed = 1};
	const struct metrics metrics = {
		.roster = &roster,
		.inquiries = &inquiries,
		.looks = &looks,
		.self = {.overhead = 0.001, .budget = 0.01, .resident_bytes = -1, .requests = 3},
	};

	(void)state;
	write_process(20, 1, "re\"dis", "/db", "/bin/redis", OLD, 5);
	tree_write("fs/db/memory.current", "5000000\n");
	tree_write("fs/db/memory.max", "8000000\n");
	tree_write("fs/db/memory.stat", "anon 7\ninactive_file 1000\n");
	tree_write("fs/db/memory.events", "low 0\nhigh 0\nmax 4\noom 2\noom_kill 1\n");
	tree_write("fs/db/memory.pressure",
		   "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\n"
		   "full avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n");
	list("20\n");
	begin(&of_group, NULL, 0);
	look(100);
	roster_read(&roster, 100);
	assert_true(says(&metrics,
			 "\nunfreed_target_resident_bytes{service=\"re\\\"dis\",pid=\"20\","
			 "comm=\"re\\\"dis\",cgroup=\"/db\"} 2048000\n"));
	assert_true(says(&metrics,
			 "\nunfreed_target_anonymous_bytes{service=\"re\\\"dis\",pid=\"20\","
			 "comm=\"re\\\"dis\",cgroup=\"/db\"} 1024000\n"));
	assert_true(says(&metrics, "\nunfreed_service_swapped_bytes{service=\"re\\\"dis\","
				   "cgroup=\"/db\"} 10240\n"));
	assert_true(says(&metrics, "\nunfreed_cgroup_memory_bytes{cgroup=\"/db\"} 5000000\n"));
	assert_true(
		says(&metrics, "\nunfreed_cgroup_memory_limit_bytes{cgroup=\"/db\"} 8000000\n"));
	assert_true(says(&metrics, "\nunfreed_cgroup_memory_room_bytes{cgroup=\"/db\"} 3000000\n"));
	assert_true(says(&metrics,
			 "\nunfreed_cgroup_memory_inactive_file_bytes{cgroup=\"/db\"} 1000\n"));
	assert_true(says(&metrics, "\nunfreed_cgroup_memory_limit_hits_total{cgroup=\"/db\"} 4\n"));
	assert_true(says(&metrics, "\nunfreed_cgroup_memory_oom_kills_total{cgroup=\"/db\"} 1\n"));
	assert_true(says(&metrics,
			 "\nunfreed_cgroup_memory_waiting_seconds_total{cgroup=\"/db\"} 2.5\n"));
	assert_true(says(&metrics, "\nunfreed_inquiries_total 2\n"));
	assert_true(says(&metrics, "\nunfreed_looks_total 5\n"));
	assert_true(says(&metrics, "\nunfreed_looks_failed_total 1\n"));
	assert_true(says(&metrics, "\nunfreed_overhead_ratio 0.001\n"));
	assert_true(says(&metrics, "\nunfreed_budget_ratio 0.01\n"));
	assert_true(says(&metrics, "\nunfreed_self_requests_total 3\n"));
	assert_true(says(&metrics, "\n# EOF\n"));
}

int main(void)
{
#define ON_A_TREE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ON_A_TREE(test_services),
		ON_A_TREE(test_workers_are_replaced),
		ON_A_TREE(test_a_service_ends_and_comes_again),
		ON_A_TREE(test_what_is_long_gone_is_forgotten),
		ON_A_TREE(test_bounds),
		ON_A_TREE(test_by_number),
		ON_A_TREE(test_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
