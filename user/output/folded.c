/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folded stacks, what flame graph tools read: `comm;root;…;leaf N`. Stacks that read the same are
 * one line; the largest come first. What is lost of a stack is a line of its own, which ends in
 * `[lost]`, and so is what may be another's, in `[reused]`. Of what changed: `… BEFORE AFTER`.
 */
#include "difference.h"
#include "formats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/zone.h"
#include "../lib/saturate.h"
#include "label.h"
#include "label_objects.h"

struct line {
	UT_hash_handle hh;
	const char *path;
	uint64_t count;
	uint64_t before; /* of what changed */
};

struct label {
	UT_hash_handle hh;
	const struct frame *frame;
	const char *text;
};

struct folder {
	const struct snapshot *snapshot;
	enum count_unit unit;
	struct zone *zone;
	struct line *lines;   /* by path, in the order of their first stack */
	struct label *labels; /* by frame */
};

static void replace_separators(char *label)
{
	for (; *label; label++) {
		if (*label == ';')
			*label = ':';
	}
}

/* The label of a frame, of the target where that is NULL. Returns NULL on out of memory. */
static const char *new_label(struct folder *folder, const struct frame *frame, size_t target)
{
	const char *copy = NULL;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	if (frame)
		label_print_frame(file, frame);
	else
		label_print_target(file, folder->snapshot, target);
	if (!fclose(file)) {
		replace_separators(text);
		copy = zone_strdup(folder->zone, text);
	}
	free(text);
	return copy;
}

static const char *frame_label(struct folder *folder, const struct frame *frame)
{
	struct label *label;

	HASH_FIND_PTR(folder->labels, &frame, label);
	if (label)
		return label->text;
	const char *text = new_label(folder, frame, 0);

	if (!text)
		return NULL;
	label = zone_alloc(folder->zone, 1, sizeof(*label));
	label->frame = frame;
	label->text = text;
	HASH_ADD_PTR(folder->labels, frame, label);
	return text;
}

static int print_path(struct folder *folder, const struct stack *stack, FILE *path)
{
	const char *label = new_label(folder, NULL, stack->target);

	if (!label)
		return -ENOMEM;
	fputs(label, path);
	if (stack->truncated)
		fputs(";" LABEL_TRUNCATED, path);
	if (stack->guessed)
		fputs(";" LABEL_GUESSED, path);
	for (size_t i = 0; i < stack->frame_count; i++) {
		label = frame_label(folder, stack->frames[i]);
		if (!label)
			return -ENOMEM;
		putc(';', path);
		fputs(label, path);
	}
	return 0;
}

static void add_line(struct folder *folder, const char *path, size_t size, uint64_t count,
		     uint64_t before)
{
	struct line *line;

	HASH_FIND(hh, folder->lines, path, size, line);
	if (!line) {
		line = zone_alloc(folder->zone, 1, sizeof(*line));
		line->path = zone_strdup(folder->zone, path);
		HASH_ADD_KEYPTR(hh, folder->lines, line->path, size, line);
	}
	line->count = saturating_add(line->count, count);
	line->before = saturating_add(line->before, before);
}

static int add_stack(struct folder *folder, const struct stack *stack)
{
	const char *frame;
	uint64_t count = stack_live(stack, folder->unit);
	struct amount amount = stack_apart(stack, &frame);
	uint64_t apart = folder->unit == COUNT_BLOCKS ? amount.blocks : amount.bytes;
	char *path = NULL;
	size_t size, rest;

	if (!count)
		return 0;
	apart = apart < count ? apart : count;
	FILE *file = open_memstream(&path, &size);

	if (!file)
		return -ENOMEM;
	int error = print_path(folder, stack, file);

	fflush(file);
	rest = size;
	fprintf(file, ";%s", frame);
	if (fclose(file) && !error)
		error = -ENOMEM;
	if (!error && apart)
		add_line(folder, path, size, apart, 0);
	if (!error && apart < count) {
		path[rest] = '\0';
		add_line(folder, path, rest, count - apart, 0);
	}
	free(path);
	return error;
}

int output_folded(const struct snapshot *snapshot, const struct output_options *options, FILE *file)
{
	struct folder folder = {snapshot, options->count, zone_new(), NULL, NULL};
	size_t count;
	const struct stack **stacks = stacks_live(snapshot, options->count, &count);
	int error = stacks ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !error; i++)
		error = add_stack(&folder, stacks[i]);
	for (struct line *line = folder.lines; line && !error; line = line->hh.next)
		fprintf(file, "%s %" PRIu64 "\n", line->path, line->count);

	HASH_CLEAR(hh, folder.lines);
	HASH_CLEAR(hh, folder.labels);
	free(stacks);
	zone_free(folder.zone);
	return error;
}

/* Of the stacks of a difference, see its `names`. */
static int add_pair(struct folder *folder, const struct difference_entry *entry)
{
	const struct stack *stack = &folder->snapshot->stacks[entry->stack];
	char *path = NULL;
	size_t size;
	FILE *file = open_memstream(&path, &size);

	if (!file)
		return -ENOMEM;
	int error = print_path(folder, stack, file);

	if (fclose(file) && !error)
		error = -ENOMEM;
	if (!error)
		add_line(folder, path, size, entry->after.bytes, entry->before.bytes);
	free(path);
	return error;
}

int difference_folded(const struct difference *difference, const struct difference_options *options,
		      FILE *file)
{
	struct folder folder = {difference->names, COUNT_BYTES, zone_new(), NULL, NULL};
	int error = 0;

	(void)options;
	for (size_t i = 0; i < difference->entry_count && !error; i++)
		if (difference->entries[i].kind == ENTRY_STACK)
			error = add_pair(&folder, &difference->entries[i]);
	for (struct line *line = folder.lines; line && !error; line = line->hh.next)
		fprintf(file, "%s %" PRIu64 " %" PRIu64 "\n", line->path, line->before,
			line->count);

	HASH_CLEAR(hh, folder.lines);
	HASH_CLEAR(hh, folder.labels);
	zone_free(folder.zone);
	return error;
}
