/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done about targets, by what was found, asked for and measured: tables of cases. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "evidence/sources.h"
#include "plan/plan.h"
#include "plan/share.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* --- the kernel --- */

#define YES true
#define NO  false

static const struct kernel_case {
	struct kernel kernel;
	enum attach_kind asked;
	enum attach_kind kind;
	enum reason reason;
	enum reason of_any; /* plan_probes() */
} kernel_cases[] = {
	/* clang-format off */
	{{"", YES, YES, YES, YES, YES, YES}, ATTACH_AUTO,    ATTACH_SESSION, REASON_NONE,           REASON_NONE},
	{{"", YES, YES, YES, NO,  YES, YES}, ATTACH_AUTO,    ATTACH_MULTI,   REASON_NONE,           REASON_NONE},
	{{"", YES, YES, YES, NO,  NO,  YES}, ATTACH_AUTO,    ATTACH_PERF,    REASON_NONE,           REASON_NONE},
	{{"", YES, YES, YES, NO,  NO,  NO},  ATTACH_AUTO,    ATTACH_AUTO,    REASON_NO_SUCH_PROBES, REASON_NO_PROBES},
	{{"", YES, YES, YES, YES, YES, YES}, ATTACH_PERF,    ATTACH_PERF,    REASON_NONE,           REASON_NONE},
	{{"", YES, YES, YES, YES, NO,  YES}, ATTACH_MULTI,   ATTACH_MULTI,   REASON_NO_SUCH_PROBES, REASON_NONE},
	{{"", YES, YES, YES, NO,  YES, YES}, ATTACH_SESSION, ATTACH_SESSION, REASON_NO_SUCH_PROBES, REASON_NONE},
	{{"", YES, YES, YES, YES, YES, NO},  ATTACH_PERF,    ATTACH_PERF,    REASON_NO_SUCH_PROBES, REASON_NONE},
	{{"", YES, NO,  YES, YES, YES, YES}, ATTACH_AUTO,    ATTACH_SESSION, REASON_OTHER_PIDS,     REASON_NONE},
	{{"", YES, NO,  YES, NO,  NO,  NO},  ATTACH_PERF,    ATTACH_PERF,    REASON_OTHER_PIDS,     REASON_NO_PROBES},
	{{"", NO,  YES, YES, YES, YES, YES}, ATTACH_AUTO,    ATTACH_SESSION, REASON_NO_PRIVILEGE,   REASON_NO_PRIVILEGE},
	{{"", NO,  NO,  YES, NO,  NO,  NO},  ATTACH_AUTO,    ATTACH_AUTO,    REASON_NO_PRIVILEGE,   REASON_NO_PRIVILEGE},
	/* clang-format on */
};

static void test_kernel(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(kernel_cases); i++) {
		const struct kernel_case *one = &kernel_cases[i];
		const struct request request = {.attach = one->asked};
		enum attach_kind kind;
		enum reason reason = plan_attach(&request, &one->kernel, &kind);

		if (reason != one->reason || kind != one->kind)
			fail_msg("case %zu: reason %d, kind %d", i, reason, kind);
		if (plan_probes(&one->kernel) != one->of_any)
			fail_msg("case %zu: reason %d", i, plan_probes(&one->kernel));
	}
}

/* --- a process --- */

static const struct process_case {
	struct target_survey survey;
	bool return_kills_seccomp;
	enum reason reason;
	bool growth; /* by page faults, which need no return probe */
} process_cases[] = {
	{{.executable = true, .may_look = true}, true, REASON_NONE},
	{{.executable = true, .may_look = false}, true, REASON_NONE},
	{{.gone = true, .executable = true, .may_look = true}, false, REASON_GONE},
	{{.gone = true, .may_look = false}, false, REASON_GONE},
	{{.executable = false, .may_look = true}, false, REASON_NO_EXECUTABLE},
	{{.executable = false, .may_look = false}, false, REASON_NOT_ALLOWED},
	{{.executable = true, .is_32_bit = true}, false, REASON_32_BIT},
	{{.executable = true, .is_32_bit = true, .seccomp = true}, true, REASON_32_BIT},
	{{.executable = false, .may_look = true, .is_32_bit = true}, false, REASON_NO_EXECUTABLE},
	{{.executable = true, .seccomp = true}, true, REASON_SECCOMP},
	{{.executable = true, .seccomp = true}, false, REASON_NONE},
	{{.executable = true, .seccomp = true}, true, REASON_NONE, .growth = true},
	{{.gone = true, .executable = true, .seccomp = true}, true, REASON_GONE, .growth = true},
};

static void test_process(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(process_cases); i++) {
		const struct process_case *one = &process_cases[i];
		const struct kernel kernel = {.return_kills_seccomp = one->return_kills_seccomp};
		const struct request request = {.growth = one->growth};
		enum reason reason = plan_process(&request, &one->survey, &kernel);

		if (reason != one->reason)
			fail_msg("case %zu: reason %d", i, reason);
	}
}

/* --- what malloc's calls cost --- */

static const struct cost_case {
	struct request request;
	double percent;
	enum reason refusal;
	enum reason note;
	bool dear;
} malloc_cases[] = {
	/* clang-format off */
	/* up to the share, and beyond it */
	{{.malloc = MALLOC_AUTO}, 0, REASON_NONE, REASON_NONE, false},
	{{.malloc = MALLOC_AUTO}, SHARE_PERCENT, REASON_NONE, REASON_NONE, false},
	{{.malloc = MALLOC_AUTO}, SHARE_PERCENT + 0.01, REASON_NONE, REASON_NONE, true},
	{{.malloc = MALLOC_AUTO}, 30000, REASON_NONE, REASON_NONE, true},
	{{.malloc = MALLOC_EXACT}, SHARE_PERCENT, REASON_NONE, REASON_NONE, false},
	{{.malloc = MALLOC_EXACT}, SHARE_PERCENT + 0.01, REASON_MALLOC_DEAR, REASON_NONE, false},
	/* at any cost */
	{{.malloc = MALLOC_AUTO, .exact = true}, 30000, REASON_NONE, REASON_NONE, false},
	{{.malloc = MALLOC_EXACT, .exact = true}, 30000, REASON_NONE, REASON_NONE, false},
	/* they are not asked for */
	{{.malloc = MALLOC_OFF}, 30000, REASON_NONE, REASON_NONE, false},
	{{.malloc = MALLOC_OFF, .python = PYTHON_EXACT}, 30000, REASON_NONE, REASON_NONE, false},
	/* what the pools show is worth having alone, or it is not */
	{{.malloc = MALLOC_AUTO, .python = PYTHON_POOLS}, 26, REASON_NONE, REASON_NONE, true},
	{{.malloc = MALLOC_AUTO, .python = PYTHON_EXACT}, 26, REASON_MALLOC_DEAR, REASON_NONE, false},
	{{.malloc = MALLOC_AUTO, .python = PYTHON_OFF, .old = true}, 26, REASON_MALLOC_DEAR, REASON_NONE, false},
	{{.malloc = MALLOC_AUTO, .python = PYTHON_OFF}, 26, REASON_NONE, REASON_NONE, false},
	{{.malloc = MALLOC_AUTO, .python = PYTHON_OFF}, 25, REASON_NONE, REASON_NONE, false},
	{{.malloc = MALLOC_AUTO, .peak = true}, 26, REASON_MALLOC_DEAR, REASON_NONE, false},
	{{.malloc = MALLOC_AUTO, .peak = true}, 25, REASON_NONE, REASON_NONE, false},
	{{.malloc = MALLOC_EXACT, .python = PYTHON_POOLS}, 26, REASON_MALLOC_DEAR, REASON_NONE, false},
	/* clang-format on */
};

/* Each block is recorded in these. */
static const struct cost_case object_cases[] = {
	/* clang-format off */
	{{.python = PYTHON_AUTO}, 0, REASON_NONE, REASON_NONE, false},
	{{.python = PYTHON_AUTO}, SHARE_PERCENT, REASON_NONE, REASON_NONE, false},
	{{.python = PYTHON_AUTO}, SHARE_PERCENT + 0.01, REASON_NONE, REASON_OBJECTS_CHEAPER, true},
	{{.python = PYTHON_AUTO, .exact = true}, 30000, REASON_NONE, REASON_NONE, false},
	{{.python = PYTHON_AUTO, .malloc = MALLOC_OFF}, 26, REASON_NONE, REASON_OBJECTS_CHEAPER, true},
	{{.python = PYTHON_EXACT}, SHARE_PERCENT, REASON_NONE, REASON_NONE, false},
	{{.python = PYTHON_EXACT}, SHARE_PERCENT + 0.01, REASON_OBJECTS_REFUSED, REASON_OBJECTS_DEAR, false},
	{{.python = PYTHON_EXACT, .exact = true}, 30000, REASON_NONE, REASON_NONE, false},
	/* clang-format on */
};

static void compare_rulings(const struct cost_case *cases, size_t count,
			    struct ruling (*rule)(const struct request *request, double percent))
{
	for (size_t i = 0; i < count; i++) {
		struct ruling ruling = rule(&cases[i].request, cases[i].percent);

		if (ruling.refusal != cases[i].refusal || ruling.note != cases[i].note ||
		    ruling.dear != cases[i].dear)
			fail_msg("case %zu: refusal %d, note %d, dear %d", i, ruling.refusal,
				 ruling.note, ruling.dear);
	}
}

static void test_cost_of_malloc(void **state)
{
	(void)state;
	compare_rulings(malloc_cases, LENGTH(malloc_cases), plan_malloc);
}

static void test_cost_of_objects(void **state)
{
	(void)state;
	compare_rulings(object_cases, LENGTH(object_cases), plan_objects);
}

/* The manual, --help and all sentences say this number. */
static void test_the_share(void **state)
{
	(void)state;
	assert_string_equal(SHARE_TEXT, "25 %");
}

/* --- all of it --- */

static const struct plan_case {
	struct request request;
	struct cost cost;
	const struct source *malloc;
	bool dear; /* each block of an interpreter */
	enum reason notes[PLAN_NOTES_MAX];
} plan_cases[] = {
	/* clang-format off */
	{{.malloc = MALLOC_AUTO}, {0}, &malloc_exact, false, {REASON_NONE}},
	{{.malloc = MALLOC_AUTO}, {.malloc_is_dear = true}, NULL, true, {REASON_MALLOC_LEFT_OUT}},
	{{.malloc = MALLOC_AUTO}, {.objects_are_dear = true}, &malloc_exact, true, {REASON_NONE}},
	{{.malloc = MALLOC_AUTO}, {.malloc_is_dear = true, .objects_are_dear = true}, NULL, true,
	 {REASON_MALLOC_LEFT_OUT}},
	{{.malloc = MALLOC_AUTO, .reachability = true}, {0}, &malloc_exact, false, {REASON_NONE}},
	{{.malloc = MALLOC_AUTO, .reachability = true}, {.malloc_is_dear = true}, NULL, true,
	 {REASON_MALLOC_LEFT_OUT, REASON_NOTHING_TO_JUDGE}},
	{{.malloc = MALLOC_EXACT}, {0}, &malloc_exact, false, {REASON_NONE}},
	{{.malloc = MALLOC_EXACT, .python = PYTHON_EXACT}, {0}, &malloc_exact, false, {REASON_NONE}},
	{{.malloc = MALLOC_OFF}, {0}, NULL, false, {REASON_NONE}},
	{{.malloc = MALLOC_OFF}, {.objects_are_dear = true}, NULL, true, {REASON_NONE}},
	{{.malloc = MALLOC_OFF, .reachability = true}, {0}, NULL, false, {REASON_NOTHING_TO_JUDGE}},
	{{.malloc = MALLOC_AUTO, .python = PYTHON_POOLS}, {.malloc_is_dear = true}, NULL, true,
	 {REASON_MALLOC_LEFT_OUT}},
	/* clang-format on */
};

static void test_plans(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(plan_cases); i++) {
		const struct plan_case *one = &plan_cases[i];
		struct cost cost = one->cost;
		struct plan plan;

		for (int emulated = 0; emulated < 2; emulated++) {
			cost.nops_emulated = emulated;
			plan_make(&plan, &evidence_sources, &one->request, &cost);
			if (plan.malloc != one->malloc || plan.python.dear != one->dear ||
			    plan.python.request != one->request.python ||
			    plan.python.nops_emulated != cost.nops_emulated)
				fail_msg("case %zu", i);
			for (int note = 0; note < PLAN_NOTES_MAX; note++)
				if (plan.notes[note] != one->notes[note])
					fail_msg("case %zu: note %d", i, plan.notes[note]);
		}
	}
}

/* A target that shows nothing is none. */
static void test_what_is_seen(void **state)
{
	static const struct {
		enum malloc_request malloc;
		bool dear, objects;
		enum reason reason;
	} cases[] = {
		{MALLOC_AUTO, false, false, REASON_NONE},
		{MALLOC_AUTO, false, true, REASON_NONE},
		{MALLOC_AUTO, true, true, REASON_NONE},
		{MALLOC_AUTO, true, false, REASON_MALLOC_DEAR},
		{MALLOC_OFF, false, true, REASON_NONE},
		{MALLOC_OFF, false, false, REASON_NO_OBJECTS},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct request request = {.malloc = cases[i].malloc};
		const struct cost cost = {.malloc_is_dear = cases[i].dear};
		struct plan plan;

		plan_make(&plan, &evidence_sources, &request, &cost);
		if (plan_seen(&plan, &request, cases[i].objects) != cases[i].reason)
			fail_msg("case %zu", i);
	}
}

/* New pages in the place of blocks, whatever else is known. */
static void test_growth(void **state)
{
	const struct request request = {.growth = true};
	const struct cost cost = {.malloc_is_dear = true};
	struct python_plan python;
	struct plan plan;

	(void)state;
	plan_make(&plan, &evidence_sources, &request, &cost);
	assert_true(plan.growth);
	assert_null(plan.malloc);
	assert_int_equal(plan.notes[0], REASON_NONE);
	assert_int_equal(plan_seen(&plan, &request, false), REASON_NONE);
	assert_int_equal(plan_python(&python, &evidence_sources, NULL, &plan.python), REASON_NONE);
	assert_null(python.source);
	assert_int_equal(python.notice, REASON_NONE);
	assert_string_equal(python_plan_name(&python, NULL), "growth");
}

/* --- under a budget --- */

static void test_a_budget(void **state)
{
	static const struct {
		double percent, slowed;
		uint64_t duration_s, window_ms;
	} cases[] = {
		/* clang-format off */
		{1, 20, 0, 30},
		{1, 20, 600, 30},
		{1, 20, 20, 10},   /* twenty windows */
		{0.1, 20, 10, 1},
		{1, 300, 600, 5},  /* not to be felt */
		{20, 300, 600, 20}, /* it would take more than ten a second to spend that */
		{50, 20, 600, 50},
		/* clang-format on */
	};
	const struct request request = {.budget = 5};
	struct plan plan;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct request one = {.budget = cases[i].percent};
		uint64_t window_ns =
			plan_window_ns(&one, cases[i].slowed, cases[i].duration_s * 1000000000);

		if (window_ns / 1000 != cases[i].window_ms * 1000)
			fail_msg("case %zu: %lu ns", i, (unsigned long)window_ns);
	}
	/* nothing is too dear, and each call is recorded, in windows */
	assert_int_equal(plan_malloc(&request, 5000).refusal, REASON_NONE);
	assert_false(plan_malloc(&request, 5000).dear);
	plan_make(&plan, &evidence_sources, &request, &(struct cost){0});
	assert_ptr_equal(plan.malloc, &malloc_exact);
	assert_true(plan.windows && plan.python.frames_alone && !plan.growth);
	/* also where it was thought to be left out */
	plan_make(&plan, &evidence_sources, &request, &(struct cost){.malloc_is_dear = true});
	assert_ptr_equal(plan.malloc, &malloc_exact);
	assert_int_equal(plan.notes[0], REASON_NONE);
}

/* Frees of Python's objects are read where nobody may end before, and large ones are seen. */
static void test_reading_frees(void **state)
{
	static const struct {
		struct request request;
		bool read;
	} cases[] = {
		{{.there = true}, true},
		{{.there = true, .python = PYTHON_EXACT, .exact = true}, true},
		{{.there = true, .old = true}, true},
		{{.there = false}, false},
		{{.there = true, .peak = true}, false},
		{{.there = true, .reachability = true}, false},
		{{.there = true, .malloc = MALLOC_OFF}, false},
		{{.there = true, .growth = true}, false},
		{{.there = true, .budget = 1}, false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct plan plan;

		plan_make(&plan, &evidence_sources, &cases[i].request, &(struct cost){0});
		if (plan.python.frees_read != cases[i].read)
			fail_msg("case %zu: %d", i, plan.python.frees_read);
	}
}

/* What nobody asked to be recorded whatever it costs is recorded for moments. */
static void test_windows_by_themselves(void **state)
{
	static const struct {
		struct request request;
		double percent;
		bool objects, windows;
	} cases[] = {
		{{0}, BUDGET_PERCENT, false, false},
		{{0}, BUDGET_PERCENT + 0.01, false, true},
		{{0}, 30000, false, true},
		/* a CPython has more to show */
		{{0}, 20, true, false},
		{{0}, 30000, true, false},
		{{.python = PYTHON_OFF}, 20, false, true},
		{{.python = PYTHON_OFF}, 30000, false, true},
		/* asked for, or what moments cannot tell */
		{{.exact = true}, 30000, false, false},
		{{.budget = 1}, 30000, false, false},
		{{.growth = true}, 30000, false, false},
		{{.malloc = MALLOC_EXACT}, 20, false, false},
		{{.malloc = MALLOC_OFF}, 30000, false, false},
		{{.python = PYTHON_EXACT}, 20, false, false},
		{{.python = PYTHON_POOLS}, 30000, false, false},
		{{.peak = true}, 20, false, false},
		{{.old = true}, 30000, false, false},
		{{.reachability = true}, 30000, false, false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct request *request = &cases[i].request;
		struct ruling ruling = plan_malloc(request, cases[i].percent);
		const struct cost cost = {.malloc_is_dear = ruling.dear};
		struct plan plan;

		plan_make(&plan, &evidence_sources, request, &cost);
		if (plan_prefers_windows(&plan, request, ruling.over, cases[i].objects) !=
			    cases[i].windows ||
		    (cases[i].windows && ruling.refusal))
			fail_msg("case %zu", i);
	}
}

/* --- what contradicts itself --- */

static void test_requests(void **state)
{
	static const struct {
		struct request request;
		enum reason reason;
	} cases[] = {
		/* clang-format off */
		{{.exact = true}, REASON_NONE},
		{{.freeze = true}, REASON_FREEZE_ALONE},
		{{.freeze = true, .growth = true}, REASON_GROWTH_ALONE},
		{{.freeze = true, .reachability = true}, REASON_NONE},
		{{.reachability = true, .old = true}, REASON_NONE},
		{{.reachability = true, .malloc = MALLOC_EXACT}, REASON_NONE},
		{{.reachability = true, .malloc = MALLOC_OFF}, REASON_NO_MALLOC_TO_REACH},
		{{.malloc = MALLOC_OFF}, REASON_NONE},
		{{.python = PYTHON_OFF}, REASON_NONE},
		{{.malloc = MALLOC_EXACT, .python = PYTHON_OFF}, REASON_NONE},
		{{.malloc = MALLOC_OFF, .python = PYTHON_OFF}, REASON_NOTHING_ASKED},
		{{.malloc = MALLOC_OFF, .python = PYTHON_EXACT}, REASON_NONE},
		{{.peak = true}, REASON_NONE},
		{{.peak = true, .python = PYTHON_OFF}, REASON_NONE},
		{{.peak = true, .malloc = MALLOC_EXACT}, REASON_NONE},
		{{.peak = true, .old = true}, REASON_PEAK_OF_OLD},
		{{.peak = true, .reachability = true}, REASON_PEAK_OF_REACHABLE},
		{{.peak = true, .old = true, .reachability = true}, REASON_PEAK_OF_REACHABLE},
		{{.peak = true, .malloc = MALLOC_OFF}, REASON_PEAK_OF_NOTHING},
		{{.peak = true, .malloc = MALLOC_OFF, .python = PYTHON_POOLS}, REASON_PEAK_OF_NOTHING},
		{{.peak = true, .malloc = MALLOC_OFF, .python = PYTHON_EXACT}, REASON_NONE},
		{{.growth = true, .old = true}, REASON_NONE},
		{{.growth = true, .exact = true}, REASON_GROWTH_ALONE},
		{{.growth = true, .peak = true}, REASON_GROWTH_ALONE},
		{{.growth = true, .reachability = true}, REASON_GROWTH_ALONE},
		{{.growth = true, .malloc = MALLOC_EXACT}, REASON_GROWTH_ALONE},
		{{.growth = true, .python = PYTHON_OFF}, REASON_GROWTH_ALONE},
		{{.budget = 5}, REASON_NONE},
		{{.budget = 5, .exact = true}, REASON_BUDGET_ALONE},
		{{.budget = 5, .growth = true}, REASON_BUDGET_ALONE},
		{{.budget = 5, .peak = true}, REASON_BUDGET_ALONE},
		{{.budget = 5, .old = true}, REASON_BUDGET_ALONE},
		{{.budget = 5, .reachability = true}, REASON_BUDGET_ALONE},
		{{.budget = 5, .malloc = MALLOC_EXACT}, REASON_BUDGET_ALONE},
		{{.budget = 5, .python = PYTHON_POOLS}, REASON_BUDGET_ALONE},
		{{.old = true}, REASON_NONE},
		{{.old = true, .malloc = MALLOC_OFF}, REASON_NONE},
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		if (request_check(&cases[i].request) != cases[i].reason)
			fail_msg("case %zu: reason %d", i, request_check(&cases[i].request));
}

static void test_names_of_requests(void **state)
{
	(void)state;
	assert_string_equal(malloc_request_names[MALLOC_AUTO], "auto");
	assert_string_equal(malloc_request_names[MALLOC_EXACT], "exact");
	assert_string_equal(malloc_request_names[MALLOC_OFF], "off");
	assert_string_equal(python_request_names[PYTHON_AUTO], "auto");
	assert_string_equal(python_request_names[PYTHON_EXACT], "exact");
	assert_string_equal(python_request_names[PYTHON_POOLS], "pools");
	assert_string_equal(python_request_names[PYTHON_OFF], "off");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_cost_of_malloc),
		cmocka_unit_test(test_cost_of_objects),
		cmocka_unit_test(test_the_share),
		cmocka_unit_test(test_plans),
		cmocka_unit_test(test_what_is_seen),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_a_budget),
		cmocka_unit_test(test_windows_by_themselves),
		cmocka_unit_test(test_reading_frees),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_names_of_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
