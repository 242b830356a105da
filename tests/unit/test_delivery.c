/* SPDX-License-Identifier: BSD-2-Clause */
/* Alerts that wait for one receiver: in which order, how often, how long, and which are dropped. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "service/monitor/delivery.h"
#include "service/monitor/webhook.h"

static struct loop *loop;
static struct delivery *delivery;
static char told[400]; /* what was tried, and what came of it */
static int hangs;      /* a child does */
static int no_child;   /* the errno for which there is none */
static bool is_freed;

/* A text is how its child ends, from one try to the next: 'd'one, 'a'gain, dr'o'pped. */
static pid_t start(void *context, const char *text)
{
	(void)context;
	size_t used = strlen(told);

	snprintf(told + used, sizeof(told) - used, "%s:", text);
	if (no_child)
		return -no_child;
	pid_t child = fork();
	if (!child) {
		setpgid(0, 0);
		while (hangs)
			pause();
		_exit(3);
	}
	setpgid(child, child);
	return child;
}

static enum delivery_end judge(void *context, const struct delivery_try *done)
{
	const char *text = strrchr(told, '\n') ? strrchr(told, '\n') + 1 : told;
	char end = text[done->number - 1];
	size_t used = strlen(told);

	(void)context;
	snprintf(told + used, sizeof(told) - used, "%zu%s%s\n", done->number,
		 done->is_late                    ? " late"
		 : done->status == -EAGAIN        ? " none"
		 : WEXITSTATUS(done->status) == 3 ? ""
						  : " wrong",
		 end == 'o' ? " dropped" : "");
	return end == 'd' ? DELIVERY_DONE : end == 'a' ? DELIVERY_AGAIN : DELIVERY_DROPPED;
}

static void note_free(void *context)
{
	(void)context;
	is_freed = true;
}

static int begin(double timeout_s, double pause_s)
{
	loop = loop_new();
	*told = 0;
	hangs = no_child = 0;
	is_freed = false;
	delivery = loop ? delivery_new(loop,
				       &(struct delivery_way){
					       .start = start,
					       .judge = judge,
					       .free = note_free,
					       .timeout_s = timeout_s,
					       .pause_s = pause_s,
				       })
			: NULL;
	return delivery ? 0 : -1;
}

static int setup(void **state)
{
	(void)state;
	return begin(60, 0.001);
}

static int teardown(void **state)
{
	(void)state;
	delivery_free(delivery);
	loop_free(loop);
	return is_freed ? 0 : -1;
}

static void wait_until(const char *expected)
{
	while (strlen(told) < strlen(expected))
		loop_wait(loop, -1);
	assert_string_equal(told, expected);
}

static void test_one_after_the_other(void **state)
{
	(void)state;
	delivery_send(delivery, "aad");
	delivery_send(delivery, "o");
	delivery_send(delivery, "ad");
	wait_until("aad:1\naad:2\naad:3\no:1 dropped\nad:1\nad:2\n");
	assert_int_equal(delivery_dropped(delivery), 1);
}

static void test_without_a_child(void **state)
{
	(void)state;
	no_child = EAGAIN;
	delivery_send(delivery, "ao");
	wait_until("ao:1 none\nao:2 none dropped\n");
	assert_int_equal(delivery_dropped(delivery), 1);
}

static void test_one_that_takes_too_long(void **state)
{
	(void)state;
	delivery_free(delivery);
	loop_free(loop);
	assert_int_equal(begin(0.05, 0.001), 0);
	hangs = 1;
	delivery_send(delivery, "ad");
	wait_until("ad:1 late\nad:2 late\n");
}

/* Twice as long each time: 10 ms, 20, 40, 80. */
static void test_later_and_later(void **state)
{
	(void)state;
	delivery_free(delivery);
	loop_free(loop);
	assert_int_equal(begin(60, 0.01), 0);
	uint64_t began_ns = clock_ns(CLOCK_MONOTONIC);
	delivery_send(delivery, "aaaad");
	wait_until("aaaad:1\naaaad:2\naaaad:3\naaaad:4\naaaad:5\n");
	assert_true(clock_ns(CLOCK_MONOTONIC) - began_ns > 150000000);
}

/* The one on its way, 32 that wait, and what is too long. */
static void test_what_there_is_no_room_for(void **state)
{
	static char large[ALERT_BYTES_MAX + 1];

	(void)state;
	hangs = 1;
	memset(large, 'd', sizeof(large) - 1);
	delivery_send(delivery, large);
	assert_int_equal(delivery_dropped(delivery), 1);
	delivery_send(delivery, NULL);
	assert_int_equal(delivery_dropped(delivery), 2);
	for (int i = 0; i < 33; i++)
		delivery_send(delivery, "d");
	assert_int_equal(delivery_dropped(delivery), 2);
	delivery_send(delivery, "d");
	assert_int_equal(delivery_dropped(delivery), 3);
}

static void test_nobody(void **state)
{
	(void)state;
	delivery_send(NULL, "d");
	assert_int_equal(delivery_dropped(NULL), 0);
	delivery_free(NULL);
}

/* --- those that outlive us --- */

static int64_t next_id;
static char kept[100]; /* what the store was asked for */

static int64_t keep(void *context, const char *text)
{
	assert_ptr_equal(context, kept);
	snprintf(kept + strlen(kept), sizeof(kept) - strlen(kept), "+%s ", text);
	return next_id < 0 ? next_id : next_id++;
}

static void forget(void *context, int64_t id)
{
	assert_ptr_equal(context, kept);
	snprintf(kept + strlen(kept), sizeof(kept) - strlen(kept), "-%d ", (int)id);
}

static const struct delivery_store store = {keep, forget, kept};

static void begin_keeping(void)
{
	*kept = 0;
	next_id = 0;
	delivery_keep(delivery, &store);
}

/* Until it is delivered, or dropped for good. */
static void test_kept_until_it_is_done(void **state)
{
	(void)state;
	begin_keeping();
	delivery_send(delivery, "ad");
	delivery_send(delivery, "o");
	assert_string_equal(kept, "+ad +o ");
	assert_int_equal(delivery_waiting(delivery), 0);
	wait_until("ad:1\nad:2\no:1 dropped\n");
	assert_string_equal(kept, "+ad +o -0 -1 ");
}

static void test_what_cannot_be_kept(void **state)
{
	(void)state;
	hangs = 1;
	begin_keeping();
	delivery_send(delivery, "a");
	next_id = -1;
	delivery_send(delivery, "b");
	assert_int_equal(delivery_waiting(delivery), 1);
	assert_true(delivery_close(delivery)); /* one is on its way */
}

/* What another receiver was to get is none of this one's. */
static void test_kept_ones_are_dropped(void **state)
{
	(void)state;
	hangs = 1;
	begin_keeping();
	delivery_send(delivery, "a");
	delivery_send_kept(delivery, 7, "b");
	next_id = -1;
	delivery_send(delivery, "c");
	*kept = 0;
	delivery_drop(delivery);
	assert_string_equal(kept, "-0 -7 ");
	assert_int_equal(delivery_waiting(delivery), 3);
	delivery_drop(NULL);
	assert_int_equal(delivery_waiting(NULL), 0);
	assert_false(delivery_close(NULL));
}

/* Of a delivery before this one, with others before it. */
static void test_sent_again(void **state)
{
	(void)state;
	begin_keeping();
	delivery_send_kept(delivery, 3, "ad");
	assert_string_equal(kept, "");
	wait_until("ad:1\nad:2\n");
	assert_string_equal(kept, "-3 ");
}

/* The one on its way, and 32 that wait, are as many as there is room for. */
static void test_sent_again_without_room(void **state)
{
	(void)state;
	hangs = 1;
	begin_keeping();
	for (int64_t id = 10; id < 50; id++)
		delivery_send_kept(delivery, id, "d");
	assert_string_equal(kept, "-43 -44 -45 -46 -47 -48 -49 ");
}

static void test_closed(void **state)
{
	(void)state;
	assert_false(delivery_close(delivery));
	delivery_send(delivery, "d");
	assert_string_equal(told, "");
	assert_int_equal(delivery_waiting(delivery), 1);
}

/* --- a server that is not there: for about an hour, at these pauses a second --- */

static size_t delayed, dropped;

static void hear(void *context, const struct event *event)
{
	(void)context;
	assert_string_equal(event->path, "http://127.0.0.1:1");
	assert_non_null(strstr(event->text, " connect to server"));
	delayed += event->kind == EVENT_ALERT_DELAYED;
	dropped += event->kind == EVENT_ALERT_DROPPED;
}

static void test_a_webhook_gives_up(void **state)
{
	const struct listener listener = {hear, NULL};
	struct failure failure;

	(void)state;
	struct webhook_options options = {
		.url = "http://a:b@127.0.0.1:1/c",
		.timeout_s = 10,
		.pause_s = 1e-6,
		.listener = &listener,
	};
	setenv("no_proxy", "*", 1);
	if (webhook_check(options.url, &failure) && failure.status == STATUS_FAILURE)
		skip(); /* libcurl is not installed */
	struct delivery *webhook = webhook_new(loop, &options);
	assert_non_null(webhook);
	delivery_send(webhook, "{}");
	delivery_send(webhook, "{}");
	while (dropped < 2)
		loop_wait(loop, -1);
	assert_int_equal(delayed, 1);
	assert_int_equal(delivery_dropped(webhook), 2);
	delivery_free(webhook);
}

int main(void)
{
#define WITH_ONE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_ONE(test_one_after_the_other),
		WITH_ONE(test_without_a_child),
		WITH_ONE(test_one_that_takes_too_long),
		WITH_ONE(test_later_and_later),
		WITH_ONE(test_what_there_is_no_room_for),
		WITH_ONE(test_nobody),
		WITH_ONE(test_a_webhook_gives_up),
		WITH_ONE(test_kept_until_it_is_done),
		WITH_ONE(test_what_cannot_be_kept),
		WITH_ONE(test_kept_ones_are_dropped),
		WITH_ONE(test_sent_again),
		WITH_ONE(test_sent_again_without_room),
		WITH_ONE(test_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
