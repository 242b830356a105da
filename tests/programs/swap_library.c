/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A library that calls back, twice: with SWAP=a and a frame of its own size, and with SWAP=b and
 * another one. Loaded in turn they lie at the same addresses, with other rows in their tables. And
 * it leaks a block of its own.
 */
#include <stdlib.h>

#define PASTE(a, b)  a##b
#define NAMED(a, b)  PASTE(a, b)
#define NOT_INLINE   __attribute__((noinline, noclone))
#define KEEP(buffer) __asm__ volatile("" ::"r"(buffer) : "memory")

typedef void call_fn(void);

NOT_INLINE static void NAMED(inner_, SWAP)(call_fn *call)
{
	char room[FRAME_BYTES];

	KEEP(room);
	call();
	KEEP(room);
}

void swap_call(call_fn *call)
{
	char room[2 * FRAME_BYTES];

	KEEP(room);
	NAMED(inner_, SWAP)(call);
	KEEP(room);
}

NOT_INLINE static void *NAMED(own_, SWAP)(size_t bytes)
{
	void *block = malloc(bytes);

	KEEP(block);
	return block;
}

int swap_leak(size_t bytes)
{
	void *block = NAMED(own_, SWAP)(bytes);

	KEEP(block);
	return !!block;
}
