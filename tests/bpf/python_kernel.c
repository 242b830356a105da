/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walker of Python frames in the kernel, on a live interpreter:
 *   python_kernel OBJECT PID TID LIBRARY FUNCTION
 * Takes the stack of the thread when it next calls the C function, and prints it as python_probe
 * does. Exits with 4 where the kernel refuses the program.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "python/interpreter.h"
#include "python_walk_test.h"

enum { WAIT_MS = 10000 };

static const struct procfs procfs = {"/proc"};

static int find_interpreter(pid_t pid, struct python_interpreter *interpreter)
{
	struct confined *confined = confined_new();
	struct failure failure = {0};
	struct mappings mappings = {0};
	int error = confined ? mappings_read(&procfs, pid, &mappings) : -ENOMEM;

	if (!error)
		error = python_interpreter_find(&procfs, confined, pid, &mappings, interpreter,
						&failure);
	confined_free(confined);
	mappings_release(&mappings);
	if (error)
		printf("error %d %s\n", error, failure.text);
	return error;
}

static struct python_walk_result *map_results(struct bpf_object *object)
{
	int fd = bpf_object__find_map_fd_by_name(object, "results");
	void *mapped = mmap(NULL, sizeof(struct python_walk_result), PROT_READ | PROT_WRITE,
			    MAP_SHARED, fd, 0);

	return mapped == MAP_FAILED ? NULL : mapped;
}

static struct bpf_link *attach(struct bpf_object *object, pid_t pid, const char *library,
			       const char *function)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options, .func_name = function);

	return bpf_program__attach_uprobe_opts(bpf_object__find_program_by_name(object, "capture"),
					       pid, library, 0, &options);
}

static void wait_for(struct python_walk_result *result)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (int ms = 0; ms < WAIT_MS && *(volatile __u32 *)&result->wanted; ms++)
		nanosleep(&pause, NULL);
}

static void print_frame(const struct python_interpreter *interpreter,
			const struct python_frame *frame, __u32 check)
{
	struct python_code code;
	int error = python_code_read(&interpreter->memory, &interpreter->layout,
				     &interpreter->types, frame->code, &code);

	if (error || code.check != check) {
		printf("lost %#llx %d\n", (unsigned long long)frame->code, error);
		return;
	}
	printf("frame %#llx\t%u\t%d\t%d\t%s\t%s\n", (unsigned long long)frame->code, frame->flags,
	       python_code_line(&code, frame->instruction), code.first_line, code.name, code.file);
	python_code_release(&code);
}

static int take(struct bpf_object *object, const struct python_interpreter *interpreter,
		char **argument)
{
	struct python_walk_result *result = map_results(object);

	if (!result)
		return 1;
	result->process = interpreter->process;
	result->pid = (__u32)interpreter->memory.pid;
	result->wanted = (__u32)atoi(argument[3]);
	struct bpf_link *link = attach(object, interpreter->memory.pid, argument[4], argument[5]);
	if (!link)
		return 4;
	wait_for(result);
	bpf_link__destroy(link);
	printf("thread %s %llu\n", argument[3], (unsigned long long)result->fs_base);
	for (__u32 i = 0; i < result->count && i < PYTHON_TEST_FRAMES; i++)
		print_frame(interpreter, &result->frames[i], result->checks[i]);
	printf("end %u\ntook %llu ns\n", result->stop, (unsigned long long)result->nanoseconds);
	return 0;
}

int main(int argc, char **argv)
{
	struct python_interpreter interpreter;
	int status = 4;

	if (argc != 6)
		return 2;
	if (find_interpreter(atoi(argv[2]), &interpreter))
		return 1;
	struct bpf_object *object = bpf_object__open(argv[1]);
	if (object && !bpf_object__load(object))
		status = take(object, &interpreter, argv);
	bpf_object__close(object);
	python_interpreter_release(&interpreter);
	return status;
}
