/* SPDX-License-Identifier: BSD-2-Clause */
/* Where outputs are written to, and what a failure leaves there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "golden.h"
#include "snapshots.h"

struct directory {
	char path[64];
	struct snapshot *snapshot;
	struct output_options options;
};

static int setup(void **state)
{
	struct directory *directory = calloc(1, sizeof(*directory));

	strcpy(directory->path, "/tmp/unfreed-test-XXXXXX");
	directory->snapshot = service_snapshot();
	*state = directory;
	return !mkdtemp(directory->path) || chdir(directory->path);
}

static int teardown(void **state)
{
	static const char *const left[] = {"x.txt",    "x.svg", "fifo",
					   "link.txt", "old",   "full/x.txt"};
	struct directory *directory = *state;

	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		unlink(left[i]);
	rmdir("full");
	int error = chdir("/") || rmdir(directory->path); /* fails where a temporary is left */

	snapshot_free(directory->snapshot);
	free(directory);
	return error;
}

static int write_text(struct directory *directory, const char *path)
{
	return output_write(path, output_format_by_name("text"), directory->snapshot,
			    &directory->options);
}

static void test_files_are_private_and_replaced(void **state)
{
	struct directory *directory = *state;
	struct stat status;

	umask(0);
	FILE *old = fopen("old", "w");

	fputs("old", old);
	fclose(old);
	assert_int_equal(symlink("old", "link.txt"), 0);
	assert_int_equal(write_text(directory, "x.txt"), 0);
	assert_int_equal(write_text(directory, "x.txt"), 0);
	assert_int_equal(stat("x.txt", &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_true(status.st_size > 100);
	assert_int_equal(write_text(directory, "link.txt"), 0);
	assert_int_equal(stat("old", &status), 0);
	assert_int_equal(status.st_size, 3);
	assert_int_equal(write_text(directory, "none/x.txt"), -ENOENT);
}

static void test_sudo_caller_owns_the_file(void **state)
{
	struct directory *directory = *state;
	struct stat status;

	if (geteuid()) {
		print_message("not root: nothing to give away\n");
		skip();
	}
	setenv("SUDO_UID", "1234", 1);
	setenv("SUDO_GID", "4321", 1);
	assert_int_equal(write_text(directory, "x.txt"), 0);
	assert_int_equal(stat("x.txt", &status), 0);
	assert_int_equal(status.st_uid, 1234);
	assert_int_equal(status.st_gid, 4321);
	setenv("SUDO_UID", "-1", 1);
	assert_int_equal(write_text(directory, "x.txt"), 0);
	assert_int_equal(stat("x.txt", &status), 0);
	assert_int_equal(status.st_uid, 0);
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
}

static void test_fifo_is_written_to(void **state)
{
	struct directory *directory = *state;
	char text[4096] = "";

	assert_int_equal(mkfifo("fifo", 0600), 0);
	int fd = open("fifo", O_RDONLY | O_NONBLOCK);

	assert_int_equal(write_text(directory, "fifo"), 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 100);
	close(fd);
	assert_non_null(strstr(text, "recommend (1234)"));
	assert_int_equal(write_text(directory, "/dev/full"), -ENOSPC);
}

static void test_failure_leaves_the_old_file(void **state)
{
	struct directory *directory = *state;
	struct rlimit before, limit;

	assert_int_equal(write_text(directory, "x.txt"), 0);
	char *old = read_all("x.txt");

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 50;
	setrlimit(RLIMIT_FSIZE, &limit);
	directory->snapshot->duration_ns *= 2;
	int error = write_text(directory, "x.txt");

	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(error, -EFBIG);
	char *now = read_all("x.txt");

	assert_string_equal(old, now);
	free(old);
	free(now);
}

/* In a namespace of its own, on a file system of one page. Returns an exit status. */
static int fill_disk(struct directory *directory)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mkdir("full", 0700) || mount("none", "full", "tmpfs", 0, "size=4k"))
		return 77;
	FILE *old = fopen("full/x.txt", "w");

	fputs("old", old);
	fclose(old);
	char *text;

	if (write_text(directory, "full/x.txt") != -ENOSPC)
		return 1;
	text = read_all("full/x.txt");
	int same = text && !strcmp(text, "old");

	free(text);
	return same ? 0 : 2;
}

static void test_full_disk(void **state)
{
	int status;
	pid_t child = fork();

	if (!child)
		_exit(fill_disk(*state));
	waitpid(child, &status, 0);
	if (WEXITSTATUS(status) == 77) {
		print_message("cannot mount a file system here: needs root\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files_are_private_and_replaced, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_sudo_caller_owns_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fifo_is_written_to, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failure_leaves_the_old_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
