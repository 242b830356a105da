/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the Python stage finds in a live process, as lines for tests to compare:
 *   python_probe frames PID     the interpreter, and each thread's stack
 *   python_probe slots PID      the allocators
 *   python_probe blocks PID     the interpreter's count of blocks
 *   python_probe steer PID      steers, and restores at the end of the input
 *   python_probe leave PID      steers, and leaves it so
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "python/coverage.h"
#include "python/steer.h"

static struct memory memory;

static long python_read_user(void *buffer, __u32 bytes, __u64 address)
{
	return memory_read(&memory, address, buffer, bytes);
}

#define PYTHON_FUNCTION static __attribute__((noinline, unused))
#include "../../bpf/python_walk.h"

static const struct procfs procfs = {"/proc"};

static void print_frame(const struct python_interpreter *interpreter, struct python_walk *walk)
{
	const struct python_frame frame = walk->found;
	struct python_code code;
	int error = python_code_read(&memory, &interpreter->layout, &interpreter->types, frame.code,
				     &code);

	if (error) {
		printf("lost %#llx %d\n", (unsigned long long)frame.code, error);
		return;
	}
	if (code.check != python_code_check(&memory, &interpreter->layout, frame.code))
		printf("changed %#llx\n", (unsigned long long)frame.code);
	printf("frame %#llx\t%u\t%d\t%d\t%s\t%s\n", (unsigned long long)frame.code, frame.flags,
	       python_code_line(&code, frame.instruction), code.first_line, code.name, code.file);
	python_code_release(&code);
}

static void print_thread(const struct python_interpreter *interpreter,
			 const struct python_thread *thread)
{
	static struct python_walk walk;
	int step = python_walk_begin(&walk, &interpreter->process, thread->thread);

	printf("thread %u %llu\n", thread->native_thread, (unsigned long long)thread->thread);
	while (step <= PYTHON_SHIM) {
		step = python_walk_step(&walk, &interpreter->process.layout);
		if (step == PYTHON_FRAME)
			print_frame(interpreter, &walk);
	}
	printf("end %d\n", step);
}

static int print_frames(const struct python_interpreter *interpreter)
{
	struct python_thread *threads;
	ssize_t count =
		python_threads_read(&memory, &interpreter->layout, interpreter->runtime, &threads);

	printf("access %u %lld %lld\nchecked %d\n", interpreter->process.access,
	       (long long)interpreter->process.first, (long long)interpreter->process.second,
	       interpreter->frames_checked);
	for (ssize_t i = 0; i < count; i++)
		if (threads[i].thread)
			print_thread(interpreter, &threads[i]);
	free(threads);
	return count < 0;
}

static void print_site(const char *name, uint64_t address, const struct site *site)
{
	printf("%s %#llx %s +%u %s\n", name, (unsigned long long)address,
	       site_kind_name(site->kind), site->skipped, site->instruction);
}

static bool holds_alias(const struct python_slots *slots, int call)
{
	uint64_t alias = slots->functions[call].alias;

	return alias && (slots->slots[PYTHON_MEM].functions[call] == alias ||
			 slots->slots[PYTHON_OBJ].functions[call] == alias);
}

static int print_slots(const struct python_interpreter *interpreter,
		       const struct mappings *mappings)
{
	static const char *const calls[CALLS] = {"malloc", "calloc", "realloc", "free"};
	struct python_slots slots;
	int error = python_slots_read(interpreter, mappings, &slots);

	if (error) {
		printf("error %d\n", error);
		return 1;
	}
	printf("backend %s\nhook %s\ninlined %d\n", python_backend_name(slots.backend),
	       python_hook_name(slots.hook), slots.inlined);
	for (int i = 0; i < CALLS && slots.backend == BACKEND_PYMALLOC; i++) {
		const struct python_function *function = &slots.functions[i];

		printf("alias %#llx%s%s references %u\n", (unsigned long long)function->alias,
		       function->alias_atomic ? " atomic" : "",
		       holds_alias(&slots, i) ? " steered" : "", function->references);
		print_site(calls[i], function->address, python_function_site(function, true));
	}
	if (slots.refill)
		print_site("refill", slots.refill, &slots.refill_site);
	return 0;
}

static int print_blocks(const struct python_interpreter *interpreter)
{
	struct python_counters counters;
	struct python_blocks blocks;
	int error = python_counters_find(interpreter, &counters);

	if (!error)
		error = python_blocks_read(interpreter, &counters, &blocks);
	if (error)
		printf("error %d\n", error);
	else
		printf("blocks %llu raw %llu pools %llu bytes %llu\n",
		       (unsigned long long)blocks.blocks, (unsigned long long)blocks.raw_blocks,
		       (unsigned long long)blocks.pools, (unsigned long long)blocks.pool_bytes);
	return error != 0;
}

static int steer(const struct python_interpreter *interpreter, const struct mappings *mappings,
		 bool leave)
{
	struct python_slots slots;
	struct steering steering;
	struct failure failure;
	int error = python_slots_read(interpreter, mappings, &slots);

	if (!error)
		error = steering_start(&procfs, interpreter, &slots, &steering, &failure);
	if (error) {
		printf("error %d %s\n", error, failure.text);
		return 1;
	}
	printf("steered found %zu stops %u\n", steering_found(&steering), steering.stops);
	fflush(stdout);
	if (leave) {
		steering_abandon(&steering);
		return 0;
	}
	while (getchar() != EOF)
		;
	error = steering_stop(&steering);
	printf("restored %d stops %u\n", error, steering.stops);
	return error != 0;
}

static int run(const char *command, const struct python_interpreter *interpreter,
	       const struct mappings *mappings)
{
	if (!strcmp(command, "blocks"))
		return print_blocks(interpreter);
	if (!strcmp(command, "steer") || !strcmp(command, "leave"))
		return steer(interpreter, mappings, !strcmp(command, "leave"));
	if (!strcmp(command, "slots"))
		return print_slots(interpreter, mappings);
	if (!strcmp(command, "frames"))
		return print_frames(interpreter);
	return 2;
}

int main(int argc, char **argv)
{
	struct python_interpreter interpreter;
	struct mappings mappings;
	struct failure failure = {0};
	struct confined *confined = confined_new();
	char version[16];

	if (argc != 3 || !confined)
		return 2;
	pid_t pid = atoi(argv[2]);
	int error = mappings_read(&procfs, pid, &mappings);
	if (!error)
		error = python_interpreter_find(&procfs, confined, pid, &mappings, &interpreter,
						&failure);
	if (error) {
		printf("error %d %s\n", error, failure.text);
		return 1;
	}
	memory = process_memory(pid);
	python_version_name(interpreter.layout.version, version);
	printf("version %s\n", version);
	int status = run(argv[1], &interpreter, &mappings);
	python_interpreter_release(&interpreter);
	mappings_release(&mappings);
	confined_free(confined);
	return status;
}
