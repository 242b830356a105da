/* SPDX-License-Identifier: BSD-2-Clause */
#include "grown_label.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../analyze/grown.h"
#include "../look/anonymous.h"
#include "columns.h"
#include "look_label.h"
#include "net_label.h"
#include "windows_label.h"

enum { PARTS_SHOWN = 4, PART_LEAST = 100000, INDENT = 8 };

/* Returns the part that grew or shrank most among those not yet shown, PART_COUNT: none is left. */
static size_t next_part(const struct grown *grown, const bool *shown)
{
	int64_t most = PART_LEAST - 1;
	size_t next = PART_COUNT;

	for (size_t i = 0; i < PART_COUNT; i++) {
		if (shown[i] || llabs(grown->parts[i]) <= most)
			continue;
		most = llabs(grown->parts[i]);
		next = i;
	}
	return next;
}

static void print_parts(struct columns *columns, const struct grown *grown)
{
	bool shown[PART_COUNT] = {false};
	const char *before = ": ";

	for (int i = 0; i < PARTS_SHOWN; i++, before = ", ") {
		size_t part = next_part(grown, shown);

		if (part == PART_COUNT)
			return;
		shown[part] = true;
		fprintf(columns->file, "%s%s ", before, look_part_label(part));
		quantity_print_signed_bytes(columns->file, grown->parts[part]);
	}
}

static void print_growth(struct columns *columns, const struct snapshot *snapshot,
			 const struct grown *grown)
{
	fputs("memory  ", columns->file);
	columns_hang(columns, INDENT);
	if (grown->processes > 1)
		fprintf(columns->file, "of %zu processes ", grown->processes);
	else if (snapshot->target_count > 1)
		fputs("of 1 process ", columns->file);
	quantity_print_bytes(columns->file, grown->resident_bytes);
	fputs(" resident, ", columns->file);
	quantity_print_signed_bytes(columns->file, grown->resident);
	print_parts(columns, grown);
	putc('\n', columns->file);
}

static const char *own_mappings(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->target_count; i++)
		if (snapshot->targets[i].own_mappings)
			return snapshot->targets[i].own_mappings;
	return NULL;
}

static const char *explain_anonymous(const struct snapshot *snapshot)
{
	const char *name = own_mappings(snapshot);

	if (snapshot->losses[LOSS_allocator_unprobed])
		return "most of it likely of the allocator that no probe sees";
	return name && anonymous_is_allocator(name)
		       ? "most of it in memory of its allocator"
		       : "most of it in memory that it maps itself, not by malloc";
}

/* What most of it is likely to be, and why it was not seen. */
static const char *explain(const struct snapshot *snapshot, enum look_part_id where)
{
	switch (where) {
	case PART_ANONYMOUS:
		return explain_anonymous(snapshot);
	case PART_SHARED:
		return "most of it memory that it shares or may share";
	case PART_STACKS:
		return "most of it stacks of threads";
	case PART_MALLOC_FREE_RETURNABLE:
	case PART_MALLOC_FREE_PINNED:
	case PART_MALLOC_CACHE:
	case PART_PYTHON_FREE:
		return "most of it kept by the allocator, free";
	case PART_PYTHON_LIVE:
		return "most of it objects of Python that were not recorded";
	case PART_MALLOC_LIVE:
		if (snapshot->mode == MODE_WINDOWS)
			return "most of it blocks of malloc whose stack cannot be told";
		return snapshot->mode == MODE_GROWTH
			       ? "most of it taken from malloc, whose calls were not recorded"
			       : "most of it blocks of malloc that no probe saw";
	default:
		return NULL;
	}
}

/* As much of what was seen as the process did not grow by; it may have shrunk by more besides. */
static uint64_t bytes_in_place(const struct grown *grown)
{
	uint64_t seen = 0, over = 0 - (uint64_t)grown->unexplained;

	for (size_t i = 0; i < DOMAIN_COUNT; i++)
		seen += grown->seen[i] > 0 ? (uint64_t)grown->seen[i] : 0;
	return over < seen ? over : seen;
}

static void print_in_place(FILE *file, uint64_t bytes)
{
	if (bytes) {
		fputs("; ", file);
		quantity_print_bytes(file, bytes);
		fputs(" of it in the place of what was free, or freed since", file);
	}
	putc('\n', file);
}

static void print_unexplained(struct columns *columns, const struct snapshot *snapshot,
			      const struct grown *grown)
{
	enum look_part_id where;
	bool worth = grown_is_unexplained(grown, &where);
	const char *why = worth ? explain(snapshot, where) : NULL;

	if (grown->unexplained < 0) {
		print_in_place(columns->file, bytes_in_place(grown));
		return;
	}
	fputs("; unexplained ", columns->file);
	quantity_print_signed_bytes(columns->file, grown->unexplained);
	if (why)
		fprintf(columns->file, ", %s", why);
	if (why && where == PART_ANONYMOUS && own_mappings(snapshot)) {
		fputs(": ", columns->file);
		columns_print_name(columns, own_mappings(snapshot), SCREEN_COLUMNS / 2);
		if (!snapshot->losses[LOSS_allocator_unprobed] &&
		    !strcmp(own_mappings(snapshot), LOOK_PLAIN_MAPPING))
			fputs(", or an allocator of its own that has no names", columns->file);
	}
	putc('\n', columns->file);
}

static void print_seen(struct columns *columns, const struct grown *grown)
{
	const char *before = "";

	fputs("        seen and not freed: ", columns->file);
	for (size_t i = 0; i < DOMAIN_COUNT; i++) {
		if (!grown->seen[i])
			continue;
		fprintf(columns->file, "%s%s ", before, domain_name(i));
		quantity_print_signed_bytes(columns->file, grown->seen[i]);
		before = ", ";
	}
	if (!*before)
		fputs("nothing", columns->file);
}

static const char *kept_label(enum look_part_id part)
{
	switch (part) {
	case PART_MALLOC_FREE_RETURNABLE:
		return " that malloc_trim would return";
	case PART_MALLOC_FREE_PINNED:
		return " pinned between blocks in use";
	case PART_MALLOC_CACHE:
		return " in malloc's caches";
	default:
		return " in Python's pools";
	}
}

/* What allocators keep of what was freed, and whether it could be given back. */
static void print_kept(struct columns *columns, const struct grown *grown)
{
	const char *before = "kept    by the allocator, free: ";

	columns_hang(columns, 0);
	for (size_t i = 0; i < PART_COUNT; i++) {
		if (!grown_is_kept(i) || grown->last[i] < PART_LEAST)
			continue;
		fputs(before, columns->file);
		columns_hang(columns, INDENT);
		quantity_print_bytes(columns->file, grown->last[i]);
		fprintf(columns->file, "%s (", kept_label(i));
		quantity_print_signed_bytes(columns->file, grown->parts[i]);
		putc(')', columns->file);
		before = ", ";
	}
	if (*before == ',')
		putc('\n', columns->file);
}

int grown_print(FILE *file, const struct snapshot *snapshot)
{
	struct columns columns;
	struct grown grown;

	grown_sum(snapshot, &grown);
	if (columns_init(&columns, file))
		return -ENOMEM;
	if (grown.processes)
		print_growth(&columns, snapshot, &grown);
	if (grown.processes && !snapshot->has_peak) { /* live is not what is now */
		print_seen(&columns, &grown);
		print_unexplained(&columns, snapshot, &grown);
	}
	if (grown_keeps_much(&grown))
		print_kept(&columns, &grown);
	columns_hang(&columns, 0);
	windows_print(&columns, snapshot);
	columns_hang(&columns, 0);
	net_print(&columns, snapshot);
	columns_release(&columns);
	return 0;
}
