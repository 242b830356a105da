/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sorted from their ends, the paths that agree in most of their last components are neighbours:
 * what a path needs is one component more than it has in common with either.
 */
#include "path_tails.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/zone.h"
#include "label.h"

struct entry {
	UT_hash_handle hh;
	const char *path; /* interned */
	const char *tail;
};

struct path_tails {
	struct zone *zone;
	struct entry *by_path;
};

static void add_path(struct path_tails *tails, const char *path)
{
	struct entry *entry;

	HASH_FIND_PTR(tails->by_path, &path, entry);
	if (entry)
		return;
	entry = zone_alloc(tails->zone, 1, sizeof(*entry));
	entry->path = path;
	HASH_ADD_PTR(tails->by_path, path, entry);
}

static void add_paths(struct path_tails *tails, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		const struct stack *stack = &snapshot->stacks[i];

		if (!stack_is_live(stack))
			continue;
		for (size_t j = 0; j < stack->frame_count; j++)
			if (stack->frames[j]->file)
				add_path(tails, stack->frames[j]->file);
	}
}

static int compare_ends(const void *left, const void *right)
{
	const char *a = (*(struct entry *const *)left)->path;
	const char *b = (*(struct entry *const *)right)->path;
	size_t i = strlen(a), j = strlen(b);

	while (i && j && a[i - 1] == b[j - 1])
		i--, j--;
	if (!i || !j)
		return (i > 0) - (j > 0);
	return (unsigned char)a[i - 1] - (unsigned char)b[j - 1];
}

/* How many of their last components two paths have in common. */
static size_t count_common(const char *a, const char *b)
{
	size_t i = strlen(a), j = strlen(b), common = 0;

	while (i && j && a[i - 1] == b[j - 1]) {
		i--, j--;
		common += a[i] == '/';
	}
	return common + ((!i || a[i - 1] == '/') && (!j || b[j - 1] == '/') && (i || j));
}

/* What is behind the last `count` slashes; the path where it has fewer. */
static const char *last_components(const char *path, size_t count)
{
	const char *start = path + strlen(path);

	while (start > path && count) {
		start--;
		count -= *start == '/';
	}
	if (*start != '/' || count)
		return start;
	return start[1] ? start + 1 : path;
}

static bool says_nothing(const char *name)
{
	return !strcmp(name, "__init__.py") || !strcmp(name, "__main__.py");
}

static void find_tails(struct path_tails *tails)
{
	size_t count = HASH_COUNT(tails->by_path), i = 0;
	struct entry **sorted = zone_alloc(tails->zone, count, sizeof(struct entry *));

	for (struct entry *entry = tails->by_path; entry; entry = entry->hh.next)
		sorted[i++] = entry;
	qsort(sorted, count, sizeof(struct entry *), compare_ends);
	for (i = 0; i < count; i++) {
		const char *path = sorted[i]->path;
		size_t before = i ? count_common(path, sorted[i - 1]->path) : 0;
		size_t behind = i + 1 < count ? count_common(path, sorted[i + 1]->path) : 0;
		size_t least = says_nothing(last_components(path, 1)) ? 2 : 1;
		size_t needed = 1 + (before > behind ? before : behind);

		sorted[i]->tail = last_components(path, needed > least ? needed : least);
	}
}

struct path_tails *path_tails_new(const struct snapshot *snapshot)
{
	struct path_tails *tails = calloc(1, sizeof(*tails));

	if (!tails)
		return NULL;
	tails->zone = zone_new();
	add_paths(tails, snapshot);
	find_tails(tails);
	return tails;
}

void path_tails_free(struct path_tails *tails)
{
	if (!tails)
		return;
	HASH_CLEAR(hh, tails->by_path);
	zone_free(tails->zone);
	free(tails);
}

const char *path_tail(const struct path_tails *tails, const char *path)
{
	struct entry *entry = NULL;

	if (tails)
		HASH_FIND_PTR(tails->by_path, &path, entry);
	return entry ? entry->tail : last_components(path, 1);
}
