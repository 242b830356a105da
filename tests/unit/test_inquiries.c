/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which service a monitor asks why it grows, and when: over simulated hours. Whoever is
 * asked is a process that is not there, as its PIDs are beyond all that there can be;
 * what is told of it names it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "service/monitor/inquiries.h"

enum { NOBODY = 4194400, DURATION_S = 120, INTERVAL_S = 10, SECONDS_MOST = 60 };

#define MB_H (1e6 / 3600)

static const struct procfs procfs = {.root = "/proc"};
static char told[400];

static void hear(void *context, const struct event *event)
{
	(void)context;
	if (event->kind == EVENT_NOT_ASKED)
		snprintf(told, sizeof(told), "%s: %s", event->name, event->text);
}

static const struct listener listener = {.hear = hear};

struct made {
	struct roster roster;
	struct instance instances[4];
	double grows[4]; /* bytes a second, by instance */
	struct watched_service services[2];
	struct inquiries_options options;
	struct alerts alerts;
	struct inquiries inquiries;
	double now_s;
};

/* Two services, a process each that is old. */
static void made_begin(struct made *made)
{
	*made = (struct made){
		.services = {{.name = (char *)"a"}, {.name = (char *)"b"}},
		.options = {.share = 0.01, .duration_s = DURATION_S},
		.now_s = clock_s(CLOCK_MONOTONIC),
	};
	made->roster = (struct roster){
		.procfs = &procfs,
		.interval_s = INTERVAL_S,
		.services = {&made->services[0], &made->services[1]},
		.service_count = 2,
		.instances = made->instances,
		.instance_count = 2,
	};
	for (int i = 0; i < 2; i++) {
		trend_init(&made->services[i].trend, INTERVAL_S);
		made->services[i].processes = 1;
		made->instances[i].service = &made->services[i];
		made->instances[i].root = made->instances[i].status.tgid = NOBODY + i;
		made->instances[i].status.anonymous_bytes = 100000000;
	}
	made->alerts.listener = &listener;
	made->inquiries = (struct inquiries){
		.options = &made->options,
		.roster = &made->roster,
		.loop = loop_new(),
		.alerts = &made->alerts,
	};
	*told = '\0';
}

static void made_end(struct made *made)
{
	inquiries_release(&made->inquiries);
	loop_free(made->inquiries.loop);
}

/* Passes so much time, or until somebody is asked. Returns for how long nobody was. */
static double pass(struct made *made, double seconds)
{
	double began_s = made->now_s;

	while (made->now_s < began_s + seconds && !made->inquiries.asking) {
		made->now_s += INTERVAL_S;
		for (size_t i = 0; i < made->roster.instance_count; i++)
			made->instances[i].status.anonymous_bytes +=
				(uint64_t)(made->grows[i] * INTERVAL_S);
		inquiries_attend(&made->inquiries, made->now_s);
	}
	return made->now_s - began_s;
}

/* Who was asked, as is told of it. */
static void check_asked(struct made *made, const char *name, pid_t pid)
{
	double end_s = clock_s(CLOCK_MONOTONIC) + SECONDS_MOST;
	char expected[100];

	assert_non_null(made->inquiries.asking);
	while (made->inquiries.asking && clock_s(CLOCK_MONOTONIC) < end_s)
		loop_wait(made->inquiries.loop, 100);
	assert_null(made->inquiries.asking);
	assert_null(made->inquiries.service);
	snprintf(expected, sizeof(expected), "%s: there is no process %d", name, (int)pid);
	assert_string_equal(told, expected);
	*told = '\0';
}

static void test_the_fastest_first(void **state)
{
	struct made made;

	(void)state;
	made_begin(&made);
	made.grows[0] = 2 * MB_H;
	made.grows[1] = 5 * MB_H;
	double waited_s = pass(&made, 7200);

	assert_true(waited_s >= 570 && waited_s <= 900); /* a slope needs twenty samples */
	assert_true(made.services[1].is_asked);
	check_asked(&made, "b", NOBODY + 1);
	assert_false(made.services[1].is_asked);
	assert_int_equal(made.inquiries.asked, 1);
	assert_int_equal(made.inquiries.failed, 1);
	assert_float_equal(made.services[1].pause_s, 5 * DURATION_S, 1e-6);
	/* then the other one: that one waits */
	pass(&made, 7200);
	check_asked(&made, "a", NOBODY);
	made_end(&made);
}

static void test_who_is_not_asked(void **state)
{
	static const struct {
		double grows, share;
		bool gone, young;
	} cases[] = {
		{0, 0.01, false, false},
		{0.15 * MB_H, 0.01, false, false}, /* too little */
		{-5 * MB_H, 0.01, false, false},
		{5 * MB_H, 0, false, false}, /* nothing may be spent */
		{5 * MB_H, 0.01, true, false},
		{5 * MB_H, 0.01, false, true}, /* it is about to start */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made made;

		made_begin(&made);
		made.grows[0] = cases[i].grows;
		made.options.share = cases[i].share;
		made.services[0].processes = !cases[i].gone;
		if (cases[i].young)
			made.instances[0].status.start_time =
				(uint64_t)(clock_s(CLOCK_BOOTTIME) * (double)sysconf(_SC_CLK_TCK));
		pass(&made, 3600);
		if (made.inquiries.asking)
			fail_msg("case %zu", i);
		made_end(&made);
	}
}

/* What was spent is paid off before another one begins: eight in a
 * thousand, as looks have the rest. */
static void test_debts(void **state)
{
	struct made made;

	(void)state;
	made_begin(&made);
	made.grows[0] = 5 * MB_H;
	made.inquiries.spending.counted_s = made.now_s;
	made.inquiries.spending.allowed_s = -14;
	double waited_s = pass(&made, 7200);

	assert_true(waited_s >= 2000 && waited_s <= 2020);
	check_asked(&made, "a", NOBODY);
	/* of one that costs more there has to be as much */
	made_end(&made);
	made_begin(&made);
	made.grows[0] = 5 * MB_H;
	made.services[0].cost_s = 12;
	waited_s = pass(&made, 7200);
	assert_true(waited_s >= 1250 && waited_s <= 1270);
	made_end(&made);
	/* but no more than can be put by */
	made_begin(&made);
	made.grows[0] = 5 * MB_H;
	made.services[0].cost_s = 500;
	waited_s = pass(&made, 7200);
	assert_true(waited_s >= 2250 && waited_s <= 2270);
	made_end(&made);
}

/* Once for each time that it comes near, whatever may be spent, and though it does not grow. */
static void test_near_to_a_limit(void **state)
{
	struct group group = {.near_limit = true};
	struct made made;

	(void)state;
	made_begin(&made);
	made.instances[1].group = &group;
	made.inquiries.spending.counted_s = made.now_s;
	made.inquiries.spending.allowed_s = -100;
	assert_float_equal(pass(&made, 3600), INTERVAL_S, 1e-6);
	check_asked(&made, "b", NOBODY + 1);
	assert_float_equal(pass(&made, 3600), 3600, 1e-6);
	assert_null(made.inquiries.asking);
	group.near_limit = false;
	pass(&made, INTERVAL_S);
	group.near_limit = true;
	assert_float_equal(pass(&made, 3600), INTERVAL_S, 1e-6);
	check_asked(&made, "b", NOBODY + 1);
	made_end(&made);
}

/* The master of its largest process, where that is watched. */
static void test_whom(void **state)
{
	struct group group = {.near_limit = true};

	(void)state;
	for (int watched = 0; watched < 2; watched++) {
		struct made made;

		made_begin(&made);
		made.roster.instance_count = 4;
		for (int i = 2; i < 4; i++) {
			made.instances[i] = made.instances[0];
			made.instances[i].status.tgid = NOBODY + i;
			made.instances[i].root = watched ? NOBODY : NOBODY + 50;
			made.instances[i].status.resident_bytes = 1000 * (uint64_t)i;
		}
		made.instances[1].status.resident_bytes = 9000; /* another service's */
		made.instances[0].group = &group;
		pass(&made, INTERVAL_S);
		check_asked(&made, "a", watched ? NOBODY : NOBODY + 3);
		made_end(&made);
	}
}

/* One that is being looked at is not asked, one that is asked is not asked at the same time. */
static void test_one_at_a_time(void **state)
{
	struct made made;

	(void)state;
	made_begin(&made);
	made.grows[0] = 5 * MB_H;
	made.services[0].is_looked_at = true;
	pass(&made, 3600);
	assert_null(made.inquiries.asking);
	made.services[0].is_looked_at = false;
	assert_float_equal(pass(&made, 3600), INTERVAL_S, 1e-6);
	made.inquiries.began_s = made.now_s; /* as of simulated time */
	made.services[1].urgent = true;
	inquiries_attend(&made.inquiries, made.now_s += INTERVAL_S);
	assert_int_equal(made.inquiries.asked, 1);
	check_asked(&made, "a", NOBODY);
	inquiries_attend(&made.inquiries, made.now_s += INTERVAL_S);
	check_asked(&made, "b", NOBODY + 1);
	made_end(&made);
}

/* It would go on for two minutes; for ten it is waited for. */
static void test_no_answer(void **state)
{
	struct made made;

	(void)state;
	made_begin(&made);
	made.instances[0].root = made.instances[0].status.tgid = getpid();
	made.services[0].urgent = true;
	inquiries_attend(&made.inquiries, made.now_s);
	made.now_s = made.inquiries.began_s + 2 * DURATION_S + 299;
	inquiries_attend(&made.inquiries, made.now_s);
	assert_non_null(made.inquiries.asking);
	assert_string_equal(told, "");
	inquiries_attend(&made.inquiries, made.now_s + 2);
	assert_null(made.inquiries.asking);
	assert_string_equal(told, "a: no answer came");
	assert_float_equal(made.inquiries.spent_s, 2, 1e-6);
	made_end(&made);
}

static void test_losses_add_up(void **state)
{
	struct told told_first = {.cost_s = 1.5}, told_last = {.cost_s = 2};
	struct inquiries inquiries = {.spent_s = 1};

	(void)state;
	told_first.losses.looked[UNCERTAIN_SWAPPED] = 5;
	told_last.losses.looked[UNCERTAIN_SWAPPED] = UINT64_MAX - 2;
	told_last.losses.recorded[LOSS_COUNT - 1] = 7;
	inquiries_count(&inquiries, &told_first);
	assert_int_equal(inquiries.losses.looked[UNCERTAIN_SWAPPED], 5);
	inquiries_count(&inquiries, &told_last);
	assert_true(inquiries.losses.looked[UNCERTAIN_SWAPPED] == UINT64_MAX);
	assert_int_equal(inquiries.losses.recorded[LOSS_COUNT - 1], 7);
	assert_float_equal(inquiries.spent_s, 4.5, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_fastest_first),
		cmocka_unit_test(test_who_is_not_asked),
		cmocka_unit_test(test_debts),
		cmocka_unit_test(test_near_to_a_limit),
		cmocka_unit_test(test_whom),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_losses_add_up),
	};

	return cmocka_run_group_tests_name("inquiries", tests, NULL, NULL);
}
