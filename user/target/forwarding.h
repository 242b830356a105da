/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions that only pass their call on.
 *
 * jemalloc's `operator delete` is `jmp free@plt`, glibc's reallocarray multiplies and jumps to
 * realloc: the function passed on to has a probe, and one more would cost a second trap and report
 * the same free twice. A function forwards if on every path from its entry, before it returns, it
 * reaches another allocation function that does the same thing with the same pointer, size and
 * count, held in the registers where that function expects them (a size that is a product was
 * computed by then). A path may return where it allocated nothing: it returns NULL, or the pointer
 * to free was NULL.
 *
 * A jump leaves the caller as it was. A call puts the function itself between its caller and the
 * block; that is accepted of operator new, as it is where the C++ library's own calls malloc (with
 * a size that it may have rounded up), and of functions that free.
 */
#ifndef UNFREED_FORWARDING_H
#define UNFREED_FORWARDING_H

#include "elf_object.h"

/* Returns false where that is not certain. */
bool function_forwards(const struct elf_object *object, const struct elf_function *function);

#endif
