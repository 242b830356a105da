/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lost_shapes.c and lost_objects.cpp share: programs of one shape each, by name, in which
 * blocks of malloc are lost or kept. They are built twice: as they are, to be looked at from
 * outside, and with LeakSanitizer (-DJUDGED), which says at the same point what it takes for lost.
 *
 * A shape counts what it lost with lost(); blocks have sizes of 16 n + 8, which malloc gives out
 * as they are. Prints {"lost": blocks, "bytes": them}, "ready", and waits for the end of its input.
 */
#ifndef LOST_SHAPES_H
#define LOST_SHAPES_H

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef JUDGED
#include <sanitizer/lsan_interface.h>
#endif

struct shape {
	const char *name;
	void (*make)(void);
};

static size_t lost_blocks, lost_bytes;

/* Counts a block that nothing will refer to, and returns it. */
__attribute__((unused)) static void *lost(void *block)
{
	lost_blocks++;
	lost_bytes += malloc_usable_size(block);
	return block;
}

__attribute__((unused)) static void *make(size_t size)
{
	return memset(malloc(size), 'x', size);
}

/* What calls left on the stack would be taken for references. */
__attribute__((noinline)) static void shape_wipe(void)
{
	volatile char wiped[100000];

	for (size_t i = 0; i < sizeof(wiped); i++)
		wiped[i] = 0;
}

/* In registers too, those that calls preserve. */
__attribute__((noinline)) static void shape_run(const struct shape *shape)
{
	shape->make();
	shape_wipe();
	__asm__ volatile("xor %%ebx, %%ebx\n\txor %%r12d, %%r12d\n\txor %%r13d, %%r13d\n\t"
			 "xor %%r14d, %%r14d\n\txor %%r15d, %%r15d"
			 :
			 :
			 : "rbx", "r12", "r13", "r14", "r15");
}

static int shapes_main(const struct shape *shapes, size_t count, int argc, char **argv)
{
	for (size_t i = 0; i < count; i++) {
		if (argc == 2 && !strcmp(argv[1], "--list"))
			puts(shapes[i].name);
		if (argc == 2 && !strcmp(argv[1], shapes[i].name)) {
			shape_run(&shapes[i]);
			printf("{\"lost\":%zu,\"bytes\":%zu}\n", lost_blocks, lost_bytes);
#ifdef JUDGED
			__lsan_do_recoverable_leak_check();
#endif
			puts("ready");
			fflush(stdout);
			while (getchar() != EOF)
				;
			_exit(0);
		}
	}
	_exit(argc != 2 || strcmp(argv[1], "--list") ? 2 : fflush(stdout));
}

#endif
