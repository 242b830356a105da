/* SPDX-License-Identifier: BSD-2-Clause */
#include "code_objects.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#define NO_NAME "[unknown Python function]"

/* Of code objects that are kept: their line tables are as long as it pleases the target. */
#define CODES_BYTES_MAX ((size_t)256 << 20)

struct code_key {
	uint64_t address;
	uint64_t check;
};

struct known_code {
	struct code_key key;
	struct python_code code;
	UT_hash_handle hh;
};

struct python_codes {
	struct known_code *by_key;
	size_t bytes;
};

struct python_codes *python_codes_new(void)
{
	return calloc(1, sizeof(struct python_codes));
}

void python_codes_free(struct python_codes *codes)
{
	struct known_code *known, *next;

	if (!codes)
		return;
	HASH_ITER (hh, codes->by_key, known, next) {
		HASH_DEL(codes->by_key, known);
		python_code_release(&known->code);
		free(known);
	}
	free(codes);
}

/*
 * The programs could not read a code object whose page the process has not touched: a constant of
 * the interpreter's file, such as what 3.12 and later put below an __init__. It is always the same.
 */
static bool is_constant(const struct python_interpreter *interpreter, const struct code_key *key)
{
	return binary_is_constant(&interpreter->binary, key->address);
}

/* Returns whether it is the code object that the programs saw. */
static bool read_checked(const struct python_interpreter *interpreter, const struct code_key *key,
			 struct python_code *code)
{
	if ((!key->check && !is_constant(interpreter, key)) ||
	    python_code_read(&interpreter->memory, &interpreter->layout, &interpreter->types,
			     key->address, code))
		return false;
	if (!key->check || code->check == key->check)
		return true;
	python_code_release(code);
	return false;
}

static bool read_from_any(const struct python_interpreter *const *interpreters, size_t count,
			  struct known_code *known)
{
	for (size_t i = 0; i < count; i++)
		if (read_checked(interpreters[i], &known->key, &known->code))
			return true;
	return false;
}

static const struct known_code *read_code(struct python_codes *codes,
					  const struct python_interpreter *const *interpreters,
					  size_t count, const struct code_key *key)
{
	struct known_code *known =
		codes->bytes < CODES_BYTES_MAX ? calloc(1, sizeof(*known)) : NULL;

	if (!known)
		return NULL;
	known->key = *key;
	if (!read_from_any(interpreters, count, known)) {
		free(known);
		return NULL;
	}
	HASH_ADD(hh, codes->by_key, key, sizeof(known->key), known);
	codes->bytes += sizeof(*known) + known->code.line_bytes + strlen(known->code.name) +
			strlen(known->code.file);
	return known;
}

bool python_codes_name(struct python_codes *codes,
		       const struct python_interpreter *const *interpreters, size_t count,
		       const struct python_stack_frame *frame, struct python_name *name)
{
	const struct code_key key = {frame->code & ~UINT64_C(7), frame->check};
	struct known_code *found;
	const struct known_code *known;
	int32_t line;

	HASH_FIND(hh, codes->by_key, &key, sizeof(key), found);
	known = found ? found : read_code(codes, interpreters, count, &key);
	*name = (struct python_name){.name = NO_NAME};
	if (!known)
		return false;
	line = python_code_line(&known->code, frame->instruction);
	name->name = known->code.name;
	name->file = known->code.file;
	name->line = line > 0 ? (uint32_t)line : 0;
	name->hidden = !python_code_begun(&known->code, frame->instruction);
	return true;
}
