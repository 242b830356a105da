/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One case for each rule of the ledger. Results decide what is counted, not the manual: libcs
 * differ in realloc(p, 0) and in which alignments they take.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "truth.h"

enum {
	OLDER_MAX = 16,
	OLDER_TO_FREE = 8, /* from here on; those before are for realloc */
};

static void *older[OLDER_MAX];
static volatile size_t huge = (size_t)1 << 60; /* no libc gives that; not known to the compiler */

TRUTH_LEAF static void *make_block(size_t bytes)
{
	void *block = malloc(bytes);

	if (!block)
		truth_die("malloc failed");
	truth_alloc("make_block", bytes);
	return block;
}

static void drop_block(void *block, size_t bytes)
{
	truth_free("make_block", bytes);
	free(block);
}

/* Returns the block that is live afterwards. `from` is the function that made the old one. */
TRUTH_LEAF static void *change_block(void *block, const char *from, size_t old, size_t bytes)
{
	void *changed = realloc(block, bytes);

	if (!changed && bytes)
		return block;
	if (block)
		truth_free(from, old);
	if (changed)
		truth_alloc("change_block", bytes);
	return changed;
}

static void prepare_older(void)
{
	for (size_t i = 0; i < OLDER_MAX && !older[i]; i++) {
		older[i] = malloc(100 + i);
		truth_older(100 + i);
	}
}

static void malloc_zero(void)
{
	for (size_t i = 0; i < 5; i++) {
		void *block = make_block(0);

		if (i >= 3)
			drop_block(block, 0);
	}
}

TRUTH_LEAF static void *make_array(size_t count, size_t bytes)
{
	void *block = calloc(count, bytes);

	if (block)
		truth_alloc("make_array", count * bytes);
	return block;
}

TRUTH_LEAF static void *change_array(void *block, size_t old, size_t count, size_t bytes)
{
	void *changed = reallocarray(block, count, bytes);

	if (!changed)
		return block;
	truth_free("make_array", old);
	truth_alloc("change_array", count * bytes);
	return changed;
}

/* The product wraps to 4 bytes: a tracer that multiplies must not believe it. */
static void calloc_overflow(void)
{
	size_t wraps = ((size_t)-1) / 4 + 2;

	if (make_array(wraps, 4) || make_array(4, wraps) || make_array(huge, 2))
		truth_die("calloc did not notice the overflow");
	make_array(0, 8);
	make_array(3, 7);
}

static void reallocarray_fails(void)
{
	void *block = make_array(5, 9), *stays = make_array(5, 8);

	for (size_t i = 0; i < 10; i++)
		if (change_array(block, 45, ((size_t)-1) / 4 + 2, 4) != block || errno != ENOMEM)
			truth_die("reallocarray did not notice the overflow");
	for (size_t i = 0; i < 10; i++)
		if (change_array(stays, 40, huge, 1) != stays)
			truth_die("reallocarray gave 2^60 bytes");
	change_array(block, 45, 6, 9);
}

static void realloc_in_place(void)
{
	void *block = make_block(1000), *changed;
	size_t in_place = 0, old = 1000;

	for (size_t i = 0; i < 20; i++) {
		size_t bytes = i % 2 ? 1000 : 996;

		changed = change_block(block, i ? "change_block" : "make_block", old, bytes);
		in_place += changed == block;
		block = changed;
		old = bytes;
	}
	truth_note("in_place", in_place);
}

static void realloc_moves(void)
{
	void *block = make_block(64), *changed;
	size_t moved = 0, old = 64;

	for (size_t i = 1; i <= 10; i++) {
		make_block(64);
		changed = change_block(block, i > 1 ? "change_block" : "make_block", old, 5000 * i);
		moved += changed != block;
		block = changed;
		old = 5000 * i;
	}
	truth_note("moved", moved);
}

/* What grows is as old as when it began. */
static void realloc_ages(void)
{
	enum { TIMES = 20, LEAST_NS = 200000000 };
	void *block = make_block(1000);
	uint64_t begun_ns = truth_now_ns();

	for (size_t i = 0; i < TIMES; i++) {
		while (truth_now_ns() - begun_ns < LEAST_NS / TIMES * (i + 1))
			;
		block = change_block(block, i ? "change_block" : "make_block", 1000 + i * 10000,
				     11000 + i * 10000);
	}
	truth_note("age_ns", truth_now_ns() - begun_ns);
}

static void realloc_fails(void)
{
	void *block = make_block(123), *gone = make_block(321);

	for (size_t i = 0; i < 10; i++) {
		if (change_block(block, "make_block", 123, huge) != block)
			truth_die("realloc to 2^60 bytes succeeded");
		if (change_block(gone, "make_block", 321, (size_t)-1) != gone)
			truth_die("realloc to SIZE_MAX bytes succeeded");
	}
	drop_block(gone, 321);
}

static void realloc_zero(void)
{
	for (size_t i = 0; i < 7; i++)
		change_block(make_block(50), "make_block", 50, 0);
	make_block(51);
}

static void realloc_null(void)
{
	change_block(NULL, NULL, 0, 0);
	change_block(NULL, NULL, 0, 77);
	if (change_block(NULL, NULL, 0, huge))
		truth_die("realloc to 2^60 bytes succeeded");
}

TRUTH_LEAF static void *change_older(size_t i, size_t bytes)
{
	void *changed = realloc(older[i], bytes);

	if (!changed && bytes)
		return NULL;
	truth_older_freed(100 + i);
	if (changed)
		truth_alloc("change_older", bytes);
	return changed;
}

static void realloc_older(void)
{
	for (size_t i = 0; i < 4; i++)
		change_older(i, i % 2 ? 100 : 9000);
	change_older(4, 0);
	for (size_t i = 5; i < 8; i++)
		if (change_older(i, huge))
			truth_die("realloc to 2^60 bytes succeeded");
}

static void free_older(void)
{
	for (size_t i = OLDER_TO_FREE; i < OLDER_TO_FREE + 5; i++) {
		free(older[i]);
		truth_older_freed(100 + i);
	}
	for (size_t i = 0; i < 10; i++)
		free(NULL);
	drop_block(make_block(33), 33);
	make_block(34);
}

/* A failed call leaves the pointer alone: here it names a live block, which must stay. */
static void memalign_fails(void)
{
	void *block = make_block(40), *same = block;

	for (size_t i = 0; i < 10; i++) {
		if (posix_memalign(&same, 3, 100) != EINVAL || same != block)
			truth_die("posix_memalign took the alignment 3");
		if (posix_memalign(&same, 64, huge) != ENOMEM || same != block)
			truth_die("posix_memalign gave 2^60 bytes");
	}
	if (aligned_alloc(64, huge))
		truth_die("aligned_alloc gave 2^60 bytes");
	if (malloc(huge))
		truth_die("malloc gave 2^60 bytes");
}

/* Never touched, so it costs no memory; a machine that does not overcommit refuses it. */
static void huge_block(void)
{
	size_t bytes = ((size_t)5 << 30) + 3;
	void *block = malloc(bytes);

	truth_note("refused", !block);
	if (block)
		truth_alloc("huge_block", bytes);
	TRUTH_NO_TAIL_CALL();
}

static void many_gigabytes(void)
{
	size_t bytes = ((size_t)4 << 20) + 1;

	for (size_t i = 0; i < 1500; i++)
		drop_block(make_block(bytes), bytes);
	for (size_t i = 0; i < 1100; i++)
		make_block(bytes);
}

static const struct truth_case cases[] = {
	{"malloc_zero", NULL, malloc_zero},
	{"calloc_overflow", NULL, calloc_overflow},
	{"reallocarray_fails", NULL, reallocarray_fails},
	{"realloc_in_place", NULL, realloc_in_place},
	{"realloc_moves", NULL, realloc_moves},
	{"realloc_ages", NULL, realloc_ages},
	{"realloc_fails", NULL, realloc_fails},
	{"realloc_zero", NULL, realloc_zero},
	{"realloc_null", NULL, realloc_null},
	{"realloc_older", prepare_older, realloc_older},
	{"free_older", prepare_older, free_older},
	{"memalign_fails", NULL, memalign_fails},
	{"huge_block", NULL, huge_block},
	{"many_gigabytes", NULL, many_gigabytes},
};

int main(int argc, char **argv)
{
	return truth_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
