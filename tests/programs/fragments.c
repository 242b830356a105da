/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap that malloc cannot give back: small blocks stay and pin the pages between them, larger
 * ones go, and those of the next round are larger still, so that the holes are too small for
 * 25 s. One in three of the larger ones stays. Says `ready`, then works a round each tenth of a
 * second; a line of input is answered with one of JSON: for `trim` what malloc_trim returned, for
 * any other the truth. It ends with its input. Counts are in bytes.
 */
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS_MAX = 4000000, A_ROUND = 100, ROUND_MS = 100 };
enum { LEAST_BYTES = 600, STEP_BYTES = 32, SPAN_BYTES = 8000 };

static void *kept[BLOCKS_MAX];
static size_t kept_count, kept_bytes;

static void *touch(size_t size)
{
	void *block = malloc(size);

	if (!block)
		abort();
	return memset(block, 1, size);
}

static void keep(void *block)
{
	kept[kept_count++] = block;
	kept_bytes += malloc_usable_size(block);
}

static void work_round(unsigned int round)
{
	size_t size = LEAST_BYTES + round * STEP_BYTES % SPAN_BYTES;
	void *larger[A_ROUND];

	if (kept_count + 2 * A_ROUND > BLOCKS_MAX)
		return;
	for (int i = 0; i < A_ROUND; i++) {
		larger[i] = touch(size);
		keep(touch(24));
	}
	for (int i = 0; i < A_ROUND; i++) {
		if (i % 3)
			free(larger[i]);
		else
			keep(larger[i]);
	}
}

static size_t resident_bytes(void)
{
	unsigned long pages = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%lu %lu", &pages, &resident) != 2)
		abort();
	fclose(file);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void tell(void)
{
	struct mallinfo2 info = mallinfo2();

	printf("{\"pid\":%d,\"kept_blocks\":%zu,\"kept_bytes\":%zu,\"live_bytes\":%zu,"
	       "\"free_bytes\":%zu,\"top_bytes\":%zu,\"resident_bytes\":%zu}\n",
	       getpid(), kept_count, kept_bytes, info.uordblks + info.hblkhd, info.fordblks,
	       info.keepcost, resident_bytes());
}

static void trim(void)
{
	size_t before = resident_bytes();

	malloc_trim(0);
	printf("{\"returned\":%zu}\n", before - resident_bytes());
}

int main(void)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	char line[64];

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	for (unsigned int round = 0;; round++) {
		work_round(round);
		if (!poll(&input, 1, ROUND_MS))
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return 0;
		if (!strcmp(line, "trim\n"))
			trim();
		else
			tell();
	}
}
