// SPDX-License-Identifier: BSD-2-Clause
/*
 * Folded stacks, what flame graph tools read: `comm;root;…;leaf N`. Stacks that read the same are
 * one line; the largest come first.
 */
#include "formats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/pool.h"
#include "../lib/saturate.h"
#include "label.h"

struct line {
	UT_hash_handle hh;
	const char *path;
	uint64_t count;
};

static void replace_separators(char *label)
{
	for (; *label; label++) {
		if (*label == ';')
			*label = ':';
	}
}

/* Prints one step of a path by way of a buffer in which its separators are replaced. */
static int print_step(FILE *path, const struct snapshot *snapshot, const struct stack *stack,
		      const struct frame *frame)
{
	char *label = NULL;
	size_t size;
	FILE *file = open_memstream(&label, &size);

	if (!file)
		return -ENOMEM;
	if (frame)
		label_print_frame(file, frame);
	else
		label_print_target(file, snapshot, stack->target);
	int error = fclose(file) ? -ENOMEM : 0;

	if (!error) {
		replace_separators(label);
		fputs(label, path);
	}
	free(label);
	return error;
}

static int print_path(FILE *path, const struct snapshot *snapshot, const struct stack *stack)
{
	int error = print_step(path, snapshot, stack, NULL);

	if (stack->truncated)
		fputs(";" LABEL_TRUNCATED, path);
	for (size_t i = 0; i < stack->frame_count && !error; i++) {
		putc(';', path);
		error = print_step(path, snapshot, stack, stack->frames[i]);
	}
	return error;
}

static int add_stack(struct line **lines, struct pool *pool, const struct snapshot *snapshot,
		     const struct stack *stack, enum count_unit unit)
{
	char *path = NULL;
	size_t size;
	FILE *file = open_memstream(&path, &size);

	if (!file)
		return -ENOMEM;
	int error = print_path(file, snapshot, stack);

	if (fclose(file) && !error)
		error = -ENOMEM;
	if (!error) {
		struct line *line;

		HASH_FIND(hh, *lines, path, size, line);
		if (!line) {
			line = pool_alloc(pool, 1, sizeof(*line));
			line->path = pool_strdup(pool, path);
			HASH_ADD_KEYPTR(hh, *lines, line->path, size, line);
		}
		line->count = saturating_add(line->count, stack_live(stack, unit));
	}
	free(path);
	return error;
}

int output_folded(const struct snapshot *snapshot, const struct output_options *options, FILE *file)
{
	struct pool *pool = pool_new();
	struct line *lines = NULL;
	size_t count;
	const struct stack **stacks = stacks_live(snapshot, options->count, &count);
	int error = stacks ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !error; i++) {
		if (!stack_live(stacks[i], options->count))
			continue;
		error = add_stack(&lines, pool, snapshot, stacks[i], options->count);
	}
	for (struct line *line = lines; line && !error; line = line->hh.next)
		fprintf(file, "%s %" PRIu64 "\n", line->path, line->count);

	HASH_CLEAR(hh, lines);
	free(stacks);
	pool_free(pool);
	return error;
}
