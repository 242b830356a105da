/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "python/plan.h"

/* Debian's kind of build: inlined, one site in front of its function. */
static struct python_slots inlined(void)
{
	struct python_slots slots = {
		.backend = BACKEND_PYMALLOC,
		.inlined = true,
		.refill = 0x3000,
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

static struct python_plan plan_of(const struct python_slots *slots, enum python_request request,
				  bool nops_emulated, int expected)
{
	struct python_plan plan;
	struct failure failure = {0};

	assert_int_equal(python_plan(slots, request, nops_emulated, &plan, &failure), expected);
	assert_int_equal(*failure.text != '\0', expected != 0);
	return plan;
}

static void test_plain_build_is_exact_unwritten(void **state)
{
	const struct python_slots slots = plain();
	struct python_plan plan = plan_of(&slots, REQUEST_AUTO, false, 0);

	(void)state;
	assert_int_equal(plan.mode, PYTHON_MODE_EXACT);
	assert_false(plan.steer);
	assert_int_equal(plan.costliest, SITE_EMULATED);
	assert_string_equal(plan.notice, "");
	plan = plan_of(&slots, REQUEST_EXACT, false, 0);
	assert_false(plan.steer);
}

static void test_plain_build_is_pools_where_exact_costs_too_much(void **state)
{
	struct python_slots slots = plain();
	struct python_plan plan = plan_of(&slots, REQUEST_AUTO_CHEAP, false, 0);

	(void)state;
	assert_int_equal(plan.mode, PYTHON_MODE_POOLS);
	slots.refill = 0;
	plan = plan_of(&slots, REQUEST_AUTO_CHEAP, false, 0);
	assert_int_equal(plan.mode, PYTHON_MODE_MALLOC);
	assert_non_null(strstr(plan.notice, "allocates too often for exact"));
}

static void test_inlined_build_is_pools_unless_asked(void **state)
{
	struct python_slots slots = inlined();
	struct python_plan plan = plan_of(&slots, REQUEST_AUTO, true, 0);

	(void)state;
	assert_int_equal(plan.mode, PYTHON_MODE_POOLS);
	assert_false(plan.steer);
	plan = plan_of(&slots, REQUEST_EXACT, true, 0);
	assert_int_equal(plan.mode, PYTHON_MODE_EXACT);
	assert_true(plan.steer);
	assert_int_equal(plan.costliest, SITE_EMULATED_NOP);
	plan = plan_of(&slots, REQUEST_EXACT, false, 0);
	assert_int_equal(plan.costliest, SITE_STEPPED);
	assert_non_null(strstr(plan.notice, "single-stepped"));
}

static void test_left_steered_needs_no_writing(void **state)
{
	struct python_slots slots = inlined();

	(void)state;
	for (int i = 0; i < CALLS; i++)
		slots.functions[i].steered = true;
	struct python_plan plan = plan_of(&slots, REQUEST_AUTO, true, 0);
	assert_int_equal(plan.mode, PYTHON_MODE_EXACT);
	assert_false(plan.steer);
	slots.functions[CALL_FREE].steered = false;
	plan = plan_of(&slots, REQUEST_AUTO, true, 0);
	assert_int_equal(plan.mode, PYTHON_MODE_POOLS);
}

static void test_refusals(void **state)
{
	struct python_slots slots = inlined();

	(void)state;
	slots.functions[CALL_CALLOC].alias = 0;
	plan_of(&slots, REQUEST_EXACT, true, -ENOTSUP);
	slots = inlined();
	slots.hook = HOOK_TRACEMALLOC;
	plan_of(&slots, REQUEST_EXACT, true, -ENOTSUP);
	slots = plain();
	slots.refill = 0;
	plan_of(&slots, REQUEST_POOLS, true, -ENOTSUP);
	assert_int_equal(plan_of(&slots, REQUEST_AUTO, true, 0).mode, PYTHON_MODE_EXACT);
	slots.inlined = true;
	struct python_plan plan = plan_of(&slots, REQUEST_AUTO, true, 0);
	assert_int_equal(plan.mode, PYTHON_MODE_MALLOC);
	assert_string_not_equal(plan.notice, "");
}

static void test_other_allocators(void **state)
{
	static const enum python_backend backends[] = {BACKEND_SYSTEM, BACKEND_MIMALLOC,
						       BACKEND_UNKNOWN};
	struct python_slots slots = plain();

	(void)state;
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		slots.backend = backends[i];
		struct python_plan plan = plan_of(&slots, REQUEST_EXACT, true, 0);
		assert_int_equal(plan.mode, PYTHON_MODE_MALLOC);
		assert_string_not_equal(plan.notice, "");
		plan = plan_of(&slots, REQUEST_OFF, true, 0);
		assert_string_equal(plan.notice, "");
	}
}

static void test_hooks_are_named(void **state)
{
	struct python_slots slots = plain();

	(void)state;
	slots.hook = HOOK_DEBUG;
	struct python_plan plan = plan_of(&slots, REQUEST_AUTO, true, 0);
	assert_int_equal(plan.mode, PYTHON_MODE_EXACT);
	assert_non_null(strstr(plan.notice, "debug"));
}

/* --- all of it as a table --- */

static void no_refill(struct python_slots *slots)
{
	slots->refill = 0;
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

static void nop_at_refill(struct python_slots *slots)
{
	slots->refill_site.kind = SITE_EMULATED_NOP;
}

static void tracemalloc(struct python_slots *slots)
{
	slots->hook = HOOK_TRACEMALLOC;
}

static void unknown_hook(struct python_slots *slots)
{
	slots->hook = HOOK_UNKNOWN;
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

static const struct plan_case {
	void (*change)(struct python_slots *slots);
	bool inlined;
	enum python_request request;
	enum python_mode mode;
	enum site_kind costliest;
	const char *notice; /* a part of it; "" where there is none */
} plan_cases[] = {
	{stepped_calloc, false, REQUEST_AUTO, PYTHON_MODE_POOLS, SITE_STEPPED, ""},
	{stepped_calloc, false, REQUEST_EXACT, PYTHON_MODE_EXACT, SITE_STEPPED, "10 to 60"},
	{stepped_without_refill, false, REQUEST_AUTO, PYTHON_MODE_EXACT, SITE_STEPPED, "10 to 60"},
	{no_refill, true, REQUEST_AUTO, PYTHON_MODE_MALLOC, SITE_EMULATED, "inlines its allocator"},
	{nop_at_refill, false, REQUEST_POOLS, PYTHON_MODE_POOLS, SITE_STEPPED, ""},
	{tracemalloc, false, REQUEST_EXACT, PYTHON_MODE_EXACT, SITE_EMULATED, "tracemalloc is on"},
	{tracemalloc, true, REQUEST_POOLS, PYTHON_MODE_POOLS, SITE_STEPPED, "tracemalloc is on"},
	{unknown_hook, false, REQUEST_AUTO, PYTHON_MODE_EXACT, SITE_EMULATED, "of an extension"},
	{of_system, false, REQUEST_POOLS, PYTHON_MODE_MALLOC, SITE_EMULATED, "PYTHONMALLOC=malloc"},
	{mimalloc, false, REQUEST_AUTO, PYTHON_MODE_MALLOC, SITE_EMULATED, "built-in mimalloc"},
	{unknown_backend, false, REQUEST_AUTO, PYTHON_MODE_MALLOC, SITE_EMULATED, "an extension"},
	{stepped_calloc, false, REQUEST_OFF, PYTHON_MODE_MALLOC, SITE_EMULATED, ""},
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(plan_cases) / sizeof(plan_cases[0]); i++) {
		const struct plan_case *one = &plan_cases[i];
		struct python_slots slots = one->inlined ? inlined() : plain();

		one->change(&slots);
		const struct python_plan plan = plan_of(&slots, one->request, false, 0);

		if (plan.mode != one->mode || plan.costliest != one->costliest || plan.steer)
			fail_msg("case %zu: mode %d, costliest %d", i, plan.mode, plan.costliest);
		if (*one->notice ? !strstr(plan.notice, one->notice) : *plan.notice)
			fail_msg("case %zu: %s", i, plan.notice);
	}
}

/* Why exact is not to be had, and what to try. */
static void test_refusals_say_why(void **state)
{
	struct python_slots slots = inlined();
	struct failure failure = {0};
	struct python_plan plan;

	(void)state;
	slots.hook = HOOK_DEBUG;
	assert_int_equal(python_plan(&slots, REQUEST_EXACT, true, &plan, &failure), -ENOTSUP);
	assert_non_null(strstr(failure.text, "a hook stands in front of it"));
	assert_int_equal(failure.status, STATUS_TARGET);
	slots = inlined();
	slots.functions[CALLS - 1].alias = 0;
	assert_int_equal(python_plan(&slots, REQUEST_EXACT, true, &plan, &failure), -ENOTSUP);
	assert_non_null(strstr(failure.text, "has no second address; try --python pools"));
	slots = plain();
	slots.refill = 0;
	assert_int_equal(python_plan(&slots, REQUEST_POOLS, true, &plan, &failure), -ENOTSUP);
	assert_non_null(strstr(failure.text, "try --python exact"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_build_is_exact_unwritten),
		cmocka_unit_test(test_plain_build_is_pools_where_exact_costs_too_much),
		cmocka_unit_test(test_inlined_build_is_pools_unless_asked),
		cmocka_unit_test(test_left_steered_needs_no_writing),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_other_allocators),
		cmocka_unit_test(test_hooks_are_named),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_refusals_say_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
