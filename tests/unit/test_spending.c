/* SPDX-License-Identifier: BSD-2-Clause */
/* What a monitor takes of a processor, all in all, where there is always something to ask. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "service/monitor/spending.h"

#define SHARE 0.01
#define DAY_S 86400.0

/* The share of a processor over a day, read each second: inquiries of `cost_s`, that take as
 * long as it takes to have a second of them, looks as they are allowed, and its own. */
static double share_of_all(double own, double cost_s, unsigned int *asked)
{
	struct spending spending = {0};
	double spent_s = 0;

	*asked = 0;
	for (double now_s = 1; now_s <= DAY_S; now_s++) {
		spending_count(&spending, SHARE, now_s, own * now_s);
		if (!spending_allows(&spending, *asked ? cost_s : 0))
			continue;
		++*asked;
		spending.allowed_s -= cost_s;
		spent_s += cost_s;
	}
	return spent_s / DAY_S + own + SPENDING_LOOK_SHARE * SHARE;
}

/* Over the first two seconds, that are given, and what one costs more than was known. */
static double slack(double cost_s)
{
	return (SPENDING_USUAL_S + cost_s) / DAY_S;
}

static void test_all_is_within_the_budget(void **state)
{
	static const double owns[] = {0, 0.0005, 0.002, 0.00399}, costs_s[] = {0.5, 2, 15};
	unsigned int asked;

	(void)state;
	for (size_t i = 0; i < sizeof(owns) / sizeof(*owns); i++)
		for (size_t j = 0; j < sizeof(costs_s) / sizeof(*costs_s); j++) {
			double all = share_of_all(owns[i], costs_s[j], &asked);

			assert_true(all <= SHARE + slack(costs_s[j]));
			assert_true(all >= 0.95 * SHARE); /* and it is used */
			assert_true(asked >= 20);
		}
}

/* Reading that alone takes more than there is leaves half of it for asking. */
static void test_much_reading_does_not_silence_it(void **state)
{
	unsigned int asked;

	(void)state;
	double all = share_of_all(0.03, 2, &asked);
	assert_true(asked >= 0.39 * SHARE * DAY_S / 2);
	assert_true(all <= 0.03 + 0.6 * SHARE + slack(2));
}

static void test_the_first_begins_at_once(void **state)
{
	struct spending spending = {0};

	(void)state;
	spending_count(&spending, SHARE, 1000, 5);
	assert_true(spending_allows(&spending, 0));
	spending.allowed_s -= 3; /* it was dearer: the next one waits */
	spending_count(&spending, SHARE, 1010, 5);
	assert_false(spending_allows(&spending, 3));
}

/* Quiet months are not spent in one night. */
static void test_what_is_put_by_is_bounded(void **state)
{
	struct spending spending = {0};
	unsigned int asked = 0;

	(void)state;
	spending_count(&spending, SHARE, 1, 0);
	spending_count(&spending, SHARE, 100 * DAY_S, 0);
	for (; spending_allows(&spending, 2) && asked < 1000; asked++)
		spending.allowed_s -= 2;
	assert_int_equal(asked, 10);
	assert_true(
		spending_allows(&(struct spending){.allowed_s = 20}, 1e9)); /* or it never would */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_is_within_the_budget),
		cmocka_unit_test(test_much_reading_does_not_silence_it),
		cmocka_unit_test(test_the_first_begins_at_once),
		cmocka_unit_test(test_what_is_put_by_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
