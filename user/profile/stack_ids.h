/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a stack is told by, where snapshots are compared: they share no strings and no rows.
 *
 * Its id is the same in every run of a program, wherever that is loaded, and says nothing of a
 * process: code is told by its file's build id (a file's without one by its name) and its place in
 * it, Python by function, file and line, code outside of files by the name that a JIT gave it.
 * What has no name is marked as such, so that stacks which differ there alone have one id.
 */
#ifndef UNFREED_STACK_IDS_H
#define UNFREED_STACK_IDS_H

#include "snapshot.h"

/* Of the stacks of one snapshot, to which nothing may be added meanwhile. */
struct stack_ids;

/* Aborts the program on out of memory, as snapshots do. */
struct stack_ids *stack_ids_new(const struct snapshot *snapshot);
void stack_ids_free(struct stack_ids *ids); /* accepts NULL */

/* Of its frames, its domain, and whether it was cut. Never 0. */
uint64_t stack_id(struct stack_ids *ids, const struct stack *stack);

/*
 * By names alone, so that it is the same in another build of the program too, and where that lies
 * elsewhere: functions with the files that they are in, of Python by the last two parts of the
 * path, of native code by the library's name without its version; not lines, which a mend moves.
 * Code without a name is told as above. Never 0.
 */
uint64_t stack_name_id(struct stack_ids *ids, const struct stack *stack);

#endif
