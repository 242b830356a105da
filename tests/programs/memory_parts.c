/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory_parts PID [LOOKS]: where the memory of a process is, as one line of JSON a look, for
 * tests. Waits for a line on stdin between two looks.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "confine/confined.h"
#include "look/parts.h"

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void print_malloc(const struct look *look)
{
	const struct look_malloc *malloc = look->malloc;

	if (!malloc)
		return;
	printf(",\"malloc\":{\"version\":\"%s\",\"arenas\":%" PRIu64 ",\"threads\":%" PRIu64
	       ",\"heaps\":%" PRIu64 ",\"system\":%" PRIu64 ",\"live\":%" PRIu64
	       ",\"live_chunks\":%" PRIu64 ",\"free\":%" PRIu64 ",\"top\":%" PRIu64
	       ",\"fastbins\":%" PRIu64 ",\"cached\":%" PRIu64 ",\"cached_chunks\":%" PRIu64
	       ",\"mmapped\":%" PRIu64 ",\"mmapped_chunks\":%" PRIu64 ",\"returnable\":%" PRIu64
	       ",\"retries\":%" PRIu64 "}",
	       malloc->version, malloc->arenas, malloc->threads, malloc->heaps,
	       malloc->system_bytes, malloc->live_bytes, malloc->live_chunks, malloc->free_bytes,
	       malloc->top_bytes, malloc->fastbin_bytes, malloc->cached_bytes,
	       malloc->cached_chunks, malloc->mmapped_bytes, malloc->mmapped_chunks,
	       malloc->returnable_bytes, malloc->retries);
}

static void print_lists(const struct look *look)
{
	printf(",\"chunks\":{");
	for (size_t i = 0; i < look->chunk_class_count; i++)
		printf("%s\"%" PRIu64 "\":[%" PRIu64 ",%" PRIu64 "]", i ? "," : "",
		       look->chunks[i].least, look->chunks[i].count, look->chunks[i].bytes);
	printf("},\"mappings\":{");
	for (size_t i = 0; i < look->mapping_count; i++)
		printf("%s\"%s\":%" PRIu64, i ? "," : "", look->mappings[i].name,
		       look->mappings[i].bytes);
	printf("},\"hints\":[");
	for (size_t i = 0; i < look->hint_count; i++)
		printf("%s\"%s\"", i ? "," : "", look->hints[i]);
	printf("],\"uncertain\":{");
	for (size_t i = 0; i < UNCERTAIN_COUNT; i++)
		printf("%s\"%s\":%" PRIu64, i ? "," : "", look_uncertain_key(i),
		       look->uncertain[i]);
	printf("}");
}

static void print_look(const struct look *look, double seconds)
{
	printf("{\"resident\":%" PRIu64 ",\"swapped\":%" PRIu64 ",\"limit\":%" PRIu64
	       ",\"huge\":%" PRIu64 ",\"problem\":",
	       look->resident_bytes, look->swapped_bytes, look->limit_bytes, look->huge_bytes);
	if (look->malloc_problem)
		printf("\"%s\"", look->malloc_problem);
	else
		printf("null");
	printf(",\"cpu\":%.4f,\"parts\":{", seconds);
	for (size_t i = 0; i < PART_COUNT; i++)
		printf("%s\"%s\":[%" PRIu64 ",%" PRIu64 "]", i ? "," : "", look_part_name(i),
		       look->parts[i].resident_bytes, look->parts[i].bytes);
	printf("}");
	print_malloc(look);
	print_lists(look);
	printf("}\n");
	fflush(stdout);
}

static int look_once(pid_t pid, struct confined *confined)
{
	const struct procfs procfs = {"/proc"};
	double start = cpu_seconds();
	struct look *look = look_new();
	struct regions regions;
	int error = regions_read(&procfs, pid, &regions);

	if (!error) {
		struct parts_request request = {
			.procfs = &procfs, .pid = pid, .confined = confined, .regions = &regions};

		error = look_parts(&request, look);
		if (!error)
			print_look(look, cpu_seconds() - start);
	}
	if (error)
		fprintf(stderr, "memory_parts: %d: %s\n", (int)pid, strerror(-error));
	regions_release(&regions);
	look_free(look);
	return error;
}

int main(int argc, char **argv)
{
	struct confined *confined = confined_new();
	int looks = argc > 2 ? atoi(argv[2]) : 1;
	char line[16];

	if (argc < 2)
		return 2;
	for (int i = 0; i < looks; i++) {
		if (i && !fgets(line, sizeof(line), stdin))
			return 0;
		if (look_once(atoi(argv[1]), confined))
			return 1;
	}
	return 0;
}
