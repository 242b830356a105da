/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code objects that were read once, so that their frames can be named after they are gone.
 */
#ifndef UNFREED_PYTHON_CODE_OBJECTS_H
#define UNFREED_PYTHON_CODE_OBJECTS_H

#include "../../bpf/records.h"
#include "interpreter.h"

struct python_codes;

/* A frame with names; the strings live as long as the codes. */
struct python_name {
	const char *name;
	const char *file; /* NULL: unknown */
	uint32_t line;    /* 0: unknown */
	bool hidden;      /* its function has not begun: tracebacks do not show it */
};

/* NULL on out of memory. */
struct python_codes *python_codes_new(void);

/* Accepts NULL. */
void python_codes_free(struct python_codes *codes);

/*
 * Names a frame; its code object, where it was not read before, is read in the process of the first
 * interpreter that still has it. Returns whether one had; the name is a placeholder where not.
 */
bool python_codes_name(struct python_codes *codes,
		       const struct python_interpreter *const *interpreters, size_t count,
		       const struct python_stack_frame *frame, struct python_name *name);

#endif
