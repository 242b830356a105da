/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short form of a fuzzer, in the place of libFuzzer's main(): what it begins with, and breaks
 * of that, always the same ones. Prints one result as TAP.
 *
 *     fuzz_NAME CORPUS NAME
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BREAKS = 300, BITS_MAX = 12, EDGE = 2048, SEEDS_MAX = 4096, BYTES_MAX = 1 << 18 };

int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct seed {
	uint8_t *bytes;
	size_t size;
};

static struct seed seeds[SEEDS_MAX];
static size_t seed_count;
static uint64_t drawn = 1;

/* Marsaglia's xorshift64*. */
static size_t draw(size_t below)
{
	drawn ^= drawn >> 12;
	drawn ^= drawn << 25;
	drawn ^= drawn >> 27;
	return (size_t)((drawn * UINT64_C(0x2545f4914f6cdd1d) >> 32) % below);
}

static void read_seed(const char *path)
{
	struct seed *seed = &seeds[seed_count];
	FILE *file = fopen(path, "re");

	seed->bytes = malloc(BYTES_MAX);
	if (!file || !seed->bytes)
		abort();
	seed->size = fread(seed->bytes, 1, BYTES_MAX, file);
	seed_count += seed->size > 0;
	fclose(file);
}

static void read_seeds(const char *directory)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		if (*entries[i]->d_name != '.' && seed_count < SEEDS_MAX)
			read_seed(path);
		free(entries[i]);
	}
	free(count < 0 ? NULL : entries);
}

/* A copy of its own size: what reads beyond it is seen. */
static void try(const struct seed *seed, size_t size, size_t bits)
{
	uint8_t *copy = malloc(size);

	if (!copy)
		abort();
	memcpy(copy, seed->bytes, size);
	while (bits--) {
		size_t edge = size < EDGE ? size : EDGE;
		size_t at = draw(2) ? draw(edge) : draw(size);

		copy[at] ^= (uint8_t)(1u << draw(8));
	}
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	read_seeds(argv[1]);
	printf("1..1\n");
	fflush(stdout);
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (size_t i = 0; i < seed_count; i++)
		try(&seeds[i], seeds[i].size, 0);
	for (size_t i = 0; i < BREAKS && seed_count; i++) {
		const struct seed *seed = &seeds[draw(seed_count)];

		try(seed, draw(5) ? seed->size : 1 + draw(seed->size), 1 + draw(BITS_MAX));
	}
	for (size_t i = 0; i < seed_count; i++)
		free(seeds[i].bytes);
	printf("%sok 1 - %s: %zu inputs\n", seed_count ? "" : "not ", argv[2],
	       seed_count + (seed_count ? BREAKS : 0));
	return !seed_count;
}
