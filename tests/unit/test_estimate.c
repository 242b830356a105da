/* SPDX-License-Identifier: BSD-2-Clause */
/* What exact tracing is said to cost a process, from calls that were counted. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "probes/estimate_counted.h"

/* In ns. On top of them comes half as much for the ledger and the stack. */
enum { TRAP = 1000, NOP = 2000, STEP = 3000, RETURN = 500, PAIR = 20 };

#define COSTS                                                                       \
	{                                                                           \
		.entry_ns = {TRAP, NOP, STEP}, .return_ns = RETURN, .pair_ns = PAIR \
	}

static void assert_near(double value, double expected)
{
	assert_true(value > expected * 0.9999 - 1e-9 && value < expected * 1.0001 + 1e-9);
}

static struct site site_of(const char *name, enum site_kind kind)
{
	const struct alloc_function *function = alloc_function_find(name);

	assert_non_null(function);
	return (struct site){.function = function, .cookie = function->cookie, .kind = kind};
}

/* A process that used a tenth of a second in one, and slept as often as it liked. */
static struct counted counted_of(const struct allocators *allocators, const double *hits,
				 size_t count)
{
	return (struct counted){
		.allocators = allocators,
		.hits = hits,
		.hit_count = count,
		.used = {.cpu_s = 0.1, .wall_s = 1, .sleeps = 1000},
	};
}

static void test_sites_by_number(void **state)
{
	struct site entries[2] = {0}, returns[3] = {0};
	struct allocator items[2] = {{.entry_sites = entries,
				      .entry_count = 2,
				      .return_sites = returns,
				      .return_count = 3},
				     {.entry_sites = entries, .entry_count = 1}};
	const struct allocators allocators = {.items = items, .count = 2};

	(void)state;
	assert_int_equal(counted_sites(&items[0]), 5);
	assert_int_equal(counted_sites(&items[1]), 1);
	assert_int_equal(counted_all(&allocators), 6);
	assert_ptr_equal(counted_site(&items[0], 0), &entries[0]);
	assert_ptr_equal(counted_site(&items[0], 1), &entries[1]);
	assert_ptr_equal(counted_site(&items[0], 2), &returns[0]);
	assert_ptr_equal(counted_site(&items[0], 4), &returns[2]);
}

/* An allocation is seen where it is called and where it returns, a free where it is called. */
static void test_calls_of_one_that_sleeps(void **state)
{
	struct site sites[2] = {site_of("malloc", SITE_EMULATED), site_of("free", SITE_EMULATED)};
	struct allocator allocator = {.entry_sites = sites, .entry_count = 2};
	const struct allocators allocators = {.items = &allocator, .count = 1};
	const double hits[] = {100, 300};
	struct counted counted = counted_of(&allocators, hits, 2);
	struct estimate estimate = {.costs = COSTS};
	double added_s = (100 * 1.5 * (TRAP + RETURN) + 300 * 1.5 * TRAP) / 1e9;
	double left_s = 0.1 - 400 * TRAP / 1e9;

	(void)state;
	counted.used.wall_s = 2;
	assert_int_equal(estimate_conclude(&estimate, &counted), 0);
	assert_near(estimate.window_s, 2);
	assert_near(estimate.calls_per_s, 200);
	assert_near(estimate.cpu_used, 0.05);
	assert_near(estimate.call_cost_ns, added_s / 400 * 1e9);
	assert_near(estimate.call_base_ns, left_s / 400 * 1e9);
	assert_near(estimate.core_percent, added_s * 50);
	assert_near(estimate.cpu_percent, added_s * 100 / left_s);
	assert_near(estimate.slowdown_percent, added_s * 50);
	assert_int_equal(estimate.rate_count, 2);
	assert_ptr_equal(estimate.rates[1].site, &sites[1]);
	assert_ptr_equal(estimate.rates[1].allocator, &allocator);
	assert_false(estimate.rates[1].at_return);
	assert_near(estimate.rates[0].calls_per_s, 50);
	assert_near(estimate.rates[1].calls_per_s, 150);
	estimate_release(&estimate);
	assert_null(estimate.rates);
}

/* What one hit at a site is said to cost, in ns. */
static double cost_of_hit(const struct allocator *allocator, size_t number, bool direct)
{
	const struct allocators allocators = {.items = (struct allocator *)allocator, .count = 1};
	double hits[4] = {0};
	struct counted counted = counted_of(&allocators, hits, 4);
	struct estimate estimate = {.costs = COSTS};
	double cost_ns;

	hits[number] = 1;
	counted.direct = direct;
	assert_int_equal(estimate_conclude(&estimate, &counted), 0);
	cost_ns = estimate.core_percent * 1e7; /* of a second */
	estimate_release(&estimate);
	return cost_ns;
}

static void test_by_kind_of_site(void **state)
{
	struct site sites[] = {site_of("malloc", SITE_STEPPED), site_of("free", SITE_EMULATED_NOP),
			       site_of("malloc", SITE_EMULATED)};
	struct site direct = site_of("malloc", SITE_STEPPED);
	struct allocator allocator = {.entry_sites = sites, .entry_count = 3};

	(void)state;
	assert_near(cost_of_hit(&allocator, 0, true), STEP + RETURN + 0.5 * (TRAP + RETURN));
	assert_near(cost_of_hit(&allocator, 1, true), NOP + 0.5 * TRAP);
	assert_near(cost_of_hit(&allocator, 2, true), 1.5 * (TRAP + RETURN));
	allocator.direct_sites = &direct; /* a jump, as all of them, and no return */
	allocator.direct_count = 1;
	assert_near(cost_of_hit(&allocator, 0, true), 1.5 * TRAP);
	assert_near(cost_of_hit(&allocator, 1, true), NOP + 0.5 * TRAP);
	assert_near(cost_of_hit(&allocator, 0, false), STEP + RETURN + 0.5 * (TRAP + RETURN));
}

/* One that may throw has a probe where it is called and one where it
 * ends: that is no other call. */
static void test_one_that_may_throw(void **state)
{
	struct site entry = site_of("tc_new", SITE_EMULATED), end = site_of("tc_new", SITE_STEPPED);
	struct allocator allocator = {
		.entry_sites = &entry, .entry_count = 1, .return_sites = &end, .return_count = 1};
	const struct allocators allocators = {.items = &allocator, .count = 1};
	const double hits[] = {10, 9};
	const struct counted counted = counted_of(&allocators, hits, 2);
	struct estimate estimate = {.costs = COSTS};

	(void)state;
	assert_near(cost_of_hit(&allocator, 0, false), TRAP);
	assert_near(cost_of_hit(&allocator, 1, false), STEP + 0.5 * TRAP);
	assert_int_equal(estimate_conclude(&estimate, &counted), 0);
	assert_near(estimate.calls_per_s, 10);
	assert_near(estimate.call_base_ns, (0.1 - (10 * TRAP + 9 * STEP) / 1e9) / 10 * 1e9);
	assert_true(estimate.rates[1].at_return);
	assert_near(estimate.rates[1].calls_per_s, 9);
	estimate_release(&estimate);
}

/* More sites than are counted apart: of the others nothing is known. */
static void test_sites_that_were_not_counted(void **state)
{
	struct site sites[2] = {site_of("malloc", SITE_EMULATED), site_of("free", SITE_EMULATED)};
	struct allocator items[] = {{.entry_sites = sites, .entry_count = 2},
				    {.entry_sites = sites, .entry_count = 2}};
	const struct allocators allocators = {.items = items, .count = 2};
	const double hits[] = {1, 2, 4};
	const struct counted counted = counted_of(&allocators, hits, 3);
	struct estimate estimate = {.costs = COSTS};

	(void)state;
	assert_int_equal(estimate_conclude(&estimate, &counted), 0);
	assert_near(estimate.calls_per_s, 7);
	assert_int_equal(estimate.rate_count, 4);
	assert_ptr_equal(estimate.rates[2].allocator, &items[1]);
	assert_near(estimate.rates[2].calls_per_s, 4);
	assert_near(estimate.rates[3].calls_per_s, 0);
	estimate_release(&estimate);
}

/* It would have made more calls than it did; it takes no more of the processor than before. */
static void test_one_that_always_runs(void **state)
{
	struct site site = site_of("free", SITE_EMULATED);
	struct allocator allocator = {.entry_sites = &site, .entry_count = 1};
	const struct allocators allocators = {.items = &allocator, .count = 1};
	const double hits[] = {250000};
	struct counted counted = counted_of(&allocators, hits, 1);
	struct estimate estimate = {.costs = COSTS};

	(void)state;
	counted.used.cpu_s = 1;
	assert_int_equal(estimate_conclude(&estimate, &counted), 0);
	assert_near(estimate.call_base_ns, 3000);
	assert_near(estimate.calls_per_s, 250000 / 0.75);
	assert_near(estimate.slowdown_percent, 50);
	assert_near(estimate.cpu_percent, 50);
	assert_near(estimate.core_percent, 0);
	estimate_release(&estimate);

	/* where sampling knows what a call takes, it counts too */
	site = site_of("malloc", SITE_EMULATED);
	counted.share = (struct sample_share){.samples = 10000, .inside = 100};
	estimate = (struct estimate){.costs = COSTS};
	assert_int_equal(estimate_conclude(&estimate, &counted), 0);
	assert_true(estimate.call_base_ns < 2990);
	assert_true(estimate.call_base_ns > sampling_call_ns(&counted.share, PAIR));
	estimate_release(&estimate);
}

/* One that did next to nothing while calls were counted: its pace is known from before. */
static void test_one_that_hardly_runs(void **state)
{
	struct site site = site_of("free", SITE_EMULATED);
	struct allocator allocator = {.entry_sites = &site, .entry_count = 1};
	const struct allocators allocators = {.items = &allocator, .count = 1};
	const double hits[] = {100};
	struct counted counted = counted_of(&allocators, hits, 1);
	struct estimate estimate = {.costs = COSTS,
				    .unprobed = {.cpu_s = 0.01, .wall_s = 2, .sleeps = 100}};
	double core = 100 * 1.5 * TRAP / 1e9 * 100;

	(void)state;
	counted.used.cpu_s = 0.004;
	assert_int_equal(estimate_conclude(&estimate, &counted), 0);
	assert_near(estimate.core_percent, core);
	assert_near(estimate.cpu_percent, core * 200);
	estimate_release(&estimate);
	estimate = (struct estimate){.costs = COSTS};
	assert_int_equal(estimate_conclude(&estimate, &counted), 0);
	assert_near(estimate.core_percent, core);
	assert_near(estimate.cpu_percent, 0);
	estimate_release(&estimate);
}

static void test_no_call(void **state)
{
	struct site site = site_of("malloc", SITE_EMULATED);
	struct allocator allocator = {.entry_sites = &site, .entry_count = 1};
	const struct allocators allocators = {.items = &allocator, .count = 1};
	const double hits[] = {0};
	const struct counted counted = counted_of(&allocators, hits, 1);
	struct estimate estimate = {.costs = COSTS};

	(void)state;
	assert_int_equal(estimate_conclude(&estimate, &counted), 0);
	assert_near(estimate.calls_per_s, 0);
	assert_near(estimate.call_base_ns, 0);
	assert_near(estimate.call_cost_ns, 1.5 * (TRAP + RETURN / 2.0));
	assert_near(estimate.cpu_percent, 0);
	estimate_release(&estimate);
}

static void test_kernels(void **state)
{
	struct trap_costs costs = COSTS;

	(void)state;
	assert_near(estimate_typical_call_ns(&costs, SITE_EMULATED), 1.5 * TRAP + 0.75 * RETURN);
	assert_near(estimate_typical_call_ns(&costs, SITE_STEPPED),
		    STEP + 0.5 * TRAP + 0.75 * RETURN);
	costs.entry_ns[SITE_EMULATED_NOP] = TRAP + 100;
	assert_true(estimate_nops_emulated(&costs));
	costs.entry_ns[SITE_EMULATED_NOP] = STEP - 100;
	assert_false(estimate_nops_emulated(&costs));
}

static void check_text(double cpu, double core, const char *expected)
{
	const struct estimate estimate = {.cpu_percent = cpu, .core_percent = core};
	char text[ESTIMATE_COST_SIZE];

	assert_string_equal(estimate_cost_text(&estimate, text), expected);
}

static void test_text(void **state)
{
	(void)state;
	check_text(30, 0.5, "about 30 % to its CPU time, 0.5 % of a core");
	check_text(9.94, 9.96, "about 9.9 % to its CPU time, 10.0 % of a core");
	check_text(10, 10, "about 10 % to its CPU time, 10 % of a core");
	check_text(5.3, 0, "about 5.3 % to its CPU time");
	check_text(0, 12.3, "about 12 % of a core");
	check_text(0, 0, "about 0.0 % of a core");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sites_by_number),
		cmocka_unit_test(test_calls_of_one_that_sleeps),
		cmocka_unit_test(test_by_kind_of_site),
		cmocka_unit_test(test_one_that_may_throw),
		cmocka_unit_test(test_sites_that_were_not_counted),
		cmocka_unit_test(test_one_that_always_runs),
		cmocka_unit_test(test_one_that_hardly_runs),
		cmocka_unit_test(test_no_call),
		cmocka_unit_test(test_kernels),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
