/* SPDX-License-Identifier: BSD-2-Clause */
/* Chunks that are objects of C++, by the classes of the library that all of
 * C++ links: in this process. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "look/classes.h"

/* What an object points to lies behind the offset to its top and its type's information. */
enum { HEAD = 16, HEADER = 16 };

static const struct procfs procfs = {"/proc"};
static void *library;
static struct confined *confined;
static struct regions regions;
static struct classes *classes;

/* Classes with virtual functions, by their mangled names. */
static uint64_t word_of(const char *symbol)
{
	void *table = dlsym(library, symbol);

	assert_non_null(table);
	return (uint64_t)table + HEAD;
}

static int begin(void **state)
{
	(void)state;
	library = dlopen("libstdc++.so.6", RTLD_NOW);
	confined = confined_new();
	if (!confined)
		return -1;
	if (library)
		word_of("_ZTVSt9exception"); /* its page is there by now */
	return regions_read(&procfs, getpid(), &regions);
}

static int finish(void **state)
{
	(void)state;
	regions_release(&regions);
	confined_free(confined);
	return 0;
}

static int begin_one(void **state)
{
	(void)state;
	classes = classes_new(&procfs, confined, getpid(), &regions);
	return classes ? 0 : -1;
}

static int finish_one(void **state)
{
	(void)state;
	classes_free(classes);
	return 0;
}

static void need_library(void)
{
	if (library)
		return;
	print_message("skipped: there is no libstdc++ here\n");
	skip();
}

/* Of a chunk that holds a word and is so large, with its header. */
static void add(uint64_t word, uint64_t size, enum chunk_state state, bool clipped)
{
	static uint64_t block[2];
	const struct chunk chunk = {
		.address = (uint64_t)block - HEADER,
		.block = (uint64_t)block,
		.size = size,
		.state = state,
		.clipped = clipped,
		.content = (const uint8_t *)&word,
		.at_hand = sizeof(word),
	};

	classes_add(classes, &chunk);
}

static void test_names(void **state)
{
	(void)state;
	need_library();
	assert_string_equal(classes_name(classes, word_of("_ZTVSt9exception")), "std::exception");
	assert_string_equal(classes_name(classes, word_of("_ZTVSt9bad_alloc")), "std::bad_alloc");
	assert_string_equal(classes_name(classes, word_of("_ZTVSt11logic_error")),
			    "std::logic_error");
	/* with a base class; and once more, as it is remembered */
	assert_string_equal(classes_name(classes, word_of("_ZTVSt16invalid_argument")),
			    "std::invalid_argument");
	assert_string_equal(classes_name(classes, word_of("_ZTVSt9bad_alloc")), "std::bad_alloc");
	/* type information is an object itself */
	assert_non_null(
		strstr(classes_name(classes, word_of("_ZTVN10__cxxabiv117__class_type_infoE")),
		       "__class_type_info"));
}

static void test_what_is_no_class(void **state)
{
	static uint64_t variable[4];

	(void)state;
	need_library();
	assert_null(classes_name(classes, 0));
	assert_null(classes_name(classes, word_of("_ZTVSt9exception") + 1));
	assert_null(classes_name(classes, word_of("_ZTVSt9exception") - 8)); /* its information */
	assert_null(classes_name(classes, word_of("_ZTVSt9exception") + 8)); /* a function */
	assert_null(classes_name(classes, (uint64_t)variable));              /* may be written */
	assert_null(classes_name(classes, (uint64_t)dlsym(library, "_ZSt9terminatev")));
	assert_null(classes_name(classes, UINT64_MAX - 7));
}

static const struct look_type *find_type(const struct look *look, const char *name)
{
	for (size_t i = 0; i < look->type_count; i++)
		if (!strcmp(look->types[i].name, name))
			return &look->types[i];
	return NULL;
}

/* Live chunks alone, with what may be used of them; others' types stay, most bytes first. */
static void test_report(void **state)
{
	static const struct look_type known[] = {{"dict", "python", 3, 150},
						 {"str", "python", 9, 20}};
	struct look *look = look_new();
	const struct look_type *type;

	(void)state;
	need_library();
	look->types = known;
	look->type_count = 2;
	for (int i = 0; i < 3; i++)
		add(word_of("_ZTVSt9bad_alloc"), 32, CHUNK_LIVE, false);
	add(word_of("_ZTVSt9bad_alloc"), 48, CHUNK_FREE, false);
	add(word_of("_ZTVSt9bad_alloc"), 48, CHUNK_LIVE, true);
	add(word_of("_ZTVSt9exception"), 4096, CHUNK_MMAPPED, false);
	add(12345, 64, CHUNK_LIVE, false);
	add(word_of("_ZTVSt9exception") + 8, 64, CHUNK_LIVE, false);
	classes_report(classes, look);
	assert_int_equal(look->type_count, 4);
	assert_string_equal(look->types[0].name, "std::exception");
	assert_string_equal(look->types[1].name, "dict");
	assert_string_equal(look->types[2].name, "std::bad_alloc");
	assert_string_equal(look->types[3].name, "str");
	type = find_type(look, "std::bad_alloc");
	assert_string_equal(type->language, "c++");
	assert_int_equal(type->count, 3);
	assert_int_equal(type->bytes, 3 * (32 - 8));
	type = find_type(look, "std::exception");
	assert_int_equal(type->count, 1);
	assert_int_equal(type->bytes, 4096 - HEADER);
	assert_int_equal(look->uncertain[UNCERTAIN_TYPES_FULL], 0);
	look_free(look);
}

/* What is not at hand of a chunk is read. */
static void test_a_word_that_is_read(void **state)
{
	uint64_t block[4] = {0};
	const struct chunk chunk = {
		.address = (uint64_t)block - HEADER,
		.block = (uint64_t)block,
		.size = 48,
		.state = CHUNK_LIVE,
	};
	struct look *look = look_new();

	(void)state;
	need_library();
	block[0] = word_of("_ZTVSt9bad_alloc");
	classes_add(classes, &chunk);
	classes_report(classes, look);
	assert_int_equal(look->type_count, 1);
	assert_string_equal(look->types[0].name, "std::bad_alloc");
	assert_int_equal(look->types[0].bytes, 40);
	look_free(look);
}

int main(void)
{
#define WITH_ONE(test) cmocka_unit_test_setup_teardown(test, begin_one, finish_one)
	const struct CMUnitTest tests[] = {
		WITH_ONE(test_names),
		WITH_ONE(test_what_is_no_class),
		WITH_ONE(test_report),
		WITH_ONE(test_a_word_that_is_read),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
