/* SPDX-License-Identifier: BSD-2-Clause */
#include "target.h"

#include <errno.h>
#include <stdlib.h>

/* What a family of forked processes has in common. */
struct family {
	size_t members;
	struct python_interpreter interpreter;
	struct python_codes *codes;
};

struct python_target {
	struct family *family;
	struct python_interpreter interpreter; /* the family's, with this process's memory */
};

static struct python_target *join(struct family *family, pid_t pid)
{
	struct python_target *target = calloc(1, sizeof(*target));

	if (!target)
		return NULL;
	family->members++;
	target->family = family;
	target->interpreter = family->interpreter;
	target->interpreter.memory = process_memory(pid);
	return target;
}

static void family_free(struct family *family)
{
	python_codes_free(family->codes);
	python_interpreter_release(&family->interpreter);
	free(family);
}

int python_target_new(const struct procfs *procfs, struct confined *confined, pid_t pid,
		      const struct mappings *mappings, struct python_target **target,
		      struct failure *failure)
{
	struct family *family = calloc(1, sizeof(*family));
	int error = -ENOMEM;

	if (family)
		family->codes = python_codes_new();
	if (family && family->codes)
		error = python_interpreter_find(procfs, confined, pid, mappings,
						&family->interpreter, failure);
	if (error) {
		if (family)
			python_codes_free(family->codes);
		free(family);
		return error;
	}
	*target = join(family, pid);
	if (*target)
		return 0;
	family_free(family);
	return -ENOMEM;
}

struct python_target *python_target_child(struct python_target *parent, pid_t pid)
{
	return parent ? join(parent->family, pid) : NULL;
}

bool python_target_related(const struct python_target *a, const struct python_target *b)
{
	return a->family == b->family;
}

void python_target_free(struct python_target *target)
{
	if (!target)
		return;
	if (!--target->family->members)
		family_free(target->family);
	free(target);
}

const struct python_interpreter *python_target_interpreter(const struct python_target *target)
{
	return &target->interpreter;
}

/* A worker that is gone shared its code with the process that forked it. */
bool python_target_name(struct python_target *target, const struct python_stack_frame *frame,
			struct python_name *name)
{
	const struct python_interpreter *const interpreters[] = {&target->interpreter,
								 &target->family->interpreter};

	return python_codes_name(target->family->codes, interpreters, 2, frame, name);
}
