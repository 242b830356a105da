/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "symbolize/class_names.h"
#include "process/mappings.h"

/* As a compiler emits virtual tables. */
const uint64_t table_of_engine[4] __asm__("_ZTVN4shop6EngineE") = {0, 0, 1, 2};

static struct confined *confined;
static int self;

static int setup(void **state)
{
	(void)state;
	confined = confined_new();
	self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	return confined && self >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	confined_free(confined);
	close(self);
	return 0;
}

static uint64_t offset_of(const void *object)
{
	static const struct procfs procfs = {"/proc"};
	struct mappings mappings;

	assert_int_equal(mappings_read(&procfs, getpid(), &mappings), 0);
	const struct mapping *mapping = mappings_find(&mappings, (uint64_t)(uintptr_t)object);
	uint64_t offset = (uint64_t)(uintptr_t)object - mapping->start + mapping->file_offset;
	mappings_release(&mappings);
	return offset;
}

static void assert_demangled(const char *mangled, const char *expected)
{
	char name[CLASS_NAME_MAX];

	assert_int_equal(class_name_demangle(confined, self, mangled, name), 0);
	assert_string_equal(name, expected);
}

static void test_mangled_names(void **state)
{
	char longest[CLASS_NAME_MAX];

	(void)state;
	assert_demangled("6Engine", "Engine");
	assert_demangled("N4shop6EngineE", "shop::Engine");
	assert_demangled("N4shop5CacheIjLi16EEE", "shop::Cache<unsigned int, 16>");
	assert_demangled("St6vectorIiSaIiEE", "std::vector<int, std::allocator<int> >");
	assert_demangled("N12_GLOBAL__N_16HiddenE", "(anonymous namespace)::Hidden");
	assert_demangled("?", "?");
	memset(longest, 'N', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_demangled(longest, longest);
}

static void test_symbols(void **state)
{
	uint64_t offset = offset_of(table_of_engine);
	char name[CLASS_NAME_MAX];

	(void)state;
	assert_int_equal(class_name_of_table(confined, self, offset + 16, name), 0);
	assert_string_equal(name, "shop::Engine");
	assert_int_equal(class_name_of_table(confined, self, offset + 24, name), 0);
	assert_int_equal(class_name_of_table(confined, self, offset, name), -ENOENT);
	assert_int_equal(class_name_of_table(confined, self, offset + 32, name), -ENOENT);
	assert_int_equal(class_name_of_table(confined, self, UINT64_MAX, name), -ENOENT);
}

static void test_bytes_of_files(void **state)
{
	uint64_t words[4];

	(void)state;
	assert_int_equal(
		class_file_read(confined, self, offset_of(table_of_engine), words, sizeof(words)),
		0);
	assert_memory_equal(words, table_of_engine, sizeof(words));
	assert_int_equal(class_file_read(confined, self, UINT64_C(1) << 40, words, sizeof(words)),
			 -ENODATA);
	assert_int_equal(class_file_read(confined, self, UINT64_MAX, words, sizeof(words)),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mangled_names),
		cmocka_unit_test(test_symbols),
		cmocka_unit_test(test_bytes_of_files),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
