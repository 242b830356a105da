/* SPDX-License-Identifier: BSD-2-Clause */
/* A command from its exec to its entry point: what has been mapped by when, and how it may end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/mappings.h"
#include "process/spawn.h"

static const struct procfs procfs = {.root = "/proc"};

/* What is seen at each stop. */
struct seen {
	size_t stops;
	size_t mapped[64]; /* pieces of code, at each of them */
	bool has_libc;
	size_t give_up_at, kill_at; /* 0: never */
};

static int see(void *context, pid_t pid, struct failure *failure)
{
	struct seen *seen = context;
	struct mappings mappings;

	assert_int_equal(mappings_read(&procfs, pid, &mappings), 0);
	for (size_t i = 0; i < mappings.count; i++) {
		seen->mapped[seen->stops] += mappings.items[i].executable;
		seen->has_libc |= strstr(mappings.items[i].path, "libc.so") ||
				  strstr(mappings.items[i].path, "/libc-");
	}
	mappings_release(&mappings);
	if (++seen->stops == seen->kill_at)
		kill(pid, SIGKILL);
	if (seen->stops == seen->give_up_at)
		return failure_set(failure, STATUS_KERNEL, "no probes");
	return 0;
}

/* Runs a shell's command line. */
static int run(const char *line, struct seen *seen, struct failure *failure, int *status)
{
	char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)line, NULL};
	struct spawn spawn = {0};

	assert_int_equal(spawn_prepare(&spawn, argv, failure), 0);
	assert_string_equal(spawn.command, "/bin/sh");
	pid_t pid = spawn.pid;
	int error = spawn_run(&spawn, &procfs, see, seen, failure);

	spawn_release(&spawn);
	assert_int_equal(spawn.pid, 0);
	*status = -1;
	waitpid(pid, status, 0);
	return error;
}

static void test_all_libraries_are_seen(void **state)
{
	struct failure failure = {0};
	struct seen seen = {0};
	int status;

	(void)state;
	assert_int_equal(run("exit 7", &seen, &failure, &status), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_true(seen.stops >= 2);
	assert_true(seen.has_libc);
	assert_true(seen.mapped[0] >= 2); /* the program and its linker */
	for (size_t i = 1; i < seen.stops; i++)
		assert_true(seen.mapped[i] >= seen.mapped[i - 1]);
	assert_true(seen.mapped[seen.stops - 1] > seen.mapped[0]);
}

/* From its entry point on it is nobody's: what it maps and executes then is not seen. */
static void test_what_comes_later(void **state)
{
	struct failure failure = {0};
	struct seen once = {0}, twice = {0};
	int status;

	(void)state;
	assert_int_equal(run("exit 0", &once, &failure, &status), 0);
	assert_int_equal(run("/bin/sh -c 'exit 3'; kill -USR1 $$", &twice, &failure, &status), 0);
	assert_int_equal(twice.stops, once.stops);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGUSR1);
}

static void test_giving_up(void **state)
{
	struct failure failure = {0};
	struct seen seen = {.give_up_at = 2};
	int status;

	(void)state;
	assert_int_equal(run("exit 7", &seen, &failure, &status), -1);
	assert_string_equal(failure.text, "no probes");
	assert_int_equal(seen.stops, 2);
	assert_int_equal(status, -1); /* it was waited for */
}

static void test_one_that_ends_on_its_way(void **state)
{
	struct failure failure = {0};
	struct seen seen = {.kill_at = 2};
	int status;

	(void)state;
	assert_int_equal(run("exit 7", &seen, &failure, &status), 0);
	assert_string_equal(failure.text, "");
	assert_int_equal(seen.stops, 2);
}

static void test_no_such_command(void **state)
{
	static const struct {
		const char *path, *text;
	} cases[] = {
		{"/no/such", "cannot run /no/such: No such file or directory"},
		{"no-such-command-anywhere",
		 "cannot run no-such-command-anywhere: No such file or directory"},
		{"/proc/self/mem", "cannot run /proc/self/mem: Permission denied"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *argv[] = {(char *)cases[i].path, NULL};
		struct failure failure = {0};
		struct spawn spawn = {0};
		struct seen seen = {0};

		assert_int_equal(spawn_prepare(&spawn, argv, &failure), 0);
		assert_int_equal(spawn_run(&spawn, &procfs, see, &seen, &failure), -1);
		assert_string_equal(failure.text, cases[i].text);
		assert_int_equal(failure.status, STATUS_TARGET);
		assert_int_equal(seen.stops, 0);
		spawn_release(&spawn);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_libraries_are_seen),
		cmocka_unit_test(test_what_comes_later),
		cmocka_unit_test(test_giving_up),
		cmocka_unit_test(test_one_that_ends_on_its_way),
		cmocka_unit_test(test_no_such_command),
	};

	setenv("PATH", "/usr/bin:/bin", 1); /* a place that may not be read is another answer */
	return cmocka_run_group_tests_name("spawn", tests, NULL, NULL);
}
