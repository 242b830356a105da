// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the drawings embed: the program, the style, and the graph as JSON. Names get into
 * a document in this one way, and flamegraph.js gives them to textContent only.
 */
#include "flamegraph.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/escape.h"
#include "json.h"
#include "grown_label.h"
#include "label.h"
#include "label_objects.h"
#include "label_reach.h"

/* Made by the linker from the files themselves. */
extern const char _binary_user_output_flamegraph_js_start[];
extern const char _binary_user_output_flamegraph_js_end[];
extern const char _binary_user_output_flamegraph_css_start[];
extern const char _binary_user_output_flamegraph_css_end[];

void flame_graph_print_script(FILE *file)
{
	const char *start = _binary_user_output_flamegraph_js_start;

	fwrite(start, 1, (size_t)(_binary_user_output_flamegraph_js_end - start), file);
}

void flame_graph_print_style(FILE *file)
{
	const char *start = _binary_user_output_flamegraph_css_start;

	fwrite(start, 1, (size_t)(_binary_user_output_flamegraph_css_end - start), file);
}

int flame_graph_title(const struct snapshot *snapshot, char **title)
{
	size_t size;
	FILE *memory = open_memstream(title, &size);

	if (!memory)
		return -ENOMEM;
	fputs("Not freed: ", memory);
	label_print_targets(memory, snapshot);
	return fclose(memory) ? -ENOMEM : 0;
}

static int print_string(FILE *file, const char *string)
{
	struct json_object *object = json_of_string(string);
	const char *json = object ? json_text(object) : NULL;

	if (json)
		escape_print_script_json(file, json);
	json_object_put(object);
	return json ? 0 : -ENOMEM;
}

static void print_losses(FILE *file, const struct snapshot *snapshot)
{
	label_print_losses(file, snapshot, "");
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

/* Prints what a header line's function prints, as a member of the JSON object. */
static int print_line(FILE *file, const char *key, const struct snapshot *snapshot,
		      void (*print)(FILE *, const struct snapshot *))
{
	char *line = NULL;
	size_t size;
	FILE *memory = open_memstream(&line, &size);

	if (!memory)
		return -ENOMEM;
	print(memory, snapshot);
	int error = fclose(memory) ? -ENOMEM : 0;

	fprintf(file, "\"%s\":", key);
	if (!error)
		error = print_string(file, line);
	fputs(",\n", file);
	free(line);
	return error;
}

static int print_labels(const struct flame_graph *graph, FILE *file)
{
	int error = 0;

	fputs("\"labels\":[", file);
	for (size_t i = 0; i < graph->quantity_count && !error; i++) {
		const struct flame_label *label = &graph->labels[i];

		fputs(i ? ",\n[" : "\n[", file);
		error = print_string(file, label->text);
		putc(',', file);
		if (!error)
			error = print_string(file, label->detail);
		fprintf(file, ",\"#%06" PRIx32 "\"]", label->colour);
	}
	fputs("],\n", file);
	return error;
}

static void print_boxes(const struct flame_graph *graph, FILE *file)
{
	fputs("\"boxes\":[", file);
	for (size_t i = 0; i < graph->box_count; i++) {
		const struct flame_box *box = &graph->boxes[i];

		fprintf(file, "%s%zu,%zu,%" PRIu64 ",%" PRIu64, i ? ",\n" : "\n", box->depth,
			box->label, box->bytes, box->blocks);
	}
	fputs("]}\n", file);
}

int flame_graph_print_data(const struct flame_graph *graph, const struct snapshot *snapshot,
			   const struct output_options *options, FILE *file)
{
	int error;

	fprintf(file, "{\"unit\":\"%s\",\n", options->count == COUNT_BLOCKS ? "blocks" : "bytes");
	error = print_line(file, "targets", snapshot, label_print_targets);
	if (!error)
		error = print_line(file, "totals", snapshot, label_print_totals);
	if (!error)
		error = print_line(file, "conditions", snapshot, label_print_conditions);
	if (!error)
		error = print_line(file, "memory", snapshot, print_growth);
	if (!error)
		error = print_line(file, "python", snapshot, print_notes);
	if (!error)
		error = print_line(file, "losses", snapshot, print_losses);
	if (!error)
		error = print_labels(graph, file);
	if (!error)
		print_boxes(graph, file);
	return error;
}
