/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code objects: what an address in another process and an instruction say to a person.
 */
#ifndef UNFREED_PYTHON_CODE_OBJECT_H
#define UNFREED_PYTHON_CODE_OBJECT_H

#include "layouts.h"

/* A code object, read whole, so that any of its lines can be told after it is gone. */
struct python_code {
	char *name;     /* UTF-8; the qualified name from 3.11 on */
	char *file;     /* co_filename, UTF-8 */
	uint8_t *lines; /* line table */
	size_t line_bytes;
	int32_t first_line;
	int32_t begin;  /* where its body begins, in bytes: before is the making of the frame */
	uint32_t check; /* python_check() */
	enum python_lines format;
};

/* Types as a process has them: addresses of PyCode_Type, PyUnicode_Type, PyBytes_Type; 0: unknown,
 * not checked. */
struct python_types {
	uint64_t code;
	uint64_t str;
	uint64_t bytes;
};

/*
 * Reads the code object at an address. Returns 0 or a negative errno: -EINVAL where there is none
 * (any more), -EFAULT where it cannot be read. On failure `code` needs no release.
 */
int python_code_read(const struct memory *memory, const struct python_layout *layout,
		     const struct python_types *types, uint64_t address, struct python_code *code);
void python_code_release(struct python_code *code);

/*
 * The line of an instruction, as struct python_frame has it. PYTHON_NO_INSTRUCTION: the first line.
 * 0 where the instruction has no line, or the table is damaged.
 */
int32_t python_code_line(const struct python_code *code, int32_t instruction);

/*
 * Whether the body of the function has begun. Before it the interpreter makes cells, or a generator
 * in place of the frame, on behalf of the caller; tracebacks do not show the frame then.
 */
bool python_code_begun(const struct python_code *code, int32_t instruction);

/* The checksum alone, to be compared with the one of an earlier time; 0 where it cannot be read. */
uint32_t python_code_check(const struct memory *memory, const struct python_layout *layout,
			   uint64_t address);

/*
 * A str object as UTF-8, malloc'd, of at most `max` characters. Returns 0 or a negative errno:
 * -EINVAL where it is none, -EFBIG, -EFAULT, -ENOMEM.
 */
int python_string_read(const struct memory *memory, const struct python_layout *layout,
		       const struct python_types *types, uint64_t address, size_t max,
		       char **string);

#endif
