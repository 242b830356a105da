/* SPDX-License-Identifier: BSD-2-Clause */
#include "lost.h"

#include <stdlib.h>
#include <string.h>

#include "anonymous.h"

/* By the beginning of their names, see anonymous.c. */
static const char *const other_pointers[] = {"Java", "V8",   "JavaScriptCore", "SpiderMonkey",
					     ".NET", "Ruby", "LuaJIT",         "Erlang"};

void lost_judge_runtime(struct reach *reach, const struct regions *regions)
{
	const char *name = anonymous_owner_guess(regions).name;

	for (size_t i = 0; name && i < sizeof(other_pointers) / sizeof(*other_pointers); i++)
		if (!strncmp(name, other_pointers[i], strlen(other_pointers[i])))
			reach_refuse(reach, "%s keeps references in forms of its own", name);
}

static int compare_kinds(const void *left, const void *right)
{
	const struct look_lost *a = left, *b = right;

	if (a->size != b->size)
		return a->size < b->size ? -1 : 1;
	return strcmp(a->type ? a->type : "", b->type ? b->type : "");
}

static int compare_bytes(const void *left, const void *right)
{
	const struct look_lost *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return compare_kinds(left, right);
}

/* Those of one size and class become one. */
static size_t merge(struct look_lost *lost, size_t count)
{
	size_t kept = 0;

	qsort(lost, count, sizeof(*lost), compare_kinds);
	for (size_t i = 0; i < count; i++) {
		if (kept && !compare_kinds(&lost[kept - 1], &lost[i])) {
			lost[kept - 1].count++;
			lost[kept - 1].bytes += lost[i].bytes;
			continue;
		}
		lost[kept++] = lost[i];
	}
	qsort(lost, kept, sizeof(*lost), compare_bytes);
	return kept;
}

void lost_report(const struct reach *reach, struct classes *classes, struct look *look)
{
	struct lost_blocks blocks = reach_lost(reach);

	if (*blocks.problem) {
		look->lost_problem = pool_strdup(look->pool, blocks.problem);
		return;
	}
	struct look_lost *lost = calloc(blocks.count + 1, sizeof(*lost));
	if (!lost) {
		look->lost_problem = "there is no memory for what was found";
		return;
	}
	for (size_t i = 0; i < blocks.count; i++) {
		const struct lost_block *block = &blocks.items[i];
		const char *name = classes ? classes_name(classes, block->word) : NULL;

		lost[i] = (struct look_lost){.type = name ? pool_strdup(look->pool, name) : NULL,
					     .size = block->bytes,
					     .count = 1,
					     .bytes = block->bytes};
	}
	look->lost_count = merge(lost, blocks.count);
	struct look_lost *kept = pool_alloc(look->pool, look->lost_count, sizeof(*kept));
	memcpy(kept, lost, look->lost_count * sizeof(*kept));
	look->lost = kept;
	look->uncertain[UNCERTAIN_NO_ROOM] += blocks.left_out;
	free(lost);
}
