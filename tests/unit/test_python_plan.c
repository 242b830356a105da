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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
