/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conformance of the table of allocation functions: what each does, and with which arguments, is
 * written down here a second time, from its manual. A function that has no row here fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "allocators/functions.h"

/*
 * How a function reads: + allocates, ~ replaces, = resizes in place, - frees, @ allocates through
 * its first argument; then its arguments: p the block, s the size, c the count, . another. In the
 * end ! where it throws, m where it counts only beside a malloc of its own.
 */
struct reading {
	const char *name;
	const char *reads;
};

/* Plain, and under the prefixes of allocators; with a heap in front under mi_heap_. */
static const struct reading families[] = {
	{"malloc", "+s"},
	{"calloc", "+cs"},
	{"realloc", "~ps"},
	{"reallocarray", "~pcs"},
	{"posix_memalign", "@p.s"},
	{"aligned_alloc", "+.s"},
	{"memalign", "+.s"},
	{"valloc", "+s"},
	{"pvalloc", "+s"},
	{"free", "-p"},
	{"cfree", "-p"},
	{"free_sized", "-p"},
	{"free_aligned_sized", "-p"},
	/* jemalloc */
	{"mallocx", "+s"},
	{"rallocx", "~ps"},
	{"xallocx", "=ps"},
	{"dallocx", "-p"},
	{"sdallocx", "-p"},
	/* tcmalloc */
	{"malloc_skip_new_handler", "+s"},
	{"new", "+s!"},
	{"newarray", "+s!"},
	{"new_aligned", "+s!"},
	{"newarray_aligned", "+s!"},
	{"new_nothrow", "+s"},
	{"newarray_nothrow", "+s"},
	{"new_aligned_nothrow", "+s"},
	{"newarray_aligned_nothrow", "+s"},
	{"delete", "-p"},
	{"deletearray", "-p"},
	{"delete_sized", "-p"},
	{"deletearray_sized", "-p"},
	{"delete_nothrow", "-p"},
	{"deletearray_nothrow", "-p"},
	{"delete_aligned", "-p"},
	{"deletearray_aligned", "-p"},
	{"delete_sized_aligned", "-p"},
	{"deletearray_sized_aligned", "-p"},
	{"delete_aligned_nothrow", "-p"},
	{"deletearray_aligned_nothrow", "-p"},
	/* mimalloc */
	{"malloc_small", "+s"},
	{"zalloc_small", "+s"},
	{"zalloc", "+s"},
	{"mallocn", "+cs"},
	{"reallocn", "~pcs"},
	{"reallocf", "~ps"},
	{"rezalloc", "~ps"},
	{"recalloc", "~pcs"},
	{"malloc_aligned", "+s"},
	{"malloc_aligned_at", "+s"},
	{"zalloc_aligned", "+s"},
	{"zalloc_aligned_at", "+s"},
	{"calloc_aligned", "+cs"},
	{"calloc_aligned_at", "+cs"},
	{"realloc_aligned", "~ps"},
	{"realloc_aligned_at", "~ps"},
	{"rezalloc_aligned", "~ps"},
	{"recalloc_aligned", "~pcs"},
	{"free_size", "-p"},
	{"free_size_aligned", "-p"},
	{"free_aligned", "-p"},
	{"new_n", "+cs!"},
	{"new_realloc", "~ps!"},
	{"new_reallocn", "~pcs!"},
	{"alloc_new", "+s!"},
	{"alloc_new_n", "+cs!"},
	/* C++ */
	{"_Znwm", "+s!m"},
	{"_Znam", "+s!m"},
	{"_ZnwmSt11align_val_t", "+s!m"},
	{"_ZnamSt11align_val_t", "+s!m"},
	{"_ZnwmRKSt9nothrow_t", "+sm"},
	{"_ZnamRKSt9nothrow_t", "+sm"},
	{"_ZnwmSt11align_val_tRKSt9nothrow_t", "+sm"},
	{"_ZnamSt11align_val_tRKSt9nothrow_t", "+sm"},
	{"_ZdlPv", "-pm"},
	{"_ZdaPv", "-pm"},
	{"_ZdlPvm", "-pm"},
	{"_ZdaPvm", "-pm"},
	{"_ZdlPvRKSt9nothrow_t", "-pm"},
	{"_ZdaPvRKSt9nothrow_t", "-pm"},
	{"_ZdlPvSt11align_val_t", "-pm"},
	{"_ZdaPvSt11align_val_t", "-pm"},
	{"_ZdlPvmSt11align_val_t", "-pm"},
	{"_ZdaPvmSt11align_val_t", "-pm"},
	{"_ZdlPvSt11align_val_tRKSt9nothrow_t", "-pm"},
	{"_ZdaPvSt11align_val_tRKSt9nothrow_t", "-pm"},
};

enum { FAMILIES = sizeof(families) / sizeof(families[0]) };

static const char *const prefixes[] = {"", "je_", "_rjem_", "tc_", "mi_heap_", "mi_"};

/* What is expected of a function; NULL: nothing is known of it. `heap`: an argument comes first. */
static const struct reading *expected_of(const char *name, bool *heap)
{
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t length = strlen(prefixes[i]);

		*heap = !strcmp(prefixes[i], "mi_heap_");
		for (size_t j = 0; j < FAMILIES && !strncmp(name, prefixes[i], length); j++)
			if (!strcmp(name + length, families[j].name))
				return &families[j];
	}
	return NULL;
}

/* The number of the argument that has this letter; PROBE_NO_ARG: none has. */
static uint64_t argument_of(const char *reads, char letter, bool heap)
{
	const char *found = strchr(reads + 1, letter);

	return found ? (uint64_t)(found - reads - 1 + heap) : PROBE_NO_ARG;
}

static uint64_t operation_of(char sign)
{
	static const char signs[] = "+~@=-";
	static const uint64_t operations[] = {PROBE_ALLOC, PROBE_REALLOC, PROBE_MEMALIGN,
					      PROBE_RESIZE, PROBE_FREE};

	return operations[strchr(signs, sign) - signs];
}

static void check(const struct alloc_function *function, const char *reads, bool heap)
{
	unsigned int flags = (strchr(reads, '!') ? FUNCTION_THROWS : 0) |
			     (strchr(reads, 'm') ? FUNCTION_WITH_MALLOC : 0);
	uint64_t cookie =
		PROBE_COOKIE(operation_of(*reads), DOMAIN_MALLOC, argument_of(reads, 'p', heap),
			     argument_of(reads, 's', heap), argument_of(reads, 'c', heap));

	if (function->cookie != cookie || function->flags != flags)
		fail_msg("%s does not read %s: %#lx, flags %u", function->name, reads,
			 function->cookie, function->flags);
}

static void test_every_function_conforms(void **state)
{
	bool seen[FAMILIES] = {false};
	const struct alloc_function *functions;
	size_t count;
	bool heap;

	(void)state;
	functions = alloc_functions(&count);
	assert_true(count > 100);
	for (size_t i = 0; i < count; i++) {
		const struct reading *expected = expected_of(functions[i].name, &heap);

		if (!expected)
			fail_msg("%s has no row in this test", functions[i].name);
		seen[expected - families] = true;
		check(&functions[i], expected->reads, heap);
	}
	for (size_t i = 0; i < FAMILIES; i++)
		if (!seen[i])
			fail_msg("%s is in this test alone", families[i].name);
}

static void test_every_function_is_found(void **state)
{
	const struct alloc_function *functions;
	size_t count;

	(void)state;
	functions = alloc_functions(&count);
	for (size_t i = 0; i < count; i++)
		assert_ptr_equal(alloc_function_find(functions[i].name), &functions[i]);
	assert_null(alloc_function_find("mallo"));
	assert_null(alloc_function_find("mallocc"));
	assert_null(alloc_function_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_function_conforms),
		cmocka_unit_test(test_every_function_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
