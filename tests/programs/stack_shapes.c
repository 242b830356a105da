/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks that are hard to read: very deep, at the very top of their mapping, on a signal's own
 * stack, and left by longjmp.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "truth.h"

#define BLOCKS     10
#define PAGE_BYTES ((size_t)4096)

TRUTH_LEAF static void leak_deep(size_t bytes)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		if (!malloc(bytes))
			truth_die("malloc failed");
		truth_alloc("leak_deep", bytes);
	}
}

TRUTH_LEAF static void descend(unsigned int frames, size_t bytes)
{
	if (frames)
		descend(frames - 1, bytes);
	else
		leak_deep(bytes);
	TRUTH_NO_TAIL_CALL();
}

static void deep(void)
{
	descend(truth_number("--frames", 200), 100);
}

TRUTH_LEAF static void leak_shallow(void)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		if (!malloc(200))
			truth_die("malloc failed");
		truth_alloc("leak_shallow", 200);
	}
}

/* A coroutine whose stack ends where its mapping ends, with an unreadable page behind. */
static void shallow(void)
{
	ucontext_t here, there;
	char *memory = mmap(NULL, 17 * PAGE_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || mprotect(memory + 16 * PAGE_BYTES, PAGE_BYTES, PROT_NONE))
		truth_die("mmap failed");
	getcontext(&there);
	there.uc_stack.ss_sp = memory;
	there.uc_stack.ss_size = 16 * PAGE_BYTES;
	there.uc_link = &here;
	makecontext(&there, leak_shallow, 0);
	swapcontext(&here, &there);
}

TRUTH_LEAF static void leak_in_handler(int number)
{
	(void)number;
	if (!malloc(300))
		truth_die("malloc failed");
	truth_alloc("leak_in_handler", 300);
}

TRUTH_LEAF static void leak_around_signal(void)
{
	if (!malloc(301))
		truth_die("malloc failed");
	truth_alloc("leak_around_signal", 301);
}

static void on_signal_stack(void)
{
	static char memory[16 * 4096];
	stack_t stack = {.ss_sp = memory, .ss_size = sizeof(memory)};
	struct sigaction action = {.sa_handler = leak_in_handler, .sa_flags = SA_ONSTACK};

	if (sigaltstack(&stack, NULL) || sigaction(SIGUSR1, &action, NULL))
		truth_die("no signal stack");
	for (size_t i = 0; i < BLOCKS; i++) {
		leak_around_signal();
		raise(SIGUSR1);
	}
}

static jmp_buf back;

TRUTH_LEAF static void leak_before_jump(size_t bytes)
{
	if (!malloc(bytes))
		truth_die("malloc failed");
	truth_alloc("leak_before_jump", bytes);
	longjmp(back, 1);
}

TRUTH_LEAF static void leak_after_jump(size_t bytes)
{
	if (!malloc(bytes))
		truth_die("malloc failed");
	truth_alloc("leak_after_jump", bytes);
}

static void jump(void)
{
	for (volatile size_t i = 0; i < 200; i++) {
		if (!setjmp(back))
			leak_before_jump(40);
		leak_after_jump(41);
	}
}

static uintptr_t inner_frames[2];

TRUTH_LEAF static void leak_inside(const char *outer, size_t number, size_t bytes)
{
	inner_frames[number] = (uintptr_t)__builtin_frame_address(0);
	if (!malloc(bytes))
		truth_die("malloc failed");
	truth_alloc(outer, bytes);
}

TRUTH_LEAF static void pass_on(const char *outer, size_t number, size_t bytes)
{
	leak_inside(outer, number, bytes);
	TRUTH_NO_TAIL_CALL();
}

TRUTH_LEAF static void outer_first(void)
{
	pass_on("outer_first", 0, 24);
	TRUTH_NO_TAIL_CALL();
}

TRUTH_LEAF static void outer_second(void)
{
	pass_on("outer_second", 1, 40);
	TRUTH_NO_TAIL_CALL();
}

/* The same inner frames at the same addresses, under outer ones that take turns. */
static void outer(void)
{
	for (size_t i = 0; i < 1000; i++) {
		outer_first();
		if (i % 3)
			outer_second();
	}
	truth_note("same_frames", inner_frames[0] == inner_frames[1]);
}

int main(int argc, char **argv)
{
	const struct truth_case cases[] = {
		{"outer", NULL, outer},     {"deep", NULL, deep},
		{"shallow", NULL, shallow}, {"signal", NULL, on_signal_stack},
		{"jump", NULL, jump},       {"outer", NULL, outer},
	};

	return truth_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
