/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose the memory without a name is, as far as the files tell that a process has mapped. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "look/anonymous.h"

static const char *owner_of(const char *path, bool executable, uint64_t inode, uint64_t start)
{
	struct region region = {.mapping = {.start = start,
					    .path = (char *)path,
					    .executable = executable,
					    .inode = inode}};
	const struct regions all = {.items = &region, .count = 1};

	return anonymous_owner_guess(&all).name;
}

static const char *collector_of(const char *path, bool executable)
{
	struct region region = {
		.mapping = {.path = (char *)path, .executable = executable, .inode = 5}};
	const struct regions all = {.items = &region, .count = 1};

	return anonymous_collector_guess(&all);
}

static void test_collectors_whose_garbage_is_malloc_s(void **state)
{
	static const struct {
		const char *path, *name;
	} cases[] = {{"/usr/lib/liblua5.3.so.0.0.0", "Lua"},
		     {"/usr/bin/lua5.4", "Lua"},
		     {"/usr/lib/libruby-3.1.so.3.1", "Ruby"},
		     {"/usr/lib/R/lib/libR.so", "R"},
		     {"/usr/bin/haproxy", NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *name = collector_of(cases[i].path, true);

		assert_true(name == cases[i].name || !strcmp(name, cases[i].name));
		assert_null(collector_of(cases[i].path, false));
	}
}

static void test_owners_by_their_files(void **state)
{
	(void)state;
	assert_string_equal(owner_of("/usr/lib/jvm/lib/server/libjvm.so", true, 5, 0), "Java");
	assert_string_equal(owner_of("/usr/lib/libcuda.so.1", true, 5, 0), "CUDA");
	assert_string_equal(owner_of("/usr/bin/node", true, 5, 0), "V8 (Node.js)");
	assert_string_equal(owner_of("/usr/bin/nodejs-18", true, 5, 0), "V8 (Node.js)");
	assert_string_equal(owner_of("/usr/bin/luajit-2.1.0-beta3", true, 5, 0), "LuaJIT");
	assert_string_equal(owner_of("/usr/bin/mono-sgen", true, 5, 0), "Mono");
	assert_true(anonymous_is_collected("LuaJIT") && anonymous_is_collected("Mono"));
	assert_string_equal(owner_of("/lib/libjemalloc.so.2", true, 5, 0), "jemalloc");
	/* a directory's name is none, and data of a file is no sign of its code */
	assert_null(owner_of("/node/app", true, 5, 0));
	assert_null(owner_of("/usr/bin/node", false, 5, 0));
	assert_null(owner_of("/usr/bin/node", true, 0, 0));
	assert_string_equal(owner_of("", false, 0, UINT64_C(0xc000000000)), "Go");
	assert_null(owner_of("/file", false, 5, UINT64_C(0xc000000000)));
	assert_true(anonymous_is_allocator("jemalloc"));
	assert_true(anonymous_is_collected("Java") && anonymous_is_collected("Go"));
	assert_false(anonymous_is_collected("PHP") || anonymous_is_collected("jemalloc"));
	assert_false(anonymous_is_allocator("Java"));
	assert_false(anonymous_is_allocator("none"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_collectors_whose_garbage_is_malloc_s),
		cmocka_unit_test(test_owners_by_their_files),
	};

	return cmocka_run_group_tests_name("anonymous", tests, NULL, NULL);
}
