/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Confined processes are forked from one that knows nothing, one for each need, and while an answer
 * is awaited what cannot wait goes on. Their functions here answer only when the test lets them.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "confine/confined_internal.h"
#include "confine/kept.h"
#include "count_descriptors.h"

enum {
	EVENTS = 300000,
	LEAK_PAGES = 100, /* a leak of a page in ten calls */
};

static int secret;

static int tell_secret(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	(void)fd;
	(void)input;
	(void)length;
	return confined_answer_copy(answer, &secret, sizeof(secret));
}

static int ask_secret_for(struct confined *confined, enum confined_need need)
{
	const struct confined_call call = {need, tell_secret, memfd_create("file", 0), NULL, 0};
	int told = -1;

	assert_int_equal(confined_call_for(confined, &call, &told, sizeof(told)), 0);
	close(call.fd);
	return told;
}

static int ask_secret(struct confined *confined)
{
	return ask_secret_for(confined, CONFINED_NAMES);
}

/* Its process, which is started where there is none. */
static pid_t pid_of(struct confined *confined, enum confined_need need)
{
	ask_secret_for(confined, need);
	return confined_pid(confined, need);
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

/* Asks a process that has read no other file. */
static int ask_alone(struct confined *confined, enum confined_need need, int fd)
{
	const struct confined_call call = {
		.need = need, .function = tell_secret, .fd = fd, .alone = true};
	int told = -1;

	assert_int_equal(confined_call_for(confined, &call, &told, sizeof(told)), 0);
	return told;
}

static void test_a_later_process_knows_no_more_than_the_first(void **state)
{
	struct confined *confined = confined_new();
	int file = memfd_create("file", 0);
	pid_t first, other;

	(void)state;
	assert_int_equal(confined_pid(confined, CONFINED_NAMES), 0);
	secret = 42;
	first = pid_of(confined, CONFINED_NAMES);
	assert_int_equal(ask_secret(confined), 0);
	assert_int_equal(ask_alone(confined, CONFINED_TABLES, file), 0);
	assert_int_equal(confined_pid(confined, CONFINED_NAMES), first);
	assert_int_equal(ask_alone(confined, CONFINED_NAMES, file), 0);
	other = confined_pid(confined, CONFINED_NAMES);
	assert_int_not_equal(other, first);
	/* it has read this file alone, until it reads another */
	assert_int_equal(ask_alone(confined, CONFINED_NAMES, file), 0);
	assert_int_equal(confined_pid(confined, CONFINED_NAMES), other);
	assert_int_equal(pid_of(confined, CONFINED_NAMES), other);
	assert_int_equal(ask_alone(confined, CONFINED_NAMES, file), 0);
	assert_int_not_equal(confined_pid(confined, CONFINED_NAMES), other);
	close(file);
	for (int need = 0; need < CONFINED_NEEDS; need++)
		assert_int_equal(ask_secret_for(confined, need), 0);
	secret = 0;
	confined_free(confined);
}

static void test_a_zygote_that_is_gone_is_replaced(void **state)
{
	struct confined *confined = confined_new();
	pid_t zygote = parent_of(pid_of(confined, CONFINED_NAMES));
	int reader = open_process(confined_pid(confined, CONFINED_NAMES));
	int other = open_process(pid_of(confined, CONFINED_TABLES));

	(void)state;
	assert_int_equal(parent_of(zygote), getpid());
	kill_and_wait(zygote);
	wait_for_end(reader);
	wait_for_end(other);
	assert_int_equal(ask_secret(confined), 0);
	assert_int_not_equal(parent_of(pid_of(confined, CONFINED_NAMES)), zygote);
	assert_int_equal(parent_of(pid_of(confined, CONFINED_TABLES)),
			 parent_of(pid_of(confined, CONFINED_NAMES)));
	confined_free(confined);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Tells its processes, the last of them the one that the others were forked from. */
static void run_program(int told)
{
	struct confined *confined;
	pid_t pids[CONFINED_NEEDS + 1];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	confined = confined_new();
	for (int need = 0; need < CONFINED_NEEDS; need++)
		pids[need] = pid_of(confined, need);
	pids[CONFINED_NEEDS] = parent_of(pids[0]);
	if (write(told, pids, sizeof(pids)) != sizeof(pids))
		_exit(1);
	for (;;)
		pause();
}

static void test_nothing_outlives_the_program(void **state)
{
	pid_t program, pids[CONFINED_NEEDS + 1];
	int ends[2], processes[CONFINED_NEEDS + 1];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	program = fork();
	if (!program)
		run_program(ends[1]);
	assert_int_equal(read(ends[0], pids, sizeof(pids)), sizeof(pids));
	for (int i = 0; i <= CONFINED_NEEDS; i++)
		processes[i] = open_process(pids[i]);
	kill(program, SIGKILL);
	assert_int_equal(waitpid(program, NULL, 0), program);
	for (int i = 0; i <= CONFINED_NEEDS; i++)
		wait_for_end(processes[i]);
	close(ends[0]);
	close(ends[1]);
}

/* A call that waits until its file has a byte. */
static struct confined_call slow_call(enum confined_need need, int fd)
{
	return (struct confined_call){.need = need, .function = read_slowly, .fd = fd};
}

/* As often as a file may be. */
static void wait_in_vain(struct confined *confined, enum confined_need need, int fd)
{
	const struct confined_call call = slow_call(need, fd);
	struct confined_answer answer;

	confined_set_timeout_ms(confined, 1);
	for (int i = 0; i < PATIENCE_TRIES; i++)
		assert_int_equal(confined_call(confined, &call, &answer), -ETIME);
	confined_set_timeout_ms(confined, 20000);
}

/* Returns what the call does. */
static int ask_about(struct confined *confined, enum confined_need need, int fd)
{
	const struct confined_call call = {.need = need, .function = tell_secret, .fd = fd};
	int told;

	return confined_call_for(confined, &call, &told, sizeof(told));
}

static void test_what_hangs_for_one_need_does_not_for_another(void **state)
{
	struct confined *confined = confined_new();
	pid_t tables = pid_of(confined, CONFINED_TABLES);
	int file = memfd_create("slow", 0);

	(void)state;
	wait_in_vain(confined, CONFINED_NAMES, file);
	for (int need = 0; need < CONFINED_NEEDS; need++)
		assert_int_equal(ask_about(confined, need, file),
				 need == CONFINED_NAMES ? -ETIME : 0);
	assert_int_equal(confined_pid(confined, CONFINED_TABLES), tables);
	assert_int_equal(confined_pid(confined, CONFINED_NAMES), 0);
	close(file);
	confined_free(confined);
}

/* For an answer about a file that was never slow, right now. */
static int64_t patience_left(struct confined *confined, enum confined_need need)
{
	const struct stat file = {0};
	struct patience *patience = confined_patience(confined, need);

	return patience_for(patience, &file, patience->as_of_ms);
}

/* An hour passes: all that was told by the clock is set back by so much. */
static void let_an_hour_pass(struct patience *patience)
{
	patience->as_of_ms -= PATIENCE_GRUDGE_MS;
	for (int i = 0; i < PATIENCE_FILES; i++)
		patience->files[i].last_ms -= PATIENCE_GRUDGE_MS;
}

static void test_patience_is_of_one_need_and_refills(void **state)
{
	struct confined *confined = confined_new();
	int64_t whole_ms = patience_left(confined, CONFINED_NAMES);
	int file = memfd_create("slow", 0);

	(void)state;
	wait_in_vain(confined, CONFINED_NAMES, file);
	confined_patience(confined, CONFINED_NAMES)->left_ms = 0;
	assert_int_equal(patience_left(confined, CONFINED_NAMES), PATIENCE_LEAST_MS);
	for (int need = 0; need < CONFINED_NEEDS; need++)
		if (need != CONFINED_NAMES)
			assert_in_range(patience_left(confined, need), whole_ms, INT64_MAX);
	assert_int_equal(ask_about(confined, CONFINED_NAMES, file), -ETIME);
	let_an_hour_pass(confined_patience(confined, CONFINED_NAMES));
	assert_int_equal(ask_about(confined, CONFINED_NAMES, file), 0);
	assert_int_equal(patience_left(confined, CONFINED_NAMES), whole_ms);
	close(file);
	confined_free(confined);
}

/* Answers with the file's first byte, and then with as many as the question has. */
static int echo(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	char bytes[CONFINED_INPUT_MAX + 1];
	ssize_t got = pread(fd, bytes, 1, 0);

	if (got < 0)
		return -EIO;
	memcpy(bytes + got, input, length);
	return confined_answer_copy(answer, bytes, (size_t)got + length);
}

/* Returns how often the need's process was asked for that. */
static size_t ask_kept(struct confined *confined, int fd, const char *input, bool alone)
{
	const struct confined_call call = {
		.need = CONFINED_NAMES,
		.function = echo,
		.fd = fd,
		.input = input,
		.length = strlen(input),
		.alone = alone,
		.keep = true,
	};
	size_t before = confined_calls(confined, CONFINED_NAMES);
	struct confined_answer answer;
	char byte;
	bool has_byte = pread(fd, &byte, 1, 0) == 1;

	assert_int_equal(confined_call(confined, &call, &answer), 0);
	assert_int_equal(answer.length, has_byte + strlen(input));
	if (has_byte)
		assert_memory_equal(answer.data, &byte, 1);
	assert_memory_equal((char *)answer.data + has_byte, input, strlen(input));
	free(answer.data);
	return confined_calls(confined, CONFINED_NAMES) - before;
}

static void test_what_is_kept_is_not_asked_again(void **state)
{
	struct confined *confined = confined_new();
	int file = memfd_create("file", 0), other = memfd_create("other", 0);

	(void)state;
	assert_int_equal(ask_kept(confined, file, "question", false), 1);
	assert_int_equal(ask_kept(confined, file, "question", false), 0);
	assert_int_equal(ask_kept(confined, file, "another", false), 1);
	assert_int_equal(ask_kept(confined, file, "", false), 1);
	assert_int_equal(ask_kept(confined, other, "question", false), 1);
	assert_int_equal(ask_kept(confined, file, "question", false), 0);
	/* it was changed */
	assert_int_equal(write(file, "!", 1), 1);
	assert_int_equal(ask_kept(confined, file, "question", false), 1);
	/* an answer made no sense: none of this need's is believed any more */
	confined_reject(confined, CONFINED_TABLES);
	assert_int_equal(ask_kept(confined, file, "question", false), 0);
	confined_reject(confined, CONFINED_NAMES);
	assert_int_equal(ask_kept(confined, file, "question", false), 1);
	assert_int_equal(ask_kept(confined, other, "question", false), 1);
	close(file);
	close(other);
	confined_free(confined);
}

static void test_what_is_kept_says_who_gave_it(void **state)
{
	struct confined *confined = confined_new();
	int file = memfd_create("file", 0), other = memfd_create("other", 0);

	(void)state;
	/* a process that had read nothing before */
	assert_int_equal(ask_kept(confined, file, "question", false), 1);
	assert_int_equal(ask_kept(confined, file, "question", true), 0);
	/* one that had */
	assert_int_equal(ask_kept(confined, other, "question", false), 1);
	assert_int_equal(ask_kept(confined, other, "question", true), 1);
	assert_int_equal(ask_kept(confined, other, "question", true), 0);
	assert_int_equal(ask_kept(confined, other, "question", false), 0);
	close(file);
	close(other);
	confined_free(confined);
}

static void test_what_was_kept_longest_goes(void **state)
{
	static char input[CONFINED_INPUT_MAX];
	const int fit = KEPT_BYTES_MAX / (2 * CONFINED_INPUT_MAX);
	struct confined *confined = confined_new();
	int file = memfd_create("file", 0);

	(void)state;
	memset(input, 'x', sizeof(input) - 1);
	for (input[0] = 'A'; input[0] <= 'A' + fit; input[0]++)
		assert_int_equal(ask_kept(confined, file, input, false), 1);
	input[0] = 'A' + fit;
	assert_int_equal(ask_kept(confined, file, input, false), 0);
	input[0] = 'A';
	assert_int_equal(ask_kept(confined, file, input, false), 1);
	close(file);
	confined_free(confined);
}

/* With AddressSanitizer what was freed stays resident, and frames of
 * functions that have returned. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "quarantine_size_mb=0:thread_local_quarantine_size_kb=0:"
	       "detect_stack_use_after_return=0";
}

static long resident_pages(pid_t pid)
{
	char path[64];
	long resident;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*d %ld", &resident), 1);
	fclose(file);
	return resident;
}

/* Each need in turn, every other one in a process that was not there before. */
static void ask_often(struct confined *confined, int count)
{
	int file = memfd_create("file", 0);

	for (int i = 0; i < count; i++) {
		enum confined_need need = i % CONFINED_NEEDS;

		if (i / CONFINED_NEEDS % 2)
			ask_alone(confined, need, file);
		else
			ask_secret_for(confined, need);
	}
	close(file);
}

static void test_a_thousand_calls_leave_nothing(void **state)
{
	struct confined *confined = confined_new();
	pid_t zygote = parent_of(pid_of(confined, CONFINED_NAMES));
	size_t ours, zygotes;
	long our_pages, zygote_pages;

	(void)state;
	ask_often(confined, 10 * CONFINED_NEEDS);
	ours = count_descriptors(getpid());
	zygotes = count_descriptors(zygote);
	assert_true(ours && zygotes);
	our_pages = resident_pages(getpid());
	zygote_pages = resident_pages(zygote);
	ask_often(confined, 1000 / (2 * CONFINED_NEEDS) * 2 * CONFINED_NEEDS);
	assert_in_range(count_descriptors(getpid()), 1, ours); /* one may have been about to go */
	assert_in_range(count_descriptors(zygote), 1, zygotes);
	assert_in_range(resident_pages(getpid()), 0, our_pages + LEAK_PAGES);
	assert_in_range(resident_pages(zygote), 0, zygote_pages + LEAK_PAGES);
	confined_free(confined);
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
	struct confined_call call = {
		.need = CONFINED_TABLES, .function = tell_secret, .fd = meanwhile->file};
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
	const struct confined_call call = slow_call(CONFINED_NAMES, meanwhile.file);
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
	const struct confined_call call = slow_call(CONFINED_NAMES, memfd_create("slow", 0));
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
		cmocka_unit_test(test_what_hangs_for_one_need_does_not_for_another),
		cmocka_unit_test(test_patience_is_of_one_need_and_refills),
		cmocka_unit_test(test_what_is_kept_is_not_asked_again),
		cmocka_unit_test(test_what_is_kept_says_who_gave_it),
		cmocka_unit_test(test_what_was_kept_longest_goes),
		cmocka_unit_test(test_a_thousand_calls_leave_nothing),
		cmocka_unit_test(test_what_cannot_wait_goes_on_while_an_answer_is_awaited),
		cmocka_unit_test(test_an_answer_that_does_not_come_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
