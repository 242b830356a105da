/* SPDX-License-Identifier: BSD-2-Clause */
/* What is ready is served, in turn; while one descriptor is waited for, what cannot wait is. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/loop.h"

enum { FOR_EVER = -1 };

struct fixture {
	struct loop *loop;
	int ends[2]; /* of a pipe */
	struct loop_source *source;
	struct loop_source *other;
	int count; /* how often it was served */
};

static void begin(struct fixture *fixture)
{
	*fixture = (struct fixture){.loop = loop_new()};
	assert_non_null(fixture->loop);
	assert_int_equal(pipe(fixture->ends), 0);
}

static void end(struct fixture *fixture)
{
	loop_free(fixture->loop);
	close(fixture->ends[0]);
	close(fixture->ends[1]);
}

static void take_byte(void *context)
{
	struct fixture *fixture = context;
	char byte;

	assert_int_equal(read(fixture->ends[0], &byte, 1), 1);
	fixture->count++;
}

static void put_bytes(const struct fixture *fixture, size_t count)
{
	assert_int_equal(write(fixture->ends[1], "bytes", count), count);
}

static void count_up(void *context)
{
	((struct fixture *)context)->count++;
}

static void test_descriptor(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture);
	fixture.source = loop_on_descriptor(fixture.loop, fixture.ends[0], LOOP_IN_TURN, take_byte,
					    &fixture);
	assert_non_null(fixture.source);
	assert_int_equal(loop_wait(fixture.loop, 0), 0);
	put_bytes(&fixture, 2);
	assert_int_equal(loop_wait(fixture.loop, FOR_EVER), 1);
	assert_int_equal(loop_wait(fixture.loop, FOR_EVER), 1);
	assert_int_equal(loop_wait(fixture.loop, 0), 0);
	assert_int_equal(fixture.count, 2);
	end(&fixture);
}

static void test_what_no_descriptor_is_is_refused(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture);
	assert_null(loop_on_descriptor(fixture.loop, -1, LOOP_ALWAYS, count_up, &fixture));
	assert_int_equal(errno, EBADF);
	assert_null(loop_on_process(fixture.loop, -1, LOOP_ALWAYS, count_up, &fixture));
	loop_free(NULL);
	loop_drop(NULL);
	end(&fixture);
}

static void test_timer(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture);
	fixture.source = loop_on_timer(fixture.loop, LOOP_IN_TURN, count_up, &fixture);
	assert_int_equal(loop_wait(fixture.loop, 0), 0);
	loop_set_timer(fixture.source, 1, 1000);
	while (fixture.count < 3)
		assert_in_range(loop_wait(fixture.loop, FOR_EVER), 0, 1);
	loop_set_timer(fixture.source, 0, 0);
	fixture.count = 0;
	assert_int_equal(loop_wait(fixture.loop, 0), 0);
	assert_int_equal(fixture.count, 0);
	end(&fixture);
}

static void test_end_of_a_process_is_told_once(void **state)
{
	struct fixture fixture;
	pid_t pid;
	char byte;

	(void)state;
	begin(&fixture);
	pid = fork();
	if (!pid)
		_exit(read(fixture.ends[0], &byte, 1) != 1);
	fixture.source = loop_on_process(fixture.loop, pid, LOOP_IN_TURN, count_up, &fixture);
	assert_non_null(fixture.source);
	assert_int_equal(loop_wait(fixture.loop, 0), 0);
	put_bytes(&fixture, 1);
	assert_int_equal(loop_wait(fixture.loop, FOR_EVER), 1);
	assert_int_equal(loop_wait(fixture.loop, 0), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(loop_wait(fixture.loop, 0), 0);
	assert_int_equal(fixture.count, 1);
	end(&fixture);
}

static void test_signals(void **state)
{
	struct fixture fixture;
	sigset_t signals, before;

	(void)state;
	begin(&fixture);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	sigprocmask(SIG_BLOCK, &signals, &before);
	fixture.source = loop_on_signals(fixture.loop, &signals, LOOP_IN_TURN, count_up, &fixture);
	raise(SIGUSR2);
	raise(SIGUSR1);
	assert_int_equal(loop_wait(fixture.loop, FOR_EVER), 1);
	assert_int_equal(loop_wait(fixture.loop, FOR_EVER), 1);
	assert_int_equal(loop_wait(fixture.loop, 0), 0);
	assert_int_equal(fixture.count, 2);
	sigprocmask(SIG_SETMASK, &before, NULL);
	end(&fixture);
}

static void drop_both(void *context)
{
	struct fixture *fixture = context;

	fixture->count++;
	loop_drop(fixture->source);
	loop_drop(fixture->other);
}

/* Both were ready: the one that comes second must not be served. */
static void test_what_is_dropped_is_not_served(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture);
	fixture.source = loop_on_timer(fixture.loop, LOOP_IN_TURN, drop_both, &fixture);
	fixture.other = loop_on_timer(fixture.loop, LOOP_ALWAYS, drop_both, &fixture);
	loop_set_timer(fixture.source, 1, 0);
	loop_set_timer(fixture.other, 1, 0);
	while (!fixture.count)
		assert_in_range(loop_wait(fixture.loop, FOR_EVER), 0, 1);
	assert_int_equal(loop_wait(fixture.loop, 0), 0);
	assert_int_equal(fixture.count, 1);
	end(&fixture);
}

static void test_mute(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture);
	fixture.source =
		loop_on_descriptor(fixture.loop, fixture.ends[0], LOOP_ALWAYS, take_byte, &fixture);
	put_bytes(&fixture, 1);
	loop_mute(fixture.source, true);
	assert_int_equal(loop_wait(fixture.loop, 0), 0);
	loop_mute(fixture.source, false);
	assert_int_equal(loop_wait(fixture.loop, FOR_EVER), 1);
	assert_int_equal(fixture.count, 1);
	end(&fixture);
}

/* A source that is always ready keeps no other one from its turn. */
static void test_each_has_its_turn(void **state)
{
	struct fixture busy, other;

	(void)state;
	begin(&busy);
	begin(&other);
	busy.source = loop_on_descriptor(busy.loop, busy.ends[0], LOOP_ALWAYS, count_up, &busy);
	other.source = loop_on_descriptor(busy.loop, other.ends[0], LOOP_IN_TURN, count_up, &other);
	put_bytes(&busy, 1);
	put_bytes(&other, 1);
	while (!other.count || !busy.count)
		assert_int_equal(loop_wait(busy.loop, FOR_EVER), 1);
	assert_in_range(busy.count, 1, 2);
	end(&busy);
	end(&other);
}

struct answering {
	struct fixture *meanwhile;
	int answer; /* the end that the answer is written to */
};

/* The answer comes only after so much was served. */
static void take_and_answer(void *context)
{
	struct answering *answering = context;

	take_byte(answering->meanwhile);
	if (answering->meanwhile->count == 4)
		assert_int_equal(write(answering->answer, "!", 1), 1);
}

static void test_what_cannot_wait_is_served_while_an_answer_is_awaited(void **state)
{
	struct fixture meanwhile, in_turn;
	struct answering answering = {.meanwhile = &meanwhile};
	int answer[2];

	(void)state;
	begin(&meanwhile);
	begin(&in_turn);
	assert_int_equal(pipe(answer), 0);
	answering.answer = answer[1];
	assert_non_null(loop_on_descriptor(meanwhile.loop, meanwhile.ends[0], LOOP_ALWAYS,
					   take_and_answer, &answering));
	assert_non_null(loop_on_descriptor(meanwhile.loop, in_turn.ends[0], LOOP_IN_TURN, take_byte,
					   &in_turn));
	put_bytes(&meanwhile, 5);
	put_bytes(&in_turn, 1);
	assert_int_equal(loop_wait_for(meanwhile.loop, answer[0], POLLIN, UINT64_MAX), 0);
	assert_in_range(meanwhile.count, 4, 5);
	assert_int_equal(in_turn.count, 0);
	close(answer[0]);
	close(answer[1]);
	end(&meanwhile);
	end(&in_turn);
}

static void test_long_work_serves_what_cannot_wait(void **state)
{
	struct fixture fixture, in_turn;

	(void)state;
	begin(&fixture);
	begin(&in_turn);
	assert_non_null(loop_on_descriptor(fixture.loop, fixture.ends[0], LOOP_ALWAYS, take_byte,
					   &fixture));
	assert_non_null(loop_on_descriptor(fixture.loop, in_turn.ends[0], LOOP_IN_TURN, take_byte,
					   &in_turn));
	put_bytes(&in_turn, 1);
	loop_serve(fixture.loop);
	assert_int_equal(fixture.count, 0);
	put_bytes(&fixture, 2);
	loop_serve(fixture.loop);
	assert_int_equal(fixture.count, 1);
	loop_serve(fixture.loop);
	loop_serve(fixture.loop);
	loop_serve(NULL);
	assert_int_equal(fixture.count, 2);
	assert_int_equal(in_turn.count, 0);
	end(&fixture);
	end(&in_turn);
}

static void test_a_wait_has_an_end(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture);
	assert_int_equal(loop_wait_for(fixture.loop, fixture.ends[0], POLLIN, 0), -ETIME);
	assert_int_equal(
		loop_wait_for(NULL, fixture.ends[0], POLLIN, clock_ns(CLOCK_MONOTONIC) + 1000000),
		-ETIME);
	put_bytes(&fixture, 1);
	assert_int_equal(loop_wait_for(NULL, fixture.ends[0], POLLIN, UINT64_MAX), 0);
	assert_int_equal(
		loop_wait_unless(NULL, fixture.ends[0], POLLIN, UINT64_MAX, &(bool){false}), 0);
	assert_int_equal(loop_wait_unless(NULL, fixture.ends[0], POLLIN, UINT64_MAX, &(bool){true}),
			 -ECANCELED);
	assert_int_equal(loop_wait_for(fixture.loop, fixture.ends[1], POLLOUT, UINT64_MAX), 0);
	end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_what_no_descriptor_is_is_refused),
		cmocka_unit_test(test_timer),
		cmocka_unit_test(test_end_of_a_process_is_told_once),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_what_is_dropped_is_not_served),
		cmocka_unit_test(test_mute),
		cmocka_unit_test(test_each_has_its_turn),
		cmocka_unit_test(test_what_cannot_wait_is_served_while_an_answer_is_awaited),
		cmocka_unit_test(test_long_work_serves_what_cannot_wait),
		cmocka_unit_test(test_a_wait_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
