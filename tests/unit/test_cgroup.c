/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits of recorded cgroup trees, of both versions, as a host and as a container see them. */
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

#include "target/cgroup.h"

static char root[64];

static void write_file(const char *path, const char *text)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0700);
		*slash = '/';
	}
	FILE *file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/unfreed-cgroup-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static struct cgroup_limit read_limit(const char *groups, const char *shown, const char *type)
{
	const struct procfs procfs = {root};
	char mounts[512];

	snprintf(mounts, sizeof(mounts),
		 "22 1 0:20 / / rw - ext4 /dev/root rw\n"
		 "30 22 0:26 %s %s/fs rw,nosuid shared:9 - %s none rw%s\n",
		 shown, root, type, strcmp(type, "cgroup") ? "" : ",memory");
	write_file("self/mountinfo", mounts);
	write_file("77/cgroup", groups);
	return cgroup_read_limit(&procfs, 77);
}

static void test_the_least_of_all_above_counts(void **state)
{
	(void)state;
	write_file("fs/a/memory.max", "3000000\n");
	write_file("fs/a/memory.current", "2000000\n");
	write_file("fs/a/b/memory.max", "max\n");
	write_file("fs/a/b/c/memory.max", "4000000\n");
	write_file("fs/a/b/c/memory.current", "3500000\n");
	struct cgroup_limit limit = read_limit("0::/a/b/c\n", "/", "cgroup2");
	assert_int_equal(limit.bytes, 3000000);
	assert_int_equal(limit.used_bytes, 2000000);
	assert_int_equal(limit.room_bytes, 500000);
}

static void test_no_limit(void **state)
{
	(void)state;
	write_file("fs/a/memory.max", "max\n");
	assert_int_equal(read_limit("0::/a\n", "/", "cgroup2").bytes, 0);
	assert_int_equal(read_limit("0::/not/there\n", "/", "cgroup2").bytes, 0);
	assert_int_equal(read_limit("", "/", "cgroup2").bytes, 0);
	write_file("fs/b/memory.limit_in_bytes", "9223372036854771712\n");
	assert_int_equal(read_limit("4:memory:/b\n", "/", "cgroup").bytes, 0);
}

static void test_version_1(void **state)
{
	(void)state;
	write_file("fs/docker/1f/memory.limit_in_bytes", "5000000\n");
	write_file("fs/memory.limit_in_bytes", "9223372036854771712\n");
	struct cgroup_limit limit =
		read_limit("5:cpu:/x\n4:cpuset,memory:/docker/1f\n0::/docker/1f\n", "/", "cgroup");
	assert_int_equal(limit.bytes, 5000000);
}

static void test_a_container_sees_its_group_as_the_root(void **state)
{
	(void)state;
	write_file("fs/memory.max", "7000000\n");
	write_file("fs/inner/memory.max", "max\n");
	assert_int_equal(read_limit("0::/docker/1f/inner\n", "/docker/1f", "cgroup2").bytes,
			 7000000);
	assert_int_equal(read_limit("0::/../other\n", "/", "cgroup2").bytes, 7000000);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
