/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands for very many objects: samples, newcomers, a dozen of each type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "python/objects/garbage_streamed.h"
#include "python/objects/newcomers.h"
#include "python/objects/sampler.h"

enum { OLD = 50000, NEW = 2000, TYPE = 7, OTHER = 8, BYTES = 1 << 20 };
#define FIRST    UINT64_C(0x7f0000000000)
#define AT(i)    (FIRST + 32 * (uint64_t)(i))
#define FRESH(i) AT(OLD + (i))

static void test_samples_do_not_depend_on_order(void **unused)
{
	struct sampler forwards, backwards;

	(void)unused;
	assert_int_equal(sampler_init(&forwards, 500), 0);
	assert_int_equal(sampler_init(&backwards, 500), 0);
	for (int i = 0; i < OLD; i++) {
		sampler_see(&forwards, AT(i), TYPE);
		sampler_see(&backwards, AT(OLD - 1 - i), TYPE);
	}
	assert_int_equal(forwards.seen, OLD);
	assert_in_range(forwards.count, 200, 500);
	assert_int_equal(forwards.count, backwards.count);
	for (size_t i = 0; i < forwards.count; i++)
		assert_int_equal(forwards.items[i].address,
				 backwards.items[backwards.count - 1 - i].address);
	sampler_release(&forwards);
	sampler_release(&backwards);
}

static void see(struct newcomers *newcomers, int old, int first, int end)
{
	newcomers_begin(newcomers);
	for (int i = 0; i < old; i++)
		newcomers_see(newcomers, AT(i), TYPE);
	for (int i = first; i < end; i++)
		newcomers_see(newcomers, FRESH(i), TYPE);
}

static double stayed(const struct newcomers *newcomers)
{
	size_t count = 0;

	for (size_t i = 0; i < newcomers->count; i++)
		count += newcomers_stayed(newcomers, &newcomers->items[i]);
	return (double)count * newcomers_weight(newcomers);
}

static void test_what_stays(void **unused)
{
	struct newcomers newcomers;
	size_t taken_for_old = 0;

	(void)unused;
	assert_int_equal(newcomers_init(&newcomers, BYTES), 0);
	see(&newcomers, OLD, 0, 0);
	see(&newcomers, OLD, 0, NEW / 2);
	assert_true(stayed(&newcomers) < 1);
	see(&newcomers, OLD, 0, NEW);
	for (int i = 0; i < OLD; i++)
		assert_false(newcomers_is_new(&newcomers, AT(i), TYPE));
	for (int i = 0; i < NEW; i++)
		taken_for_old += !newcomers_is_new(&newcomers, FRESH(i), TYPE);
	assert_in_range(taken_for_old, 0, NEW / 50);
	assert_in_range((uint64_t)stayed(&newcomers), NEW / 2 * 9 / 10, NEW / 2 * 11 / 10);
	see(&newcomers, OLD, NEW / 2, NEW); /* the first ones are gone, the second ones stay */
	assert_in_range((uint64_t)stayed(&newcomers), NEW / 2 * 9 / 10, NEW / 2 * 11 / 10);
	see(&newcomers, OLD, 0, 0);
	assert_true(stayed(&newcomers) < 1);
	newcomers_release(&newcomers);
}

static void test_places_that_others_take(void **unused)
{
	struct newcomers newcomers;

	(void)unused;
	assert_int_equal(newcomers_init(&newcomers, BYTES), 0);
	see(&newcomers, 10, 0, 0);
	assert_true(newcomers_is_new(&newcomers, AT(0), OTHER));
	newcomers_begin(&newcomers);
	newcomers_see(&newcomers, AT(0), OTHER);
	newcomers_begin(&newcomers);
	newcomers_see(&newcomers, AT(0), OTHER + 1); /* and again */
	assert_int_equal(newcomers.count, 1);
	assert_false(newcomers_stayed(&newcomers, &newcomers.items[0]));
	newcomers_release(&newcomers);
	assert_false(newcomers_is_new(&newcomers, AT(0), OTHER)); /* nothing is known */
}

/* Far more than there is room to follow. */
static void test_very_many(void **unused)
{
	struct newcomers newcomers;

	(void)unused;
	assert_int_equal(newcomers_init(&newcomers, 1 << 16), 0);
	see(&newcomers, 0, 0, 0);
	see(&newcomers, 0, 0, 100000);
	see(&newcomers, 0, 0, 100000);
	assert_true(newcomers.count <= newcomers.max && newcomers.count * 4 > newcomers.max);
	assert_in_range((uint64_t)stayed(&newcomers), 85000, 115000);
	newcomers_release(&newcomers);
}

static void test_shares_of_types(void **unused)
{
	struct type_samples samples;
	struct chains chains = {0};
	size_t judged;

	(void)unused;
	assert_int_equal(type_samples_init(&samples, BYTES), 0);
	for (int i = 0; i < 1000; i++)
		type_samples_see(&samples, AT(i), TYPE);
	for (int i = 0; i < 5; i++)
		type_samples_see(&samples, FRESH(i), OTHER); /* too few */
	type_samples_see(&samples, AT(0), UINT32_MAX);
	type_samples_choose(&samples, &chains);
	assert_int_equal(chains.count, 12);
	for (size_t i = 0; i < chains.count; i++)
		assert_int_equal(chains.items[i].type, TYPE);
	chains.items[0].is_garbage = true;
	assert_true(type_samples_garbage(&samples, &chains, TYPE, &judged) == 0); /* by chance */
	for (size_t i = 0; i < 6; i++)
		chains.items[i].is_garbage = true;
	assert_true(type_samples_garbage(&samples, &chains, TYPE, &judged) == 0.5);
	assert_int_equal(judged, 12);
	assert_true(type_samples_garbage(&samples, &chains, OTHER, &judged) == 0 && !judged);
	type_samples_begin(&samples);
	assert_true(type_samples_garbage(&samples, &chains, TYPE, &judged) == 0);
	chains_release(&chains);
	type_samples_release(&samples);
}

/* Each object once, as it was added first. */
static void test_chains_by_address(void **unused)
{
	struct chains chains = {0};

	(void)unused;
	assert_null(chains_at(&chains, AT(0)));
	for (uint32_t i = 0; i < NEW; i++)
		assert_true(chains_add(&chains, AT(i), i, true));
	for (uint32_t i = 0; i < NEW; i++)
		assert_true(chains_add(&chains, AT(i), TYPE, false));
	assert_int_equal(chains.count, NEW);
	for (uint32_t i = 0; i < NEW; i++) {
		const struct chain *chain = chains_at(&chains, AT(i));

		assert_ptr_equal(chain, &chains.items[i]);
		assert_true(chain->address == AT(i) && chain->type == i && chain->is_weighed);
	}
	assert_null(chains_at(&chains, FRESH(0)));
	chains_release(&chains);
	assert_null(chains_at(&chains, AT(0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples_do_not_depend_on_order),
		cmocka_unit_test(test_what_stays),
		cmocka_unit_test(test_places_that_others_take),
		cmocka_unit_test(test_very_many),
		cmocka_unit_test(test_shares_of_types),
		cmocka_unit_test(test_chains_by_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
