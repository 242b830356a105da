/* SPDX-License-Identifier: BSD-2-Clause */
/* What changed between two looks, and between two answers, also as they are read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>

#include "analyze/answer_read.h"
#include "analyze/difference.h"
#include "golden.h"
#include "looks.h"
#include "output/difference.h"
#include "output/why.h"

static const struct difference_entry *find(const struct difference *difference,
					   enum entry_kind kind, const char *name)
{
	for (size_t i = 0; i < difference->entry_count; i++) {
		const struct difference_entry *entry = &difference->entries[i];

		if (entry->kind == kind && entry->name && !strcmp(entry->name, name))
			return entry;
	}
	fail_msg("nothing is called %s", name);
	return NULL;
}

static void compare_with_golden(const struct difference *difference, difference_output_fn *print,
				const char *name)
{
	const struct difference_options options = {0};
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_int_equal(print(difference, &options, file), 0);
	fclose(file);
	compare_with_file(text, size, name);
	free(text);
}

/* --- answers --- */

/* After a mend: HISTORY fills slowly, features.so goes on, prices is full, AUDIT came. */
static struct answer *mended_answer(struct look *look)
{
	static const struct answer_frame note[] = {{"note", "/srv/shop/audit.py", 7, true}};
	static const struct answer_frame scale[] = {{"buffer_fill", NULL, 0, false},
						    {"scale", NULL, 0, false}};
	static const struct answer_fill fills[] = {{9, 9, note, 1, 0}};
	static const struct answer_fill allocations[] = {{30, 30, scale, 2, 2}};
	static const struct look_container history = {"recommend.behaviour.HISTORY",
						      "dict",
						      0x7e00,
						      12000,
						      12000000,
						      LOOK_UNKNOWN,
						      LOOK_UNKNOWN,
						      LOOK_UNKNOWN};
	static const struct look_container audit = {
		"audit.ROWS", "list", 0x7e40, 800, 90000, LOOK_UNKNOWN, LOOK_UNKNOWN, LOOK_UNKNOWN};
	const struct finding findings[] = {
		{VERDICT_GROWS,
		 {4.7e6, 4.0e6, 5.4e6},
		 0,
		 NULL,
		 "malloc in features.so",
		 NULL,
		 allocations,
		 1},
		{VERDICT_GROWS, {0.3e6, 0.1e6, 0.5e6}, 90000, &audit, NULL, "tuple", fills, 1},
		{VERDICT_FILLING_CACHE, {0.2e6, 0.1e6, 0.3e6}, 12000000, &history, NULL, "Event"},
	};
	struct answer *answer = answer_new_of(look);

	answer->pid = 77;
	answer->process_count = 1;
	answer->resident_bytes = 610000000;
	answer->growth = (struct rate){5.3e6, 4.2e6, 6.4e6};
	answer->findings = COPY(answer->zone, findings, &answer->finding_count);
	look->taken_at_ns += INT64_C(86400000000000);
	return answer;
}

static void test_answers(void **state)
{
	struct look *looks[] = {service_look(), service_look()};
	struct answer *before = answer_new_of(looks[0]), *after = mended_answer(looks[1]);
	struct difference *difference;

	(void)state;
	add_findings(before);
	difference = difference_of_answers(before, after);
	assert_int_equal(difference->entry_count, 5);
	assert_int_equal(difference->total.outcome, OUTCOME_FELL);
	const struct difference_entry *history =
		find(difference, ENTRY_FINDING, "recommend.behaviour.HISTORY");

	assert_int_equal(history->outcome, OUTCOME_FELL);
	assert_true(history->rate.high == 0.3e6 - 8.6e6 && history->rate.low == 0.1e6 - 9.6e6);
	assert_string_equal(history->verdict_before, "leak");
	assert_string_equal(history->verdict_after, "filling cache");
	assert_int_equal(find(difference, ENTRY_FINDING, "audit.ROWS")->outcome, OUTCOME_CAME);
	assert_int_equal(find(difference, ENTRY_FINDING, "prices (shop/prices.py:12)")->outcome,
			 OUTCOME_WENT);
	compare_with_golden(difference, difference_text, "diff-why.txt");
	compare_with_golden(difference, difference_json, "diff-why.json");
	assert_null(difference_above(difference, 0.1e6));
	assert_string_equal(difference_above(difference, 0.09e6)->name, "audit.ROWS");
	difference_free(difference);
	look_free(looks[0]);
	look_free(looks[1]);
}

/* Where both are apart by chance alone, or one answer is that it is too early, nothing is said. */
static void test_answers_that_do_not_tell(void **state)
{
	struct look *looks[] = {service_look(), service_look()};
	struct answer *before = answer_new_of(looks[0]), *after = answer_new_of(looks[1]);
	struct difference *difference;

	(void)state;
	add_findings(before);
	add_findings(after);
	after->growth = (struct rate){16.2e6, 15.9e6, 16.5e6};
	difference = difference_of_answers(before, after);
	assert_int_equal(difference->entry_count, before->finding_count);
	assert_int_equal(difference->total.outcome, OUTCOME_UNSURE);
	for (size_t i = 0; i < difference->entry_count; i++)
		assert_int_equal(difference->entries[i].outcome, OUTCOME_UNSURE);
	assert_null(difference_above(difference, 0));
	difference_free(difference);
	after->growth_known = false;
	after->finding_count = 0;
	difference = difference_of_answers(before, after);
	assert_false(difference_is_rated(difference));
	assert_int_equal(find(difference, ENTRY_FINDING, "unexplained")->outcome, OUTCOME_UNSURE);
	difference_free(difference);
	look_free(looks[0]);
	look_free(looks[1]);
}

static char *json_of(const struct answer *answer)
{
	const struct why_output_options options = {0};
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_int_equal(why_json(answer, &options, file), 0);
	fclose(file);
	return text;
}

static void test_answers_read_back(void **state)
{
	struct look *look = service_look();
	struct answer *answer = answer_new_of(look), *read;
	char error[300] = "", *text;

	(void)state;
	add_findings(answer);
	text = json_of(answer);
	read = answer_read_text("a.json", text, strlen(text), error, sizeof(error));
	if (!read)
		fail_msg("%s", error);
	assert_int_equal(read->finding_count, answer->finding_count);
	assert_true(read->growth.low == 14.1e6 && read->growth_known);
	assert_true(read->look->taken_at_ns == look->taken_at_ns);
	assert_int_equal(read->findings[0].fills[0].own, 1);
	assert_string_equal(read->findings[0].fills[0].frames[1].function, "remember");
	struct difference *difference = difference_of_answers(answer, read);

	for (size_t i = 0; i < difference->entry_count; i++)
		assert_true(difference->entries[i].bytes == 0 &&
			    difference->entries[i].rate.value == 0);
	difference_free(difference);
	answer_free(read);
	free(text);
	look_free(look);
}

static void assert_replacement_refused(const char *what, const char *by, const char *reason)
{
	struct look *look = service_look();
	struct answer *answer = answer_new_of(look);
	char error[300] = "", *text, *damaged;

	add_findings(answer);
	text = json_of(answer);
	const char *place = strstr(text, what);

	assert_non_null(place);
	assert_true(asprintf(&damaged, "%.*s%s%s", (int)(place - text), text, by,
			     place + strlen(what)) > 0);
	assert_null(answer_read_text("a.json", damaged, strlen(damaged), error, sizeof(error)));
	if (!strstr(error, reason) || strchr(error, '\n'))
		fail_msg("\"%s\" in: %s", reason, error);
	for (size_t cut = 0; cut + 3 < strlen(text); cut += 97)
		assert_null(answer_read_text("a.json", text, cut, error, sizeof(error)));
	free(damaged);
	free(text);
	look_free(look);
}

static void test_answers_that_were_changed_are_refused(void **state)
{
	(void)state;
	assert_replacement_refused("unfreed/why/1", "unfreed/1", "no answer");
	assert_replacement_refused("\"pid\":1234", "\"pid\":4294967296", "\"pid\"");
	assert_replacement_refused("\"verdict\":\"leak\"", "\"verdict\":\"theft\"", "\"verdict\"");
	assert_replacement_refused("\"low\":14100000", "\"low\":1e300", "\"low\"");
	assert_replacement_refused("\"growth\":{", "\"growth\":[],\"x\":{", "\"growth\"");
	assert_replacement_refused("\"filled_by\":[", "\"filled_by\":[7,", "\"frames\"");
	assert_replacement_refused("\"holds_bytes\":764000000", "\"holds_bytes\":-1",
				   "\"holds_bytes\"");
	assert_replacement_refused("\"taken_at\":\"2026", "\"taken_at\":\"x", "\"taken_at\"");
}

/* --- looks --- */

static struct look *later_look(bool same_process)
{
	struct look *look = service_look();
	struct look_container *containers = zone_alloc(look->zone, 5, sizeof(*containers));
	struct look_type *types = zone_alloc(look->zone, look->type_count, sizeof(*types));

	memcpy(containers, look->containers, 4 * sizeof(*containers));
	memcpy(types, look->types, look->type_count * sizeof(*types));
	containers[0].length += 15000;
	containers[0].bytes += 15000000;
	containers[1].bytes = 30000000;
	containers[2] =
		(struct look_container){"shop.fresh", "set",        0x7f00aa,     5000,
					6000000,      LOOK_UNKNOWN, LOOK_UNKNOWN, LOOK_UNKNOWN};
	containers[4] = (struct look_container){"shop.small", "list",       0x7f00bb,    2, 4000000,
						LOOK_UNKNOWN, LOOK_UNKNOWN, LOOK_UNKNOWN};
	types[0].count += 15000;
	types[0].bytes += 1800000;
	look->containers = containers;
	look->container_count = 5;
	look->types = types;
	look->parts[PART_PYTHON_LIVE].bytes += 15000000;
	look->taken_at_ns += INT64_C(3600000000000);
	if (!same_process)
		look->pid++;
	return look;
}

static void test_looks_at_one_process(void **state)
{
	struct look *before = service_look(), *after = later_look(true);
	struct difference *difference = difference_of_looks(before, after);
	const struct difference_entry *history =
		find(difference, ENTRY_CONTAINER, "recommend.behaviour.HISTORY");

	(void)state;
	assert_true(difference_is_rated(difference) && history->rated);
	assert_int_equal(history->outcome, OUTCOME_GREW);
	assert_true(history->bytes == 15000000 && history->count == 15000);
	assert_true(fabs(history->rate.value - 15e6) < 1);
	assert_int_equal(find(difference, ENTRY_CONTAINER, "shop.fresh")->outcome, OUTCOME_CAME);
	assert_int_equal(find(difference, ENTRY_CONTAINER, "shop.small")->outcome, OUTCOME_UNSURE);
	assert_int_equal(find(difference, ENTRY_CONTAINER, "prices (shop/prices.py:12)")->outcome,
			 OUTCOME_WENT);
	assert_int_equal(find(difference, ENTRY_PART, "files")->outcome, OUTCOME_SAME);
	assert_ptr_equal(difference_above(difference, 14e6), &difference->total);
	assert_null(difference_above(difference, 16e6));
	compare_with_golden(difference, difference_text, "diff-heap.txt");
	compare_with_golden(difference, difference_json, "diff-heap.json");
	difference_free(difference);
	look_free(before);
	look_free(after);
}

/* Between two processes there is no time; containers are told by name. */
static void test_looks_at_two_processes(void **state)
{
	struct look *before = service_look(), *after = later_look(false);
	struct difference *difference;

	(void)state;
	((struct look_container *)after->containers)[0].address = 0x123;
	difference = difference_of_looks(before, after);
	assert_false(difference_is_rated(difference));
	assert_true(find(difference, ENTRY_CONTAINER, "recommend.behaviour.HISTORY")->count ==
		    15000);
	assert_null(difference_above(difference, 0));
	difference_free(difference);
	look_free(before);
	look_free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_answers_that_do_not_tell),
		cmocka_unit_test(test_answers_read_back),
		cmocka_unit_test(test_answers_that_were_changed_are_refused),
		cmocka_unit_test(test_looks_at_one_process),
		cmocka_unit_test(test_looks_at_two_processes),
	};

	return cmocka_run_group_tests_name("difference_looks", tests, NULL, NULL);
}
