/* SPDX-License-Identifier: BSD-2-Clause */
/* What a function calls, and what that calls in turn, as far as it lies in the same code. */
#ifndef UNFREED_CALLEES_H
#define UNFREED_CALLEES_H

#include "code_walk.h"
#include "elf_object.h"

/*
 * Whether no allocation function is called, nor jumped to, by what `walk` reached of
 * `function`, by what that calls, and by what this calls in turn. False too where that cannot
 * be told: the function itself calls what is not known, or there are too many callees. What
 * these call by a pointer is not followed (glibc's malloc asks the vDSO for the time once),
 * nor what is further away (it writes the name of a mapping by snprintf), nor what never
 * returns. Returns 1, 0 or -ENOMEM.
 */
int callees_allocate_nothing(const struct elf_object *object, const struct elf_function *function,
			     struct code_walk *walk);

/*
 * Whether a call that `walk` reached allocates nothing, in the same sense; but whatever is called
 * by a pointer may allocate, and calls through the GOT are followed where they lead to the same
 * code. Returns 1, 0 or -ENOMEM.
 */
int callees_call_allocates_nothing(const struct elf_object *object, struct code_walk *walk,
				   const struct instruction *call);

#endif
