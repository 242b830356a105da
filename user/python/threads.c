/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "../lib/array.h"
#include "interpreter.h"

enum { INTERPRETERS_MAX = 256, THREADS_MAX = 16384 };

static int read_thread(const struct memory *memory, const struct python_layout *layout,
		       uint64_t state, struct python_thread *thread)
{
	int error =
		memory_read_u64(memory, state + layout->tstate_interpreter, &thread->interpreter);

	thread->state = state;
	if (!error)
		error = memory_read_u64(memory, state + layout->walk.tstate_thread,
					&thread->thread);
	if (!error && layout->tstate_native_thread != PYTHON_ABSENT)
		error = memory_read_u32(memory, state + layout->tstate_native_thread,
					&thread->native_thread);
	return error;
}

static int read_interpreter(const struct memory *memory, const struct python_layout *layout,
			    uint64_t interpreter, struct python_thread **threads, size_t *count)
{
	uint64_t state;
	int error = memory_read_u64(memory, interpreter + layout->interpreter_threads, &state);

	while (!error && state) {
		struct python_thread thread = {0};

		if (!python_is_pointer(state) || *count == THREADS_MAX)
			return -EBADMSG;
		error = read_thread(memory, layout, state, &thread);
		if (error)
			break;
		if (thread.interpreter != interpreter)
			return -EBADMSG;
		if (!array_append(threads, count, thread))
			return -ENOMEM;
		error = memory_read_u64(memory, state + layout->tstate_next, &state);
	}
	return error == -EFAULT ? -EBADMSG : error;
}

ssize_t python_threads_read(const struct memory *memory, const struct python_layout *layout,
			    uint64_t runtime, struct python_thread **threads)
{
	uint64_t interpreter;
	size_t count = 0;
	int error = memory_read_u64(memory, runtime + layout->runtime_interpreters, &interpreter);

	*threads = NULL;
	for (int i = 0; !error && interpreter; i++) {
		if (!python_is_pointer(interpreter) || i == INTERPRETERS_MAX)
			error = -EBADMSG;
		else
			error = read_interpreter(memory, layout, interpreter, threads, &count);
		if (!error)
			error = memory_read_u64(memory, interpreter + layout->interpreter_next,
						&interpreter);
	}
	if (!error)
		return (ssize_t)count;
	free(*threads);
	*threads = NULL;
	return error == -EFAULT ? -EBADMSG : error;
}
