/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `unfreed heap` on one screen: what grew comes first, for whoever asked for growth came for it;
 * then where the memory is, what is in it, who holds it, and what the figures leave open.
 */
#include "heap.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "../lib/escape.h"
#include "../look/growth.h"
#include "columns.h"
#include "look_label.h"

enum { DEFAULT_TOP = 10, COUNT_WIDTH = 12, TYPE_WIDTH = 24, LABEL_COLUMN = 8 };

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void print_row(struct columns *columns, const char *count, const char *bytes)
{
	fprintf(columns->file, "%*s  %9s  ", COUNT_WIDTH, count, bytes);
}

static void print_numbers(struct columns *columns, uint64_t count, uint64_t bytes)
{
	char counted[QUANTITY_SIZE], sized[QUANTITY_SIZE];

	print_row(columns, quantity_count(counted, count), quantity_bytes(sized, bytes));
}

static void print_signed_numbers(struct columns *columns, int64_t count, int64_t bytes)
{
	char counted[QUANTITY_SIZE], sized[QUANTITY_SIZE];

	print_row(columns, quantity_signed_count(counted, count),
		  quantity_signed_bytes(sized, bytes));
}

/* Begins a paragraph: its label, and lines that hang beside it. */
static void begin(struct columns *columns, const char *label)
{
	columns_hang(columns, LABEL_COLUMN);
	fputs(label, columns->file);
	columns_pad(columns, LABEL_COLUMN);
}

static void end(struct columns *columns)
{
	putc('\n', columns->file);
	columns_hang(columns, 0);
}

static void print_header(struct columns *columns, const struct look *look)
{
	columns_hang(columns, LABEL_COLUMN);
	look_print_process(columns, look);
	fputs("  ", columns->file);
	look_print_size(columns->file, look->resident_bytes, look->limit_bytes);
	if (look->swapped_bytes) {
		fputs(", ", columns->file);
		quantity_print_bytes(columns->file, look->swapped_bytes);
		fputs(" in swap, not read", columns->file);
	}
	end(columns);
}

static void print_workers(struct columns *columns, const struct look_workers *workers)
{
	if (!workers->count)
		return;
	begin(columns, "beside");
	fprintf(columns->file,
		"%zu worker%s that it forked, not looked at: unfreed heap -p %" PRIu32,
		workers->count, workers->count == 1 ? "" : "s", workers->first);
	end(columns);
}

static void print_problem(struct columns *columns, const char *label, const char *problem)
{
	if (!problem)
		return;
	begin(columns, label);
	fputs("not looked into: ", columns->file);
	escape_print(columns->file, problem);
	end(columns);
}

static void print_note(struct columns *columns, const char *label, const char *note)
{
	if (!note)
		return;
	begin(columns, label);
	escape_print(columns->file, note);
	end(columns);
}

static void print_growth_head(struct columns *columns, const struct look_growth *growth)
{
	int64_t live = look_growth_live(growth);
	char text[QUANTITY_SIZE];

	begin(columns, "grew");
	fprintf(columns->file, "in use %s in ", quantity_signed_bytes(text, live));
	quantity_print_span(columns->file, growth->seconds);
	if (growth->seconds > 0) {
		fputs(": ", columns->file);
		quantity_print_rate(columns->file, (double)live * 3600 / growth->seconds);
		fputs(" MB/h", columns->file);
	}
	fprintf(columns->file, "; %zu looks; resident %s", growth->looks,
		quantity_signed_bytes(text, growth->resident_bytes));
	for (size_t i = 0; i < PART_COUNT; i++) {
		if (growth->parts[i])
			fprintf(columns->file, ", %s %s", look_part_label(i),
				quantity_signed_bytes(text, growth->parts[i]));
	}
	end(columns);
}

static void print_grown(struct columns *columns, const struct look_grown *grown)
{
	const char *mark = grown->garbage    ? ", garbage"
			   : grown->replaced ? ", longer each time"
					     : "";

	print_signed_numbers(columns, grown->grown, grown->bytes);
	if (grown->containers > 1) {
		quantity_print_count(columns->file, grown->containers);
		fputs(" alike: ", columns->file);
	}
	look_print_container(columns, grown->type, grown->name, grown->address, grown->of, mark);
	putc('\n', columns->file);
}

static void print_head(struct columns *columns, const char *count, const char *bytes,
		       const char *name)
{
	print_row(columns, count, bytes);
	fprintf(columns->file, "%s\n", name);
}

/* Sizes are told as their owner's block can be at most: without the chunk's header. */
static void print_grown_chunks(struct columns *columns, const struct look_growth *growth,
			       size_t top)
{
	char size[QUANTITY_SIZE];

	if (growth->chunk_count)
		print_head(columns, "blocks", "bytes", "size of malloc's blocks");
	for (size_t i = 0; i < smaller(growth->chunk_count, top); i++) {
		const struct look_chunks *chunks = &growth->chunks[i];

		print_signed_numbers(columns, (int64_t)chunks->count, (int64_t)chunks->bytes);
		fprintf(columns->file, "%s%s\n", quantity_bytes(size, chunks->least - 8),
			chunks->least >= LOOK_CHUNKS_EXACT ? " and more" : "");
	}
}

static void print_growth(struct columns *columns, const struct look *look, size_t top)
{
	const struct look_growth *growth = look->growth;

	print_growth_head(columns, growth);
	if (growth->container_count)
		print_head(columns, "entries", "about", "container");
	for (size_t i = 0; i < smaller(growth->container_count, top); i++)
		print_grown(columns, &growth->containers[i]);
	if (growth->type_count)
		print_head(columns, "objects", "bytes", "type");
	for (size_t i = 0; i < smaller(growth->type_count, top); i++) {
		const struct look_count *type = &growth->types[i];

		print_signed_numbers(columns, (int64_t)type->count, (int64_t)type->bytes);
		columns_print_name(columns, type->name, SCREEN_COLUMNS);
		putc('\n', columns->file);
	}
	print_grown_chunks(columns, growth, top);
	if (!growth->container_count && !growth->type_count && !growth->chunk_count)
		fputs("        nothing that has a name\n", columns->file);
	if (growth->garbage_bytes > 0) {
		begin(columns, "");
		fputs("of it about ", columns->file);
		quantity_print_bytes(columns->file, (uint64_t)growth->garbage_bytes);
		fputs(" are garbage in cycles, which a collection frees", columns->file);
		end(columns);
	} else if (!growth->collected && growth->type_count && look->gc.known) {
		fputs("        no full collection fell into it: some may be mere garbage\n",
		      columns->file);
	}
}

static void print_parts(struct columns *columns, const struct look *look)
{
	char resident[QUANTITY_SIZE], bytes[QUANTITY_SIZE];

	if (!look->parts_known)
		return;
	fprintf(columns->file, "%-22s%11s%8s%13s\n", "memory", "resident", "", "as counted");
	for (size_t i = 0; i < PART_COUNT; i++) {
		const struct look_part *part = &look->parts[i];

		if (!part->resident_bytes && !part->bytes)
			continue;
		fprintf(columns->file, "  %-20s%11s  ", look_part_label(i),
			quantity_bytes(resident, part->resident_bytes));
		columns_pad(columns, 35);
		quantity_print_percent(columns->file, (double)part->resident_bytes,
				       (double)look->resident_bytes);
		columns_pad(columns, 42);
		fprintf(columns->file, "%12s\n", quantity_bytes(bytes, part->bytes));
	}
}

/* What the anonymous mappings seem to be, where there is more to say than that they are. */
static void print_mappings(struct columns *columns, const struct look *look)
{
	if (!look->mapping_count ||
	    (look->mapping_count == 1 && !strcmp(look->mappings[0].name, LOOK_PLAIN_MAPPING)))
		return;
	begin(columns, "mapped");
	for (size_t i = 0; i < look->mapping_count; i++) {
		fputs(i ? ", " : "", columns->file);
		escape_print(columns->file, look->mappings[i].name);
		putc(' ', columns->file);
		quantity_print_bytes(columns->file, look->mappings[i].bytes);
	}
	end(columns);
}

static void print_hints(struct columns *columns, const struct look *look)
{
	for (size_t i = 0; i < look->hint_count; i++) {
		begin(columns, "hint");
		escape_print(columns->file, look->hints[i]);
		end(columns);
	}
}

static void print_types(struct columns *columns, const struct look *look, size_t top)
{
	if (look->type_count)
		print_head(columns, "objects", "bytes", "type");
	for (size_t i = 0; i < smaller(look->type_count, top); i++) {
		const struct look_type *type = &look->types[i];

		print_numbers(columns, type->count, type->bytes);
		columns_print_name(columns, type->name, SCREEN_COLUMNS);
		putc('\n', columns->file);
	}
}

/* What bounds a container, and how well it serves: `, at most 10,000, 93 % hits`. */
static void describe_bound(char *text, size_t size, const struct look_container *container)
{
	char count[QUANTITY_SIZE];
	int length = 0;

	*text = '\0';
	if (container->bound != LOOK_UNKNOWN)
		length = snprintf(text, size, ", at most %s",
				  quantity_count(count, container->bound));
	if (container->hits != LOOK_UNKNOWN && container->misses != LOOK_UNKNOWN &&
	    container->hits + (double)container->misses > 0)
		snprintf(text + length, size - (size_t)length, ", %.0f %% hits",
			 100.0 * (double)container->hits /
				 ((double)container->hits + (double)container->misses));
}

static void print_containers(struct columns *columns, const struct look *look, size_t top)
{
	char bound[80];

	if (look->container_count)
		print_head(columns, "entries", "below", "container");
	for (size_t i = 0; i < smaller(look->container_count, top); i++) {
		const struct look_container *container = &look->containers[i];

		describe_bound(bound, sizeof(bound), container);
		print_numbers(columns, container->length, container->bytes);
		look_print_container(columns, container->type, container->name, container->address,
				     container->of_count ? container->of[0].name : NULL, bound);
		putc('\n', columns->file);
	}
}

static void print_holders(struct columns *columns, const struct look *look, size_t top)
{
	for (size_t i = 0; i < smaller(look->holder_count, top); i++) {
		const struct look_holder *holder = &look->holders[i];

		if (!i || strcmp(holder->of, look->holders[i - 1].of)) {
			print_head(columns, "held", "bytes", "by");
		}
		print_numbers(columns, holder->count, holder->bytes);
		columns_hang(columns, COUNT_WIDTH + 13);
		escape_print(columns->file, holder->name ? holder->name : "by no known way");
		end(columns);
	}
}

static void print_garbage(struct columns *columns, const struct look *look, size_t top)
{
	for (size_t i = 0; i < smaller(look->garbage_count, top); i++) {
		const struct look_garbage *garbage = &look->garbage[i];

		begin(columns, i ? "" : "garbage");
		quantity_print_count(columns->file, garbage->count);
		putc(' ', columns->file);
		columns_print_name(columns, garbage->type, TYPE_WIDTH);
		fputs(", ", columns->file);
		quantity_print_bytes(columns->file, garbage->bytes);
		fputs(": ", columns->file);
		escape_print(columns->file, garbage->why);
		end(columns);
	}
}

/* One look tells only how much C code holds; what grows may be references that were forgotten. */
static void print_held(struct columns *columns, const struct look *look, size_t top)
{
	char count[QUANTITY_SIZE];
	size_t rows = 0;

	while (rows < smaller(look->held_count, top) && look->held[rows].grown > 0)
		rows++;
	for (size_t i = 0; i < rows; i++) {
		const struct look_held *held = &look->held[i];

		begin(columns, i ? "" : "C holds");
		fprintf(columns->file, "%s ", quantity_signed_count(count, held->grown));
		columns_print_name(columns, held->type, TYPE_WIDTH);
		fputs(" of ", columns->file);
		quantity_print_count(columns->file, held->count);
		fputs(": held by C code, or lost by it", columns->file);
		end(columns);
	}
}

static void print_lost(struct columns *columns, const struct look *look, size_t top)
{
	if (look->lost && !look->lost_count)
		fputs("lost    nothing\n", columns->file);
	for (size_t i = 0; i < smaller(look->lost_count, top); i++) {
		const struct look_lost *lost = &look->lost[i];

		begin(columns, i ? "" : "lost");
		quantity_print_count(columns->file, lost->count);
		fprintf(columns->file, lost->count == 1 ? " of " : " each of ");
		quantity_print_bytes(columns->file, lost->size);
		if (lost->type) {
			putc(' ', columns->file);
			columns_print_name(columns, lost->type, TYPE_WIDTH);
		}
		fputs(", ", columns->file);
		quantity_print_bytes(columns->file, lost->bytes);
		fputs(" in all: nothing that was found refers to them", columns->file);
		end(columns);
	}
}

static void print_gc(struct columns *columns, const struct look_gc *gc)
{
	if (!gc->known)
		return;
	begin(columns, "gc");
	fputs(gc->enabled ? "on" : "off", columns->file);
	for (size_t i = 0; i < smaller(gc->generation_count, LOOK_GENERATIONS); i++) {
		fprintf(columns->file, "; generation %zu freed ", i);
		quantity_print_count(columns->file, gc->generations[i].collected);
		fputs(" in ", columns->file);
		quantity_print_count(columns->file, gc->generations[i].collections);
		fputs(" runs", columns->file);
		if (gc->generations[i].uncollectable) {
			fputs(", could not free ", columns->file);
			quantity_print_count(columns->file, gc->generations[i].uncollectable);
		}
	}
	if (gc->frozen != LOOK_UNKNOWN && gc->frozen) {
		fputs("; ", columns->file);
		quantity_print_count(columns->file, gc->frozen);
		fputs(" frozen", columns->file);
	} else if (gc->has_frozen) {
		fputs("; some are frozen", columns->file);
	}
	if (gc->saves_all)
		fputs("; DEBUG_SAVEALL: what it finds is kept in gc.garbage", columns->file);
	end(columns);
}

static void print_pools(struct columns *columns, const struct look *look, size_t top)
{
	for (size_t i = 0; i < smaller(look->pool_count, top); i++) {
		const struct look_pool *pool = &look->pools[i];

		begin(columns, "pool");
		columns_print_name(columns, pool->name, SCREEN_COLUMNS);
		fputs(": ", columns->file);
		quantity_print_count(columns->file, pool->in_use);
		fputs(" in use, ", columns->file);
		quantity_print_count(columns->file, pool->idle);
		fputs(" idle", columns->file);
		if (pool->maximum != LOOK_UNKNOWN) {
			fputs(", ", columns->file);
			quantity_print_count(columns->file, pool->maximum);
			fputs(" at most", columns->file);
		}
		end(columns);
	}
}

static void print_uncertain(struct columns *columns, const struct look *look)
{
	bool any = false;

	for (size_t i = 0; i < UNCERTAIN_COUNT; i++) {
		if (!look->uncertain[i])
			continue;
		begin(columns, any ? "" : "unsure");
		quantity_print_count(columns->file, look->uncertain[i]);
		fprintf(columns->file, " %s", look_uncertain_text(i));
		end(columns);
		any = true;
	}
}

static void print_cost(struct columns *columns, const struct look *look)
{
	fprintf(columns->file, "cost    read in %.2f s, %.2f s of our CPU%s",
		(double)look->read_ns / 1e9, (double)look->cpu_ns / 1e9,
		look->core ? "" : "; written to it: nothing");
	if (look->frozen_ns)
		fprintf(columns->file,
			"\n        stopped for %.2f s in all: system calls that waited failed with "
			"EINTR",
			(double)look->frozen_ns / 1e9);
	putc('\n', columns->file);
}

/* What was asked for alone: who holds it. */
static void print_asked(struct columns *columns, const struct look *look, size_t top)
{
	char bound[80];

	for (size_t i = 0; i < look->asked_count; i++) {
		const struct look_container *asked = &look->asked[i];

		describe_bound(bound, sizeof(bound), asked);
		print_head(columns, "entries", "below", "object");
		print_numbers(columns, asked->length, asked->bytes);
		look_print_container(columns, asked->type, asked->name, asked->address,
				     asked->of_count ? asked->of[0].name : NULL, bound);
		putc('\n', columns->file);
	}
	print_holders(columns, look, top);
	if (look->holder_count > top)
		fprintf(columns->file, "        and %zu ways more: --top N shows them\n",
			look->holder_count - top);
}

static void print_all(struct columns *columns, const struct look *look, size_t top, size_t rest)
{
	if (look->growth)
		print_growth(columns, look, top);
	print_parts(columns, look);
	print_mappings(columns, look);
	print_hints(columns, look);
	print_problem(columns, "Python", look->python_problem);
	print_note(columns, "Python", look->python_note);
	print_problem(columns, "malloc", look->malloc_problem);
	print_types(columns, look, rest);
	print_containers(columns, look, rest);
	print_garbage(columns, look, rest);
	print_held(columns, look, rest);
	print_problem(columns, "lost", look->lost_problem);
	print_lost(columns, look, rest);
	print_gc(columns, &look->gc);
	print_pools(columns, look, rest);
}

int heap_text(const struct look *look, const struct heap_output_options *options, FILE *file)
{
	size_t top = options->top ? options->top : DEFAULT_TOP;
	size_t rest = look->growth && !options->top ? top / 2 : top;
	struct columns columns;
	int error = columns_init(&columns, file);

	if (error)
		return error;
	print_header(&columns, look);
	print_workers(&columns, &look->workers);
	if (look->asked_for)
		print_asked(&columns, look, top);
	else
		print_all(&columns, look, top, rest);
	print_uncertain(&columns, look);
	print_cost(&columns, look);
	columns_release(&columns);
	return 0;
}
