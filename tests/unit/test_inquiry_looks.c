/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which looks an inquiry makes: by the step that is due, by what looks cost, and by what is
 * left. A hundred seconds, of which ninety have passed; of a process that does little a second
 * of ours may be spent in all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"
#include "service/inquiry_internal.h"

enum { MASTER = 10, FIRST = 11, DURATION_S = 100, PASSED_S = 90 };

/* Steps of the schedule. */
enum { FIRST_GRAPH, SPARED, NEEDED, SECOND_GRAPH, OPTIONAL, OPTIONAL_GRAPH };

static const struct look looked;

struct made {
	struct inquiry inquiry;
	struct inquiry_options options;
	struct patient_case *cases[4];
};

static void made_begin(struct made *made, size_t count, bool of_workers)
{
	double now_s = clock_s(CLOCK_MONOTONIC);

	*made = (struct made){.options = {.pid = MASTER, .duration_s = DURATION_S}};
	made->inquiry = (struct inquiry){
		.options = &made->options,
		.cases = made->cases,
		.case_count = count,
		.of_workers = of_workers,
		.began_s = now_s - PASSED_S,
		.cpu_began_s = clock_s(CLOCK_PROCESS_CPUTIME_ID),
		.ended_s = now_s,
	};
	crew_init(&made->inquiry.crew, NULL, MASTER, made->inquiry.began_s);
	for (size_t i = 0; i < count; i++) {
		made->cases[i] = kase_new(MASTER + (pid_t)i, true, PASSED_S);
		made->cases[i]->life_share = 0.1;
		inquiry_plan(&made->inquiry, made->cases[i], false);
	}
}

static void made_end(struct made *made)
{
	for (size_t i = 0; i < made->inquiry.case_count; i++)
		kase_free(made->cases[i]);
	crew_release(&made->inquiry.crew);
}

/* It has been looked at, and something was done since: it is not still. */
static void was_looked_at(struct patient_case *kase, size_t looks)
{
	kase->patient.looks = looks;
	kase->look = (struct look *)&looked;
	kase->last_count = 1e6;
}

static void costs(struct patient_case *kase, double plain_s, double graph_s)
{
	kase->look_cost_s[false] = plain_s;
	kase->look_cost_s[true] = graph_s;
}

struct choice {
	size_t step;
	bool other; /* no Python */
	size_t looks;
	double plain_s, graph_s;
	double spent_s;
	enum chosen_look chosen;
};

static void test_what_is_affordable(void **state)
{
	static const struct choice choices[] = {
		/* three graphs, each 1.3 times what it was, and two plain looks fit, or not */
		{FIRST_GRAPH, false, 0, 0.1, 0.20, 0, GRAPH_LOOK},
		{FIRST_GRAPH, false, 0, 0.1, 0.21, 0, PLAIN_LOOK},
		{FIRST_GRAPH, false, 0, 0.1, 0.20, 0.1, PLAIN_LOOK},
		{FIRST_GRAPH, true, 0, 0.1, 9.00, 0, GRAPH_LOOK},
		/* the next graph, the last one, and as much beside them */
		{SPARED, false, 1, 0.1, 0.30, 0, PLAIN_LOOK},
		{SPARED, false, 1, 0.1, 0.32, 0, NO_LOOK},
		{SPARED, false, 0, 0.1, 0.10, 0, NO_LOOK},
		{SPARED, true, 0, 0.1, 9.00, 0, PLAIN_LOOK},
		{NEEDED, false, 1, 5.0, 9.00, 0, PLAIN_LOOK},
		{SECOND_GRAPH, false, 1, 5.0, 9.00, 0, GRAPH_LOOK},
		/* room is left for a graph behind it, and for the last one */
		{OPTIONAL, false, 9, 0.1, 0.34, 0, PLAIN_LOOK},
		{OPTIONAL, false, 9, 0.1, 0.35, 0, NO_LOOK},
		{OPTIONAL, false, 9, 0.1, 0.34, 0.1, NO_LOOK},
		/* too few to tell a slope */
		{OPTIONAL, false, SLOPE_LEAST - 1, 0.9, 9.00, 0, PLAIN_LOOK},
		{OPTIONAL, false, SLOPE_LEAST - 1, 1.1, 9.00, 0, NO_LOOK},
		{OPTIONAL, false, SLOPE_LEAST, 0.9, 9.00, 0, NO_LOOK},
		{OPTIONAL_GRAPH, false, 9, 0.1, 0.38, 0, GRAPH_LOOK},
		{OPTIONAL_GRAPH, false, 9, 0.1, 0.39, 0, NO_LOOK},
		{OPTIONAL_GRAPH, true, 9, 0.1, 0.38, 0, GRAPH_LOOK},
		{OPTIONAL_GRAPH, true, 9, 0.1, 0.39, 0, NO_LOOK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		const struct choice *choice = &choices[i];
		struct made made;

		made_begin(&made, 1, false);
		made.cases[0]->patient.is_python = !choice->other;
		if (choice->looks)
			was_looked_at(made.cases[0], choice->looks);
		costs(made.cases[0], choice->plain_s, choice->graph_s);
		made.cases[0]->own_cpu_ns = (uint64_t)(choice->spent_s * 1e9);
		made.inquiry.cpu_began_s -= choice->spent_s;
		made.cases[0]->schedule.next = choice->step;
		if (inquiry_choose_look(&made.inquiry, made.cases[0]) != choice->chosen)
			fail_msg("choice %zu", i);
		assert_int_equal(made.cases[0]->schedule.next, choice->step + 1);
		made_end(&made);
	}
}

/* What has not grown has no new graph; one that began a Python late is looked at at any cost. */
static void test_what_it_is_like(void **state)
{
	struct made made;

	(void)state;
	made_begin(&made, 1, false);
	struct patient_case *kase = made.cases[0];

	was_looked_at(kase, 4);
	costs(kase, 0.01, 0.02);
	kase->schedule.next = OPTIONAL_GRAPH;
	kase->last_count = kase->graph.counted = 1000;
	assert_int_equal(inquiry_choose_look(&made.inquiry, kase), NO_LOOK);
	kase->schedule.next = OPTIONAL;
	assert_int_equal(inquiry_choose_look(&made.inquiry, kase), PLAIN_LOOK);
	kase->schedule.next = OPTIONAL_GRAPH;
	kase->last_count = 1257;
	assert_int_equal(inquiry_choose_look(&made.inquiry, kase), GRAPH_LOOK);
	costs(kase, 5, 9);
	kase->schedule.next = OPTIONAL_GRAPH;
	kase->renewed = true;
	kase->patient.objects.looks = LOOKS_TO_TELL - 1;
	assert_int_equal(inquiry_choose_look(&made.inquiry, kase), GRAPH_LOOK);
	kase->schedule.next = OPTIONAL;
	assert_int_equal(inquiry_choose_look(&made.inquiry, kase), PLAIN_LOOK);
	kase->schedule.next = OPTIONAL;
	kase->patient.objects.looks = LOOKS_TO_TELL;
	assert_int_equal(inquiry_choose_look(&made.inquiry, kase), NO_LOOK);
	made.inquiry.of_workers = true;
	made.options.pid = 1;
	kase->patient.objects.looks = 0;
	kase->schedule.next = OPTIONAL;
	assert_int_equal(inquiry_choose_look(&made.inquiry, kase), NO_LOOK);
	kase->gone = true;
	kase->schedule.next = NEEDED;
	assert_int_equal(inquiry_choose_look(&made.inquiry, kase), NO_LOOK);
	assert_int_equal(kase->schedule.next, NEEDED);
	made_end(&made);
}

/* Malloc's blocks rise, and there are too few looks to tell how fast. */
static void test_measured_where_looks_are_too_dear(void **state)
{
	static const struct {
		size_t step, looks;
		double rises_by;
		enum chosen_look chosen;
	} cases[] = {
		{OPTIONAL, 3, 40e3, MEASURE},
		{OPTIONAL, 3, 0, NO_LOOK},
		{OPTIONAL, SLOPE_LEAST, 40e3, NO_LOOK},
		{OPTIONAL_GRAPH, 3, 40e3, NO_LOOK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made made;

		made_begin(&made, 1, false);
		struct patient_case *kase = made.cases[0];

		was_looked_at(kase, cases[i].looks);
		costs(kase, 2, 9);
		for (size_t j = 0; j < cases[i].looks; j++) {
			double at_s = 8.0 * (double)j;

			series_add(&kase->live, at_s, 1e6);
			series_add(&kase->parts[PART_MALLOC_LIVE], at_s,
				   1e6 + at_s * cases[i].rises_by);
			series_add(&kase->beside, at_s, 1e5);
			series_add(&kase->outside, at_s, 1e5);
		}
		kase->schedule.next = cases[i].step;
		if (inquiry_choose_look(&made.inquiry, kase) != cases[i].chosen)
			fail_msg("case %zu", i);
		made_end(&made);
	}
}

/* It waits for its workers; of what it did before, that counts which it did
 * since it started long ago. */
static void test_a_master_that_does_nothing(void **state)
{
	static const struct {
		double used_s, before_s, uptime_s;
		bool idle;
	} cases[] = {
		{0, 0, 1000, true},   {0.4, 0, 1000, true},  {0.5, 0, 1000, false},
		{0, 4.9, 1000, true}, {0, 5.1, 1000, false}, {0, 50, 599, true},
		{0, 50, 601, false},
	};
	double ticks = (double)sysconf(_SC_CLK_TCK);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made made;

		made_begin(&made, 2, true);
		struct patient_case *kase = made.cases[0];

		kase->uptime_s = cases[i].uptime_s;
		kase->patient.status.cpu_ticks = (uint64_t)(cases[i].before_s * ticks);
		kase->cpu_ticks = (uint64_t)((cases[i].before_s + cases[i].used_s) * ticks);
		kase->schedule.next = NEEDED;
		if (inquiry_choose_look(&made.inquiry, kase) !=
		    (cases[i].idle ? NO_LOOK : PLAIN_LOOK))
			fail_msg("case %zu", i);
		assert_int_equal(kase->schedule.next, cases[i].idle ? FIRST_GRAPH : SECOND_GRAPH);
		inquiry_plan(&made.inquiry, kase, false);
		kase->schedule.next = NEEDED;
		kase->patient.looks = 1;
		inquiry_choose_look(&made.inquiry, kase);
		assert_int_equal(kase->schedule.next, SECOND_GRAPH);
		/* none of its workers is one */
		made.cases[1]->schedule.next = NEEDED;
		assert_int_equal(inquiry_choose_look(&made.inquiry, made.cases[1]), PLAIN_LOOK);
		made_end(&made);
	}
}

static void test_the_last_look(void **state)
{
	static const struct {
		size_t looks;
		bool other, look, still, gone;
		double graph_s;
		enum chosen_look chosen;
	} cases[] = {
		{0, false, false, false, false, 0.1, NO_LOOK},
		{4, true, true, false, false, 9.0, GRAPH_LOOK},
		{4, false, false, false, false, 9.0, GRAPH_LOOK},
		{4, false, true, true, false, 0.1, PLAIN_LOOK},
		{4, false, true, false, false, 0.99, GRAPH_LOOK},
		{4, false, true, false, false, 1.01, MEASURE},
		{4, false, true, false, true, 0.1, NO_LOOK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made made;

		made_begin(&made, 1, false);
		struct patient_case *kase = made.cases[0];

		was_looked_at(kase, cases[i].looks);
		kase->patient.is_python = !cases[i].other;
		if (!cases[i].look)
			kase->look = NULL;
		if (cases[i].still)
			kase->last_count = 0;
		kase->gone = cases[i].gone;
		costs(kase, 0.05, cases[i].graph_s);
		if (inquiry_choose_last(&made.inquiry, kase) != cases[i].chosen)
			fail_msg("case %zu", i);
		made_end(&made);
	}
}

/* A share of the processor time of a busy one; less what was spent for it, and its
 * part of what goes on for all. */
static void test_what_is_left(void **state)
{
	uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
	struct made made;

	(void)state;
	made_begin(&made, 2, false);
	made.cases[0]->cpu_ticks = 4 * PASSED_S * ticks;
	assert_float_equal(inquiry_left_s(&made.inquiry, made.cases[0]), 4 * 0.85, 0.05);
	assert_float_equal(inquiry_left_s(&made.inquiry, made.cases[1]), 0.5, 0.05);
	made.cases[1]->gone = true;
	assert_float_equal(inquiry_left_s(&made.inquiry, made.cases[1]), 1, 0.05);
	made.cases[0]->own_cpu_ns = 1000000000;
	made.inquiry.cpu_began_s -= 1;
	assert_float_equal(inquiry_left_s(&made.inquiry, made.cases[0]), 4 * 0.85 - 1, 0.05);
	/* what goes on takes a ninth of that in the time that is left */
	made.cases[0]->counts_cpu_ns = 900000000;
	assert_float_equal(inquiry_left_s(&made.inquiry, made.cases[0]), 4 * 0.85 - 1.1, 0.05);
	made.inquiry.cpu_began_s -= 0.9;
	assert_float_equal(inquiry_left_s(&made.inquiry, made.cases[0]), 4 * 0.85 - 2.1, 0.05);
	made.cases[0]->c_stacks.cost_s = 0.3;
	assert_float_equal(inquiry_left_s(&made.inquiry, made.cases[0]), 4 * 0.85 - 2.4, 0.05);
	assert_float_equal(inquiry_until_s(&made.inquiry), made.inquiry.began_s + DURATION_S, 1e-6);
	made_end(&made);
}

static void end_lives(struct crew *crew, double life_s)
{
	crew->ended = 4;
	for (int i = 0; i < 4; i++)
		crew->lives_s[i] = life_s;
}

/* By how long others lived; what is older than they get lives on. */
static void test_likely_ends(void **state)
{
	double now_s = clock_s(CLOCK_MONOTONIC);
	struct made made;

	(void)state;
	made_begin(&made, 4, true);
	double until_s = inquiry_until_s(&made.inquiry);

	end_lives(&made.inquiry.crew, 12);
	made.cases[1]->born_s = now_s - 4;
	made.cases[2]->born_s = now_s - 20; /* overdue */
	made.cases[3]->born_s = now_s - 25; /* of another kind */
	for (int i = 1; i < 4; i++)
		inquiry_plan(&made.inquiry, made.cases[i], true);
	assert_float_equal(made.cases[1]->schedule.end_s, now_s + 8, 0.1);
	assert_float_equal(made.cases[1]->schedule.began_s, now_s - 4, 0.1);
	assert_float_equal(made.cases[2]->schedule.end_s, now_s, 0.1);
	assert_float_equal(made.cases[3]->schedule.end_s, until_s, 1e-6);
	assert_true(made.cases[1]->newcomer);
	assert_float_equal(made.cases[0]->schedule.began_s, made.inquiry.began_s, 1e-6);
	assert_false(made.cases[0]->newcomer);
	end_lives(&made.inquiry.crew, 12.3);
	inquiry_move_ends(&made.inquiry);
	assert_float_equal(made.cases[1]->schedule.end_s, now_s + 8, 0.1); /* is no other end */
	end_lives(&made.inquiry.crew, 9);
	made.cases[3]->gone = true;
	inquiry_move_ends(&made.inquiry);
	assert_float_equal(made.cases[1]->schedule.end_s, now_s + 5, 0.1);
	assert_float_equal(made.cases[2]->schedule.end_s, until_s, 1e-6);
	assert_float_equal(made.cases[3]->schedule.end_s, until_s, 1e-6);
	made_end(&made);
}

/* For its whole life, where there is enough for that; one has to tell. */
static void test_who_is_taken_up(void **state)
{
	static const struct {
		double age_s, life_s, graph_s;
		bool told; /* by another one */
		bool takes;
	} cases[] = {
		{0.5, 6, 0.01, true, true},
		{2.5, 6, 0.01, true, false}, /* of its life three tenths are over */
		{0.5, 6, 0.60, true, false}, /* too dear */
		{0.5, 6, 0.60, false, true},
		{0.1, 0, 0.01, true, true},  /* to the end of the inquiry: a tenth of its time */
		{4.9, 0, 0.01, true, false}, /* begun too late */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made made;
		struct member member = {.pid = 99};

		made_begin(&made, 2, true);
		member.born_s = clock_s(CLOCK_MONOTONIC) - cases[i].age_s;
		if (cases[i].life_s > 0)
			end_lives(&made.inquiry.crew, cases[i].life_s);
		costs(made.cases[1], 0.001, cases[i].graph_s);
		made.cases[1]->gone = true;
		made.cases[1]->told = cases[i].told;
		if (inquiry_takes_up(&made.inquiry, &member) != cases[i].takes)
			fail_msg("case %zu", i);
		made_end(&made);
	}
}

/* Too near to the end of all, though young. */
static void test_too_late_to_tell(void **state)
{
	struct made made;
	struct member member = {.pid = 99};

	(void)state;
	made_begin(&made, 2, true);
	made.inquiry.began_s -= 4;
	member.born_s = clock_s(CLOCK_MONOTONIC);
	assert_true(inquiry_takes_up(&made.inquiry, &member));
	made.inquiry.began_s -= 2;
	assert_false(inquiry_takes_up(&made.inquiry, &member));
	made_end(&made);
}

/* Of one that ends with the inquiry the last look is that of all. */
static void test_farewell(void **state)
{
	struct made made;

	(void)state;
	made_begin(&made, 2, true);
	struct patient_case *kase = made.cases[1];
	double now_s = clock_s(CLOCK_MONOTONIC);

	was_looked_at(kase, 3);
	costs(kase, 0.01, 0.1);
	kase->born_s = now_s - 9;
	inquiry_plan(&made.inquiry, kase, true);
	kase->schedule.end_s = now_s + 1;
	kase->schedule.next = 4;
	assert_int_equal(inquiry_choose_look(&made.inquiry, kase), GRAPH_LOOK);
	kase->schedule.next = 4;
	made.cases[0]->own_cpu_ns = 1000000000; /* nothing is left, and another one has told */
	made.inquiry.cpu_began_s -= 1;
	made.cases[0]->told = true;
	made.options.pid = 1;
	assert_int_equal(inquiry_choose_look(&made.inquiry, kase), NO_LOOK);
	made.options.pid = MASTER;
	kase->schedule.next = 4;
	assert_int_equal(inquiry_choose_look(&made.inquiry, kase), GRAPH_LOOK);
	made.inquiry.began_s -= DURATION_S - PASSED_S;
	kase->schedule.end_s = inquiry_until_s(&made.inquiry);
	kase->schedule.began_s = now_s - 100;
	kase->schedule.next = 4;
	assert_int_equal(inquiry_choose_look(&made.inquiry, kase), NO_LOOK);
	made_end(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_affordable),
		cmocka_unit_test(test_what_it_is_like),
		cmocka_unit_test(test_measured_where_looks_are_too_dear),
		cmocka_unit_test(test_a_master_that_does_nothing),
		cmocka_unit_test(test_the_last_look),
		cmocka_unit_test(test_what_is_left),
		cmocka_unit_test(test_likely_ends),
		cmocka_unit_test(test_who_is_taken_up),
		cmocka_unit_test(test_too_late_to_tell),
		cmocka_unit_test(test_farewell),
	};

	return cmocka_run_group_tests_name("inquiry looks", tests, NULL, NULL);
}
