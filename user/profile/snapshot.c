/* SPDX-License-Identifier: BSD-2-Clause */
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/array.h"
#include "../lib/zone.h"
#include "../lib/utf8.h"

struct string_entry {
	UT_hash_handle hh;
	const char *text;
};

struct frame_entry {
	UT_hash_handle hh;
	struct frame frame;
};

struct module_entry {
	UT_hash_handle hh;
	const char *path;
	size_t index;
};

struct snapshot_names {
	struct zone *memory;
	struct string_entry *strings; /* by their bytes */
	struct frame_entry *frames;   /* by the frame's bytes: its strings are interned */
	struct module_entry *modules; /* by the address of the interned path */
};

struct snapshot *snapshot_new(void)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (!snapshot)
		return NULL;
	snapshot->names = calloc(1, sizeof(*snapshot->names));
	if (!snapshot->names) {
		free(snapshot);
		return NULL;
	}
	snapshot->names->memory = zone_new();
	snapshot->version = snapshot_intern(snapshot, UNFREED_VERSION);
	snapshot->overhead_percent = snapshot->overhead_core_percent = -1;
	return snapshot;
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	HASH_CLEAR(hh, snapshot->names->strings);
	HASH_CLEAR(hh, snapshot->names->frames);
	HASH_CLEAR(hh, snapshot->names->modules);
	zone_free(snapshot->names->memory);
	free(snapshot->names);
	free(snapshot->targets);
	free(snapshot->stacks);
	free(snapshot->modules);
	free(snapshot);
}

static const char *intern_valid(struct snapshot_names *names, const char *string)
{
	struct string_entry *entry;
	size_t length = strlen(string);

	HASH_FIND(hh, names->strings, string, length, entry);
	if (!entry) {
		entry = zone_alloc(names->memory, 1, sizeof(*entry));
		entry->text = zone_strdup(names->memory, string);
		HASH_ADD_KEYPTR(hh, names->strings, entry->text, length, entry);
	}
	return entry->text;
}

const char *snapshot_intern(struct snapshot *snapshot, const char *string)
{
	if (!string)
		return NULL;
	char *repaired = utf8_repair(string);

	if (!repaired && errno == ENOMEM)
		abort();
	const char *interned = intern_valid(snapshot->names, repaired ? repaired : string);

	free(repaired);
	return interned;
}

static const char *intern_known(struct snapshot *snapshot, const char *string)
{
	return string && *string ? snapshot_intern(snapshot, string) : NULL;
}

const struct frame *snapshot_intern_frame(struct snapshot *snapshot, const struct frame *frame)
{
	struct snapshot_names *names = snapshot->names;
	struct frame_entry *entry;
	struct frame key;

	memset(&key, 0, sizeof(key)); /* the padding is hashed too */
	key.name = snapshot_intern(snapshot, frame->name ? frame->name : "");
	key.file = intern_known(snapshot, frame->file);
	key.module = intern_known(snapshot, frame->module);
	key.linkage = intern_known(snapshot, frame->linkage);
	key.offset = frame->offset;
	key.line = frame->line;
	key.kind = frame->kind;

	HASH_FIND(hh, names->frames, &key, sizeof(key), entry);
	if (!entry) {
		entry = zone_alloc(names->memory, 1, sizeof(*entry));
		memcpy(&entry->frame, &key, sizeof(key));
		HASH_ADD(hh, names->frames, frame, sizeof(key), entry);
	}
	return &entry->frame;
}

struct target *snapshot_add_target(struct snapshot *snapshot)
{
	const struct target target = {
		.comm = snapshot_intern(snapshot, ""),
		.python_coverage = -1,
		.processes = 1,
		.measured = 1,
	};

	if (!array_append(&snapshot->targets, &snapshot->target_count, target))
		abort();
	return &snapshot->targets[snapshot->target_count - 1];
}

struct stack *snapshot_add_stack(struct snapshot *snapshot)
{
	const struct stack stack = {.processes = 1};

	if (!array_append(&snapshot->stacks, &snapshot->stack_count, stack))
		abort();
	return &snapshot->stacks[snapshot->stack_count - 1];
}

static struct module_entry *find_module(const struct snapshot *snapshot, const char *path)
{
	struct module_entry *entry;

	HASH_FIND_PTR(snapshot->names->modules, &path, entry);
	return entry;
}

const struct snapshot_module *snapshot_find_module(const struct snapshot *snapshot,
						   const char *path)
{
	const struct module_entry *entry = find_module(snapshot, path);

	return entry ? &snapshot->modules[entry->index] : NULL;
}

static void add_module(struct snapshot *snapshot, const struct snapshot_module *module)
{
	struct snapshot_names *names = snapshot->names;
	struct module_entry *entry = zone_alloc(names->memory, 1, sizeof(*entry));

	if (!array_append(&snapshot->modules, &snapshot->module_count, *module))
		abort();
	entry->path = module->path;
	entry->index = snapshot->module_count - 1;
	HASH_ADD_PTR(names->modules, path, entry);
}

void snapshot_note_module(struct snapshot *snapshot, const struct snapshot_module *module)
{
	struct snapshot_module noted = *module;

	noted.path = snapshot_intern(snapshot, module->path);
	noted.build_id = intern_known(snapshot, module->build_id);
	const struct module_entry *entry = find_module(snapshot, noted.path);

	if (!entry)
		add_module(snapshot, &noted);
	else if (snapshot->modules[entry->index].build_id != noted.build_id)
		snapshot->modules[entry->index] = (struct snapshot_module){.path = noted.path};
}

void *snapshot_alloc(struct snapshot *snapshot, size_t count, size_t size)
{
	return zone_alloc(snapshot->names->memory, count, size);
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_strings(const char *a, const char *b)
{
	if (a == b)
		return 0;
	if (!a || !b)
		return a ? 1 : -1;
	return strcmp(a, b);
}

static int compare_frames(const struct frame *a, const struct frame *b)
{
	int order = 0;

	if (a == b)
		return 0;
	(void)((order = compare_strings(a->name, b->name)) ||
	       (order = compare_strings(a->file, b->file)) || (order = COMPARE(a->line, b->line)) ||
	       (order = compare_strings(a->module, b->module)) ||
	       (order = COMPARE(a->offset, b->offset)) || (order = COMPARE(a->kind, b->kind)) ||
	       (order = compare_strings(a->linkage, b->linkage)));
	return order;
}

static int compare_paths(const struct stack *a, const struct stack *b)
{
	size_t shorter = a->frame_count < b->frame_count ? a->frame_count : b->frame_count;

	for (size_t i = 0; i < shorter; i++) {
		int order = compare_frames(a->frames[i], b->frames[i]);

		if (order)
			return order;
	}
	return COMPARE(a->frame_count, b->frame_count);
}

static int compare_stacks(const void *left, const void *right)
{
	const struct stack *a = left, *b = right;
	int order = 0;

	(void)((order = COMPARE(b->live_bytes, a->live_bytes)) ||
	       (order = COMPARE(b->alloc_bytes, a->alloc_bytes)) || (order = compare_paths(a, b)) ||
	       (order = COMPARE(a->target, b->target)) || (order = COMPARE(a->domain, b->domain)) ||
	       (order = COMPARE(a->truncated, b->truncated)) ||
	       (order = COMPARE(a->guessed, b->guessed)) ||
	       (order = COMPARE(b->live_blocks, a->live_blocks)) ||
	       (order = COMPARE(b->alloc_blocks, a->alloc_blocks)) ||
	       (order = COMPARE(b->oldest_ns, a->oldest_ns)));
	return order;
}

void snapshot_sort(struct snapshot *snapshot)
{
	if (snapshot->stack_count)
		qsort(snapshot->stacks, snapshot->stack_count, sizeof(*snapshot->stacks),
		      compare_stacks);
}

void stack_growth_add(struct stack_growth *sum, const struct stack_growth *part)
{
	if (part->verdict == GROWTH_GROWS || sum->verdict == GROWTH_GROWS)
		sum->verdict = GROWTH_GROWS;
	else if (part->verdict == GROWTH_UNTOLD)
		sum->verdict = GROWTH_UNTOLD;
	sum->suspect = (sum->suspect || part->suspect) && sum->verdict == GROWTH_UNTOLD;
	sum->samples = saturating_add(sum->samples, part->samples);
	sum->blocks = saturating_add(sum->blocks, part->blocks);
	sum->bytes_per_hour += part->bytes_per_hour;
	sum->low += part->low;
	sum->high += part->high;
}
