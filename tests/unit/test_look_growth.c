/* SPDX-License-Identifier: BSD-2-Clause */
/* Saved looks come back as they were, damaged ones are refused, and two of them give growth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "look/growth.h"
#include "look/read.h"
#include "looks.h"
#include "output/heap.h"
#include "output/why.h"

static char path[] = "/tmp/unfreed-look-XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 || close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static char *json_of(const struct look *look, size_t *size)
{
	static const struct heap_output_options options;
	char *text = NULL;
	FILE *file = open_memstream(&text, size);

	assert_int_equal(heap_json(look, &options, file), 0);
	fclose(file);
	return text;
}

static void save(const char *text, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fwrite(text, 1, size, file);
	fclose(file);
}

static struct look *read_back(void)
{
	char error[300] = "";
	struct look *look = look_read(path, error, sizeof(error));

	if (!look)
		fail_msg("%s", error);
	return look;
}

static void assert_refused(const char *text, const char *reason)
{
	char error[300] = "";

	save(text, strlen(text));
	assert_null(look_read(path, error, sizeof(error)));
	if (!strstr(error, reason))
		fail_msg("\"%s\" in: %s", reason, error);
}

/* What is left out of a look that was read, so that the rest can be compared as text. */
static void forget_what_stays_in_the_file(struct look *look)
{
	look->holder_count = look->garbage_count = look->hint_count = look->pool_count = 0;
	look->lost = NULL;
	look->held = NULL;
	look->asked_for = NULL;
	look->asked_count = 0;
	look->malloc = NULL;
	look->mapping_count = 0;
	look->growth = NULL;
	look->python_version = look->python_problem = look->malloc_problem = NULL;
	look->read_ns = look->cpu_ns = 0;
	memset(look->uncertain, 0, sizeof(look->uncertain));
}

static void assert_round_trip(struct look *look)
{
	size_t size, size_back;
	char *text = json_of(look, &size);

	save(text, size);
	free(text);
	struct look *back = read_back();

	forget_what_stays_in_the_file(look);
	text = json_of(look, &size);
	char *text_back = json_of(back, &size_back);

	assert_string_equal(text, text_back);
	free(text);
	free(text_back);
	look_free(back);
	look_free(look);
}

static void test_round_trip(void **state)
{
	struct look *empty = look_new();

	(void)state;
	assert_round_trip(service_look());
	assert_round_trip(hostile_look());
	empty->taken_at_ns = 1;
	assert_round_trip(empty);
}

static void test_answers_hold_a_look(void **state)
{
	static const struct why_output_options options;
	struct look *look = service_look();
	FILE *file = fopen(path, "w");

	(void)state;
	why_json(answer_new_of(look), &options, file);
	fclose(file);
	struct look *back = read_back();

	assert_int_equal(back->container_count, look->container_count);
	assert_string_equal(back->containers[0].name, "recommend.behaviour.HISTORY");
	look_free(back);
	look_free(look);
	assert_refused("{\"schema\":\"unfreed/why/1\",\"look\":null}", "holds no look");
}

static void test_refusals(void **state)
{
	char error[300];

	(void)state;
	assert_refused("", "is cut short");
	assert_refused("{\"schema\":\"unfreed/heap/1\"", "is cut short");
	assert_refused("{} trailing", "no look that unfreed saved");
	assert_refused("[]", "no look that unfreed saved");
	assert_refused("{\"schema\":\"unfreed/1\"}", "no look that unfreed saved: write one");
	assert_refused("{\"schema\":\"unfreed/heap/1\"}", "\"target\" is missing or wrong");
	assert_refused("{\"schema\":\"unfreed/heap/1\",\"a\":\"\xe4\xb8\"}", "invalid utf-8");
	assert_refused("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "nesting");
	assert_null(look_read("/dev/zero", error, sizeof(error)));
	assert_non_null(strstr(error, "no regular file"));
	assert_null(look_read("/none", error, sizeof(error)));
	assert_non_null(strstr(error, "cannot open /none"));
	assert_int_equal(truncate(path, INT64_C(1) << 40), 0);
	assert_null(look_read(path, error, sizeof(error)));
	assert_non_null(strstr(error, "larger than"));
}

/* One value of a good look is replaced by another. */
static void assert_replacement_refused(const char *value, const char *by, const char *key)
{
	struct look *look = service_look();
	size_t size;
	char *text = json_of(look, &size), *damaged = NULL;
	size_t place = 0;

	while (place < size && strncmp(text + place, value, strlen(value)))
		place++;
	assert_true(place < size);
	assert_true(asprintf(&damaged, "%.*s%s%s", (int)place, text, by,
			     text + place + strlen(value)) > 0);
	assert_refused(damaged, key);
	free(damaged);
	free(text);
	look_free(look);
}

static void test_wrong_values(void **state)
{
	(void)state;
	assert_replacement_refused("\"pid\":1235", "\"pid\":-1", "\"pid\"");
	assert_replacement_refused("\"pid\":1235", "\"pid\":4294967296", "\"pid\"");
	assert_replacement_refused("\"pid\":1235", "\"pid\":\"1235\"", "\"pid\"");
	assert_replacement_refused("2026-01-31T", "2026-13-31T", "\"taken_at\"");
	assert_replacement_refused("2026-01-31T", "9999-01-31T", "\"taken_at\"");
	assert_replacement_refused("\"length\":764012", "\"length\":7.5", "\"length\"");
	assert_replacement_refused("\"length\":764012", "\"length\":null", "\"length\"");
	assert_replacement_refused("\"parts\":[", "\"parts\":[7,", "\"name\"");
	assert_replacement_refused("\"of\":[", "\"of\":[{},", "\"type\"");
	assert_replacement_refused("\"enabled\":true", "\"enabled\":1", "\"enabled\"");
}

/* Ten thousand damaged files: each is read or refused, and both without a fault. */
static void test_damage(void **state)
{
	struct look *look = service_look();
	size_t size;
	char *text = json_of(look, &size), error[300];
	unsigned int seed = 7, refused = 0;

	(void)state;
	look_free(look);
	for (int i = 0; i < 10000; i++) {
		size_t place = (size_t)rand_r(&seed) % size;
		char old = text[place];

		text[place] = (char)rand_r(&seed);
		save(text, i % 3 ? size : place);
		look = look_read(path, error, sizeof(error));
		refused += !look;
		look_free(look);
		text[place] = old;
	}
	assert_true(refused > 5000 && refused < 9999);
	free(text);
}

static const struct look_grown *grown_by_name(const struct look_growth *growth, const char *name)
{
	for (size_t i = 0; i < growth->container_count; i++) {
		const char *found = growth->containers[i].name;

		if (found ? name && !strcmp(found, name) : !name)
			return &growth->containers[i];
	}
	return NULL;
}

static struct look *later_look(struct look_container *containers, size_t count)
{
	struct look *look = service_look();

	look->taken_at_ns += 90000000000;
	look->resident_bytes += 4096;
	look->parts[PART_PYTHON_LIVE].bytes += 1000;
	look->parts[PART_MALLOC_LIVE].bytes -= 300;
	look->parts[PART_FILES].bytes += 5; /* mapped, and not touched */
	look->parts[PART_SHARED].resident_bytes += 7;
	look->containers = containers;
	look->container_count = count;
	return look;
}

static void test_diff_of_one_process(void **state)
{
	struct look *before = service_look();
	struct look_count of[] = {{"str", 5000, 0}, {"recommend.behaviour.Event", 764020, 0}};
	struct look_container now[] = {
		/* the same, under another name */
		{"recommend.behaviour.OTHER", "dict", 0x7f0011223344, 769020, 765000000,
		 LOOK_UNKNOWN, LOOK_UNKNOWN, LOOK_UNKNOWN, of, 2},
		/* the same name, at another place */
		{"prices (shop/prices.py:12)", "lru_cache", 0x7f0000000001, 8900, 8999000, 10000},
		/* new and large enough to be new */
		{"fresh", "dict", 0x7f0000000002, 10, 5000000},
		/* new to the list, perhaps there before */
		{"small", "dict", 0x7f0000000003, 10, 4000000},
		/* what lay there is another now, and of no known name */
		{NULL, "dict", 0x7f0011229900, 91000, 31000000},
	};
	struct look *after = later_look(now, 5);
	const struct look_growth *growth = look_diff(before, after);

	(void)state;
	assert_int_equal(growth->looks, 2);
	assert_true(growth->seconds == 90);
	assert_true(growth->resident_bytes == 4096);
	assert_true(look_growth_live(growth) == 700);
	assert_true(growth->parts[PART_FILES] == 0);
	assert_true(growth->parts[PART_SHARED] == 7);
	assert_false(growth->collected);
	assert_int_equal(growth->type_count, 0);
	assert_int_equal(growth->container_count, 4);
	assert_null(growth->containers[0].name);
	const struct look_grown *other = grown_by_name(growth, "recommend.behaviour.OTHER");

	assert_true(other->grown == 5008 && other->bytes == 1000000);
	assert_string_equal(other->of, "str");
	assert_true(grown_by_name(growth, "fresh")->grown == 10);
	assert_null(grown_by_name(growth, "small"));
	assert_string_equal(growth->containers[3].name, "prices (shop/prices.py:12)");
	assert_true(growth->containers[3].grown == -12 && growth->containers[3].bytes == -1000);
	look_free(before);
	look_free(after);
}

/* After a restart an address means nothing. */
static void test_diff_of_two_processes(void **state)
{
	struct look *before = service_look();
	struct look_container now[] = {
		{"elsewhere", "dict", 0x7f0011223344, 764013, 764000001},
		{"recommend.behaviour.HISTORY", "dict", 0x7f0011223344, 12, 4096},
	};
	struct look *after = later_look(now, 2);
	const struct look_growth *growth;

	(void)state;
	after->start_time++;
	growth = look_diff(before, after);
	assert_true(grown_by_name(growth, "elsewhere")->grown == 764013);
	assert_true(grown_by_name(growth, "recommend.behaviour.HISTORY")->grown == -764000);
	look_free(before);
	look_free(after);
}

static void test_diff_of_types(void **state)
{
	struct look_type old[] = {{"a", "python", 10, 1000},
				  {"b", "python", 10, 1000},
				  {"a", "c++", 1, 1},
				  {"same", "python", 3, 3}};
	struct look_type new[] = {{"same", "python", 3, 3},
				  {"a", "python", 12, 1200},
				  {"c", "python", 1, 5000},
				  {"a", "c++", 0, 0}};
	struct look *before = service_look(), *after = service_look();
	const struct look_growth *growth;

	(void)state;
	before->types = old;
	before->type_count = 4;
	after->types = new;
	after->type_count = 4;
	after->gc.generations[2].collections++;
	growth = look_diff(before, after);
	look_free(before);
	assert_true(growth->collected);
	assert_int_equal(growth->type_count, 4);
	assert_string_equal(growth->types[0].name, "c");
	assert_string_equal(growth->types[1].name, "a");
	assert_true((int64_t)growth->types[1].count == 2 && (int64_t)growth->types[1].bytes == 200);
	assert_true((int64_t)growth->types[2].bytes == -1);
	assert_string_equal(growth->types[3].name, "b");
	assert_true((int64_t)growth->types[3].count == -10);
	look_free(after);
}

/* A look of `why` counts no objects of C++: that they are there now is no growth. */
static void test_diff_of_a_language_that_was_not_counted(void **state)
{
	struct look_type old[] = {{"a", "python", 10, 1000}};
	struct look_type new[] = {{"a", "python", 12, 1200}, {"Session", "c++", 5000, 440000}};
	struct look *before = service_look(), *after = service_look();
	const struct look_growth *growth;

	(void)state;
	before->types = old;
	before->type_count = 1;
	after->types = new;
	after->type_count = 2;
	growth = look_diff(before, after);
	assert_int_equal(growth->type_count, 1);
	assert_string_equal(growth->types[0].name, "a");
	before->type_count = 0;
	assert_int_equal(look_diff(before, after)->type_count, 0);
	look_free(before);
	look_free(after);
}

/* One class is new, one is gone, one is as it was. */
static void test_diff_of_chunks(void **state)
{
	static const struct look_chunks old[] = {{48, 100, 4800}, {64, 5, 320}, {80, 7, 560}};
	static const struct look_chunks new[] = {{64, 5, 320}, {80, 8, 640}, {1024, 10, 10240}};
	struct look *before = look_new(), *after = look_new();

	(void)state;
	assert_int_equal(look_diff(before, after)->chunk_count, 0);
	before->chunks = old;
	before->chunk_class_count = 3;
	assert_int_equal(look_diff(before, after)->chunk_count, 0); /* not known is no loss */
	after->chunks = new;
	after->chunk_class_count = 3;
	const struct look_growth *growth = look_diff(before, after);
	assert_int_equal(growth->chunk_count, 3);
	assert_int_equal(growth->chunks[0].least, 1024);
	assert_int_equal(growth->chunks[0].count, 10);
	assert_int_equal(growth->chunks[1].least, 80);
	assert_int_equal(growth->chunks[1].bytes, 80);
	assert_int_equal(growth->chunks[2].least, 48);
	assert_int_equal((int64_t)growth->chunks[2].count, -100);
	look_free(before);
	look_free(after);
}

/* A million alike cost no more than as many that differ; extreme numbers stay numbers. */
static void test_diff_of_extremes(void **state)
{
	enum { MANY = 200000 };
	struct look *before = service_look(), *after = hostile_look();
	struct look_container *alike = calloc(MANY, sizeof(*alike));
	const struct look_growth *growth;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		alike[i] = (struct look_container){"name", "dict", 1, i, i};
	growth = look_diff(before, after);
	assert_true(growth->containers[0].bytes == INT64_MAX);
	look_free(after);
	before->containers = alike;
	before->container_count = MANY;
	after = later_look(alike, MANY);
	growth = look_diff(before, after);
	assert_int_equal(growth->looks, 2);
	look_free(before);
	look_free(after);
	free(alike);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_answers_hold_a_look),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_wrong_values),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_diff_of_one_process),
		cmocka_unit_test(test_diff_of_two_processes),
		cmocka_unit_test(test_diff_of_types),
		cmocka_unit_test(test_diff_of_a_language_that_was_not_counted),
		cmocka_unit_test(test_diff_of_chunks),
		cmocka_unit_test(test_diff_of_extremes),
	};

	return cmocka_run_group_tests_name("look_growth", tests, make_file, remove_file);
}
