/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an inquiry makes of several processes together: of a master the workers that were
 * looked at stand for all, by how long they were followed. Each grows by 20 kB in each of
 * ten seconds, 72 MB an hour.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "answer_text.h"
#include "cases.h"
#include "service/inquiry_internal.h"

enum { MASTER = 10, PROCESSES = 4, SECONDS = 100 };

struct made {
	struct inquiry inquiry;
	struct inquiry_options options;
	struct member members[PROCESSES];
};

#define C_MEMORY(rate)                                                                         \
	"grows, no bound seen: C memory " rate " holds 0, evidence 1: live blocks of malloc; " \
	"stack not watched: that it grows showed too late"

/* One that used twenty seconds of a processor meanwhile. */
static struct patient_case *add(struct made *made, double seen_s, double per_s)
{
	struct inquiry *inquiry = &made->inquiry;
	struct patient_case *kase = kase_new(MASTER + (pid_t)inquiry->case_count, false, seen_s);

	kase->patient.looks = 4;
	kase->told = true;
	kase->c_stacks.impossible = true;
	kase_grow(&kase->live, 1e6, per_s);
	kase_grow(&kase->parts[PART_MALLOC_LIVE], 1e6, per_s);
	kase_grow(&kase->resident, 4e6, per_s);
	series_add(&kase->used, 0, 1);
	kase->cpu_ticks = 20 * (uint64_t)sysconf(_SC_CLK_TCK);
	inquiry->cases[inquiry->case_count++] = kase;
	return kase;
}

/* A worker that is there since it all began, be it looked at or not. */
static struct member *join(struct made *made, bool taken)
{
	struct crew *crew = &made->inquiry.crew;
	struct member *member = &made->members[crew->count];

	*member = (struct member){
		.pid = MASTER + 1 + (pid_t)crew->count,
		.born_s = made->inquiry.began_s - 50,
		.last_s = made->inquiry.ended_s,
		.last_ticks = 10 * (uint64_t)sysconf(_SC_CLK_TCK),
		.resident_bytes = 1000000,
		.taken = taken,
	};
	crew->members = made->members;
	crew->usual_count = ++crew->count;
	crew->usual_bytes = 1000000 * crew->count;
	return member;
}

static void made_begin(struct made *made, bool of_workers)
{
	double now_s = clock_s(CLOCK_MONOTONIC);

	*made = (struct made){.options = {.pid = MASTER, .duration_s = SECONDS}};
	made->inquiry = (struct inquiry){
		.options = &made->options,
		.cases = calloc(PROCESSES, sizeof(*made->inquiry.cases)),
		.of_workers = of_workers,
		.began_s = now_s - SECONDS,
		.ended_s = now_s,
		/* of ours a second was spent */
		.cpu_began_s = clock_s(CLOCK_PROCESS_CPUTIME_ID) - 1,
	};
	crew_init(&made->inquiry.crew, NULL, MASTER, made->inquiry.began_s);
}

/* As answer_text(), without its first line, behind what the inquiry itself adds. */
static void check(struct made *made, const char *expected)
{
	struct answer *answer = inquiry_answer(&made->inquiry);
	char *text = answer_text(answer), *all;

	assert_non_null(answer);
	assert_int_equal(answer->pid, MASTER);
	if (asprintf(&all, "%s crew %zu ended %zu told %zu life %.0f; cost %.1f core %.1f%s%s%s",
		     text, answer->crew.seen, answer->crew.ended, answer->crew.told,
		     answer->crew.life_s, answer->cost_percent, answer->core_percent,
		     answer->ended ? ", ended" : "", answer->lacks ? ", lacks " : "",
		     answer->lacks ? answer->lacks : "") < 0)
		abort();
	assert_string_equal(all, expected);
	assert_float_equal(answer->watched_s, SECONDS, 1e-6);
	free(all);
	free(text);
	answer_free(answer);
	for (size_t i = 0; i < made->inquiry.answer_count; i++)
		answer_free(made->inquiry.answers[i]);
	free(made->inquiry.answers);
	for (size_t i = 0; i < made->inquiry.case_count; i++)
		kase_free(made->inquiry.cases[i]);
	free(made->inquiry.cases);
}

static void test_one(void **state)
{
	struct made made;

	(void)state;
	made_begin(&made, false);
	add(&made, SECONDS, 20e3);
	made.inquiry.lacks = (struct failure){.text = "a debugger"};
	check(&made,
	      "a x1, up 1100, 4180000 of 0; grows 72000[72000,72000] resident 72000[72000,72000] "
	      "explained 72000\n" C_MEMORY(
		      "72000[72000,72000]") " crew 0 ended 0 told 0 life 0; cost 5.0 core 1.0, lacks a debugger");
}

static void test_one_that_ended(void **state)
{
	struct made made;

	(void)state;
	made_begin(&made, false);
	add(&made, 50, 20e3)->gone = true;
	check(&made,
	      "a x1, up 1050, 4180000 of 0; grows 36000[36000,36000] resident 36000[36000,36000] "
	      "explained 36000\n" C_MEMORY(
		      "36000[36000,36000]") " crew 0 ended 0 told 0 life 0; cost 5.0 core 1.0, ended");
}

/* The master keeps nothing itself. */
static void test_workers(void **state)
{
	struct made made;

	(void)state;
	made_begin(&made, true);
	add(&made, SECONDS, 0);
	add(&made, SECONDS, 20e3);
	add(&made, SECONDS, 20e3);
	join(&made, true);
	join(&made, true);
	check(&made,
	      "a x2, up 1100, 12360000 of 0; grows 144000[144000,144000] resident "
	      "144000[144000,144000] explained 144000\n" C_MEMORY(
		      "144000[144000,144000]") "; the same in 1 more process crew 2 ended 0 told 2 life 0; cost 2.5 core 1.0");
}

/* One was looked at, for all of the time; the other one for none. */
static void test_those_that_have_told_stand_for_all(void **state)
{
	struct made made;

	(void)state;
	made_begin(&made, true);
	add(&made, SECONDS, 0)->patient.looks = 0;
	add(&made, SECONDS, 20e3);
	struct patient_case *other = add(&made, SECONDS, 50e3);

	other->told = false;
	other->patient.looks = 0;
	join(&made, true);
	join(&made, true);
	join(&made, false);
	check(&made,
	      "a x3, up 1100, 13630000 of 0; grows 216000[216000,216000] resident "
	      "216000[216000,216000] explained 216000\n" C_MEMORY(
		      "216000[216000,216000]") " crew 3 ended 0 told 1 life 0; cost 2.0 core 1.0");
}

/* It was there for half of the time, and others took its place. */
static void test_workers_that_are_replaced(void **state)
{
	struct made made;

	(void)state;
	made_begin(&made, true);
	add(&made, SECONDS, 0);
	struct patient_case *kase = add(&made, 50, 20e3);

	kase->gone = true;
	made.inquiry.crew.ended = 2;
	made.inquiry.crew.lives_s[0] = 50;
	made.inquiry.crew.lives_s[1] = 60;
	made.inquiry.crew.past_s = 100;
	join(&made, false)->born_s = made.inquiry.ended_s - 50;
	check(&made,
	      "a x1, up 1100, 5000000 of 0; grows 108000[108000,108000] resident "
	      "108000[108000,108000] explained 108000\n" C_MEMORY(
		      "108000[108000,108000]") " crew 3 ended 2 told 1 life 50; cost 3.3 core 1.0");
}

static void test_nothing_was_seen(void **state)
{
	struct made made;

	(void)state;
	made_begin(&made, false);
	add(&made, SECONDS, 20e3)->patient.looks = 0;
	assert_null(inquiry_answer(&made.inquiry));
	kase_free(made.inquiry.cases[0]);
	free(made.inquiry.cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_one_that_ended),
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_those_that_have_told_stand_for_all),
		cmocka_unit_test(test_workers_that_are_replaced),
		cmocka_unit_test(test_nothing_was_seen),
	};

	return cmocka_run_group_tests_name("inquiry answer", tests, NULL, NULL);
}
