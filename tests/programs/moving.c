/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block with a mapping of its own that grows by a page a thousand times a second, from 40 to 80
 * MB and again: realloc moves it (mremap), as there is no room behind it. Prints `ready`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEAST = 40 << 20, MOST = 80 << 20, STEP = 4096, PAUSE_US = 1000 };

static char *block_new(void)
{
	char *block = malloc(LEAST);

	if (!block)
		abort();
	return memset(block, 1, LEAST);
}

static void grow(char *block)
{
	for (size_t size = LEAST; size < MOST; size += STEP) {
		block = realloc(block, size + STEP);
		if (!block)
			abort();
		memset(block + size, 1, STEP);
		usleep(PAUSE_US);
	}
	free(block);
}

int main(void)
{
	char *block = block_new();

	puts("ready");
	fflush(stdout);
	for (;; block = block_new())
		grow(block);
}
