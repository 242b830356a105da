/* SPDX-License-Identifier: BSD-2-Clause */
/* When windows are due: by hand, and that a budget is kept over simulated hours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "probes/pace.h"

#define MS 1e6

static void test_due(void **state)
{
	static const struct {
		struct pace pace;
		double chance, rate, length_ms;
		double due_ms;
	} cases[] = {
		/* a window of 10 ms of one processor is paid for by a second of it, */
		{{.share = 0.01}, 0, 1, 10, 1000},
		{{.share = 0.10}, 0, 1, 10, 100},
		{{.share = 0.01}, 0, 2, 10, 2000},
		/* by chance half as much later, */
		{{.share = 0.01}, 1, 1, 10, 1500},
		{{.share = 0.01}, 0.5, 1, 10, 1250},
		/* by what the last ones took, where that is more, */
		{{.share = 0.01, .taken_ns = 20000000}, 0, 1, 10, 2000},
		{{.share = 0.01, .taken_ns = 5000000}, 0, 1, 10, 1000},
		/* with what was spent before, */
		{{.share = 0.01, .spent_ns = 30000000}, 0, 1, 10, 4000},
		/* and not at once after the last one, though it were paid for */
		{{.share = 0.01, .spent_ns = 10000000, .last_ns = 9000000000}, 0, 1, 10, 9250},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_float_equal(pace_due_ns(&cases[i].pace, cases[i].chance, cases[i].rate,
					       cases[i].length_ms * MS),
				   cases[i].due_ms * MS, 1);
}

/* The most of late: it is forgotten slowly. */
static void test_taken(void **state)
{
	struct pace pace = {.share = 0.01};

	(void)state;
	pace_took(&pace, 800, 5000);
	assert_int_equal(pace.taken_ns, 800);
	pace_took(&pace, 400, 6000);
	assert_int_equal(pace.taken_ns, 700);
	pace_took(&pace, 900, 7000);
	assert_int_equal(pace.taken_ns, 900);
	assert_float_equal(pace_expected_ns(&pace, 0.5, 1000), 900, 1e-9);
	assert_float_equal(pace_expected_ns(&pace, 2, 1000), 2000, 1e-9);
	assert_int_equal(pace.spent_ns, 2100);
	assert_int_equal(pace.last_ns, 7000);
}

static void test_rest(void **state)
{
	(void)state;
	assert_int_equal(pace_rest_ns(3 * MS, 1), 3000000);
	assert_int_equal(pace_rest_ns(3 * MS, 2), 1500000);
	assert_int_equal(pace_rest_ns(3 * MS, 100), 500000);
	assert_int_equal(pace_rest_ns(900 * MS, 1), 50000000);
	assert_int_equal(pace_rest_ns(3 * MS, 0), 50000000);
}

/* What hits cost between windows: a hundred microseconds, and a quarter of the budget. */
static void test_frequent(void **state)
{
	struct pace pace = {.share = 0.01};

	(void)state;
	assert_false(pace_is_frequent(&pace, 1000, 0, 1000000000)); /* since when is not known */
	assert_false(pace_is_frequent(&pace, 1050, 0, 1100000000));
	assert_true(pace_is_frequent(&pace, 1101, 0, 1200000000));
	assert_false(pace_is_frequent(&pace, 9000, 0, 1299999999)); /* not yet */
	assert_true(pace_is_frequent(&pace, 9000, 0, 1300000000));
	/* of a second of theirs 2.5 ms: 1250 hits, and fifty */
	assert_false(pace_is_frequent(&pace, 10300, 1000000000, 1400000000));
	assert_true(pace_is_frequent(&pace, 11601, 2000000000, 1500000000));
}

static void test_chance(void **state)
{
	struct pace pace = {.chance = 1}, other = {.chance = 3};
	double sum = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		double chance = pace_chance(&pace);

		assert_true(chance >= 0 && chance < 1);
		sum += chance;
	}
	assert_float_equal(sum / 10000, 0.5, 0.02);
	assert_true(pace_chance(&pace) != pace_chance(&other));
}

/*
 * Targets that use `rate` of a processor, for two hours of its time; a window takes what is
 * expected, and by chance up to half as much again. Returns the share that windows had of
 * it, and how many there were.
 */
static double simulate(double share, double rate, double length_ms, unsigned int *windows)
{
	struct pace pace = {.share = share, .chance = 12345};
	double cpu_ns = 0, end_ns = 7200e3 * MS;

	for (*windows = 0; cpu_ns < end_ns; ++*windows) {
		double took_ns = rate * length_ms * MS * (1 + pace_chance(&pace) / 2);
		double due_ns = pace_due_ns(&pace, pace_chance(&pace), rate, length_ms * MS);

		if (due_ns > cpu_ns)
			cpu_ns = due_ns;
		cpu_ns += took_ns;
		pace_took(&pace, (uint64_t)took_ns, (uint64_t)cpu_ns);
		if (*windows > 100) /* until then one weighs much */
			assert_true((double)pace.spent_ns <= 1.02 * share * cpu_ns);
	}
	return (double)pace.spent_ns / cpu_ns;
}

static void test_budgets_are_kept_and_used(void **state)
{
	static const double shares[] = {0.001, 0.01, 0.1, 0.5};
	unsigned int windows;

	(void)state;
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		double used = simulate(shares[i], 2, 30, &windows);

		assert_true(windows > 50);
		assert_true(used > 0.7 * shares[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_due),    cmocka_unit_test(test_taken),
		cmocka_unit_test(test_rest),   cmocka_unit_test(test_frequent),
		cmocka_unit_test(test_chance), cmocka_unit_test(test_budgets_are_kept_and_used),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
