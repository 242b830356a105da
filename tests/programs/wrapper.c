/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A library to preload whose allocation functions call the next ones in line, as profilers and
 * hardening shims do. Built twice: with plain calls, and with tail calls, where both functions
 * return to the same place.
 */
#include <dlfcn.h>
#include <stdlib.h>

#define NEXT(type, name, ...)                          \
	static type (*next)(__VA_ARGS__);              \
                                                       \
	if (!__atomic_load_n(&next, __ATOMIC_RELAXED)) \
	__atomic_store_n(&next, (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name), __ATOMIC_RELAXED)

void *malloc(size_t bytes)
{
	NEXT(void *, "malloc", size_t);
	return next(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	NEXT(void *, "calloc", size_t, size_t);
	return next(count, bytes);
}

void *realloc(void *block, size_t bytes)
{
	NEXT(void *, "realloc", void *, size_t);
	return next(block, bytes);
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
	NEXT(int, "posix_memalign", void **, size_t, size_t);
	return next(block, alignment, bytes);
}

void free(void *block)
{
	NEXT(void, "free", void *);
	next(block);
}
