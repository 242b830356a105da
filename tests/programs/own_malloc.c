/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An executable with an allocator of its own, which does what a libc's never does: frees behind
 * the tracer's back, calls itself, and is left by longjmp.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "truth.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define CLASSES     64
#define JUMP_BYTES  ((size_t)0x6a756d70)

struct header {
	size_t bytes;
	struct header *next;
};

static char arena[ARENA_BYTES] __attribute__((aligned(16)));
static size_t used;
static struct header *free_by_class[CLASSES];
static jmp_buf back;

static size_t class_of(size_t bytes)
{
	return (bytes + 15) / 16;
}

TRUTH_LEAF void *malloc(size_t bytes)
{
	size_t class = class_of(bytes), whole = sizeof(struct header) + class * 16;
	struct header *header;

	if (bytes == JUMP_BYTES)
		longjmp(back, 1);
	if (class < CLASSES && free_by_class[class]) {
		header = free_by_class[class];
		free_by_class[class] = header->next;
	} else {
		if (whole > ARENA_BYTES - used) {
			errno = ENOMEM;
			return NULL;
		}
		header = (struct header *)(arena + used);
		used += whole;
	}
	header->bytes = bytes;
	return header + 1;
}

/* Frees, but is no function that a tracer knows. */
static void recycle(void *block)
{
	struct header *header = (struct header *)block - 1;
	size_t class = class_of(header->bytes);

	if (class >= CLASSES)
		return;
	header->next = free_by_class[class];
	free_by_class[class] = header;
}

TRUTH_LEAF void free(void *block)
{
	if (block)
		recycle(block);
	TRUTH_NO_TAIL_CALL();
}

TRUTH_LEAF void *calloc(size_t count, size_t bytes)
{
	void *block = malloc(count * bytes);

	return block ? memset(block, 0, count * bytes) : NULL;
}

TRUTH_LEAF void *realloc(void *block, size_t bytes)
{
	void *changed = malloc(bytes);

	if (block && changed) {
		size_t old = ((struct header *)block - 1)->bytes;

		memcpy(changed, block, old < bytes ? old : bytes);
		free(block);
	}
	TRUTH_NO_TAIL_CALL();
	return changed;
}

TRUTH_LEAF static void *make_own(size_t bytes)
{
	void *block = malloc(bytes);

	TRUTH_NO_TAIL_CALL();
	truth_alloc("make_own", bytes);
	return block;
}

TRUTH_LEAF static void *change_own(void *block, size_t old, size_t bytes)
{
	void *changed = realloc(block, bytes);

	truth_free("make_own", old);
	truth_alloc("change_own", bytes);
	return changed;
}

TRUTH_LEAF static void *make_cleared(size_t count, size_t bytes)
{
	void *block = calloc(count, bytes);

	truth_alloc("make_cleared", count * bytes);
	return block;
}

/* All of one size class: each comes back at the address of the one before, whose free nobody
 * saw. */
static void missed_free(void)
{
	for (size_t i = 0; i < 100; i++) {
		void *block = make_own(50 + i % 14);

		if (i == 99)
			return;
		recycle(block);
		truth_free("make_own", 50 + i % 14);
	}
}

static void nested(void)
{
	for (size_t i = 0; i < 50; i++) {
		change_own(make_own(100), 100, 200);
		make_cleared(3, 10);
		free(make_own(70));
		truth_free("make_own", 70);
	}
}

TRUTH_LEAF static void jump_out(void)
{
	free(malloc(JUMP_BYTES));
}

static void left_by_jump(void)
{
	for (volatile size_t i = 0; i < 100; i++) {
		if (!setjmp(back))
			jump_out();
		make_own(60);
	}
	truth_note("jumps", 100);
}

int main(int argc, char **argv)
{
	const struct truth_case cases[] = {
		{"missed_free", NULL, missed_free},
		{"nested", NULL, nested},
		{"left_by_jump", NULL, left_by_jump},
	};

	return truth_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
