/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a process is a CPython, and everything about it that does not change while it runs.
 */
#ifndef UNFREED_PYTHON_INTERPRETER_H
#define UNFREED_PYTHON_INTERPRETER_H

#include "../lib/failure.h"
#include "code.h"
#include "image.h"
#include "layouts.h"

/* Functions and variables of an interpreter that other parts look into; address 0 where its file
 * does not export them. */
enum python_symbol {
	SYMBOL_RUNTIME,
	SYMBOL_VERSION,
	SYMBOL_CODE_TYPE,
	SYMBOL_STR_TYPE,
	SYMBOL_BYTES_TYPE,
	SYMBOL_FRAME_TYPE,
	SYMBOL_RAW_MALLOC,
	SYMBOL_MEM_MALLOC,
	SYMBOL_OBJECT_MALLOC,
	SYMBOL_OBJECT_CALLOC,
	SYMBOL_OBJECT_REALLOC,
	SYMBOL_OBJECT_FREE,
	SYMBOL_ALLOCATED_BLOCKS,
	SYMBOL_GET_ARENA_ALLOCATOR,
	SYMBOL_THIS_THREAD_STATE,
	SYMBOL_COUNT,
};

struct python_interpreter {
	struct memory memory;
	struct python_image image; /* what holds the interpreter: executable or libpython */
	struct image_symbol symbols[SYMBOL_COUNT];
	uint64_t runtime; /* address of _PyRuntime */
	struct python_layout layout;
	struct python_types types;
	struct python_process process; /* for the kernel */
	/* Whether some thread was seen in Python code, so that frames could be compared with what
	   they must look like. */
	bool frames_checked;
};

struct python_thread {
	uint64_t state;  /* address of the thread state */
	uint64_t thread; /* pthread_self(), which is the fs base; 0: not started */
	uint64_t interpreter;
	uint32_t native_thread; /* id in its PID namespace; 0 before 3.11 */
};

/*
 * Finds the interpreter of a process and checks what the tables say of it against the process.
 * Returns 0, -ENOENT where the process is no CPython, -ENOTSUP where it is one that is not
 * understood (then `failure` holds the sentence), or another negative errno (the process is gone,
 * or may not be read). Only after 0 `interpreter` is to be released.
 */
int python_interpreter_find(const struct procfs *procfs, pid_t pid, const struct mappings *mappings,
			    struct python_interpreter *interpreter, struct failure *failure);
void python_interpreter_release(struct python_interpreter *interpreter);

/*
 * The thread states of all interpreters, malloc'd. Returns their number or a negative errno:
 * -EBADMSG where the lists make no sense.
 */
ssize_t python_threads_read(const struct memory *memory, const struct python_layout *layout,
			    uint64_t runtime, struct python_thread **threads);

/* "3.11.2", "3.14.0rc1"; a version of which only the minor number is known: "3.8". */
void python_version_name(uint32_t version, char name[16]);

#endif
