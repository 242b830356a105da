/* SPDX-License-Identifier: BSD-2-Clause */
/* What inquiries told, written, read and kept: told to people once, whatever the workers. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "looks.h"
#include "service/monitor/findings.h"

static struct findings findings;
static char told_text[1000];

static void tell(void *context, enum finding_change change, const struct known_finding *finding)
{
	static const char *const changes[] = {"new", "changed", "over"};
	size_t used = strlen(told_text);

	assert_ptr_equal(context, &findings);
	snprintf(told_text + used, sizeof(told_text) - used, "%s %s: %s; ", changes[change],
		 finding->told.name, verdict_name(finding->verdict));
}

/* An answer with these, a name and a verdict each; what people hear of it. */
static const char *take(double now_s, const char *names, ...)
{
	struct told told = {0};
	va_list verdicts;

	*told_text = '\0';
	va_start(verdicts, names);
	for (; *names; names++)
		told.findings[told.finding_count++] = (struct told_finding){
			.verdict = va_arg(verdicts, enum verdict),
			.name = strndup(names, 1),
			.filled_by = *names == 'a' && now_s < 200 ? strdup("line") : NULL,
		};
	va_end(verdicts);
	bool any = findings_take(&findings, &told, now_s, tell, &findings);
	assert_int_equal(any, *told_text != 0);
	told_release(&told);
	return told_text;
}

static int teardown(void **state)
{
	(void)state;
	findings_release(&findings);
	return 0;
}

static void test_told_once(void **state)
{
	(void)state;
	assert_string_equal(take(100, "ab", VERDICT_GROWS, VERDICT_CHURN),
			    "new a: grows, no bound seen; ");
	for (double at_s = 200; at_s < 210; at_s++)
		assert_string_equal(take(at_s, "ab", VERDICT_GROWS, VERDICT_CHURN), "");
	assert_int_equal(findings.count, 2);
	/* the line that filled it is known since the first answer */
	assert_string_equal(findings.items[0].told.filled_by, "line");
	assert_true(findings.items[0].first_s == 100 && findings.items[0].last_s == 209);
	/* a worse verdict at once; a better one when it stays */
	assert_string_equal(take(300, "a", VERDICT_LEAK), "changed a: leak; ");
	assert_string_equal(take(400, "a", VERDICT_FILLING_CACHE), "");
	assert_string_equal(take(500, "a", VERDICT_LEAK), "");
	assert_string_equal(take(600, "a", VERDICT_FILLING_CACHE), "");
	assert_string_equal(take(700, "a", VERDICT_FILLING_CACHE), "changed a: filling cache; ");
}

static void test_over(void **state)
{
	(void)state;
	assert_string_equal(take(100, "ac", VERDICT_LEAK, VERDICT_KEPT),
			    "new a: leak; new c: kept by the allocator; ");
	assert_string_equal(take(200, "c", VERDICT_KEPT), "");
	assert_string_equal(take(300, "ac", VERDICT_LEAK, VERDICT_KEPT), "");
	assert_string_equal(take(400, "c", VERDICT_KEPT), "");
	assert_string_equal(take(500, "c", VERDICT_KEPT), "over a: leak; ");
	*told_text = '\0';
	findings_end(&findings, 500, tell, &findings);
	assert_string_equal(told_text, "");
	findings_end(&findings, 501, tell, &findings);
	assert_string_equal(told_text, "over c: kept by the allocator; ");
	assert_int_equal(findings.count, 0);
}

static void test_of_one_name_the_first_counts(void **state)
{
	(void)state;
	assert_string_equal(take(100, "aa", VERDICT_GROWS, VERDICT_LEAK),
			    "new a: grows, no bound seen; ");
	assert_string_equal(take(200, "aa", VERDICT_GROWS, VERDICT_LEAK), "");
	assert_int_equal(findings.count, 1);
}

static void test_bounded(void **state)
{
	struct told told;
	char name[16];

	(void)state;
	*told_text = '\0';
	for (int round = 0; round < 100; round++) {
		told = (struct told){0};
		for (int i = 0; i < TOLD_FINDINGS_MAX; i++) {
			snprintf(name, sizeof(name), "%d-%d", round, i);
			told.findings[told.finding_count++] = (struct told_finding){
				.verdict = VERDICT_CHURN, .name = strdup(name)};
		}
		findings_take(&findings, &told, round, tell, &findings);
		assert_true(findings.count <= FINDINGS_MAX);
		told_release(&told);
	}
}

/* --- written and read --- */

static struct told read_back(const struct answer *answer)
{
	struct told told;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_int_equal(told_write(answer, file), 0);
	fclose(file);
	assert_int_equal(told_read(text, size, &told), 0);
	free(text);
	return told;
}

static void test_an_answer_comes_through(void **state)
{
	struct look *look = service_look();
	struct answer *answer = answer_new_of(look);
	struct told told;

	(void)state;
	const struct answer_loss losses[] = {{"stack_table_full", 7}, {"no_room", 2}, {"other", 5}};

	add_findings(answer);
	answer->losses = losses;
	answer->loss_count = 3;
	look->uncertain[UNCERTAIN_TORN_POOLS] = 11;
	told = read_back(answer);
	assert_null(told.failure);
	assert_true(told.growth_known == answer->growth_known);
	assert_int_equal(told.finding_count, answer->finding_count);
	for (size_t i = 0; i < told.finding_count; i++) {
		const struct finding *finding = &answer->findings[i];

		assert_int_equal(told.findings[i].verdict, finding->verdict);
		assert_int_equal(told.findings[i].holds_bytes, finding->holds_bytes);
		assert_int_equal((long)told.findings[i].rate.value,
				 (long)(finding->rate.value + 0.5));
		assert_true(*told.findings[i].name);
		assert_true(!told.findings[i].filled_by == !finding->fill_count);
		assert_int_equal(told.findings[i].frame_count,
				 finding->fill_count ? finding->fills[0].frame_count : 0);
	}
	assert_int_equal(told.losses.looked[UNCERTAIN_TORN_POOLS], 11);
	assert_int_equal(told.losses.recorded[LOSS_stack_table_full], 7);
	assert_int_equal(told.losses.recorded[LOSS_ledger_full], 0);
	assert_int_equal(told.memory.pid, look->pid);
	assert_int_equal(told.memory.start_time, look->start_time);
	assert_int_equal(told.memory.type_count, look->type_count);
	assert_int_equal(told.memory.pool_count, look->pool_count);
	assert_string_equal(told.memory.pools[0].name, look->pools[0].name);
	assert_int_equal(told.memory.pools[0].maximum, 15);
	assert_int_equal(told.memory.pools[1].maximum, LOOK_UNKNOWN);
	assert_int_equal(told.memory.containers[0].bytes, look->containers[0].bytes);
	assert_true(told.memory.known);
	assert_int_equal(told.memory.parts[PART_PYTHON_LIVE],
			 look->parts[PART_PYTHON_LIVE].resident_bytes);
	assert_int_equal(told.memory.gc.generation_count, look->gc.generation_count);
	assert_int_equal(told.memory.gc.generations[2].collections,
			 look->gc.generations[2].collections);
	told_release(&told);
	look_free(look);
}

/* As many of each as there may be, and those that have one name and type added up. */
static void test_what_a_look_found_is_bounded(void **state)
{
	static struct look_container containers[100];
	struct look *look = service_look();
	char names[100][300];
	struct told told = {0};

	(void)state;
	memset(names, 'n', sizeof(names));
	for (size_t i = 0; i < 100; i++) {
		memset(names[i] + 280, 0, 20);
		snprintf(names[i], 4, "%zu", i % 90);
		names[i][3] = 'n';
		containers[i] = (struct look_container){.name = names[i],
							.type = i == 95 ? "other" : "dict",
							.length = 1,
							.bytes = 100 - i,
							.bound = LOOK_UNKNOWN,
							.hits = i < 80 ? LOOK_UNKNOWN : 5,
							.misses = i < 80 ? LOOK_UNKNOWN : 6};
	}
	look->containers = containers;
	look->container_count = 100;
	struct json_object *object = told_memory_write(look);
	told_memory_read(object, &told.memory);
	json_object_put(object);
	assert_int_equal(told.memory.container_count, TOLD_CONTAINERS_MAX + TOLD_CACHES_MAX - 5);
	for (size_t i = 0; i < told.memory.container_count; i++)
		assert_true(strlen(told.memory.containers[i].name) <= 200);
	assert_int_equal(told.memory.containers[0].length, 2); /* 0 and 90 */
	assert_int_equal(told.memory.containers[0].bytes, 100 + 10);
	assert_int_equal(told.memory.containers[0].bound, LOOK_UNKNOWN);
	told_release(&told);
	look_free(look);
}

static void test_a_failure_comes_through(void **state)
{
	struct told told;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(told_write_failure("a \"reason\"", file), 0);
	fclose(file);
	assert_int_equal(told_read(text, size, &told), 0);
	assert_string_equal(told.failure, "a \"reason\"");
	told_release(&told);
	free(text);
}

static void test_what_is_no_answer(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "17", "null", "{\"findings\":[", "[[[[[[[[[[[[[[[[[[[[", "\x80",
	};
	static const char *const odd[] = {
		"{}",
		"{\"findings\":17,\"memory\":[],\"growth\":\"x\",\"failure\":3}",
		"{\"findings\":[1,{},{\"name\":3},{\"name\":\"a\",\"verdict\":\"?\"}],"
		"\"memory\":{\"parts\":[1],\"gc\":{\"generations\":[{},{},{},{},{},{},{},{},{},{}]},"
		"\"containers\":[1,{},{\"name\":\"a\"}],\"types\":{},\"pools\":\"x\"},\"losses\":[3]}",
	};
	struct told told;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(told_read(texts[i], strlen(texts[i]), &told), -EPROTO);
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		assert_int_equal(told_read(odd[i], strlen(odd[i]), &told), 0);
		assert_int_equal(told.finding_count, 0);
		assert_true(told.memory.gc.generation_count <= LOOK_GENERATIONS);
		told_release(&told);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_told_once, teardown),
		cmocka_unit_test_teardown(test_over, teardown),
		cmocka_unit_test_teardown(test_of_one_name_the_first_counts, teardown),
		cmocka_unit_test_teardown(test_bounded, teardown),
		cmocka_unit_test(test_an_answer_comes_through),
		cmocka_unit_test(test_what_a_look_found_is_bounded),
		cmocka_unit_test(test_a_failure_comes_through),
		cmocka_unit_test(test_what_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
