/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interpreter as a traced process: what its frames are called. A forked child shares with its
 * parent what was found out about the file, and the code objects that were read.
 */
#ifndef UNFREED_PYTHON_TARGET_H
#define UNFREED_PYTHON_TARGET_H

#include "code_objects.h"

struct python_target;

/*
 * Looks for the interpreter of a process. Returns 0 with *target, or what python_interpreter_find
 * returns.
 */
int python_target_new(const struct procfs *procfs, struct confined *confined, pid_t pid,
		      const struct mappings *mappings, struct python_target **target,
		      struct failure *failure);

/* Of a forked child. NULL on out of memory, or where the parent is NULL. */
struct python_target *python_target_child(struct python_target *parent, pid_t pid);

/* Whether both are of one family: what was found out about the one's file holds for the other. */
bool python_target_related(const struct python_target *a, const struct python_target *b);

/* Accepts NULL. */
void python_target_free(struct python_target *target);

/* With the memory of this very process. Lives as long as the target. */
const struct python_interpreter *python_target_interpreter(const struct python_target *target);

/*
 * Names a frame, while the process lives. Returns whether its code object was still there; the
 * name is a placeholder where not. The strings live as long as the target and its children.
 */
bool python_target_name(struct python_target *target, const struct python_stack_frame *frame,
			struct python_name *name);

#endif
