/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Holds so many MB in blocks of malloc, as a program does that has run for a while: sizes of 16
 * bytes to 2 KiB, a third of all blocks freed again, in no order. Prints "ready" and waits.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t random_state = 88172645463325252ull;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

static size_t random_size(void)
{
	return 16 + (next_random() & ((16u << (next_random() & 7)) - 1));
}

int main(int argc, char **argv)
{
	size_t bytes = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1024) << 20, held = 0, count = 0;
	size_t most = bytes / 64;
	void **blocks = malloc(most * sizeof(*blocks));
	char byte;

	while (blocks && held < bytes && count < most) {
		size_t size = random_size();

		blocks[count] = malloc(size);
		if (!blocks[count])
			return 1;
		memset(blocks[count++], 1, size);
		held += size + 8;
	}
	for (size_t i = 0; i < count / 3; i++) {
		size_t at = next_random() % count;

		free(blocks[at]);
		blocks[at] = NULL;
	}
	puts("ready");
	fflush(stdout);
	return read(STDIN_FILENO, &byte, 1) < 0;
}
