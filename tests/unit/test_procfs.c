/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/procfs.h"
#include "process/usage.h"

static const char recorded_status[] =
	"Name:\ta) R (b\nUmask:\t0022\nState:\tS (sleeping)\n"
	"Tgid:\t1234\nNgid:\t0\nPid:\t1234\nPPid:\t1\n"
	"Uid:\t1000\t1001\t1002\t1003\nVmRSS:\t      20 kB\n"
	"RssAnon:\t      12 kB\nVmSwap:\t       8 kB\nThreads:\t7\nNoNewPrivs:\t1\n"
	"Seccomp:\t2\nSeccomp_filters:\t1\n";
static const char recorded_stat[] =
	"1234 (a) R (b) S 1 1234 1234 0 -1 4194304 5108 0 0 0 321 45 0 0 20 0 7 0 987654321 "
	"8835072 1024 18446744073709551615 4194304 4194305 2147287040 0 0 0 0 0 0 0 0 0 17 1 0 0 0 "
	"0 0\n";

struct tree {
	char root[64];
	struct procfs procfs;
};

static void write_file(const char *root, const char *name, const char *text, size_t size)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
	close(fd);
}

static void make_directory(const char *root, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_return_code(mkdir(path, 0700), errno);
}

static void make_link(const char *root, const char *name, const char *target)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_return_code(symlink(target, path), errno);
}

static int setup(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	strcpy(tree->root, "/tmp/unfreed-procfs-XXXXXX");
	assert_non_null(mkdtemp(tree->root));
	tree->procfs.root = tree->root;
	make_directory(tree->root, "1234");
	make_directory(tree->root, "1234/root");
	make_directory(tree->root, "1234/root/etc");
	write_file(tree->root, "1234/status", recorded_status, strlen(recorded_status));
	write_file(tree->root, "1234/stat", recorded_stat, strlen(recorded_stat));
	*state = tree;
	return 0;
}

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
	(void)stat;
	(void)type;
	(void)walk;
	return remove(path);
}

static int teardown(void **state)
{
	struct tree *tree = *state;

	nftw(tree->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(tree);
	return 0;
}

static void test_status_is_read_from_a_recorded_tree(void **state)
{
	struct tree *tree = *state;
	struct process_status status;

	assert_int_equal(procfs_read_status(&tree->procfs, 1234, &status), 0);
	assert_int_equal(status.tgid, 1234);
	assert_int_equal(status.uid, 1000);
	assert_int_equal(status.seccomp, 2);
	assert_int_equal(status.threads, 7);
	assert_false(status.zombie);
	assert_int_equal(status.start_time, 987654321);
	assert_int_equal(status.cpu_ticks, 366);
	assert_string_equal(status.comm, "a) R (b");
	assert_int_equal(status.parent, 1);
	assert_int_equal(status.resident_bytes, 20480);
	assert_int_equal(status.anonymous_bytes, 12288);
	assert_int_equal(status.swapped_bytes, 8192);
	assert_int_equal(status.code_start, 0x400000);
	assert_int_equal(status.stack_start, 0x7ffd0000);
}

static int inner_pid_of(struct tree *tree, const char *line)
{
	struct process_status status;
	char text[512];

	snprintf(text, sizeof(text), "%s%s", recorded_status, line);
	write_file(tree->root, "1234/status", text, strlen(text));
	assert_int_equal(procfs_read_status(&tree->procfs, 1234, &status), 0);
	return status.inner_pid;
}

/* The one in the innermost namespace, whatever else a line says. */
static void test_pid_of_a_namespace(void **state)
{
	struct tree *tree = *state;

	assert_int_equal(inner_pid_of(tree, ""), 1234);
	assert_int_equal(inner_pid_of(tree, "NSpid:\t1234\nNSpgid:\t77\n"), 1234);
	assert_int_equal(inner_pid_of(tree, "NSpid:\t1234\t56\t7\nNSpgid:\t1\n"), 7);
	assert_int_equal(inner_pid_of(tree, "NSpid:\t1234\t56\t7"), 7);
	assert_int_equal(inner_pid_of(tree, "NSpid:\t1234\t56\tx\n"), 0);
	assert_int_equal(inner_pid_of(tree, "NSpid:\n"), 1234);
}

static void test_status_failures_leave_the_output_alone(void **state)
{
	struct tree *tree = *state;
	struct process_status status = {.tgid = 42};

	assert_int_equal(procfs_read_status(&tree->procfs, 999, &status), -ESRCH);
	write_file(tree->root, "1234/stat", "1234 (cut", 9);
	assert_int_equal(procfs_read_status(&tree->procfs, 1234, &status), -EPROTO);
	assert_int_equal(status.tgid, 42);
}

static void test_status_of_ourselves(void **state)
{
	const struct procfs procfs = {"/proc"};
	struct process_status status;

	(void)state;
	assert_int_equal(procfs_read_status(&procfs, getpid(), &status), 0);
	assert_int_equal(status.tgid, getpid());
	assert_int_equal(status.uid, getuid());
	assert_true(status.start_time > 0);
}

static void test_exe_and_arguments(void **state)
{
	struct tree *tree = *state;
	size_t count = 99;

	assert_null(procfs_read_exe(&tree->procfs, 1234));
	make_link(tree->root, "1234/exe", "/usr/bin/my app");
	char *exe = procfs_read_exe(&tree->procfs, 1234);
	assert_string_equal(exe, "/usr/bin/my app");
	free(exe);

	assert_null(procfs_read_cmdline(&tree->procfs, 1234, &count));
	write_file(tree->root, "1234/cmdline", "app\0\0--x=1\0", 11);
	char **arguments = procfs_read_cmdline(&tree->procfs, 1234, &count);
	assert_int_equal(count, 3);
	assert_string_equal(arguments[0], "app");
	assert_string_equal(arguments[1], "");
	assert_string_equal(arguments[2], "--x=1");
	assert_null(arguments[3]);
	free(arguments);
}

static void test_arguments_without_an_end_and_none_at_all(void **state)
{
	struct tree *tree = *state;
	size_t count;

	write_file(tree->root, "1234/cmdline", "nginx: worker", 13);
	char **arguments = procfs_read_cmdline(&tree->procfs, 1234, &count);
	assert_int_equal(count, 1);
	assert_string_equal(arguments[0], "nginx: worker");
	free(arguments);
	write_file(tree->root, "1234/cmdline", "", 0);
	arguments = procfs_read_cmdline(&tree->procfs, 1234, &count);
	assert_int_equal(count, 0);
	assert_null(arguments[0]);
	free(arguments);
}

static void test_links_stay_inside_the_root(void **state)
{
	struct tree *tree = *state;
	char text[16] = "";

	write_file(tree->root, "1234/root/etc/secret", "inside", 6);
	write_file(tree->root, "secret", "outside", 7);
	make_link(tree->root, "1234/root/absolute", "/etc/secret");
	make_link(tree->root, "1234/root/upwards", "../../../../../etc/secret");
	make_link(tree->root, "1234/root/leaving", "../../secret");
	const char *names[] = {"/etc/secret", "/absolute", "/upwards", "/../../etc/secret"};
	for (size_t i = 0; i < 4; i++) {
		int fd = procfs_open_inside(&tree->procfs, 1234, names[i], 1024);

		assert_true(fd >= 0);
		assert_int_equal(read(fd, text, sizeof(text)), 6);
		assert_memory_equal(text, "inside", 6);
		close(fd);
	}
	assert_int_equal(procfs_open_inside(&tree->procfs, 1234, "/leaving", 1024), -ENOENT);
}

static void test_a_file_of_a_live_process(void **state)
{
	const struct procfs procfs = {"/proc"};

	(void)state;
	int fd = procfs_open_inside(&procfs, getpid(), "/etc/passwd", 1 << 20);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(procfs_open_inside(&procfs, getpid(), "/dev/zero", 1 << 20), -EINVAL);
	assert_int_equal(procfs_open_inside(&procfs, getpid(), "/proc/self/exe", 1 << 20), -ELOOP);
}

static void test_only_regular_files_of_a_bearable_size(void **state)
{
	struct tree *tree = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/1234/root/fifo", tree->root);
	assert_return_code(mkfifo(path, 0600), errno);
	write_file(tree->root, "1234/root/large", "12345678", 8);
	assert_int_equal(procfs_open_inside(&tree->procfs, 1234, "/fifo", 1024), -EINVAL);
	assert_int_equal(procfs_open_inside(&tree->procfs, 1234, "/etc", 1024), -EISDIR);
	assert_int_equal(procfs_open_inside(&tree->procfs, 1234, "/large", 7), -EFBIG);
	assert_int_equal(procfs_open_inside(&tree->procfs, 1234, "/none", 7), -ENOENT);
	assert_int_equal(procfs_open_inside(&tree->procfs, 999, "/large", 8), -ESRCH);
	int fd = procfs_open_inside(&tree->procfs, 1234, "/large", 8);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void test_usage_sums_what_living_threads_waited_for(void **state)
{
	struct tree *tree = *state;
	struct usage before, after, sum = {0};
	char self[16], thread[64];

	snprintf(self, sizeof(self), "%d", (int)getpid());
	make_directory(tree->root, self);
	snprintf(thread, sizeof(thread), "%s/task", self);
	make_directory(tree->root, thread);
	snprintf(thread, sizeof(thread), "%s/task/1", self);
	make_directory(tree->root, thread);
	snprintf(thread, sizeof(thread), "%s/task/2", self);
	make_directory(tree->root, thread);
	snprintf(thread, sizeof(thread), "%s/task/1/schedstat", self);
	write_file(tree->root, thread, "70 250000000 3\n", 15);
	assert_int_equal(usage_read(&tree->procfs, getpid(), &before), 0);
	assert_true(before.cpu_s > 0);
	assert_float_equal(before.waited_s, 0.25, 1e-6);
	snprintf(thread, sizeof(thread), "%s/task/2/schedstat", self);
	write_file(tree->root, thread, "70 500000000 3\n", 15);
	assert_int_equal(usage_read(&tree->procfs, getpid(), &after), 0);
	usage_add(&sum, &before, &after);
	assert_float_equal(sum.waited_s, 0.5, 1e-6);
	usage_add(&sum, &after, &before);
	assert_float_equal(sum.waited_s, 0.5, 1e-6);
	assert_int_equal(usage_read(&tree->procfs, 1 << 22, &after), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_status_is_read_from_a_recorded_tree, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_pid_of_a_namespace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_status_failures_leave_the_output_alone, setup,
						teardown),
		cmocka_unit_test(test_status_of_ourselves),
		cmocka_unit_test_setup_teardown(test_exe_and_arguments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_arguments_without_an_end_and_none_at_all,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_stay_inside_the_root, setup, teardown),
		cmocka_unit_test(test_a_file_of_a_live_process),
		cmocka_unit_test_setup_teardown(test_only_regular_files_of_a_bearable_size, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_usage_sums_what_living_threads_waited_for,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
