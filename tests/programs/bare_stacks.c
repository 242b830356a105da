/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocations under every kind of frame that code without frame pointers has: moving stack
 * pointers (alloca, arrays of variable length), deep recursion, signal handlers on a stack of their
 * own, longjmp, callbacks out of libc, threads, a call that does not return, and all of C++'s
 * (tests/bpf/unwind_stacks.cc). Each of libc's allocation functions is called. For a comparison
 * with a debugger: what is allocated is the same in every run.
 *
 * Prints `ready`, waits for a line, runs, prints `done`, and waits again before it exits.
 */
#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "truth.h"

void cxx_stacks(void (*leaf)(void));

static void *volatile kept;
static jmp_buf back;

static void check(void *block)
{
	if (!block)
		truth_die("no memory");
	kept = block;
}

TRUTH_LEAF static void leaf(void)
{
	void *aligned;

	check(malloc(24));
	check(calloc(3, 8));
	check(realloc(kept, 100));
	check(realloc(NULL, 30));
	check(aligned_alloc(64, 128));
	if (posix_memalign(&aligned, 64, 64))
		truth_die("no memory");
	check(strdup("a copy"));
}

TRUTH_LEAF static int recurse(int depth)
{
	char *bytes = alloca((size_t)(depth % 7) * 16 + 16);

	__asm__ volatile("" ::"r"(bytes) : "memory");
	if (depth)
		return recurse(depth - 1) + 1;
	leaf();
	return 0;
}

TRUTH_LEAF static int variable_array(int count)
{
	volatile int numbers[count];

	numbers[count - 1] = count;
	if (count > 1000)
		return variable_array(count / 2) + numbers[count - 1];
	leaf();
	return numbers[count - 1];
}

static int compare_values(const void *left, const void *right)
{
	leaf();
	return *(const int *)left - *(const int *)right;
}

static void on_signal(int number)
{
	(void)number;
	recurse(3);
}

static void signals(void)
{
	static char memory[1 << 16];
	stack_t stack = {.ss_sp = memory, .ss_size = sizeof(memory)};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};

	if (sigaltstack(&stack, NULL) || sigaction(SIGUSR1, &action, NULL) ||
	    sigaction(SIGUSR2, &(struct sigaction){.sa_handler = on_signal}, NULL))
		truth_die("no signal stack");
	raise(SIGUSR1);
	raise(SIGUSR2);
}

/* Its last instruction is the call. */
__attribute__((noinline, noclone, noreturn)) static void leave(void)
{
	leaf();
	longjmp(back, 1);
}

TRUTH_LEAF static void jump(int depth)
{
	if (depth)
		jump(depth - 1);
	else if (kept)
		leave();
	TRUTH_NO_TAIL_CALL();
}

static void *work(void *unused)
{
	int values[] = {4, 3, 2, 1};

	qsort(values, 4, sizeof(values[0]), compare_values);
	recurse(90);
	variable_array(100000);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	truth_init(argc, argv);
	truth_say("ready");
	truth_wait_line();
	work(NULL);
	recurse(300);
	signals();
	if (!setjmp(back))
		jump(5);
	leaf();
	cxx_stacks(leaf);
	if (pthread_create(&thread, NULL, work, NULL) || pthread_join(thread, NULL))
		truth_die("no thread");
	truth_say("done");
	truth_wait_line();
	return 0;
}
