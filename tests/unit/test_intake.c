/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records are handed out once, whole, in the order in which they came, also those that came while
 * something else was waited for. The ring buffer is made: what it holds more than RING is lost.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/libbpf.h>

#include "tracer/intake.h"

enum { RING = 1000, BIG = 1 << 20 };

static uint32_t ring[RING];
static size_t held, dropped;
static size_t record_bytes = sizeof(uint32_t);
static uint32_t next_number;
static int readable;
static ring_buffer_sample_fn take;
static void *taker;
static bool refuses;

struct ring_buffer *ring_buffer__new(int map, ring_buffer_sample_fn sample, void *context,
				     const struct ring_buffer_opts *options)
{
	(void)map;
	(void)options;
	if (refuses) {
		errno = EPERM;
		return NULL;
	}
	take = sample;
	taker = context;
	readable = eventfd(0, EFD_NONBLOCK);
	return (struct ring_buffer *)ring;
}

void ring_buffer__free(struct ring_buffer *made)
{
	if (made)
		close(readable);
}

int ring_buffer__epoll_fd(const struct ring_buffer *made)
{
	(void)made;
	return readable;
}

/* As libbpf: a record whose function fails has been taken, and ends it. */
int ring_buffer__consume(struct ring_buffer *made)
{
	static char record[BIG];
	uint64_t value;
	size_t at = 0;
	int error = 0;

	(void)made;
	while (at < held && error >= 0) {
		*(uint32_t *)record = ring[at++];
		error = take(taker, record, record_bytes);
	}
	for (size_t i = at; i < held; i++)
		ring[i - at] = ring[i];
	held -= at;
	if (!held && read(readable, &value, sizeof(value)) < 0)
		assert_int_equal(errno, EAGAIN);
	return error < 0 ? error : (int)at;
}

static void produce(size_t count)
{
	const uint64_t one = 1;

	for (size_t i = 0; i < count; i++, next_number++) {
		if (held < RING)
			ring[held++] = next_number;
		else
			dropped++;
	}
	assert_int_equal(write(readable, &one, sizeof(one)), sizeof(one));
}

static struct intake *begin(struct loop *loop)
{
	struct intake *intake;

	held = dropped = 0;
	next_number = 0;
	record_bytes = sizeof(uint32_t);
	intake = intake_new(0, loop);
	assert_non_null(intake);
	return intake;
}

/* Hands out all that is aside; returns how many. */
static uint32_t take_all(struct intake *intake, uint32_t first)
{
	const uint32_t *record;
	uint32_t number = first;
	size_t size;

	for (; (record = intake_next(intake, &size)); number++) {
		assert_int_equal(size, record_bytes);
		assert_int_equal(*record, number);
	}
	return number - first;
}

static void test_records_come_in_order(void **state)
{
	struct intake *intake = begin(NULL);
	size_t size;

	(void)state;
	assert_null(intake_next(intake, &size));
	produce(10);
	intake_fetch(intake);
	produce(5);
	assert_int_equal(take_all(intake, 0), 10);
	intake_fetch(intake);
	assert_int_equal(take_all(intake, 10), 5);
	assert_null(intake_next(intake, &size));
	produce(3);
	intake_fetch(intake);
	intake_free(intake);
}

/* Those that are fetched while one is dealt with come behind it, and it stays as it is. */
static void test_records_come_while_one_is_dealt_with(void **state)
{
	struct intake *intake = begin(NULL);
	const uint32_t *record;
	size_t size;

	(void)state;
	produce(2);
	intake_fetch(intake);
	record = intake_next(intake, &size);
	produce(RING);
	intake_fetch(intake);
	assert_int_equal(*record, 0);
	assert_int_equal(take_all(intake, 1), RING + 1);
	intake_free(intake);
}

struct answering {
	int answer;
	int rounds;
};

/* As much as the ring holds, again and again; then the answer comes. */
static void produce_more(void *context)
{
	struct answering *answering = context;
	const uint64_t one = 1;

	if (held)
		return;
	if (answering->rounds--)
		produce(RING);
	else
		assert_int_equal(write(answering->answer, &one, sizeof(one)), sizeof(one));
}

static void test_records_come_while_an_answer_is_awaited(void **state)
{
	enum { ROUNDS = 300 };
	struct answering answering = {eventfd(0, 0), ROUNDS};
	struct loop *loop = loop_new();
	struct intake *intake = begin(loop);
	int always = eventfd(1, 0);
	struct loop_source *producer =
		loop_on_descriptor(loop, always, LOOP_ALWAYS, produce_more, &answering);

	(void)state;
	assert_int_equal(loop_wait_for(loop, answering.answer, POLLIN, UINT64_MAX), 0);
	loop_drop(producer);
	assert_int_equal(take_all(intake, 0), ROUNDS * RING);
	assert_int_equal(dropped, 0);
	intake_free(intake);
	loop_free(loop);
	close(always);
	close(answering.answer);
}

/* A flood is taken as far as there is room for it, and the loop does not
 * turn in vain for the rest. */
static void test_what_is_set_aside_has_a_bound(void **state)
{
	struct loop *loop = loop_new();
	struct intake *intake = begin(loop);
	uint32_t taken;

	(void)state;
	record_bytes = BIG;
	produce(RING);
	while (loop_wait(loop, 0) > 0)
		;
	assert_in_range(held, RING / 2, RING - 1);
	taken = take_all(intake, 0);
	assert_in_range(taken, 1, RING / 2);
	while (held) {
		intake_fetch(intake);
		taken += take_all(intake, taken);
	}
	assert_int_equal(taken, RING);
	intake_fetch(intake);
	produce(1);
	assert_int_equal(loop_wait(loop, 0), 1);
	assert_int_equal(take_all(intake, taken), 1);
	intake_free(intake);
	loop_free(loop);
}

static void test_without_a_ring_there_is_none(void **state)
{
	struct loop *loop = loop_new();

	(void)state;
	refuses = true;
	assert_null(intake_new(0, loop));
	assert_int_equal(errno, EPERM);
	refuses = false;
	intake_free(NULL);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_come_in_order),
		cmocka_unit_test(test_records_come_while_one_is_dealt_with),
		cmocka_unit_test(test_records_come_while_an_answer_is_awaited),
		cmocka_unit_test(test_what_is_set_aside_has_a_bound),
		cmocka_unit_test(test_without_a_ring_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
