/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an inquiry makes of what it saw of processes, written out: of one, and of a master's workers
 * together. Rates in kB an hour; whoever grows does so for ten samples, a second apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "answer_text.h"
#include "cases.h"

static void check_answer(struct patient_case *kase, double weight, const char *expected)
{
	struct answer *answer = case_answer(kase, weight);
	char *text = answer_text(answer);

	assert_string_equal(text, expected);
	free(text);
	answer_free(answer);
	kase_free(kase);
}

/* --- one process --- */

/* Bytes a second, of malloc's live blocks and of what is resident. */
static struct patient_case *growing(bool is_python, double per_s)
{
	struct patient_case *kase = kase_new(7, is_python, 100);

	kase_grow(&kase->live, 1e6, per_s);
	kase_grow(&kase->parts[PART_MALLOC_LIVE], 1e6, per_s);
	kase_grow(&kase->resident, 4e6, per_s);
	series_add(&kase->used, 0, 1);
	return kase;
}

static void test_nothing_grows(void **state)
{
	(void)state;
	check_answer(growing(false, 0), 1,
		     "a x1, up 1100, 4000000 of 0; grows 0[0,0] resident 0[0,0] explained 0");
}

#define GROWS                                                                                \
	"a x1, up 1100, 4180000 of 0; grows 72000[72000,72000] resident 72000[72000,72000] " \
	"explained 72000\ngrows, no bound seen: C memory 72000[72000,72000] holds 0, evidence "

static void test_c_memory(void **state)
{
	static const struct {
		struct c_stacks stacks;
		const char *expected;
	} cases[] = {
		{{.blocks = 0},
		 GROWS "1, record: live blocks of malloc; stack not "
		       "watched: that it grows showed too late"},
		{{.why = "no BPF", .impossible = true},
		 GROWS "1: live blocks of malloc; stack not watched: no "
		       "BPF"},
		{{.why = "no BPF"},
		 GROWS "1, growth: live blocks of malloc; stack not "
		       "watched: no BPF"},
		{{.seconds = 11, .count = 1},
		 GROWS "5: live blocks of malloc; none that was made "
		       "stayed in the 11 s in which its calls were recorded"},
		{{.seconds = 11, .of_sizes = true},
		 GROWS "5, record: live blocks of malloc; no stack kept "
		       "blocks of such a size alone in the 11 s in which its calls were recorded"},
		{{.seconds = 11, .blocks = 1, .bytes = 5000},
		 GROWS "5, record: 1 block of 5.0 kB in all was made in 11 s and not freed"},
		{{.seconds = 11, .blocks = 2, .bytes = 5000},
		 GROWS "5, record: 2 blocks of 5.0 kB in all were made in 11 s and not freed"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct patient_case *kase = growing(false, 20e3);

		kase->c_stacks = cases[i].stacks;
		check_answer(kase, 1, cases[i].expected);
	}
}

/* A rate as often as it stands for, and by when the limit is reached at it. */
/* Not told of a runtime that frees at once, nor without a look. */
static void test_garbage_may_be_in_it(void **state)
{
	struct look look = {.collector = "Lua"};
	struct patient_case *kase = growing(false, 20e3);

	(void)state;
	kase->look = &look;
	struct answer *answer = case_answer(kase, 1);

	assert_string_equal(
		answer->findings[0].reason,
		"live blocks of malloc; stack not watched: that it grows showed too late; "
		"garbage that the collector of Lua has not freed yet may be in it: a longer "
		"watch tells");
	answer_free(answer);
	kase_free(kase);
}

static void test_weight_and_limit(void **state)
{
	struct patient_case *kase = growing(false, 20e3);
	struct look look = {.exe = "/bin/a", .resident_bytes = 5000000, .limit_bytes = 6000000};

	(void)state;
	kase->look = &look;
	kase->c_stacks.impossible = true;
	check_answer(
		kase, 2,
		"a x1, up 1100, 5000000 of 6000000, full in 25; grows 144000[144000,144000] "
		"resident 144000[144000,144000] explained 144000\n"
		"grows, no bound seen: C memory 144000[144000,144000] holds 0, evidence 1: live "
		"blocks of malloc; stack not watched: that it grows "
		"showed too late");
}

/* What is free is kept, what is shared grows apart; neither explains anything. */
static void test_parts(void **state)
{
	struct patient_case *kase = growing(false, 0);

	(void)state;
	kase_grow(&kase->parts[PART_MALLOC_FREE_PINNED], 5e6, 2e5);
	kase_grow(&kase->shared, 1e6, 1e5);
	kase_grow(&kase->parts[PART_SHARED], 2e6, 1e5);
	check_answer(
		kase, 1,
		"a x1, up 1100, 4000000 of 0; grows 0[0,0] resident 0[0,0] explained 0\n"
		"kept by the allocator: free in malloc, pinned 720000[720000,720000] holds "
		"6800000, evidence 1: free blocks between live ones: fragmentation, reused but "
		"not returned\n"
		"grows, no bound seen: shared memory 360000[360000,360000] holds 1900000, "
		"evidence 1: it maps ever more of it, 2.9 MB now: segments, memfd or files of "
		"/dev/shm that are not unmapped");
}

/* --- containers --- */

/* Entries of `each` bytes, `more` of them a sample. */
static struct subject *add_list(struct patient_case *kase, const char *name, uint64_t more,
				double each)
{
	struct subject *subject =
		subjects_get(&kase->subjects, zone_strdup(kase->subjects.zone, name), 1e6);

	subject->container = (struct look_container){
		.name = subject->key, .type = "list", .bound = LOOK_UNKNOWN};
	subject->bytes_per_entry = each;
	for (uint64_t i = 0; i < 10; i++)
		subject_add_sample(subject, (double)i, 1000 + i * more,
				   (uint64_t)((double)(1000 + i * more) * each));
	subject->container.length = 1000 + 9 * more;
	subject->container.bytes = (uint64_t)((double)subject->container.length * each);
	return subject;
}

/* What its objects grow by is counted more often than all else that is in use. */
static struct patient_case *python(double objects_per_s, double others_per_s)
{
	struct patient_case *kase = kase_new(7, true, 100);

	series_add(&kase->used, 0, 1);
	kase_grow(&kase->objects, 2e6, objects_per_s);
	kase_grow(&kase->resident, 4e6, objects_per_s + others_per_s);
	series_add(&kase->others, 0, 1e6);
	series_add(&kase->others, 9, 1e6 + 9 * others_per_s);
	return kase;
}

static void test_containers(void **state)
{
	struct patient_case *kase = python(20e3, 0);

	(void)state;
	add_list(kase, "main.ROWS", 100, 200);
	add_list(kase, "main.FEW", 1, 4); /* not worth a line */
	check_answer(
		kase, 1,
		"a x1, up 1100, 4180000 of 0; grows 72000[72000,72000] resident "
		"72000[72000,72000] explained 72000\n"
		"grows, no bound seen: main.ROWS 72000[71920,72080] holds 380000, evidence 1: +6,000 "
		"entries/min, none leaves; a cache without a bound");
}

/* Some hundred bytes of a short watch are no megabytes an hour, but where a
 * line was seen to fill them. */
static void test_next_to_nothing(void **state)
{
	struct answer_fill fill = {.delta = 1, .count = 1};
	struct patient_case *kase = python(0, 0);
	struct answer *answer;

	(void)state;
	add_list(kase, "main.TINY", 100, 1)->container.bytes = 560;
	add_list(kase, "main.SEEN", 100, 1)->container.bytes = 560;
	kase->subjects.items[1].fills = (struct fills){.grow = &fill, .grow_count = 1};
	answer = case_answer(kase, 1);
	assert_int_equal(answer->finding_count, 1);
	assert_string_equal(answer->findings[0].container->name, "main.SEEN");
	answer_free(answer);
	kase->subjects.items[1].fills = (struct fills){0};
	kase_free(kase);
}

/* Half of what grows is found. */
static void test_what_is_left(void **state)
{
	struct patient_case *kase = python(40e3, 0);

	(void)state;
	add_list(kase, "main.ROWS", 100, 200);
	check_answer(
		kase, 1,
		"a x1, up 1100, 4360000 of 0; grows 144000[144000,144000] resident "
		"144000[144000,144000] explained 72000\n"
		"grows, no bound seen: main.ROWS 72000[71920,72080] holds 380000, evidence 1: +6,000 "
		"entries/min, none leaves; a cache without a bound\n"
		"unexplained: - 72000[71920,72080] holds 0, evidence 0: in no container and from no "
		"line that was seen");
}

/* Known to be malloc's at two looks, which tell no rate. */
static void test_what_is_left_in_malloc(void **state)
{
	static const struct {
		double per_s; /* of malloc's blocks */
		const char *expected;
	} cases[] = {
		{11e3,
		 "in blocks of malloc: what C code keeps, or Python's objects have behind them; too few "
		 "looks were affordable to say which: a longer watch tells"},
		{9e3, "in no container and from no line that was seen"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct patient_case *kase = python(0, 20e3);
		struct look look = {0};

		kase->look = &look;
		series_add(&kase->parts[PART_MALLOC_LIVE], 0, 1e6);
		series_add(&kase->parts[PART_MALLOC_LIVE], 9, 1e6 + 9 * cases[i].per_s);
		struct answer *answer = case_answer(kase, 1);

		assert_int_equal(answer->finding_count, 1);
		assert_int_equal(answer->findings[0].verdict, VERDICT_UNEXPLAINED);
		assert_string_equal(answer->findings[0].reason, cases[i].expected);
		answer_free(answer);
		kase_free(kase);
	}
}

static void test_where_the_rest_seems_to_be(void **state)
{
	static const struct {
		const char *name; /* of the largest mapping; NULL: there is no look */
		bool newcomer;
		double per_s; /* of anonymous mappings */
		const char *expected;
	} cases[] = {
		{NULL, false, 20e3, "in no container and from no line that was seen"},
		{NULL, true, 20e3,
		 "in no container and from no line that was seen; a worker that has just started "
		 "takes in more than what it leaks"},
		{"jemalloc", false, 20e3, "in memory of its allocator: jemalloc"},
		{"Go", false, 20e3,
		 "in memory that it maps itself, not by malloc: most of that is Go, garbage that "
		 "its collector has not freed yet included"},
		{"Go", false, 9e3, "in no container and from no line that was seen"},
		{"", false, 20e3, "in memory that it maps itself, not by malloc"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct patient_case *kase = kase_new(7, false, 100);
		struct look_count mapping = {cases[i].name, 1, 9000000};
		struct look look = {.mappings = &mapping,
				    .mapping_count = cases[i].name && *cases[i].name};

		kase_grow(&kase->live, 1e6, 20e3);
		kase_grow(&kase->parts[PART_ANONYMOUS], 1e6, cases[i].per_s);
		kase->look = cases[i].name ? &look : NULL;
		kase->newcomer = cases[i].newcomer;
		struct answer *answer = case_answer(kase, 1);

		assert_int_equal(answer->finding_count, 1);
		assert_int_equal(answer->findings[0].verdict, VERDICT_UNEXPLAINED);
		assert_string_equal(answer->findings[0].reason, cases[i].expected);
		answer_free(answer);
		kase_free(kase);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_grows),
		cmocka_unit_test(test_c_memory),
		cmocka_unit_test(test_garbage_may_be_in_it),
		cmocka_unit_test(test_weight_and_limit),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_next_to_nothing),
		cmocka_unit_test(test_what_is_left),
		cmocka_unit_test(test_what_is_left_in_malloc),
		cmocka_unit_test(test_where_the_rest_seems_to_be),
	};

	return cmocka_run_group_tests_name("case answers", tests, NULL, NULL);
}
