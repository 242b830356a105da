/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the page embeds: the program, the style, and the stacks as JSON. Names get into a document
 * in this one way, and the program gives them to textContent only.
 */
#include "stack_page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../analyze/net.h"
#include "../lib/escape.h"
#include "../lib/json.h"
#include "../lib/zone.h"
#include "../profile/snapshot_merge.h"
#include "grown_label.h"
#include "label.h"
#include "label_objects.h"
#include "label_reach.h"
#include "output/page_hashes.h"
#include "page.h"
#include "path_tails.h"
#include "stack_tree.h"

enum { NAME_MAX_BYTES = 1000 };

/* Made by the linker from the files themselves. */
extern const char _binary_output_page_js_start[];
extern const char _binary_output_page_js_end[];
extern const char _binary_output_page_css_start[];
extern const char _binary_output_page_css_end[];

struct path_entry {
	UT_hash_handle hh;
	const char *path; /* interned */
	size_t number;
};

struct printer {
	FILE *file;
	const struct snapshot *snapshot;
	const struct snapshot *merged;
	const struct stack_tree *tree;
	const struct path_tails *tails;
	struct zone *zone;
	struct path_entry *by_path;
	bool changes; /* alloc_… is what there was before, and a part of the rest */
	int error;
};

void stack_page_print_script(FILE *file)
{
	const char *start = _binary_output_page_js_start;

	fwrite(start, 1, (size_t)(_binary_output_page_js_end - start), file);
}

void stack_page_print_style(FILE *file)
{
	const char *start = _binary_output_page_css_start;

	fwrite(start, 1, (size_t)(_binary_output_page_css_end - start), file);
}

void stack_page_print_head(struct page *page, const char *title)
{
	FILE *file = page->file;

	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "script-src '" PAGE_SCRIPT_HASH "'; style-src '" PAGE_STYLE_HASH "'; "
	      "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; "
	      "trusted-types 'none'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
	      file);
	fputs(title, page->text);
	fputs("</title>\n<style>", file);
	stack_page_print_style(file);
	fputs("</style>\n</head>\n<body>\n", file);
}

int stack_page_title(const struct snapshot *snapshot, char **title)
{
	size_t size;
	FILE *memory = open_memstream(title, &size);

	if (!memory)
		return -ENOMEM;
	fputs(snapshot->has_peak ? "Held at the highest moment: " : "Not freed: ", memory);
	label_print_targets(memory, snapshot);
	return fclose(memory) ? -ENOMEM : 0;
}

/* Text that is escaped for eyes already. */
static void print_text(struct printer *printer, const char *text)
{
	struct json_object *object = json_of_string(text);
	const char *json = object ? json_text(object) : NULL;

	if (json)
		escape_print_script_json(printer->file, json);
	else
		printer->error = -ENOMEM;
	json_object_put(object);
}

static void print_name(struct printer *printer, const char *name)
{
	char *text = escape_name(name, NAME_MAX_BYTES);

	if (text)
		print_text(printer, text);
	else
		printer->error = -ENOMEM;
	free(text);
}

static void print_growth(FILE *file, const struct snapshot *snapshot)
{
	grown_print(file, snapshot);
}

static void print_notes(FILE *file, const struct snapshot *snapshot)
{
	label_print_python(file, snapshot);
	label_print_object_notes(file, snapshot);
	label_print_reach_totals(file, snapshot);
}

static void print_losses(FILE *file, const struct snapshot *snapshot)
{
	label_print_losses(file, snapshot, "");
}

/* Prints what a header line's function prints, as a member of the JSON object. */
static void print_line(struct printer *printer, const char *key,
		       void (*print)(FILE *, const struct snapshot *))
{
	char *line = NULL;
	size_t size;
	FILE *memory = open_memstream(&line, &size);

	if (!memory) {
		printer->error = -ENOMEM;
		return;
	}
	print(memory, printer->merged);
	if (fclose(memory))
		printer->error = -ENOMEM;
	fprintf(printer->file, "\"%s\":", key);
	print_text(printer, line ? line : "");
	fputs(",\n", printer->file);
	free(line);
}

static void print_head(struct printer *printer)
{
	print_line(printer, "targets", label_print_targets);
	print_line(printer, "origin", label_print_origin_of);
	print_line(printer, "totals", label_print_totals);
	print_line(printer, "conditions", label_print_conditions);
	print_line(printer, "memory", print_growth);
	print_line(printer, "python", print_notes);
	print_line(printer, "losses", print_losses);
}

/* A name begins a process's entry, as several of one name and executable are one program. */
static void print_processes(struct printer *printer)
{
	const struct snapshot *snapshot = printer->snapshot;

	fputs("\"processes\":[", printer->file);
	for (size_t i = 0; i < snapshot->target_count; i++) {
		const struct target *target = &snapshot->targets[i];

		fputs(i ? ",\n[" : "\n[", printer->file);
		print_name(printer, target->comm);
		putc(',', printer->file);
		print_name(printer, target->exe ? target->exe : "");
		fprintf(printer->file, ",%" PRIu32 "]", target->pid);
	}
	fputs("],\n", printer->file);
}

/* -1: no path. */
static long path_number(struct printer *printer, const char *path)
{
	struct path_entry *entry;

	if (!path)
		return -1;
	HASH_FIND_PTR(printer->by_path, &path, entry);
	if (!entry) {
		entry = zone_alloc(printer->zone, 1, sizeof(*entry));
		entry->path = path;
		entry->number = HASH_COUNT(printer->by_path);
		HASH_ADD_PTR(printer->by_path, path, entry);
	}
	return (long)entry->number;
}

static void print_frames(struct printer *printer)
{
	fputs("\"frames\":[", printer->file);
	for (size_t i = 0; i < printer->tree->frame_count; i++) {
		const struct tree_frame *entry = &printer->tree->frames[i];
		const struct frame *frame = entry->frame;

		fputs(i ? ",\n[" : "\n[", printer->file);
		print_name(printer, frame->name);
		fprintf(printer->file, ",%d,%d,%ld,%" PRIu32 ",%ld]", (int)frame->kind, entry->own,
			path_number(printer, frame->file), frame->line,
			path_number(printer, frame->module));
	}
	fputs("],\n\"paths\":[", printer->file);
	for (struct path_entry *entry = printer->by_path; entry; entry = entry->hh.next) {
		fputs(entry->number ? ",\n[" : "\n[", printer->file);
		print_name(printer, entry->path);
		putc(',', printer->file);
		print_name(printer, path_tail(printer->tails, entry->path));
		putc(']', printer->file);
	}
	fputs("],\n", printer->file);
}

static void print_tree(struct printer *printer)
{
	const struct stack_tree *tree = printer->tree;
	FILE *file = printer->file;

	fputs("\"nodes\":[", file);
	for (size_t i = 1; i < tree->node_count; i++)
		fprintf(file, "%s%" PRIu32 ",%" PRIu32, i > 1 ? ",\n" : "\n", tree->nodes[i].parent,
			tree->nodes[i].frame);
	fputs("],\n\"rows\":[", file);
	for (size_t i = 0; i < tree->row_count; i++) {
		const struct tree_row *row = &tree->rows[i];

		fprintf(file,
			"%s%" PRIu32 ",%" PRIu32 ",%d,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
			",%" PRIu64,
			i ? ",\n" : "\n", row->node, row->target, row->domain, row->bytes,
			row->blocks, row->stacks, row->oldest_ns / 1000000, row->alloc_bytes);
	}
	fputs("],\n", file);
}

/* Of rows that are of one stack what their blocks hold, as row, type and bytes. */
static void print_types(struct printer *printer)
{
	const struct stack_tree *tree = printer->tree;
	const char *before = "\n";

	fputs("\"holds\":[", printer->file);
	for (size_t i = 0; i < tree->row_count; i++) {
		const struct stack_objects *objects = tree->rows[i].stack->objects;

		if (!objects || tree->rows[i].stacks != 1)
			continue;
		for (size_t j = 0; j < objects->type_count; j++) {
			fprintf(printer->file, "%s[%zu,", before, i);
			print_name(printer, objects->types[j].name);
			fprintf(printer->file, ",%" PRIu64 "]", objects->types[j].held.bytes);
			before = ",\n";
		}
	}
	fputs("],\n", printer->file);
}

/* Of each row in turn what there was before. */
static void print_before(struct printer *printer)
{
	const struct stack_tree *tree = printer->tree;
	uint64_t before = 0, all = 0;

	fputs("\"was\":[", printer->file);
	for (size_t i = 0; i < tree->row_count; i++) {
		const struct tree_row *row = &tree->rows[i];

		fprintf(printer->file, "%s%" PRIu64 ",%" PRIu64, i ? ",\n" : "\n", row->alloc_bytes,
			row->alloc_blocks);
		before = saturating_add(before, row->alloc_bytes);
		all = saturating_add(all, row->bytes);
	}
	fprintf(printer->file, "],\n\"was_more\":%s,\n", before > all / 2 ? "true" : "false");
}

static void print_domains(FILE *file)
{
	fputs("\"domains\":[", file);
	for (size_t i = 0; i < DOMAIN_COUNT; i++)
		fprintf(file, "%s\"%s\"", i ? "," : "", domain_name(i));
	fputs("],\n", file);
}

/* What rates and ages are of. */
static void print_times(struct printer *printer)
{
	const struct snapshot *snapshot = printer->snapshot;
	struct net net;

	net_sum(snapshot, &net);
	fprintf(printer->file,
		"\"rated_ms\":%" PRIu64 ",\n\"duration_ms\":%" PRIu64 ",\n\"of_any_age\":%s,\n"
		"\"at_peak\":%s,\n",
		net_rated_ns(snapshot, &net) / 1000000, snapshot->duration_ns / 1000000,
		snapshot->older_than_ns || snapshot->has_peak ? "false" : "true",
		snapshot->has_peak ? "true" : "false");
	fputs("\"turned\":[", printer->file);
	for (size_t i = 0; i < DOMAIN_COUNT; i++)
		fprintf(printer->file, "%s%d", i ? "," : "", net.turned[i]);
	fputs("],\n", printer->file);
}

static void print_all(struct printer *printer, const struct output_options *options)
{
	const struct stack_tree *tree = printer->tree;
	FILE *file = printer->file;

	fprintf(file, "{\"unit\":\"%s\",\n\"apart\":%s,\n",
		options->count == COUNT_BLOCKS ? "blocks" : "bytes",
		options->by == BY_PID ? "true" : "false");
	print_times(printer);
	print_head(printer);
	print_processes(printer);
	print_domains(file);
	print_frames(printer);
	print_tree(printer);
	print_types(printer);
	if (printer->changes)
		print_before(printer);
	fprintf(file, "\"cut\":[%zu,%" PRIu64 "],\n\"others\":[%zu,%" PRIu64 "]}\n",
		tree->cut_stacks, tree->cut_bytes, tree->other_stacks, tree->other_bytes);
}

int stack_page_merge(const struct snapshot *snapshot, const struct output_options *options,
		     struct snapshot **merged)
{
	*merged = NULL;
	if (options->by == BY_PID || snapshot->target_count < 2)
		return 0;
	*merged = snapshot_merge_programs(snapshot);
	return *merged ? 0 : -ENOMEM;
}

static int print_data(const struct snapshot *snapshot, const struct snapshot *merged,
		      const struct output_options *options, bool changes, FILE *file)
{
	struct stack_tree tree;
	struct printer printer = {.file = file,
				  .snapshot = snapshot,
				  .merged = merged,
				  .tree = &tree,
				  .changes = changes};
	struct path_tails *tails = path_tails_new(snapshot);

	printer.error = stack_tree_init(&tree, snapshot, options);
	printer.zone = zone_new();
	printer.tails = tails;
	if (!tails)
		printer.error = -ENOMEM;
	if (!printer.error)
		print_all(&printer, options);
	HASH_CLEAR(hh, printer.by_path);
	zone_free(printer.zone);
	path_tails_free(tails);
	stack_tree_release(&tree);
	return printer.error;
}

int stack_page_print_data(const struct snapshot *snapshot, const struct snapshot *merged,
			  const struct output_options *options, FILE *file)
{
	return print_data(snapshot, merged, options, false, file);
}

int stack_page_print_changes(const struct snapshot *names, FILE *file)
{
	static const struct output_options defaults;

	return print_data(names, names, &defaults, true, file);
}
