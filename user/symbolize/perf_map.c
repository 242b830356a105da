/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A JIT appends a line for each function that it compiles and reuses the memory of functions that
 * it dropped, so lines overlap and the later one holds. The file is flattened once into segments
 * that do not overlap: a sweep over all starts and ends, with a heap of the lines that are active,
 * the latest on top. A look-up is then one binary search, whatever the file contains.
 *
 * The file is the target's. What exceeds the limits below is ignored.
 */
#include "symbolizer.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/cursor.h"
#include "../lib/encoder.h"
#include "../lib/sorted.h"

#define FILE_SIZE_MAX ((size_t)64 << 20)
#define LINES_MAX     ((size_t)1000000)

struct line {
	uint64_t start;
	uint64_t end;
	const char *name;
	size_t order;
};

struct segment {
	uint64_t start;   /* up to the start of the next */
	const char *name; /* NULL: nothing here */
};

struct perf_map {
	char *text; /* ends in a NUL that does not count */
	size_t text_length;
	struct segment *segments;
	size_t segment_count;
};

struct lines {
	struct line *items;
	size_t count;
	size_t capacity;
};

struct line_heap {
	const struct line **items;
	size_t count;
};

static int text_read(int fd, char **text, size_t *length)
{
	struct stat status;
	size_t size, done = 0;
	ssize_t got = 1;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	size = (uint64_t)status.st_size < FILE_SIZE_MAX ? (size_t)status.st_size : FILE_SIZE_MAX;
	*text = malloc(size + 1);
	if (!*text)
		return -ENOMEM;
	while (done < size && got > 0) {
		got = pread(fd, *text + done, size - done, (off_t)done);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			done += (size_t)got;
	}
	if (got < 0)
		return -errno;
	(*text)[done] = '\0';
	*length = done;
	return 0;
}

/* Reads hex digits and the space behind them; NULL where there is no such number. */
static const char *parse_hex(const char *at, uint64_t *value)
{
	char *end;

	if (strspn(at, "0123456789abcdefABCDEFx") == 0)
		return NULL;
	errno = 0;
	*value = strtoull(at, &end, 16);
	if (errno || end == at || *end != ' ')
		return NULL;
	return end + strspn(end, " ");
}

static bool parse_line(const char *text, struct line *line)
{
	uint64_t size;
	const char *at = parse_hex(text, &line->start);

	if (at)
		at = parse_hex(at, &size);
	if (!at || *at == '\0' || size == 0 || size > UINT64_MAX - line->start)
		return false;
	line->end = line->start + size;
	line->name = at;
	return true;
}

static int lines_add(struct lines *lines, const struct line *line)
{
	if (lines->count == lines->capacity) {
		size_t capacity = lines->capacity ? lines->capacity * 2 : 1024;
		struct line *grown = reallocarray(lines->items, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		lines->items = grown;
		lines->capacity = capacity;
	}
	lines->items[lines->count] = *line;
	lines->items[lines->count].order = lines->count;
	lines->count++;
	return 0;
}

/* Splits the text in place; names point into it. A line that was cut by the size limit is
 * dropped. */
static int lines_parse(struct lines *lines, char *text, size_t length)
{
	char *end = text + length;
	int error = 0;

	for (char *at = text, *next; at < end && lines->count < LINES_MAX && !error; at = next) {
		struct line line;
		char *newline = memchr(at, '\n', (size_t)(end - at));

		if (!newline && length == FILE_SIZE_MAX)
			break;
		next = newline ? newline + 1 : end;
		if (newline)
			*newline = '\0';
		at[strcspn(at, "\r")] = '\0';
		if (parse_line(at, &line))
			error = lines_add(lines, &line);
	}
	return error;
}

static void heap_push(struct line_heap *heap, const struct line *line)
{
	size_t i = heap->count++;

	for (; i > 0 && heap->items[(i - 1) / 2]->order < line->order; i = (i - 1) / 2)
		heap->items[i] = heap->items[(i - 1) / 2];
	heap->items[i] = line;
}

static void heap_pop(struct line_heap *heap)
{
	const struct line *last = heap->items[--heap->count];
	size_t i = 0;

	for (size_t child = 1; child < heap->count; child = 2 * i + 1) {
		if (child + 1 < heap->count &&
		    heap->items[child + 1]->order > heap->items[child]->order)
			child++;
		if (heap->items[child]->order < last->order)
			break;
		heap->items[i] = heap->items[child];
		i = child;
	}
	heap->items[i] = last;
}

static int compare_starts(const void *a, const void *b)
{
	const struct line *left = a, *right = b;

	return (left->start > right->start) - (left->start < right->start);
}

static int compare_addresses(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static void add_segment(struct perf_map *map, uint64_t start, const char *name)
{
	if (map->segment_count && map->segments[map->segment_count - 1].name == name)
		return;
	map->segments[map->segment_count++] = (struct segment){start, name};
}

static void sweep(struct perf_map *map, const struct lines *lines, const uint64_t *bounds,
		  struct line_heap *heap)
{
	size_t next = 0;

	for (size_t i = 0; i < 2 * lines->count; i++) {
		if (i > 0 && bounds[i] == bounds[i - 1])
			continue;
		while (next < lines->count && lines->items[next].start == bounds[i])
			heap_push(heap, &lines->items[next++]);
		while (heap->count && heap->items[0]->end <= bounds[i])
			heap_pop(heap);
		add_segment(map, bounds[i], heap->count ? heap->items[0]->name : NULL);
	}
}

static int flatten(struct perf_map *map, struct lines *lines)
{
	uint64_t *bounds = calloc(2 * lines->count + 1, sizeof(*bounds));
	struct line_heap heap = {.items = calloc(lines->count + 1, sizeof(*heap.items))};
	int error = 0;

	map->segments = calloc(2 * lines->count + 1, sizeof(*map->segments));
	if (!bounds || !heap.items || !map->segments) {
		error = -ENOMEM;
		goto out;
	}
	if (!lines->count)
		goto out;
	qsort(lines->items, lines->count, sizeof(*lines->items), compare_starts);
	for (size_t i = 0; i < lines->count; i++) {
		bounds[2 * i] = lines->items[i].start;
		bounds[2 * i + 1] = lines->items[i].end;
	}
	qsort(bounds, 2 * lines->count, sizeof(*bounds), compare_addresses);
	sweep(map, lines, bounds, &heap);
out:
	free(bounds);
	free(heap.items);
	return error;
}

struct perf_map *perf_map_read(int fd)
{
	struct perf_map *map = calloc(1, sizeof(*map));
	struct lines lines = {0};
	size_t length = 0;
	int error = map ? text_read(fd, &map->text, &length) : -ENOMEM;

	if (!error) {
		map->text_length = length;
		error = lines_parse(&lines, map->text, length);
	}
	if (!error)
		error = flatten(map, &lines);
	free(lines.items);
	if (error) {
		perf_map_free(map);
		errno = -error;
		return NULL;
	}
	return map;
}

/* On its way between processes: for each segment its start and its name, then the text. */
#define NO_NAME       UINT64_MAX /* else where in the text it begins */
#define SEGMENT_BYTES (2 * sizeof(uint64_t))

int perf_map_encode(const struct perf_map *map, struct confined_answer *answer)
{
	struct encoder encoder = {};

	encode_u64(&encoder, map->segment_count);
	for (size_t i = 0; i < map->segment_count; i++) {
		const char *name = map->segments[i].name;

		encode_u64(&encoder, map->segments[i].start);
		encode_u64(&encoder, name ? (uint64_t)(name - map->text) : NO_NAME);
	}
	encode_array(&encoder, map->text, map->text_length, 1);
	return encoder_take(&encoder, &answer->data, &answer->length);
}

/* Segments, with names as offsets, from `at` on. */
static int name_segments(struct perf_map *map, struct cursor at, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t start = cursor_u64(&at), name = cursor_u64(&at);

		if (name != NO_NAME && name >= map->text_length)
			return -EPROTO;
		add_segment(map, start, name == NO_NAME ? NULL : map->text + name);
	}
	return 0;
}

static int map_decode(const struct confined_answer *answer, struct perf_map *map)
{
	struct cursor cursor = cursor_of(answer->data, answer->length);
	size_t count = cursor_count(&cursor, 2 * LINES_MAX, SEGMENT_BYTES);
	struct cursor segments = cursor;
	int error;

	cursor_skip(&cursor, count * SEGMENT_BYTES);
	map->text_length = cursor_count(&cursor, FILE_SIZE_MAX, 1);
	map->text = calloc(map->text_length + 1, 1);
	map->segments = calloc(count + 1, sizeof(*map->segments));
	if (!map->text || !map->segments)
		return -ENOMEM;
	cursor_bytes(&cursor, map->text, map->text_length);
	error = cursor_end(&cursor);
	return error ?: name_segments(map, segments, count);
}

static int read_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	struct perf_map *map = perf_map_read(fd);
	int error = map ? perf_map_encode(map, answer) : -errno;

	(void)input;
	(void)length;
	perf_map_free(map);
	return error;
}

struct perf_map *perf_map_decode(const struct confined_answer *answer)
{
	struct perf_map *map = calloc(1, sizeof(*map));
	int error = map ? map_decode(answer, map) : -ENOMEM;

	if (!error)
		return map;
	perf_map_free(map);
	errno = -error;
	return NULL;
}

struct perf_map *perf_map_request(struct confined *confined, int fd)
{
	const struct confined_call call = {
		.need = CONFINED_NAMES, .function = read_confined, .fd = fd};
	struct confined_answer answer;
	int error = confined_call(confined, &call, &answer);
	struct perf_map *map = error ? NULL : perf_map_decode(&answer);

	if (!error)
		error = confined_settle(confined, call.need, &answer, map ? 0 : -errno);
	if (error)
		errno = -error;
	return map;
}

void perf_map_free(struct perf_map *map)
{
	if (!map)
		return;
	free(map->segments);
	free(map->text);
	free(map);
}

const char *perf_map_lookup(const struct perf_map *map, uint64_t address)
{
	size_t low = sorted_count(map->segments, map->segment_count, start, address);

	return low ? map->segments[low - 1].name : NULL;
}
