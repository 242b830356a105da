/* SPDX-License-Identifier: BSD-2-Clause */
#include "java_counters.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	FILE_BYTES_MAX = 1 << 20, /* 32 KiB unless -XX:PerfDataMemorySize says otherwise */
	ENTRIES_MAX = 4096,
	VERSION = 2,
	LONG = 'J',
	LITTLE_ENDIAN_ORDER = 1,
};

#define MAGIC 0xc0c0fecau /* 0xcafec0c0, whose bytes stand in that order on any machine */

struct prologue {
	uint32_t magic;
	uint8_t byte_order, major, minor, accessible;
	uint32_t used, overflow;
	uint64_t modified_at;
	uint32_t entry_offset, entry_count;
};

struct entry {
	uint32_t length, name_offset, vector_length;
	uint8_t type, flags, unit, variability;
	uint32_t data_offset;
};

struct counters_file {
	uint64_t start;
	const uint8_t *bytes;
	size_t size;
};

static const struct {
	const char *name;
	size_t place;
} wanted[] = {
	{"sun.gc.generation.1.space.0.used", offsetof(struct java_counters, old_used)},
	{"sun.gc.collector.0.invocations", offsetof(struct java_counters, collections)},
	{"sun.gc.collector.1.invocations", offsetof(struct java_counters, full)},
};

/* `/tmp/hsperfdata_USER/PID`, by the number that the process has where it runs. */
static bool is_counters(const struct mapping *mapping)
{
	const char *directory = strstr(mapping->path, "/hsperfdata_");
	const char *number = directory ? strrchr(mapping->path, '/') + 1 : "";

	if (!isdigit((unsigned char)*number) || !mapping->inode || !mapping->readable ||
	    mapping->end - mapping->start > FILE_BYTES_MAX)
		return false;
	return number[strspn(number, "0123456789")] == '\0';
}

static void take_entry(const struct counters_file *file, size_t at, const struct entry *entry,
		       struct java_counters *counters)
{
	const char *name = (const char *)file->bytes + at + entry->name_offset;

	if (entry->type != LONG || entry->vector_length || entry->name_offset >= entry->length ||
	    entry->data_offset > entry->length - 8 || entry->data_offset % 8)
		return;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		if (strnlen(name, entry->length - entry->name_offset) == strlen(wanted[i].name) &&
		    !memcmp(name, wanted[i].name, strlen(wanted[i].name)))
			*(uint64_t *)((char *)counters + wanted[i].place) =
				file->start + at + entry->data_offset;
}

static int parse(const struct counters_file *file, struct java_counters *counters)
{
	struct prologue prologue;
	struct entry entry;
	size_t at;

	if (file->size < sizeof(prologue))
		return -EPROTO;
	memcpy(&prologue, file->bytes, sizeof(prologue));
	if (prologue.magic != MAGIC || prologue.byte_order != LITTLE_ENDIAN_ORDER ||
	    prologue.major != VERSION || !prologue.accessible)
		return -EPROTO;
	at = prologue.entry_offset;
	for (uint32_t i = 0; i < prologue.entry_count && i < ENTRIES_MAX; i++) {
		if (at > file->size || file->size - at < sizeof(entry))
			return -EPROTO;
		memcpy(&entry, file->bytes + at, sizeof(entry));
		if (entry.length < sizeof(entry) + 8 || entry.length > file->size - at)
			return -EPROTO;
		take_entry(file, at, &entry, counters);
		at += entry.length;
	}
	return counters->old_used && counters->collections ? 0 : -ENOENT;
}

int java_counters_find(const struct mappings *mappings, const struct memory *memory,
		       struct java_counters *counters)
{
	const struct mapping *mapping = NULL;
	int error;

	*counters = (struct java_counters){0};
	for (size_t i = 0; i < mappings->count && !mapping; i++)
		if (is_counters(&mappings->items[i]))
			mapping = &mappings->items[i];
	if (!mapping)
		return -ENOENT;
	size_t size = mapping->end - mapping->start;
	uint8_t *bytes = malloc(size);

	if (!bytes)
		return -ENOMEM;
	error = memory_read(memory, mapping->start, bytes, size);
	if (!error)
		error = parse(&(struct counters_file){mapping->start, bytes, size}, counters);
	free(bytes);
	if (error)
		*counters = (struct java_counters){0};
	return error;
}

int java_heap_read(const struct java_counters *counters, const struct memory *memory,
		   struct java_heap *heap)
{
	uint64_t young, full = 0;
	int error = memory_read_u64(memory, counters->collections, &young)
			    ?: memory_read_u64(memory, counters->old_used, &heap->old_bytes);

	if (!error && counters->full)
		error = memory_read_u64(memory, counters->full, &full);
	heap->collections = young + full;
	return error;
}
