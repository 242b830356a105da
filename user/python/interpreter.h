/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a process is a CPython, and everything about it that does not change while it runs.
 */
#ifndef UNFREED_PYTHON_INTERPRETER_H
#define UNFREED_PYTHON_INTERPRETER_H

#include "../arch/memory.h"
#include "../lib/failure.h"
#include "code_object.h"
#include "binary.h"
#include "layouts.h"
#include "version.h"

struct python_interpreter {
	struct memory memory;
	struct python_binary binary; /* what holds the interpreter: executable or libpython */
	struct binary_symbol symbols[SYMBOL_COUNT]; /* address 0 where not exported */
	uint64_t runtime;                           /* address of _PyRuntime */
	struct python_layout layout;
	struct python_types types;
	struct python_process process; /* for the kernel */
	/* Whether some thread was seen in Python code, so that frames could be compared with what
	   they must look like. */
	bool frames_checked;
};

struct python_thread {
	uint64_t state;  /* address of the thread state */
	uint64_t thread; /* pthread_self(), where its own memory begins; 0: not started */
	uint64_t interpreter;
	uint32_t native_thread; /* id in its PID namespace; 0 before 3.11 */
};

/*
 * Finds the interpreter of a process and checks what the tables say of it against the process.
 * Returns 0, -ENOENT where the process is no CPython (`failure` may hold a sentence on
 * a file that could not be read), -ENOTSUP where it is one that is not understood (then `failure`
 * holds the sentence), or another negative errno (the process is gone, or may not be read). Only
 * after 0 `interpreter` is to be released. The confined process must outlive it.
 */
int python_interpreter_find(const struct procfs *procfs, struct confined *confined, pid_t pid,
			    const struct mappings *mappings, struct python_interpreter *interpreter,
			    struct failure *failure);
/* Whether a file is called as an interpreter, or its library, is. */
bool python_is_named(const char *path);

void python_interpreter_release(struct python_interpreter *interpreter);

/* Whether a value may be the address of one of the interpreter's structures. */
static inline bool python_is_pointer(uint64_t value)
{
	return value >= 4096 && value < memory_end && value % 8 == 0;
}

/*
 * The thread states of all interpreters, malloc'd. Returns their number or a negative errno:
 * -EBADMSG where the lists make no sense.
 */
ssize_t python_threads_read(const struct memory *memory, const struct python_layout *layout,
			    uint64_t runtime, struct python_thread **threads);

#endif
