/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table that is wrong for a build would give frames that were never there. So nothing of it is
 * used before the process itself agrees: the types have the sizes that belong to the version, each
 * thread state's thread points at itself, as a C library makes it, one way leads from a thread to
 * its thread state, and frames lead to code objects with a name, a file and a line.
 *
 * The process goes on meanwhile. A frame that is left while it is read may lead astray, so that a
 * few failures are nothing; but of the frames seen, most must be right.
 */
#include "validate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../arch/thread_descriptor.h"
#include "../lib/clock.h"
#include "../lib/path.h"
#include "access.h"

static _Thread_local const struct memory *walked_memory;

static long python_read_user(void *buffer, __u32 bytes, __u64 address)
{
	return memory_read(walked_memory, address, buffer, bytes);
}

#define PYTHON_FUNCTION static __attribute__((noinline, unused))
#include "../../bpf/python_walk.h"

enum {
	ROUNDS = 20,
	ROUND_NS = 5000000,
	IDLE_ROUNDS = 4,
	THREADS_LOOKED_AT = 64,
	FRAMES_LOOKED_AT = 32,
	TYPE_NAME = 24,
	TYPE_BASIC_SIZE = 32,
};

struct evidence {
	size_t good;
	size_t bad;
};

/* A constant comes from the file: the process's page of it may not be resident, and would become so
 * by being read. */
static int read_name(const struct python_interpreter *interpreter, uint64_t address, char *text,
		     size_t size)
{
	ssize_t got;

	if (!binary_is_constant(&interpreter->binary, address))
		return memory_read_string(&interpreter->memory, address, text, size);
	got = binary_bytes_request(&interpreter->binary, address, text, size - 1);
	text[got > 0 ? got : 0] = '\0';
	return got > 0 ? 0 : -EFAULT;
}

static int check_type(const struct python_interpreter *interpreter, uint64_t type, const char *name,
		      uint64_t size)
{
	const struct memory *memory = &interpreter->memory;
	uint64_t pointer, found;
	char text[16];

	if (!type)
		return 0;
	if (memory_read_u64(memory, type + TYPE_NAME, &pointer) ||
	    read_name(interpreter, pointer, text, sizeof(text)) ||
	    memory_read_u64(memory, type + TYPE_BASIC_SIZE, &found))
		return -EBADMSG;
	return !strcmp(text, name) && (!size || found == size) ? 0 : -EBADMSG;
}

/* From 3.11 on the bytecode is the code object's variable part, and begins where the size says. */
static int check_types(const struct python_interpreter *interpreter)
{
	const struct python_walk_layout *walk = &interpreter->layout.walk;
	uint64_t code_size = walk->code_bytecode == PYTHON_ABSENT ? 176 : walk->code_bytecode;
	uint64_t str_size = interpreter->layout.str_data + 8;

	if (check_type(interpreter, interpreter->types.code, "code", code_size) ||
	    check_type(interpreter, interpreter->types.str, "str", str_size) ||
	    check_type(interpreter, interpreter->types.bytes, "bytes", 0) ||
	    check_type(interpreter, interpreter->symbols[SYMBOL_FRAME_TYPE].address, "frame",
		       interpreter->layout.frame_type_bytes))
		return -EBADMSG;
	return 0;
}

/* A thread's control block holds an address in it: glibc's where its descriptor says, musl's at the
 * beginning. Zeroes say nothing: gcore leaves the stacks of threads out where they have guard pages
 * inside. */
static void judge_thread(const struct memory *memory, uint64_t thread, struct evidence *evidence)
{
	const struct thread_descriptor *known = &thread_descriptor;
	uint64_t words[3], self;

	if (memory_read(memory, thread, words, sizeof(words)) ||
	    memory_read_u64(memory, thread + known->self_words[1], &self))
		evidence->bad++;
	else if (words[0] == thread || self == thread + known->self)
		evidence->good++;
	else if (words[0] || words[1] || words[2])
		evidence->bad++;
}

static bool has_threads(const struct memory *memory, const struct python_thread *threads,
			size_t count)
{
	struct evidence evidence = {0};

	for (size_t i = 0; i < count; i++)
		if (threads[i].thread)
			judge_thread(memory, threads[i].thread, &evidence);
	return evidence.good > evidence.bad;
}

/*
 * A path or a script's name, or what CPython itself calls code without a file (python -c, a pipe,
 * its own frozen modules): no function has such a name. Others, such as "<template>", say nothing.
 */
static bool is_like_a_file(const char *name)
{
	return strchr(name, '/') || path_ends_in(name, ".py") || !strcmp(name, "<string>") ||
	       !strcmp(name, "<stdin>") || !strncmp(name, "<frozen ", 8);
}

static void check_frame(const struct python_interpreter *interpreter,
			const struct python_frame *frame, struct evidence *evidence)
{
	struct python_code code;

	if (python_code_read(&interpreter->memory, &interpreter->layout, &interpreter->types,
			     frame->code, &code)) {
		evidence->bad++;
		return;
	}
	if (!*code.name || code.first_line < 0)
		evidence->bad++;
	else if (is_like_a_file(code.file))
		evidence->good++;
	python_code_release(&code);
}

static void check_frames(const struct python_interpreter *interpreter,
			 const struct python_thread *thread, struct evidence *evidence)
{
	struct python_walk *walk = calloc(1, sizeof(*walk));
	int step;

	if (!walk)
		return;
	walked_memory = &interpreter->memory;
	step = python_walk_begin(walk, &interpreter->process, thread->thread);
	for (int i = 0; step <= PYTHON_SHIM && i < FRAMES_LOOKED_AT; i++) {
		step = python_walk_step(walk, &interpreter->process.layout);
		if (step == PYTHON_FRAME)
			check_frame(interpreter, &walk->found, evidence);
		evidence->bad += step == PYTHON_UNREADABLE;
	}
	free(walk);
}

/* One look at the process. Returns 0, or -EAGAIN with *what filled. */
static int look(struct python_interpreter *interpreter, struct evidence *evidence,
		const char **what)
{
	struct python_thread *threads;
	ssize_t count = python_threads_read(&interpreter->memory, &interpreter->layout,
					    interpreter->runtime, &threads);
	int error = -EAGAIN;

	if (count == -ESRCH || count == -EPERM || count == -ENOMEM)
		return (int)count;
	if (count <= 0)
		*what = "the list of its threads";
	else if (!has_threads(&interpreter->memory, threads, (size_t)count))
		*what = "the form of its thread states";
	else if (python_access_find(interpreter, threads, (size_t)count))
		*what = "the way from a thread to its state";
	else
		error = 0;
	for (ssize_t i = 0; !error && i < count && i < THREADS_LOOKED_AT; i++)
		if (threads[i].thread)
			check_frames(interpreter, &threads[i], evidence);
	free(threads);
	return error;
}

/* Processor time of the process; 0: of a core, or gone. */
static uint64_t used_ns(const struct memory *memory)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(memory->pid, &clock) || clock_gettime(clock, &used))
		return 0;
	return clock_ns_of(&used);
}

/* What does nothing shows nothing new: forty workers that wait would each be waited for. */
struct idleness {
	uint64_t used_ns;
	int rounds;
};

static bool is_idle(const struct memory *memory, struct idleness *idleness)
{
	uint64_t used = used_ns(memory);

	idleness->rounds = used == idleness->used_ns ? idleness->rounds + 1 : 0;
	idleness->used_ns = used;
	return idleness->rounds >= IDLE_ROUNDS;
}

int python_validate(struct python_interpreter *interpreter, const char **what)
{
	const struct timespec pause = {.tv_nsec = ROUND_NS};
	struct idleness idleness = {.used_ns = used_ns(&interpreter->memory)};
	struct evidence evidence = {0};
	int error = 0;

	*what = NULL;
	interpreter->process.layout = interpreter->layout.walk;
	for (int round = 0; round < ROUNDS; round++) {
		if (round)
			nanosleep(&pause, NULL);
		*what = "the form of its types";
		error = check_types(interpreter) ? -EAGAIN : look(interpreter, &evidence, what);
		if (error != -EAGAIN && error)
			break;
		if (!error &&
		    (evidence.good > 4 * evidence.bad || is_idle(&interpreter->memory, &idleness)))
			break;
	}
	if (error == -ESRCH || error == -EPERM)
		*what = NULL;
	if (error)
		return error == -EAGAIN ? -EBADMSG : error;
	interpreter->frames_checked = evidence.good > 4 * evidence.bad;
	*what = "the form of its frames";
	return evidence.good || !evidence.bad ? 0 : -EBADMSG;
}
