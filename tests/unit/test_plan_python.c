/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done about an interpreter, by what its slots were found to hold. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "evidence/sources.h"
#include "plan/plan.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Debian's kind of build: inlined, one site in front of its function. */
static struct python_slots inlined(void)
{
	struct python_slots slots = {
		.backend = BACKEND_PYMALLOC,
		.inlined = true,
		.refill = 0x3000,
		.refill_pools = 1,
		.refill_site.kind = SITE_STEPPED,
	};

	for (int i = 0; i < CALLS; i++)
		slots.functions[i] = (struct python_function){
			.address = 0x1000, .alias = 0x1004, .site.kind = SITE_EMULATED};
	slots.functions[CALL_MALLOC].site.kind = SITE_STEPPED;
	slots.functions[CALL_MALLOC].has_alias_site = true;
	slots.functions[CALL_MALLOC].alias_site.kind = SITE_EMULATED_NOP;
	return slots;
}

static struct python_slots plain(void)
{
	struct python_slots slots = inlined();

	slots.inlined = false;
	slots.functions[CALL_MALLOC].site.kind = SITE_EMULATED;
	slots.functions[CALL_FREE].alias = 0;
	return slots;
}

/* --- what may be otherwise with a build, or a process --- */

static void as_it_is(struct python_slots *slots)
{
	(void)slots;
}

static void no_refill(struct python_slots *slots)
{
	slots->refill = 0;
}

static void arenas(struct python_slots *slots)
{
	slots->refill_pools = 64;
}

static void stepped_calloc(struct python_slots *slots)
{
	slots->functions[CALL_CALLOC].site.kind = SITE_STEPPED;
}

static void stepped_without_refill(struct python_slots *slots)
{
	stepped_calloc(slots);
	no_refill(slots);
}

static void nop_at_free(struct python_slots *slots)
{
	slots->functions[CALL_FREE].site.kind = SITE_EMULATED_NOP;
}

static void nop_at_refill(struct python_slots *slots)
{
	slots->refill_site.kind = SITE_EMULATED_NOP;
}

static void no_alias_of_first(struct python_slots *slots)
{
	slots->functions[0].alias = 0;
}

static void no_alias_of_last(struct python_slots *slots)
{
	slots->functions[CALLS - 1].alias = 0;
}

static void debug(struct python_slots *slots)
{
	slots->hook = HOOK_DEBUG;
}

static void debug_and_no_alias(struct python_slots *slots)
{
	debug(slots);
	no_alias_of_first(slots);
}

static void tracemalloc(struct python_slots *slots)
{
	slots->hook = HOOK_TRACEMALLOC;
}

static void unknown_hook(struct python_slots *slots)
{
	slots->hook = HOOK_UNKNOWN;
}

static void stepped_and_hooked(struct python_slots *slots)
{
	stepped_without_refill(slots);
	debug(slots);
}

static void of_system(struct python_slots *slots)
{
	slots->backend = BACKEND_SYSTEM;
}

static void mimalloc(struct python_slots *slots)
{
	slots->backend = BACKEND_MIMALLOC;
}

static void unknown_backend(struct python_slots *slots)
{
	slots->backend = BACKEND_UNKNOWN;
}

static void left_steered(struct python_slots *slots)
{
	for (int i = 0; i < CALLS; i++)
		slots->functions[i].steered = true;
}

static void left_but_the_last(struct python_slots *slots)
{
	left_steered(slots);
	slots->functions[CALLS - 1].steered = false;
}

static void left_but_the_first(struct python_slots *slots)
{
	left_steered(slots);
	slots->functions[0].steered = false;
}

static void left_at_the_first(struct python_slots *slots)
{
	slots->functions[0].steered = true;
}

static void left_at_the_last(struct python_slots *slots)
{
	slots->functions[CALLS - 1].steered = true;
}

#define NOPS .nops_emulated = true
#define DEAR .dear = true

static const struct plan_case {
	void (*change)(struct python_slots *slots);
	struct python_slots (*build)(void);
	struct python_terms terms;
	const struct source *source;
	enum site_kind costliest;
	enum reason notice;
	enum reason lack;
	enum reason steered;
	bool steer;
} plan_cases[] = {
	/* clang-format off */
	/* a plain build: each block, unwritten, where that is cheap */
	{as_it_is, plain, {PYTHON_AUTO}, &python_exact, SITE_EMULATED},
	{as_it_is, plain, {PYTHON_EXACT}, &python_exact, SITE_EMULATED},
	{as_it_is, plain, {PYTHON_POOLS}, &python_pools, SITE_STEPPED},
	{as_it_is, plain, {PYTHON_OFF}, NULL, SITE_EMULATED},
	{no_refill, plain, {PYTHON_AUTO}, &python_exact, SITE_EMULATED},
	{no_refill, plain, {PYTHON_POOLS}, NULL, SITE_EMULATED, .lack = REASON_NO_REFILL},
	{stepped_calloc, plain, {PYTHON_AUTO}, &python_pools, SITE_STEPPED},
	{stepped_calloc, plain, {PYTHON_EXACT}, &python_exact, SITE_STEPPED, REASON_STEPPED},
	{stepped_calloc, plain, {PYTHON_OFF}, NULL, SITE_EMULATED},
	{stepped_without_refill, plain, {PYTHON_AUTO}, &python_exact, SITE_STEPPED, REASON_STEPPED},
	{nop_at_free, plain, {PYTHON_AUTO}, &python_pools, SITE_STEPPED},
	{nop_at_free, plain, {PYTHON_AUTO, NOPS}, &python_exact, SITE_EMULATED_NOP},
	{nop_at_refill, plain, {PYTHON_POOLS}, &python_pools, SITE_STEPPED},
	{nop_at_refill, plain, {PYTHON_POOLS, NOPS}, &python_pools, SITE_EMULATED_NOP},
	/* it was found to be dear */
	{as_it_is, plain, {PYTHON_AUTO, DEAR}, &python_pools, SITE_STEPPED},
	{no_refill, plain, {PYTHON_AUTO, DEAR}, NULL, SITE_EMULATED, REASON_TOO_OFTEN},
	{stepped_without_refill, plain, {PYTHON_AUTO, DEAR}, NULL, SITE_EMULATED, REASON_TOO_OFTEN},
	{as_it_is, plain, {PYTHON_EXACT, DEAR}, &python_exact, SITE_EMULATED},
	{as_it_is, plain, {PYTHON_POOLS, DEAR}, &python_pools, SITE_STEPPED},
	{as_it_is, plain, {PYTHON_OFF, DEAR}, NULL, SITE_EMULATED},
	/* an inlined one: pools, unless writing is asked for */
	{as_it_is, inlined, {PYTHON_AUTO, NOPS}, &python_pools, SITE_STEPPED},
	{as_it_is, inlined, {PYTHON_EXACT, NOPS}, &python_steered, SITE_EMULATED_NOP, .steer = true},
	{as_it_is, inlined, {PYTHON_EXACT}, &python_steered, SITE_STEPPED, REASON_STEPPED, .steer = true},
	{as_it_is, inlined, {PYTHON_POOLS}, &python_pools, SITE_STEPPED},
	{arenas, inlined, {PYTHON_AUTO}, &python_pools, SITE_STEPPED},
	{no_refill, inlined, {PYTHON_AUTO}, NULL, SITE_EMULATED, REASON_INLINED},
	{no_refill, inlined, {PYTHON_AUTO, DEAR}, NULL, SITE_EMULATED, REASON_TOO_OFTEN},
	{no_refill, inlined, {PYTHON_POOLS}, NULL, SITE_EMULATED, .lack = REASON_NO_REFILL},
	{no_alias_of_first, inlined, {PYTHON_EXACT}, NULL, SITE_EMULATED, .lack = REASON_NO_SECOND_ADDRESS},
	{no_alias_of_last, inlined, {PYTHON_EXACT}, NULL, SITE_EMULATED, .lack = REASON_NO_SECOND_ADDRESS},
	{no_alias_of_last, inlined, {PYTHON_AUTO}, &python_pools, SITE_STEPPED},
	{debug, inlined, {PYTHON_EXACT}, NULL, SITE_EMULATED, .lack = REASON_HOOK_IN_FRONT},
	{tracemalloc, inlined, {PYTHON_EXACT}, NULL, SITE_EMULATED, .lack = REASON_HOOK_IN_FRONT},
	{debug_and_no_alias, inlined, {PYTHON_EXACT}, NULL, SITE_EMULATED, .lack = REASON_HOOK_IN_FRONT},
	/* it was left steered */
	{left_steered, inlined, {PYTHON_AUTO, NOPS}, &python_exact, SITE_EMULATED_NOP,
	 .steered = REASON_LEFT_STEERED},
	{left_steered, inlined, {PYTHON_AUTO}, &python_pools, SITE_STEPPED},
	{left_steered, inlined, {PYTHON_AUTO, NOPS, DEAR}, &python_pools, SITE_STEPPED},
	{left_steered, inlined, {PYTHON_EXACT, NOPS}, &python_exact, SITE_EMULATED_NOP, .steer = true},
	{left_steered, inlined, {PYTHON_POOLS}, &python_pools, SITE_STEPPED},
	{left_but_the_last, inlined, {PYTHON_AUTO, NOPS}, &python_pools, SITE_STEPPED},
	{left_but_the_first, inlined, {PYTHON_AUTO, NOPS}, &python_pools, SITE_STEPPED},
	{left_but_the_first, inlined, {PYTHON_EXACT, NOPS}, &python_steered, SITE_EMULATED_NOP, .steer = true},
	{left_at_the_first, plain, {PYTHON_AUTO}, &python_exact, SITE_EMULATED, .steered = REASON_LEFT_STEERED},
	{left_at_the_last, plain, {PYTHON_EXACT}, &python_exact, SITE_EMULATED, .steer = true},
	{left_but_the_last, plain, {PYTHON_AUTO}, &python_exact, SITE_EMULATED, .steered = REASON_LEFT_STEERED},
	{left_but_the_first, plain, {PYTHON_EXACT}, &python_exact, SITE_EMULATED, .steer = true},
	/* a hook is on */
	{debug, plain, {PYTHON_AUTO}, &python_exact, SITE_EMULATED, REASON_HOOK_DEBUG},
	{tracemalloc, plain, {PYTHON_EXACT}, &python_exact, SITE_EMULATED, REASON_HOOK_TRACEMALLOC},
	{tracemalloc, inlined, {PYTHON_POOLS}, &python_pools, SITE_STEPPED, REASON_HOOK_TRACEMALLOC},
	{unknown_hook, plain, {PYTHON_AUTO}, &python_exact, SITE_EMULATED, REASON_HOOK},
	{unknown_hook, inlined, {PYTHON_AUTO}, &python_pools, SITE_STEPPED, REASON_HOOK},
	{stepped_and_hooked, plain, {PYTHON_AUTO}, &python_exact, SITE_STEPPED, REASON_STEPPED},
	/* another allocator */
	{of_system, plain, {PYTHON_AUTO}, NULL, SITE_EMULATED, REASON_SYSTEM_MALLOC},
	{of_system, plain, {PYTHON_POOLS}, NULL, SITE_EMULATED, REASON_SYSTEM_MALLOC},
	{mimalloc, plain, {PYTHON_AUTO}, NULL, SITE_EMULATED, REASON_MIMALLOC},
	{mimalloc, inlined, {PYTHON_EXACT}, NULL, SITE_EMULATED, REASON_MIMALLOC},
	{unknown_backend, plain, {PYTHON_AUTO, DEAR}, NULL, SITE_EMULATED, REASON_UNKNOWN_ALLOCATOR},
	{unknown_backend, plain, {PYTHON_EXACT}, NULL, SITE_EMULATED, REASON_UNKNOWN_ALLOCATOR},
	{unknown_backend, plain, {PYTHON_OFF}, NULL, SITE_EMULATED},
	/* its slots were not found */
	{NULL, plain, {PYTHON_AUTO}, NULL, SITE_EMULATED, REASON_ALLOCATOR_NOT_FOUND},
	{NULL, plain, {PYTHON_AUTO, DEAR}, NULL, SITE_EMULATED, REASON_ALLOCATOR_NOT_FOUND},
	{NULL, plain, {PYTHON_EXACT}, NULL, SITE_EMULATED, .lack = REASON_NO_ALLOCATORS},
	{NULL, plain, {PYTHON_POOLS}, NULL, SITE_EMULATED, .lack = REASON_NO_ALLOCATORS},
	{NULL, plain, {PYTHON_OFF}, NULL, SITE_EMULATED},
	/* clang-format on */
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(plan_cases); i++) {
		const struct plan_case *one = &plan_cases[i];
		struct python_slots slots = one->build();
		struct python_plan plan;
		enum reason lack;

		if (one->change)
			one->change(&slots);
		lack = plan_python(&plan, &evidence_sources, one->change ? &slots : NULL,
				   &one->terms);
		if (lack != one->lack || plan.source != one->source ||
		    plan.costliest != one->costliest || plan.notice != one->notice ||
		    plan.steered != one->steered || plan.steer != one->steer)
			fail_msg("case %zu: %s, lack %d, costliest %d, notice %d, steered %d, "
				 "steer %d",
				 i, plan.source ? plan.source->name : "none", lack, plan.costliest,
				 plan.notice, plan.steered, plan.steer);
	}
}

/* Where each block is recorded, and nothing stands in front of pymalloc. */
static void test_frees_read(void **state)
{
	static const struct {
		void (*change)(struct python_slots *slots);
		struct python_terms terms;
		bool read;
	} cases[] = {
		{as_it_is, {PYTHON_AUTO, .frees_read = true}, true},
		{as_it_is, {PYTHON_EXACT, .frees_read = true}, true},
		{as_it_is, {PYTHON_EXACT}, false},
		{as_it_is, {PYTHON_POOLS, .frees_read = true}, false},
		{as_it_is, {PYTHON_OFF, .frees_read = true}, false},
		{debug, {PYTHON_AUTO, .frees_read = true}, false},
		{tracemalloc, {PYTHON_EXACT, .frees_read = true}, false},
		{of_system, {PYTHON_EXACT, .frees_read = true}, false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct python_slots slots = plain();
		struct python_plan plan;

		cases[i].change(&slots);
		plan_python(&plan, &evidence_sources, &slots, &cases[i].terms);
		if (plan.frees_read != cases[i].read)
			fail_msg("case %zu: %d", i, plan.frees_read);
	}
}

static void test_names(void **state)
{
	static const struct {
		const struct source *source;
		uint32_t pools;
		const char *name;
	} cases[] = {
		{NULL, 1, "malloc"},           {NULL, 64, "malloc"},
		{&python_exact, 1, "exact"},   {&python_exact, 64, "exact"},
		{&python_steered, 1, "exact"}, {&python_pools, 0, "pools"},
		{&python_pools, 1, "pools"},   {&python_pools, 2, "arenas"},
		{&python_pools, 64, "arenas"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct python_plan plan = {.source = cases[i].source};
		const struct python_slots slots = {.refill_pools = cases[i].pools};

		assert_string_equal(python_plan_name(&plan, &slots), cases[i].name);
	}
}

/* --- another source is a row --- */

static enum reason is_there(const struct python_slots *slots)
{
	return slots->refill == 0x3000 ? REASON_NONE : REASON_NO_REFILL;
}

static size_t find_nothing(const struct python_slots *slots, uint32_t pool_bytes,
			   struct site *sites)
{
	(void)slots;
	(void)pool_bytes;
	(void)sites;
	return 0;
}

enum { ASKED_SOMEHOW = PYTHON_REQUESTS };

static void test_another_source(void **state)
{
	const struct source windows = {
		.covers = COVERS_PYTHON,
		.name = "windows",
		.asked_as = ASKED_SOMEHOW,
		.lacks = is_there,
		.find_sites = find_nothing,
	};
	const struct source *const rows[] = {&malloc_exact, &python_exact, &windows, &python_pools};
	const struct sources sources = {rows, LENGTH(rows)};
	const struct python_terms terms = {.request = PYTHON_AUTO};
	struct python_slots slots = inlined();
	struct python_plan plan;

	(void)state;
	plan_python(&plan, &sources, &slots, &terms);
	assert_ptr_equal(plan.source, &windows);
	assert_string_equal(python_plan_name(&plan, &slots), "windows");
	slots.refill = 0x4000;
	plan_python(&plan, &sources, &slots, &terms);
	assert_ptr_equal(plan.source, &python_pools);
	slots = plain();
	plan_python(&plan, &sources, &slots, &terms);
	assert_ptr_equal(plan.source, &python_exact);
}

/* The first row and the last one count as all others do. */
static void test_small_tables(void **state)
{
	const struct source *const rows[] = {&python_exact, &python_pools};
	const struct sources both = {rows, 2}, first = {rows, 1}, none = {rows, 0};
	const struct python_slots slots = plain();
	struct python_terms terms = {.request = PYTHON_EXACT};
	struct python_plan plan;

	(void)state;
	plan_python(&plan, &both, &slots, &terms);
	assert_ptr_equal(plan.source, &python_exact);
	terms.request = PYTHON_POOLS;
	plan_python(&plan, &both, &slots, &terms);
	assert_ptr_equal(plan.source, &python_pools);
	terms = (struct python_terms){.request = PYTHON_AUTO, .dear = true};
	plan_python(&plan, &both, &slots, &terms);
	assert_ptr_equal(plan.source, &python_pools);
	plan_python(&plan, &first, &slots, &terms);
	assert_null(plan.source);
	plan_python(&plan, &none, &slots, &terms);
	assert_null(plan.source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),        cmocka_unit_test(test_frees_read),
		cmocka_unit_test(test_names),        cmocka_unit_test(test_another_source),
		cmocka_unit_test(test_small_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
