/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers that nobody waits for: they are taken in when they come, and others are not held up
 * meanwhile. The confined function here answers only when the test lets it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "confine/confined_internal.h"
#include "confine/errands.h"
#include "count_descriptors.h"

enum { QUESTIONS = 100 };

/* The file that is asked about: which questions may be answered, by number. It does not count as
 * changed where it is written as memory. */
static int file;
static char *is_let;

/* Answers with its question's number, once that is let. */
static int answer_when_let(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	char let = false;

	while (pread(fd, &let, 1, *(const uint8_t *)input) == 1 && !let)
		nanosleep(&pause, NULL);
	return confined_answer_copy(answer, input, length);
}

/* Calls whose answers are not waited for at all. */
struct late {
	struct confined *confined;
	struct loop *loop;
};

static void late_begin(struct late *late)
{
	late->confined = confined_new();
	late->loop = loop_new();
	confined_use_loop(late->confined, late->loop);
	confined_wait_until(late->confined, 1);
	memset(is_let, false, QUESTIONS);
}

static void late_end(struct late *late)
{
	confined_free(late->confined);
	loop_free(late->loop);
}

/* Returns what the call does. */
static int ask_late(const struct late *late, enum confined_need need, uint8_t number)
{
	const struct confined_call call = {
		.need = need,
		.function = answer_when_let,
		.fd = file,
		.input = &number,
		.length = 1,
		.wait = CONFINED_WAIT_FIRST,
	};
	uint8_t answer = UINT8_MAX;
	int error = confined_call_for(late->confined, &call, &answer, 1);

	assert_int_equal(answer, error ? UINT8_MAX : number);
	return error;
}

/* One that is let, and waited for. */
static void ask_now(const struct late *late, enum confined_need need)
{
	is_let[ERRANDS_LEFT_MAX + 1] = true;
	confined_wait_until(late->confined, 0);
	assert_int_equal(ask_late(late, need, ERRANDS_LEFT_MAX + 1), 0);
	confined_wait_until(late->confined, 1);
}

/* Until so many have ended. */
static void serve_until(const struct late *late, size_t ended)
{
	while (confined_ended(late->confined) < ended)
		assert_true(loop_wait(late->loop, -1) >= 0);
}

static void test_a_late_answer_is_there_when_it_is_asked_for_again(void **state)
{
	struct late late;

	(void)state;
	late_begin(&late);
	assert_int_equal(ask_late(&late, CONFINED_NAMES, 0), -EINPROGRESS);
	/* other questions, and another need: none of them waits for the first */
	ask_now(&late, CONFINED_NAMES);
	assert_int_equal(ask_late(&late, CONFINED_TABLES, 0), -EINPROGRESS);
	assert_int_equal(ask_late(&late, CONFINED_NAMES, 1), -EINPROGRESS);
	is_let[1] = true;
	serve_until(&late, 1);
	assert_int_equal(ask_late(&late, CONFINED_NAMES, 0), -EINPROGRESS);
	assert_int_equal(ask_late(&late, CONFINED_NAMES, 1), 0);
	assert_int_equal(confined_calls(late.confined, CONFINED_NAMES), 3);
	is_let[0] = true;
	serve_until(&late, 3);
	assert_int_equal(ask_late(&late, CONFINED_NAMES, 0), 0);
	assert_int_equal(ask_late(&late, CONFINED_TABLES, 0), 0);
	assert_int_equal(confined_calls(late.confined, CONFINED_NAMES), 3);
	assert_int_equal(confined_calls(late.confined, CONFINED_TABLES), 1);
	late_end(&late);
}

static void let_first(void *context)
{
	(void)context;
	is_let[0] = true;
}

static void test_whoever_needs_a_late_answer_waits_for_it(void **state)
{
	struct late late;
	int ends[2];

	(void)state;
	late_begin(&late);
	assert_int_equal(ask_late(&late, CONFINED_NAMES, 0), -EINPROGRESS);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "", 1), 1);
	assert_non_null(loop_on_descriptor(late.loop, ends[0], LOOP_ALWAYS, let_first, NULL));
	confined_wait_until(late.confined, 0);
	assert_int_equal(ask_late(&late, CONFINED_NAMES, 0), 0);
	assert_int_equal(confined_calls(late.confined, CONFINED_NAMES), 1);
	assert_int_equal(confined_ended(late.confined), 0);
	late_end(&late);
	close(ends[0]);
	close(ends[1]);
}

static void test_a_late_answer_has_its_time(void **state)
{
	struct late late;

	(void)state;
	late_begin(&late);
	confined_set_timeout_ms(late.confined, 500);
	for (size_t i = 1; i <= PATIENCE_TRIES; i++) {
		assert_int_equal(ask_late(&late, CONFINED_NAMES, 0), -EINPROGRESS);
		serve_until(&late, i);
		assert_int_equal(ask_late(&late, CONFINED_NAMES, 0), -ETIME);
	}
	assert_int_equal(ask_late(&late, CONFINED_NAMES, 0), -ETIME);
	assert_int_equal(confined_calls(late.confined, CONFINED_NAMES), PATIENCE_TRIES);
	late_end(&late);
}

/* A process that is not trusted any more may have answered others of its need. */
static void test_late_answers_of_a_rejected_need_are_not_believed(void **state)
{
	struct late late;

	(void)state;
	late_begin(&late);
	assert_int_equal(ask_late(&late, CONFINED_NAMES, 0), -EINPROGRESS);
	assert_int_equal(ask_late(&late, CONFINED_TABLES, 0), -EINPROGRESS);
	is_let[0] = true;
	serve_until(&late, 2);
	assert_int_equal(confined_reject(late.confined, CONFINED_NAMES), -EPIPE);
	assert_int_equal(ask_late(&late, CONFINED_TABLES, 0), 0);
	confined_wait_until(late.confined, 0);
	assert_int_equal(ask_late(&late, CONFINED_NAMES, 0), 0);
	assert_int_equal(confined_calls(late.confined, CONFINED_TABLES), 1);
	assert_int_equal(confined_calls(late.confined, CONFINED_NAMES), 2);
	late_end(&late);
}

static void test_so_many_are_under_way_at_once(void **state)
{
	struct late late;

	(void)state;
	late_begin(&late);
	for (uint8_t i = 0; i <= ERRANDS_LEFT_MAX; i++)
		assert_int_equal(ask_late(&late, CONFINED_NAMES, i), -EINPROGRESS);
	assert_int_equal(confined_calls(late.confined, CONFINED_NAMES), ERRANDS_LEFT_MAX);
	/* one whose answer must be had is, all the same, and so is another need's */
	ask_now(&late, CONFINED_NAMES);
	assert_int_equal(ask_late(&late, CONFINED_TABLES, 0), -EINPROGRESS);
	assert_int_equal(confined_calls(late.confined, CONFINED_TABLES), 1);
	is_let[0] = true;
	serve_until(&late, 2);
	/* nobody asks for what came: it goes */
	assert_int_equal(ask_late(&late, CONFINED_NAMES, ERRANDS_LEFT_MAX), -EINPROGRESS);
	assert_int_equal(confined_calls(late.confined, CONFINED_NAMES), ERRANDS_LEFT_MAX + 2);
	is_let[1] = true;
	serve_until(&late, 3);
	assert_int_equal(ask_late(&late, CONFINED_NAMES, 0), -EINPROGRESS);
	assert_int_equal(confined_calls(late.confined, CONFINED_NAMES), ERRANDS_LEFT_MAX + 3);
	late_end(&late);
}

/* Those that nobody asks for again included. */
static void ask_late_often(struct late *late, int count)
{
	for (int i = 0; i < count; i++) {
		size_t ended = confined_ended(late->confined);

		assert_int_equal(ask_late(late, CONFINED_NAMES, (uint8_t)i), -EINPROGRESS);
		serve_until(late, ended + 1);
	}
}

static void test_late_answers_leave_nothing(void **state)
{
	struct late late;
	size_t before;

	(void)state;
	late_begin(&late);
	memset(is_let, true, QUESTIONS);
	ask_late_often(&late, 2 * ERRANDS_LEFT_MAX);
	before = count_descriptors(getpid());
	ask_late_often(&late, QUESTIONS);
	assert_in_range(count_descriptors(getpid()), 1, before);
	late_end(&late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_late_answer_is_there_when_it_is_asked_for_again),
		cmocka_unit_test(test_whoever_needs_a_late_answer_waits_for_it),
		cmocka_unit_test(test_a_late_answer_has_its_time),
		cmocka_unit_test(test_late_answers_of_a_rejected_need_are_not_believed),
		cmocka_unit_test(test_so_many_are_under_way_at_once),
		cmocka_unit_test(test_late_answers_leave_nothing),
	};

	file = memfd_create("file", 0);
	if (ftruncate(file, QUESTIONS))
		return 1;
	is_let = mmap(NULL, QUESTIONS, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	return is_let == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
