/* SPDX-License-Identifier: BSD-2-Clause */
#include "target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#define NO_NAME "[unknown Python function]"

/* Of code objects that are kept, of a family: their line tables are as long as it pleases them. */
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

/* What a family of forked processes has in common. */
struct family {
	size_t members;
	struct python_interpreter interpreter;
	struct known_code *codes;
	size_t code_bytes;
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
	struct known_code *known, *next;

	HASH_ITER (hh, family->codes, known, next) {
		HASH_DEL(family->codes, known);
		python_code_release(&known->code);
		free(known);
	}
	python_interpreter_release(&family->interpreter);
	free(family);
}

int python_target_new(const struct procfs *procfs, struct confined *confined, pid_t pid,
		      const struct mappings *mappings, struct python_target **target,
		      struct failure *failure)
{
	struct family *family = calloc(1, sizeof(*family));
	int error = family ? 0 : -ENOMEM;

	if (!error)
		error = python_interpreter_find(procfs, confined, pid, mappings,
						&family->interpreter, failure);
	if (error) {
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

/*
 * The programs could not read a code object whose page the process has not touched: a constant of
 * the interpreter's file, such as what 3.12 and later put below an __init__. It is always the same.
 */
static bool is_constant(const struct python_interpreter *interpreter, const struct code_key *key)
{
	return image_is_constant(&interpreter->image, key->address);
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

/* A worker that is gone shared its code with the process that forked it. */
static const struct known_code *read_code(struct python_target *target, const struct code_key *key)
{
	struct family *family = target->family;
	struct known_code *known =
		family->code_bytes < CODES_BYTES_MAX ? calloc(1, sizeof(*known)) : NULL;

	if (!known)
		return NULL;
	known->key = *key;
	if (!read_checked(&target->interpreter, key, &known->code) &&
	    !read_checked(&family->interpreter, key, &known->code)) {
		free(known);
		return NULL;
	}
	HASH_ADD(hh, family->codes, key, sizeof(known->key), known);
	family->code_bytes += sizeof(*known) + known->code.line_bytes + strlen(known->code.name) +
			      strlen(known->code.file);
	return known;
}

bool python_target_name(struct python_target *target, const struct python_stack_frame *frame,
			struct python_name *name)
{
	const struct code_key key = {frame->code & ~UINT64_C(7), frame->check};
	struct known_code *found;
	const struct known_code *known;
	int32_t line;

	HASH_FIND(hh, target->family->codes, &key, sizeof(key), found);
	known = found ? found : read_code(target, &key);
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
