/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "symbolize/symbolizer.h"

static struct perf_map *map_of(const char *text, size_t length)
{
	int fd = memfd_create("perf-map", 0);
	struct perf_map *map;

	assert_int_equal(write(fd, text, length), length);
	map = perf_map_read(fd);
	assert_non_null(map);
	close(fd);
	return map;
}

static void assert_name(const struct perf_map *map, uint64_t address, const char *expected)
{
	const char *name = perf_map_lookup(map, address);

	if (!expected) {
		assert_null(name);
		return;
	}
	assert_non_null(name);
	assert_string_equal(name, expected);
}

static void lines_are_found(void **state)
{
	static const char text[] = "1000 10 first\n0x2000 0x20 LazyCompile:~add /app/a b.js:3\r\n"
				   "fffffffffffffff0 f last\n3000 1 unfinished";
	struct perf_map *map = map_of(text, strlen(text));

	(void)state;
	assert_name(map, 0xfff, NULL);
	assert_name(map, 0x1000, "first");
	assert_name(map, 0x100f, "first");
	assert_name(map, 0x1010, NULL);
	assert_name(map, 0x201f, "LazyCompile:~add /app/a b.js:3");
	assert_name(map, 0x3000, "unfinished");
	assert_name(map, UINT64_MAX - 1, "last");
	assert_name(map, UINT64_MAX, NULL);
	perf_map_free(map);
}

static void later_lines_win(void **state)
{
	static const char text[] = "1000 100 old\n1040 20 inside\n1080 100 over\n1000 8 start\n";
	struct perf_map *map = map_of(text, strlen(text));

	(void)state;
	assert_name(map, 0x1000, "start");
	assert_name(map, 0x1008, "old");
	assert_name(map, 0x1040, "inside");
	assert_name(map, 0x105f, "inside");
	assert_name(map, 0x1060, "old");
	assert_name(map, 0x1080, "over");
	assert_name(map, 0x117f, "over");
	assert_name(map, 0x1180, NULL);
	perf_map_free(map);
}

static void malformed_lines_are_skipped(void **state)
{
	static const char text[] = "\n \nzz 10 a\n10\n10 10\n10 10 \n-10 10 b\n10 -10 c\n10 0 d\n"
				   "ffffffffffffffff 2 e\n11111111111111111111 1 f\n10 10\tg\n"
				   "20 8 with\0nul\n30 8 good\n";
	struct perf_map *map = map_of(text, sizeof(text) - 1);

	(void)state;
	assert_name(map, 0x10, NULL);
	assert_name(map, UINT64_MAX, NULL);
	assert_name(map, 0x20, "with");
	assert_name(map, 0x30, "good");
	perf_map_free(map);
}

static void empty_maps_and_pipes(void **state)
{
	struct perf_map *map = map_of("", 0);
	int pipe_fds[2];

	(void)state;
	assert_name(map, 0, NULL);
	perf_map_free(map);
	perf_map_free(NULL);
	assert_int_equal(pipe(pipe_fds), 0);
	assert_null(perf_map_read(pipe_fds[0]));
	assert_int_equal(errno, EINVAL);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

#define LINES     300
#define ADDRESSES 512

/* Against the definition: the last line that covers the address. */
static void random_maps_agree_with_the_definition(void **state)
{
	static char text[LINES * 32], names[ADDRESSES][8];
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 50; round++) {
		struct perf_map *map;
		size_t length = 0;

		memset(names, 0, sizeof(names));
		for (int i = 0; i < LINES; i++) {
			seed = seed * 1664525 + 1013904223;
			unsigned int start = (seed >> 8) % ADDRESSES;
			unsigned int size = (seed >> 20) % (round + 2);

			length += (size_t)sprintf(text + length, "%x %x n%d\n", start, size, i);
			for (unsigned int at = start; at < start + size && at < ADDRESSES; at++)
				sprintf(names[at], "n%d", i);
		}
		map = map_of(text, length);
		for (unsigned int at = 0; at < ADDRESSES; at++)
			assert_name(map, at, *names[at] ? names[at] : NULL);
		perf_map_free(map);
	}
}

/* A line over everything, a million lines below it, and a file past the limit: no long search. */
static void large_maps_are_cut(void **state)
{
	FILE *file = tmpfile();
	struct perf_map *map;

	(void)state;
	fprintf(file, "0 ffffffffffffffff all\n");
	for (unsigned int i = 1; i < 1100000; i++)
		fprintf(file, "%x 8 n%u\n", i * 16, i);
	fflush(file);
	map = perf_map_read(fileno(file));
	assert_non_null(map);
	for (unsigned int i = 1; i < 100000; i++)
		assert_non_null(perf_map_lookup(map, (uint64_t)i << 32));
	assert_name(map, 999999 * 16, "n999999");
	assert_name(map, 1000000 * 16, "all");
	perf_map_free(map);
	assert_int_equal(ftruncate(fileno(file), (off_t)1 << 40), 0);
	map = perf_map_read(fileno(file));
	assert_non_null(map);
	assert_name(map, 16, "n1");
	perf_map_free(map);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_found),
		cmocka_unit_test(later_lines_win),
		cmocka_unit_test(malformed_lines_are_skipped),
		cmocka_unit_test(empty_maps_and_pipes),
		cmocka_unit_test(random_maps_agree_with_the_definition),
		cmocka_unit_test(large_maps_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
