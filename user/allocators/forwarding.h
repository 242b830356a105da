/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions that only pass their call on.
 *
 * jemalloc's `operator delete` is `jmp free@plt`, its aligned `operator new` calls aligned_alloc
 * with the arguments exchanged: the function passed on to has a probe, and one more would cost a
 * second trap and report the same free twice. A function forwards if on every path from its entry,
 * before it returns, it reaches another allocation function that does the same thing with the same
 * pointer, size and count, held in the registers where that function expects them. A path that is
 * taken only where the pointer to free is NULL may return.
 */
#ifndef UNFREED_FORWARDING_H
#define UNFREED_FORWARDING_H

#include "elf_object.h"

/* Returns false where that is not certain. */
bool function_forwards(const struct elf_object *object, const struct elf_function *function);

#endif
