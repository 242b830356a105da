/* SPDX-License-Identifier: BSD-2-Clause */
#include "groups.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message)    abort()
#define HASH_KEYCMP(a, b, bytes) keys_differ(a, b)
#include <uthash.h>

#include "../lib/escape.h"
#include "../lib/saturate.h"
#include "label.h"
#include "own_frame.h"

/* What is equal in a group; strings are interned, so that pointers are compared. */
struct key {
	const char *name;
	const char *place;
	size_t place_bytes;
	uint64_t line;
};

static int keys_differ(const void *left, const void *right)
{
	const struct key *a = left, *b = right;

	if (a->name != b->name || a->line != b->line || a->place_bytes != b->place_bytes)
		return 1;
	return a->place_bytes && memcmp(a->place, b->place, a->place_bytes);
}

struct entry {
	UT_hash_handle hh;
	struct key key;
	size_t index;
};

static const struct frame *frame_of(const struct snapshot *snapshot, const struct stack *stack,
				    enum group_by by, const struct app_paths *app)
{
	const struct frame *own = by == BY_APP ? stack_own_frame(snapshot, stack, app) : NULL;

	return own ? own : stack_headline(stack);
}

/* The ELF file, or the directory of a Python file; its length in *length. */
static const char *module_of(const struct frame *frame, size_t *length)
{
	const char *module = frame->kind == FRAME_PYTHON ? frame->file : frame->module;
	const char *slash = module ? strrchr(module, '/') : NULL;

	*length = module ? strlen(module) : 0;
	if (frame->kind == FRAME_PYTHON && slash)
		*length = (size_t)(slash - module);
	return module;
}

static const char *file_of(const struct frame *frame)
{
	return frame->file ? frame->file : frame->module;
}

static struct key key_of(const struct frame *frame, enum group_by by)
{
	struct key key = {0};

	if (!frame)
		return key;
	if (by == BY_MODULE) {
		key.place = module_of(frame, &key.place_bytes);
		return key;
	}
	key.place = file_of(frame);
	key.place_bytes = key.place ? strlen(key.place) : 0;
	if (by != BY_FILE)
		key.name = frame->name;
	if (by == BY_LINE)
		key.line = frame->line;
	return key;
}

static unsigned int hash_of(const struct key *key)
{
	unsigned int hash;

	HASH_VALUE(key->place ? key->place : "", key->place_bytes, hash);
	return hash ^ (unsigned int)((uintptr_t)key->name >> 4) ^ (unsigned int)key->line * 31;
}

static void add_reachability(struct reachability *sum, const struct stack *stack)
{
	if (!stack->reachability)
		return;
	amount_add(&sum->lost, &stack->reachability->lost);
	amount_add(&sum->reachable, &stack->reachability->reachable);
}

static void add(struct group *group, const struct stack *stack)
{
	group->stacks++;
	if (stack->processes > group->sum.processes)
		group->sum.processes = stack->processes;
	group->mixed |= stack->target != group->sum.target;
	group->sum.live_bytes = saturating_add(group->sum.live_bytes, stack->live_bytes);
	group->sum.live_blocks = saturating_add(group->sum.live_blocks, stack->live_blocks);
	group->sum.alloc_bytes = saturating_add(group->sum.alloc_bytes, stack->alloc_bytes);
	change_add(&group->sum.change, &stack->change);
	if (stack->oldest_ns > group->sum.oldest_ns)
		group->sum.oldest_ns = stack->oldest_ns;
	add_reachability(&group->found, stack);
	if (stack->objects)
		stack_objects_add(&group->objects, STACK_TYPES_MAX, stack->objects);
}

static int by_bytes(const void *left, const void *right)
{
	const struct group *a = left, *b = right;

	if (a->sum.live_bytes != b->sum.live_bytes)
		return a->sum.live_bytes < b->sum.live_bytes ? 1 : -1;
	return (a->sum.live_blocks < b->sum.live_blocks) -
	       (a->sum.live_blocks > b->sum.live_blocks);
}

/* The group of a frame, made from `stack` where there is none yet. NULL: it was made. */
static struct group *find_group(struct entry **by_key, struct entry *fresh, struct group *groups)
{
	unsigned int hash = hash_of(&fresh->key);
	struct entry *entry;

	HASH_FIND_BYHASHVALUE(hh, *by_key, &fresh->key, sizeof(fresh->key), hash, entry);
	if (entry)
		return &groups[entry->index];
	HASH_ADD_BYHASHVALUE(hh, *by_key, key, sizeof(fresh->key), hash, fresh);
	return NULL;
}

static void begin(struct group *group, const struct stack *stack, const struct frame *frame)
{
	*group = (struct group){.sum = *stack, .frame = frame, .stacks = 1};
	add_reachability(&group->found, stack);
	group->objects.types = group->types;
	if (stack->objects)
		stack_objects_add(&group->objects, STACK_TYPES_MAX, stack->objects);
}

/* Once they have their places. */
static void point_to_sums(struct group *group)
{
	group->objects.types = group->types;
	if (group->stacks == 1)
		return;
	if (group->found.lost.blocks || group->found.reachable.blocks)
		group->sum.reachability = &group->found;
	group->sum.objects = group->objects.known.blocks ? &group->objects : NULL;
}

struct group *groups_make(const struct snapshot *snapshot, const struct stack *const *stacks,
			  size_t count, enum group_by by, const struct app_paths *app,
			  size_t *group_count)
{
	struct group *groups = calloc(count + 1, sizeof(*groups));
	struct entry *entries = calloc(count + 1, sizeof(*entries)), *by_key = NULL;

	*group_count = 0;
	for (size_t i = 0; groups && entries && i < count; i++) {
		const struct frame *frame = frame_of(snapshot, stacks[i], by, app);
		struct group *group;

		entries[i].key = key_of(frame, by);
		entries[i].index = *group_count;
		group = find_group(&by_key, &entries[i], groups);
		if (group)
			add(group, stacks[i]);
		else
			begin(&groups[(*group_count)++], stacks[i], frame);
	}
	HASH_CLEAR(hh, by_key);
	if (groups && entries)
		qsort(groups, *group_count, sizeof(*groups), by_bytes);
	for (size_t i = 0; groups && i < *group_count; i++)
		point_to_sums(&groups[i]);
	if (!entries) {
		free(groups);
		groups = NULL;
	}
	free(entries);
	return groups;
}

static void print_part(FILE *file, const char *text, size_t length)
{
	char *part = strndup(text, length);

	escape_print(file, part ? part : text);
	free(part);
}

void group_print_name(FILE *file, const struct group *group, enum group_by by,
		      const struct path_tails *tails)
{
	const struct frame *frame = group->frame;
	struct key key = key_of(frame, by);

	if (!frame || (by >= BY_FILE && !key.place)) {
		fputs("[unknown]", file);
		return;
	}
	if (by == BY_LINE) {
		label_print_frame_source(file, frame, tails);
		return;
	}
	if (key.name)
		escape_print(file, key.name);
	if (key.name && key.place)
		fputs(" (", file);
	if (key.place)
		print_part(file, key.place, key.place_bytes);
	if (key.name && key.place)
		putc(')', file);
}
