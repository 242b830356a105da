/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The confined process is forked from one that knows nothing, and while its answer is awaited what
 * cannot wait goes on. Its functions here answer only when the test lets them.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "confine/confined_internal.h"

enum { EVENTS = 300000 };

static int secret;

static int tell_secret(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	(void)fd;
	(void)input;
	(void)length;
	return confined_answer_copy(answer, &secret, sizeof(secret));
}

static int ask_secret(struct confined *confined)
{
	const struct confined_call call = {.function = tell_secret, .fd = memfd_create("file", 0)};
	int told = -1;

	assert_int_equal(confined_call_for(confined, &call, &told, sizeof(told)), 0);
	close(call.fd);
	return told;
}

/* A file that takes time: until there is a byte in it. */
static int read_slowly(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	char byte;

	(void)input;
	(void)length;
	while (pread(fd, &byte, 1, 0) != 1)
		nanosleep(&pause, NULL);
	return confined_answer_copy(answer, &byte, 1);
}

static pid_t parent_of(pid_t pid)
{
	char path[64], line[256];
	int parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) && sscanf(line, "PPid: %d", &parent) != 1)
		;
	fclose(file);
	return parent;
}

static int open_process(pid_t pid)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);

	assert_true(process >= 0);
	return process;
}

static void wait_for_end(int process)
{
	struct pollfd ended = {.fd = process, .events = POLLIN};

	assert_int_equal(poll(&ended, 1, -1), 1);
	close(process);
}

static void kill_and_wait(pid_t pid)
{
	int process = open_process(pid);

	kill(pid, SIGKILL);
	wait_for_end(process);
}

static void test_a_later_process_knows_no_more_than_the_first(void **state)
{
	struct confined *confined = confined_new();
	pid_t first = confined_pid(confined);

	(void)state;
	secret = 42;
	assert_int_equal(ask_secret(confined), 0);
	assert_true(confined_renew(confined));
	assert_int_equal(ask_secret(confined), 0);
	assert_int_not_equal(confined_pid(confined), first);
	secret = 0;
	confined_free(confined);
}

static void test_a_zygote_that_is_gone_is_replaced(void **state)
{
	struct confined *confined = confined_new();
	pid_t zygote = parent_of(confined_pid(confined));
	int reader = open_process(confined_pid(confined));

	(void)state;
	assert_int_equal(parent_of(zygote), getpid());
	kill_and_wait(zygote);
	wait_for_end(reader);
	assert_int_equal(ask_secret(confined), 0);
	assert_int_not_equal(parent_of(confined_pid(confined)), zygote);
	confined_free(confined);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Tells its two processes, and waits to be killed. */
static void run_program(int told)
{
	struct confined *confined = confined_new();
	pid_t pids[] = {confined_pid(confined), parent_of(confined_pid(confined))};

	if (write(told, pids, sizeof(pids)) != sizeof(pids))
		_exit(1);
	for (;;)
		pause();
}

static void test_nothing_outlives_the_program(void **state)
{
	int ends[2], reader, zygote;
	pid_t program, pids[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	program = fork();
	if (!program)
		run_program(ends[1]);
	assert_int_equal(read(ends[0], pids, sizeof(pids)), sizeof(pids));
	reader = open_process(pids[0]);
	zygote = open_process(pids[1]);
	kill(program, SIGKILL);
	assert_int_equal(waitpid(program, NULL, 0), program);
	wait_for_end(zygote);
	wait_for_end(reader);
	close(ends[0]);
	close(ends[1]);
}

/* Events that come while an answer is awaited. The last one lets the answer come. */
struct meanwhile {
	struct confined *confined;
	int ends[2];
	int file;
	size_t sent;
	size_t taken;
	int call_result;
};

static void send_some(struct meanwhile *meanwhile)
{
	static const char events[4096];
	size_t most = EVENTS - meanwhile->sent;
	ssize_t sent =
		write(meanwhile->ends[1], events, most < sizeof(events) ? most : sizeof(events));

	assert_true(sent >= 0);
	meanwhile->sent += (size_t)sent;
}

static void take_some(void *context)
{
	struct meanwhile *meanwhile = context;
	struct confined_call call = {.function = tell_secret, .fd = meanwhile->file};
	struct confined_answer answer;
	char events[4096];
	ssize_t got = read(meanwhile->ends[0], events, sizeof(events));

	assert_true(got > 0);
	meanwhile->taken += (size_t)got;
	if (meanwhile->taken < EVENTS) {
		send_some(meanwhile);
		return;
	}
	meanwhile->call_result = confined_call(meanwhile->confined, &call, &answer);
	assert_int_equal(pwrite(meanwhile->file, "!", 1, 0), 1);
}

static void test_what_cannot_wait_goes_on_while_an_answer_is_awaited(void **state)
{
	struct meanwhile meanwhile = {
		.confined = confined_new(),
		.file = memfd_create("slow", 0),
	};
	const struct confined_call call = {.function = read_slowly, .fd = meanwhile.file};
	struct loop *loop = loop_new();
	char answer = 0;

	(void)state;
	assert_int_equal(pipe(meanwhile.ends), 0);
	assert_non_null(
		loop_on_descriptor(loop, meanwhile.ends[0], LOOP_ALWAYS, take_some, &meanwhile));
	confined_use_loop(meanwhile.confined, loop);
	send_some(&meanwhile);
	assert_int_equal(confined_call_for(meanwhile.confined, &call, &answer, 1), 0);
	assert_int_equal(answer, '!');
	assert_int_equal(meanwhile.taken, EVENTS);
	assert_int_equal(meanwhile.call_result, -EBUSY);
	confined_free(meanwhile.confined);
	loop_free(loop);
	close(meanwhile.ends[0]);
	close(meanwhile.ends[1]);
	close(meanwhile.file);
}

static void test_an_answer_that_does_not_come_is_given_up(void **state)
{
	struct confined *confined = confined_new();
	const struct confined_call call = {.function = read_slowly, .fd = memfd_create("slow", 0)};
	struct loop *loop = loop_new();
	struct confined_answer answer;

	(void)state;
	confined_use_loop(confined, loop);
	confined_set_timeout_ms(confined, 1);
	assert_int_equal(confined_call(confined, &call, &answer), -ETIME);
	assert_null(answer.data);
	confined_use_loop(confined, NULL);
	loop_free(loop);
	confined_set_timeout_ms(confined, 20000);
	assert_int_equal(ask_secret(confined), 0);
	close(call.fd);
	confined_free(confined);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_later_process_knows_no_more_than_the_first),
		cmocka_unit_test(test_a_zygote_that_is_gone_is_replaced),
		cmocka_unit_test(test_nothing_outlives_the_program),
		cmocka_unit_test(test_what_cannot_wait_goes_on_while_an_answer_is_awaited),
		cmocka_unit_test(test_an_answer_that_does_not_come_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
