/* SPDX-License-Identifier: BSD-2-Clause */
#include "lost.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "../lib/clock.h"
#include "../python/freeze.h"
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

/* Of threads that stand still. */
static void read_registers(const struct frozen *frozen, struct reach *reach)
{
	uint64_t words[64];

	for (size_t i = 0; i < frozen->count; i++) {
		struct iovec range = {words, sizeof(words)};

		if (!frozen->threads[i].gone &&
		    !ptrace(PTRACE_GETREGSET, frozen->threads[i].tid, NT_PRSTATUS, &range))
			reach_add_registers(reach, frozen->threads[i].tid, words,
					    range.iov_len / sizeof(*words));
	}
}

static void finish(struct reach *reach)
{
	int error = reach_finish(reach);

	if (error == -ESRCH)
		reach_refuse(reach, "it ended meanwhile");
	else if (error)
		reach_refuse(reach, "its memory could not be read to the end");
}

/* Stopped is it for references alone: a thread that was stopped inside of malloc would leave a heap
 * that makes no sense for as long. */
void lost_finish_look(struct reach *reach, const struct procfs *procfs, pid_t pid,
		      uint64_t *frozen_ns)
{
	uint64_t began = clock_ns(CLOCK_MONOTONIC);
	struct frozen frozen;
	int error = frozen_ns ? freeze(procfs, pid, &frozen) : 0;

	if (error)
		reach_refuse(reach, "it could not be stopped: %s", strerror(-error));
	else if (frozen_ns)
		read_registers(&frozen, reach);
	finish(reach);
	if (error || !frozen_ns)
		return;
	thaw(&frozen);
	*frozen_ns += clock_ns(CLOCK_MONOTONIC) - began;
}

static int walk(struct reach *reach, pid_t pid, const struct regions *regions)
{
	struct pages *pages = pages_new(pid, regions);
	struct walk_numbers numbers;
	struct arenas arenas = {0};
	int error = pages ? arenas_find(pages, &arenas) : -errno;

	if (!error && *arenas.problem)
		reach_refuse(reach, "its malloc is not understood: %s", arenas.problem);
	if (!error && !*arenas.problem) {
		reach_begin(reach, &arenas);
		if (!reach_refused(reach))
			error = arenas_walk(pages, &arenas, reach_add, reach, &numbers);
	}
	if (pages)
		arenas_release(&arenas);
	pages_free(pages);
	return error;
}

void lost_look(struct reach *reach, const struct procfs *procfs, pid_t pid, uint64_t *frozen_ns)
{
	struct regions regions;
	int error = regions_read(procfs, pid, &regions);

	if (!error) {
		lost_judge_runtime(reach, &regions);
		if (!reach_refused(reach))
			error = walk(reach, pid, &regions);
	}
	regions_release(&regions);
	if (error == -ESRCH)
		reach_refuse(reach, "it ended meanwhile");
	else if (error)
		reach_refuse(reach, "its heap cannot be read: %s", strerror(-error));
	if (!reach_refused(reach))
		lost_finish_look(reach, procfs, pid, frozen_ns);
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
		look->lost_problem = zone_strdup(look->zone, blocks.problem);
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

		lost[i] = (struct look_lost){.type = name ? zone_strdup(look->zone, name) : NULL,
					     .size = block->bytes,
					     .count = 1,
					     .bytes = block->bytes};
	}
	look->lost_count = merge(lost, blocks.count);
	struct look_lost *kept = zone_alloc(look->zone, look->lost_count, sizeof(*kept));
	memcpy(kept, lost, look->lost_count * sizeof(*kept));
	look->lost = kept;
	look->uncertain[UNCERTAIN_NO_ROOM] += blocks.left_out;
	free(lost);
}
