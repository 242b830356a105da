/* SPDX-License-Identifier: BSD-2-Clause */
#include "functions.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NONE                PROBE_NO_ARG
#define COOKIE(op, p, s, c) PROBE_COOKIE(PROBE_##op, DOMAIN_MALLOC, p, s, c)

/* Arguments are named by their number: pointer, size, count. */
#define ALLOC(size)               COOKIE(ALLOC, NONE, size, NONE)
#define ALLOC_COUNT(count, size)  COOKIE(ALLOC, NONE, size, count)
#define REALLOC(pointer, size)    COOKIE(REALLOC, pointer, size, NONE)
#define REALLOC_COUNT(p, c, size) COOKIE(REALLOC, p, size, c)
#define MEMALIGN(pointer, size)   COOKIE(MEMALIGN, pointer, size, NONE)
#define RESIZE(pointer, size)     COOKIE(RESIZE, pointer, size, NONE)
#define FREE(pointer)             COOKIE(FREE, pointer, NONE, NONE)

/* The C library's family, as it is named plain and under an allocator's prefix. */
#define C_FAMILY(prefix)                                                                           \
	{prefix "malloc", ALLOC(0)}, {prefix "calloc", ALLOC_COUNT(0, 1)},                         \
		{prefix "realloc", REALLOC(0, 1)},                                                 \
		{prefix "reallocarray", REALLOC_COUNT(0, 1, 2)},                                   \
		{prefix "posix_memalign", MEMALIGN(0, 2)}, {prefix "aligned_alloc", ALLOC(1)},     \
		{prefix "memalign", ALLOC(1)}, {prefix "valloc", ALLOC(0)},                        \
		{prefix "pvalloc", ALLOC(0)}, {prefix "free", FREE(0)}, {prefix "cfree", FREE(0)}, \
		{prefix "free_sized", FREE(0)},                                                    \
	{                                                                                          \
		prefix "free_aligned_sized", FREE(0)                                               \
	}

#define JEMALLOC_FAMILY(prefix)                                                \
	{prefix "mallocx", ALLOC(0)}, {prefix "rallocx", REALLOC(0, 1)},       \
		{prefix "xallocx", RESIZE(0, 1)}, {prefix "dallocx", FREE(0)}, \
	{                                                                      \
		prefix "sdallocx", FREE(0)                                     \
	}

#define OPERATOR_NEW(name)                                             \
	{                                                              \
		name, ALLOC(0), FUNCTION_WITH_MALLOC | FUNCTION_THROWS \
	}
#define OPERATOR_NEW_NOTHROW(name)                   \
	{                                            \
		name, ALLOC(0), FUNCTION_WITH_MALLOC \
	}
#define OPERATOR_DELETE(name)                       \
	{                                           \
		name, FREE(0), FUNCTION_WITH_MALLOC \
	}

static const struct alloc_function functions[] = {
	C_FAMILY(""),
	JEMALLOC_FAMILY(""),

	OPERATOR_NEW("_Znwm"),
	OPERATOR_NEW("_Znam"),
	OPERATOR_NEW("_ZnwmSt11align_val_t"),
	OPERATOR_NEW("_ZnamSt11align_val_t"),
	OPERATOR_NEW_NOTHROW("_ZnwmRKSt9nothrow_t"),
	OPERATOR_NEW_NOTHROW("_ZnamRKSt9nothrow_t"),
	OPERATOR_NEW_NOTHROW("_ZnwmSt11align_val_tRKSt9nothrow_t"),
	OPERATOR_NEW_NOTHROW("_ZnamSt11align_val_tRKSt9nothrow_t"),
	OPERATOR_DELETE("_ZdlPv"),
	OPERATOR_DELETE("_ZdaPv"),
	OPERATOR_DELETE("_ZdlPvm"),
	OPERATOR_DELETE("_ZdaPvm"),
	OPERATOR_DELETE("_ZdlPvRKSt9nothrow_t"),
	OPERATOR_DELETE("_ZdaPvRKSt9nothrow_t"),
	OPERATOR_DELETE("_ZdlPvSt11align_val_t"),
	OPERATOR_DELETE("_ZdaPvSt11align_val_t"),
	OPERATOR_DELETE("_ZdlPvmSt11align_val_t"),
	OPERATOR_DELETE("_ZdaPvmSt11align_val_t"),
	OPERATOR_DELETE("_ZdlPvSt11align_val_tRKSt9nothrow_t"),
	OPERATOR_DELETE("_ZdaPvSt11align_val_tRKSt9nothrow_t"),

	/* jemalloc under the prefixes that its packages and the Rust crate give it */
	C_FAMILY("je_"),
	JEMALLOC_FAMILY("je_"),
	C_FAMILY("_rjem_"),
	JEMALLOC_FAMILY("_rjem_"),

	/* gperftools */
	C_FAMILY("tc_"),
	{"tc_malloc_skip_new_handler", ALLOC(0)},
	{"tc_new", ALLOC(0), FUNCTION_THROWS},
	{"tc_newarray", ALLOC(0), FUNCTION_THROWS},
	{"tc_new_aligned", ALLOC(0), FUNCTION_THROWS},
	{"tc_newarray_aligned", ALLOC(0), FUNCTION_THROWS},
	{"tc_new_nothrow", ALLOC(0)},
	{"tc_newarray_nothrow", ALLOC(0)},
	{"tc_new_aligned_nothrow", ALLOC(0)},
	{"tc_newarray_aligned_nothrow", ALLOC(0)},
	{"tc_delete", FREE(0)},
	{"tc_deletearray", FREE(0)},
	{"tc_delete_sized", FREE(0)},
	{"tc_deletearray_sized", FREE(0)},
	{"tc_delete_nothrow", FREE(0)},
	{"tc_deletearray_nothrow", FREE(0)},
	{"tc_delete_aligned", FREE(0)},
	{"tc_deletearray_aligned", FREE(0)},
	{"tc_delete_sized_aligned", FREE(0)},
	{"tc_deletearray_sized_aligned", FREE(0)},
	{"tc_delete_aligned_nothrow", FREE(0)},
	{"tc_deletearray_aligned_nothrow", FREE(0)},

	/* mimalloc */
	C_FAMILY("mi_"),
	{"mi_malloc_small", ALLOC(0)},
	{"mi_zalloc_small", ALLOC(0)},
	{"mi_zalloc", ALLOC(0)},
	{"mi_mallocn", ALLOC_COUNT(0, 1)},
	{"mi_reallocn", REALLOC_COUNT(0, 1, 2)},
	{"mi_reallocf", REALLOC(0, 1)},
	{"mi_rezalloc", REALLOC(0, 1)},
	{"mi_recalloc", REALLOC_COUNT(0, 1, 2)},
	{"mi_malloc_aligned", ALLOC(0)},
	{"mi_malloc_aligned_at", ALLOC(0)},
	{"mi_zalloc_aligned", ALLOC(0)},
	{"mi_zalloc_aligned_at", ALLOC(0)},
	{"mi_calloc_aligned", ALLOC_COUNT(0, 1)},
	{"mi_calloc_aligned_at", ALLOC_COUNT(0, 1)},
	{"mi_realloc_aligned", REALLOC(0, 1)},
	{"mi_realloc_aligned_at", REALLOC(0, 1)},
	{"mi_rezalloc_aligned", REALLOC(0, 1)},
	{"mi_recalloc_aligned", REALLOC_COUNT(0, 1, 2)},
	{"mi_heap_malloc", ALLOC(1)},
	{"mi_heap_malloc_small", ALLOC(1)},
	{"mi_heap_zalloc", ALLOC(1)},
	{"mi_heap_calloc", ALLOC_COUNT(1, 2)},
	{"mi_heap_mallocn", ALLOC_COUNT(1, 2)},
	{"mi_heap_realloc", REALLOC(1, 2)},
	{"mi_heap_reallocf", REALLOC(1, 2)},
	{"mi_heap_rezalloc", REALLOC(1, 2)},
	{"mi_heap_malloc_aligned", ALLOC(1)},
	{"mi_heap_malloc_aligned_at", ALLOC(1)},
	{"mi_heap_zalloc_aligned", ALLOC(1)},
	{"mi_heap_zalloc_aligned_at", ALLOC(1)},
	{"mi_heap_calloc_aligned", ALLOC_COUNT(1, 2)},
	{"mi_heap_calloc_aligned_at", ALLOC_COUNT(1, 2)},
	{"mi_heap_realloc_aligned", REALLOC(1, 2)},
	{"mi_heap_realloc_aligned_at", REALLOC(1, 2)},
	{"mi_heap_rezalloc_aligned", REALLOC(1, 2)},
	{"mi_free_size", FREE(0)},
	{"mi_free_size_aligned", FREE(0)},
	{"mi_free_aligned", FREE(0)},
	{"mi_new", ALLOC(0), FUNCTION_THROWS},
	{"mi_new_n", ALLOC_COUNT(0, 1), FUNCTION_THROWS},
	{"mi_new_aligned", ALLOC(0), FUNCTION_THROWS},
	{"mi_new_realloc", REALLOC(0, 1), FUNCTION_THROWS},
	{"mi_new_reallocn", REALLOC_COUNT(0, 1, 2), FUNCTION_THROWS},
	{"mi_heap_alloc_new", ALLOC(1), FUNCTION_THROWS},
	{"mi_heap_alloc_new_n", ALLOC_COUNT(1, 2), FUNCTION_THROWS},
	{"mi_new_nothrow", ALLOC(0)},
	{"mi_new_aligned_nothrow", ALLOC(0)},
};

enum { FUNCTION_COUNT = sizeof(functions) / sizeof(functions[0]) };

static const struct alloc_function *functions_by_name[FUNCTION_COUNT];

static int compare_names(const void *a, const void *b)
{
	const struct alloc_function *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static void sort_names(void)
{
	for (size_t i = 0; i < FUNCTION_COUNT; i++)
		functions_by_name[i] = &functions[i];
	qsort(functions_by_name, FUNCTION_COUNT, sizeof(functions_by_name[0]), compare_names);
}

const struct alloc_function *alloc_functions(size_t *count)
{
	*count = FUNCTION_COUNT;
	return functions;
}

_Static_assert((int)FUNCTION_COUNT <= (int)ALLOC_FUNCTIONS_MAX, "numbers of functions are smaller");

size_t alloc_function_number(const struct alloc_function *function)
{
	return (size_t)(function - functions);
}

const struct alloc_function *alloc_function_find(const char *name)
{
	static pthread_once_t sorted = PTHREAD_ONCE_INIT;
	const struct alloc_function key = {.name = name}, *key_pointer = &key;

	pthread_once(&sorted, sort_names);
	const struct alloc_function **found = bsearch(
		&key_pointer, functions_by_name, FUNCTION_COUNT, sizeof(found[0]), compare_names);
	return found ? *found : NULL;
}
