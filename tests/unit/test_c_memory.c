/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast malloc's blocks grow that are not Python's, by few looks and by many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "service/c_memory.h"

#define HOUR_S 3600.0

/* Bytes a second from a million on; of so many looks, 8 s apart. */
struct growth {
	double all, tables, others;
	size_t looks;
	size_t measures; /* behind them, 30 s apart: of all alone */
};

static struct patient_case *grow(const struct growth *growth)
{
	struct patient_case *kase = calloc(1, sizeof(*kase));
	struct series *all = &kase->parts[PART_MALLOC_LIVE];
	double at_s = 0;

	kase->patient.is_python = true;
	for (size_t i = 0; i < growth->looks + growth->measures; i++) {
		series_add(all, at_s, 1e6 + at_s * growth->all);
		if (i < growth->looks) {
			series_add(&kase->beside, at_s, 1e5 + at_s * growth->tables);
			series_add(&kase->outside, at_s, 2e5 + at_s * growth->others);
		}
		at_s += i < growth->looks ? 8 : 30;
	}
	return kase;
}

static void test_three_looks_and_where_the_memory_was_later(void **state)
{
	struct patient_case *kase = grow(&(struct growth){.all = 40e3, .looks = 3, .measures = 3});
	struct rate rate;

	(void)state;
	assert_true(c_memory_rises(kase));
	assert_false(c_memory_is_measured(kase));
	assert_true(c_memory_rate(kase, NULL, 0, &rate));
	assert_float_equal(rate.value, 40e3 * HOUR_S, 1);
	free(kase);
}

static void test_three_looks_alone_tell_no_rate(void **state)
{
	struct patient_case *kase = grow(&(struct growth){.all = 40e3, .looks = 3});
	struct rate rate;

	(void)state;
	assert_true(c_memory_rises(kase));
	assert_false(c_memory_rate(kase, NULL, 0, &rate));
	free(kase);
}

/* As looks showed; it goes on so where there was none. */
static void test_what_python_has_in_malloc(void **state)
{
	struct growth of_tables = {.all = 40e3, .tables = 40e3, .looks = 3, .measures = 3};
	struct growth of_others = {.all = 40e3, .others = 40e3, .looks = 3, .measures = 3};
	struct rate rate;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct patient_case *kase = grow(i ? &of_others : &of_tables);

		assert_false(c_memory_rises(kase));
		assert_false(c_memory_rate(kase, NULL, 0, &rate));
		free(kase);
	}
}

/* What comes behind the last graph may be Python's, and is left out. */
static void test_enough_looks_tell_the_rate_themselves(void **state)
{
	struct patient_case *kase = grow(&(struct growth){
		.all = 40e3, .tables = 10e3, .others = 5e3, .looks = 6, .measures = 1});
	struct rate rate;

	(void)state;
	kase->ends_without_graph = true;
	assert_true(c_memory_is_measured(kase));
	assert_true(c_memory_rate(kase, NULL, 0, &rate));
	assert_float_equal(rate.value, 25e3 * HOUR_S, 1);
	free(kase);
}

/* The finding of a program that is no Python, and grows by 40 kB a second; nothing was recorded,
 * for that would have slowed it. */
static struct answer *answer_of(struct patient_case *kase, double slowdown_percent)
{
	kase->patient.is_python = false;
	kase->live = kase->parts[kase->other_malloc ? PART_ANONYMOUS : PART_MALLOC_LIVE];
	kase->c_stacks.why = "dear";
	kase->c_stacks.slowdown_percent = slowdown_percent;
	return case_answer(kase, 1);
}

/* Moments tell what stays by the sizes of glibc's blocks, and of no others. */
static void test_how_to_get_the_stacks(void **state)
{
	static const struct {
		const char *other_malloc;
		double slowdown_percent;
		enum finding_advice advice;
	} cases[] = {
		{NULL, 4, ADVICE_RECORD},       {NULL, 300, ADVICE_RECORD},
		{"jemalloc", 4, ADVICE_RECORD}, {"jemalloc", 8, ADVICE_GROWTH},
		{NULL, 0, ADVICE_GROWTH}, /* nothing can be recorded */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct patient_case *kase = grow(&(struct growth){.all = 40e3, .looks = 8});

		kase->parts[PART_ANONYMOUS] = kase->parts[PART_MALLOC_LIVE];
		kase->other_malloc = cases[i].other_malloc;
		struct answer *answer = answer_of(kase, cases[i].slowdown_percent);

		assert_int_equal(answer->finding_count, 1);
		assert_string_equal(answer->findings[0].subject, "C memory");
		assert_int_equal(answer->findings[0].advice, cases[i].advice);
		answer_free(answer);
		free(kase);
	}
}

static void test_what_was_recorded(void **state)
{
	struct patient_case *kase = grow(&(struct growth){.all = 40e3, .looks = 8});

	(void)state;
	kase->c_stacks = (struct c_stacks){.blocks = 23988, .bytes = 97435800, .seconds = 11};
	struct answer *answer = answer_of(kase, 0);

	assert_string_equal(answer->findings[0].reason,
			    "23,988 blocks of 97.4 MB in all were made in 11 s and not freed");
	answer_free(answer);
	free(kase);
}

/* Not that of which there are most, nor a trifle of what grows. */
static void test_the_class_that_grows(void **state)
{
	static struct look_type first[] = {{"Session", "c++", 1000, 88000},
					   {"Page", "c++", 50000, 900000}};
	static struct look_type last[] = {
		{"Page", "c++", 50001, 900018},
		{"Session", "c++", 3000, 264000},
		{"std::vector<int, std::allocator<int> >", "c++", 900, 64800}};
	struct look look = {.types = last, .type_count = 3};
	struct patient_case *kase = grow(&(struct growth){.all = 40e3, .looks = 8});
	struct look_count grown;

	(void)state;
	kase->look = &look;
	assert_false(c_memory_class(kase, &grown));
	kase->classes = first;
	kase->class_count = 2;
	assert_true(c_memory_class(kase, &grown));
	assert_string_equal(grown.name, "Session");
	struct answer *answer = answer_of(kase, 0);

	assert_non_null(strstr(answer->findings[0].reason,
			       "; 2,000 more objects of Session, 176.0 kB; stack not watched"));
	answer_free(answer);
	first[0].count = last[1].count;
	answer = answer_of(kase, 0);
	assert_non_null(
		strstr(answer->findings[0].reason, "; 900 more objects of std::vector<int>"));
	answer_free(answer);
	look.type_count = 1;
	assert_false(c_memory_class(kase, &grown));
	free(kase);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_looks_and_where_the_memory_was_later),
		cmocka_unit_test(test_three_looks_alone_tell_no_rate),
		cmocka_unit_test(test_what_python_has_in_malloc),
		cmocka_unit_test(test_enough_looks_tell_the_rate_themselves),
		cmocka_unit_test(test_how_to_get_the_stacks),
		cmocka_unit_test(test_what_was_recorded),
		cmocka_unit_test(test_the_class_that_grows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
