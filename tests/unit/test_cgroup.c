/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits of recorded cgroup trees, of both versions, as a host and as a container see them. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <unistd.h>

#include "made_tree.h"
#include "process/cgroup.h"

static int setup(void **state)
{
	(void)state;
	tree_make("/tmp/unfreed-cgroup");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove();
	return 0;
}

static struct cgroup_limit read_limit(const char *groups, const char *shown, const char *type)
{
	const struct procfs procfs = {tree_root};
	char mounts[512];

	snprintf(mounts, sizeof(mounts),
		 "22 1 0:20 / / rw - ext4 /dev/root rw\n"
		 "30 22 0:26 %s %s/fs rw,nosuid shared:9 - %s none rw%s\n",
		 shown, tree_root, type, strcmp(type, "cgroup") ? "" : ",memory");
	tree_write("self/mountinfo", mounts);
	tree_write("77/cgroup", groups);
	return cgroup_read_limit(&procfs, 77);
}

static void test_the_least_of_all_above_counts(void **state)
{
	(void)state;
	tree_write("fs/a/memory.max", "3000000\n");
	tree_write("fs/a/memory.current", "2000000\n");
	tree_write("fs/a/b/memory.max", "max\n");
	tree_write("fs/a/b/c/memory.max", "4000000\n");
	tree_write("fs/a/b/c/memory.current", "3500000\n");
	struct cgroup_limit limit = read_limit("0::/a/b/c\n", "/", "cgroup2");
	assert_int_equal(limit.bytes, 3000000);
	assert_int_equal(limit.used_bytes, 2000000);
	assert_int_equal(limit.room_bytes, 500000);
}

static void test_no_limit(void **state)
{
	(void)state;
	tree_write("fs/a/memory.max", "max\n");
	assert_int_equal(read_limit("0::/a\n", "/", "cgroup2").bytes, 0);
	assert_int_equal(read_limit("0::/not/there\n", "/", "cgroup2").bytes, 0);
	assert_int_equal(read_limit("", "/", "cgroup2").bytes, 0);
	tree_write("fs/b/memory.limit_in_bytes", "9223372036854771712\n");
	assert_int_equal(read_limit("4:memory:/b\n", "/", "cgroup").bytes, 0);
}

static void test_version_1(void **state)
{
	(void)state;
	tree_write("fs/docker/1f/memory.limit_in_bytes", "5000000\n");
	tree_write("fs/memory.limit_in_bytes", "9223372036854771712\n");
	struct cgroup_limit limit =
		read_limit("5:cpu:/x\n4:cpuset,memory:/docker/1f\n0::/docker/1f\n", "/", "cgroup");
	assert_int_equal(limit.bytes, 5000000);
}

static void test_a_container_sees_its_group_as_the_root(void **state)
{
	(void)state;
	tree_write("fs/memory.max", "7000000\n");
	tree_write("fs/inner/memory.max", "max\n");
	assert_int_equal(read_limit("0::/docker/1f/inner\n", "/docker/1f", "cgroup2").bytes,
			 7000000);
	assert_int_equal(read_limit("0::/../other\n", "/", "cgroup2").bytes, 7000000);
}

/* As in a pod that has the host's tree, which reaches two groups above its own. */
static void test_a_cgroup_namespace_within_the_whole_tree(void **state)
{
	char pid[32];

	(void)state;
	snprintf(pid, sizeof(pid), "1\n%d\n", getpid());
	tree_write("fs/pods/ours/cgroup.procs", pid);
	tree_write("fs/pods/ours/memory.max", "1000000\n");
	tree_write("fs/pods/ours/inner/memory.max", "900000\n");
	tree_write("fs/pods/theirs/cgroup.procs", "1\n2\n");
	tree_write("fs/pods/theirs/memory.max", "2000000\n");
	tree_write("fs/shop/memory.max", "3000000\n");
	assert_int_equal(read_limit("0::/\n", "/../..", "cgroup2").bytes, 1000000);
	assert_int_equal(read_limit("0::/inner\n", "/../..", "cgroup2").bytes, 900000);
	assert_int_equal(read_limit("0::/../theirs\n", "/../..", "cgroup2").bytes, 2000000);
	assert_int_equal(read_limit("0::/../../shop\n", "/../..", "cgroup2").bytes, 3000000);
	/* where its own group is not to be found, nothing is taken for it */
	assert_int_equal(read_limit("0::/../theirs\n", "/../../..", "cgroup2").bytes, 0);
}

static void test_of_two_mounts_the_one_that_shows_more(void **state)
{
	const struct procfs procfs = {tree_root};
	char mounts[1024];

	(void)state;
	snprintf(mounts, sizeof(mounts),
		 "30 22 0:26 / %s/own rw - cgroup2 none rw\n"
		 "31 22 0:26 /../.. %s/fs rw - cgroup2 none rw\n",
		 tree_root, tree_root);
	tree_write("own/memory.max", "1000000\n");
	tree_write("fs/shop/memory.max", "3000000\n");
	tree_write("self/mountinfo", mounts);
	tree_write("77/cgroup", "0::/../../shop\n");
	assert_int_equal(cgroup_read_limit(&procfs, 77).bytes, 3000000);
}

static void test_memory_of_a_group_of_version_1(void **state)
{
	const struct procfs procfs = {tree_root};
	struct cgroup_place place;
	struct cgroup_memory memory;

	(void)state;
	tree_write("fs/memory.limit_in_bytes", "9000000\n");
	tree_write("fs/memory.usage_in_bytes", "8500000\n");
	tree_write("fs/docker/1f/memory.limit_in_bytes", "9223372036854771712\n");
	tree_write("fs/docker/1f/memory.usage_in_bytes", "4000000\n");
	tree_write("fs/docker/1f/memory.failcnt", "12\n");
	tree_write("fs/docker/1f/memory.stat", "inactive_file 5\ntotal_inactive_file 500\n");
	tree_write("fs/docker/1f/memory.oom_control",
		   "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
	read_limit("5:cpu:/x\n4:cpuset,memory:/docker/1f\n0::/unified\n", "/", "cgroup");
	assert_int_equal(cgroup_find_place(&procfs, 77, &place), 0);
	assert_string_equal(place.name, "/docker/1f");
	assert_int_equal(cgroup_read_memory(&place, &memory), 0);
	assert_int_equal(memory.used_bytes, 4000000);
	assert_int_equal(memory.inactive_bytes, 500);
	assert_int_equal(memory.limit.bytes, 9000000);
	assert_int_equal(memory.limit.room_bytes, 500000);
	assert_int_equal(memory.limit_hits, 12);
	assert_int_equal(memory.oom_kills, 3);
	assert_false(memory.pressure.known);
	assert_int_equal(unlink(tree_path("fs/docker/1f/memory.usage_in_bytes")), 0);
	assert_int_equal(cgroup_read_memory(&place, &memory), -ENOENT);
	cgroup_place_release(&place);
}

static void test_no_place(void **state)
{
	const struct procfs procfs = {tree_root};
	struct cgroup_place place;

	(void)state;
	assert_int_equal(cgroup_find_place(&procfs, 77, &place), -ENOENT);
	read_limit("", "/", "cgroup2");
	assert_int_equal(cgroup_find_place(&procfs, 77, &place), -ENOENT);
	assert_null(cgroup_read_name(&procfs, 77));
	read_limit("0::/a\n", "/", "ext4");
	assert_int_equal(cgroup_find_place(&procfs, 77, &place), -ENOENT);
	cgroup_place_release(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_least_of_all_above_counts, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_no_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_version_1, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_container_sees_its_group_as_the_root, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_cgroup_namespace_within_the_whole_tree,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_of_two_mounts_the_one_that_shows_more, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_memory_of_a_group_of_version_1, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_no_place, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
