// SPDX-License-Identifier: BSD-2-Clause
/*
 * A flame graph for viewers with and without scripts. The picture itself is drawn here, to scale
 * with its page; where the file is opened directly in a browser, flamegraph.js replaces it by the
 * drawing of the HTML output, with zoom and search.
 */
#include "flamegraph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/escape.h"
#include "formats.h"
#include "grown_label.h"
#include "label.h"
#include "label_objects.h"
#include "label_reach.h"

#define WIDTH           1200
#define MARGIN          10
#define ROW_HEIGHT      18
#define HEADER_LINE     18
#define HEADER_BASELINE 26
#define GRAPH_TOP       64
#define CHARACTER_WIDTH 6.65 /* of the monospace font at 11 px, rounded up */
#define TEXT_PADDING    4
#define NARROWEST_PX    0.3

struct drawing {
	const struct flame_graph *graph;
	const struct snapshot *snapshot;
	const struct output_options *options;
	FILE *file;
	double top; /* of the graph, in pixels */
};

static size_t count_lines(const char *text)
{
	size_t lines = 1;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* Prints as many characters as fit, the last of them an ellipsis where some do not. */
static void print_clipped(FILE *file, const char *text, size_t room)
{
	size_t characters = 0, bytes = 0;
	char clipped[1024];

	for (const char *end = text; *end; end++)
		characters += (*end & 0xc0) != 0x80;
	bool fits = characters <= room;
	size_t left = fits ? room : room - 1;

	while (text[bytes] && bytes < sizeof(clipped) - 4) {
		if ((text[bytes] & 0xc0) != 0x80 && left-- == 0)
			break;
		clipped[bytes] = text[bytes];
		bytes++;
	}
	while (bytes && text[bytes] && (text[bytes] & 0xc0) == 0x80)
		bytes--;
	clipped[bytes] = '\0';
	escape_print_markup(file, clipped);
	fputs(fits && !text[bytes] ? "" : "…", file);
}

static void print_tooltip(const struct drawing *drawing, const struct flame_box *box)
{
	const struct flame_label *label = &drawing->graph->labels[box->label];

	fputs("<title>", drawing->file);
	escape_print_markup(drawing->file, label->text);
	fputs("\n", drawing->file);
	quantity_print_bytes(drawing->file, box->bytes);
	fputs(" in ", drawing->file);
	quantity_print_count(drawing->file, box->blocks);
	fputs(box->blocks == 1 ? " block, " : " blocks, ", drawing->file);
	quantity_print_percent(drawing->file, box->width, 1);
	if (*label->detail) {
		putc('\n', drawing->file);
		escape_print_markup(drawing->file, label->detail);
	}
	fputs("</title>", drawing->file);
}

static void print_box(const struct drawing *drawing, const struct flame_box *box)
{
	const struct flame_label *label = &drawing->graph->labels[box->label];
	double scale = WIDTH - 2 * MARGIN;
	double x = MARGIN + box->start * scale, width = box->width * scale;
	double y = drawing->top + (double)box->depth * ROW_HEIGHT;
	double room = (width - 2 * TEXT_PADDING) / CHARACTER_WIDTH;

	if (width < NARROWEST_PX)
		return;
	fprintf(drawing->file, "<svg x=\"%.2f\" y=\"%.0f\" width=\"%.2f\" height=\"%d\">", x, y,
		width, ROW_HEIGHT);
	print_tooltip(drawing, box);
	fprintf(drawing->file, "<rect width=\"%.2f\" height=\"%d\" rx=\"2\" fill=\"#%06x\"/>",
		width > 1.5 ? width - 0.8 : width, ROW_HEIGHT - 1, label->colour);
	if (room >= 3) {
		fprintf(drawing->file, "<text x=\"%d\" y=\"12.5\">", TEXT_PADDING);
		print_clipped(drawing->file, label->text, (size_t)room);
		fputs("</text>", drawing->file);
	}
	fputs("</svg>\n", drawing->file);
}

/* The lines of `notes` are taken apart. */
static void print_header(const struct drawing *drawing, const char *title, char *notes)
{
	FILE *file = drawing->file;
	double y = GRAPH_TOP;

	fprintf(file, "<text class=\"title\" x=\"%d\" y=\"%d\">", MARGIN, HEADER_BASELINE);
	print_clipped(file, title, 110);
	fprintf(file, "</text>\n<text class=\"note\" x=\"%d\" y=\"%d\">", MARGIN,
		HEADER_BASELINE + HEADER_LINE + 2);
	label_print_totals(file, drawing->snapshot);
	fputs("  ·  ", file);
	label_print_conditions(file, drawing->snapshot);
	fputs(drawing->options->count == COUNT_BLOCKS ? "  ·  widths are blocks</text>\n"
						      : "  ·  widths are bytes</text>\n",
	      file);
	for (char *line; notes && *notes; y += HEADER_LINE) {
		line = strsep(&notes, "\n");
		fprintf(file, "<text class=\"note\" x=\"%d\" y=\"%.0f\">", MARGIN, y);
		escape_print_markup(file, line);
		fputs("</text>\n", file);
	}
}

static void print_picture(const struct drawing *drawing, const char *title, char *notes)
{
	double height = drawing->top + (double)drawing->graph->depth * ROW_HEIGHT + MARGIN;

	fprintf(drawing->file,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100%%\" "
		"viewBox=\"0 0 %d %.0f\" preserveAspectRatio=\"xMidYMin meet\">\n<title>",
		WIDTH, height);
	escape_print_markup(drawing->file, title);
	fputs("</title>\n<style>\n", drawing->file);
	flame_graph_print_style(drawing->file);
	fprintf(drawing->file,
		"</style>\n<g id=\"flame-picture\">\n"
		"<rect class=\"page\" width=\"%d\" height=\"%.0f\"/>\n",
		WIDTH, height);
	print_header(drawing, title, notes);
	for (size_t i = 0; i < drawing->graph->box_count; i++)
		print_box(drawing, &drawing->graph->boxes[i]);
	fputs("</g>\n", drawing->file);
}

static int print_document(struct drawing *drawing, const char *title)
{
	char *notes = NULL;
	size_t size;
	FILE *memory = open_memstream(&notes, &size);

	if (!memory)
		return -ENOMEM;
	int error = grown_print(memory, drawing->snapshot);
	label_print_python(memory, drawing->snapshot);
	label_print_object_notes(memory, drawing->snapshot);
	label_print_reach_totals(memory, drawing->snapshot);
	label_print_losses(memory, drawing->snapshot, "");
	if (fclose(memory) || error) {
		free(notes);
		return -ENOMEM;
	}
	drawing->top = GRAPH_TOP + (double)(count_lines(notes) - 1) * HEADER_LINE + 12;
	print_picture(drawing, title, notes);
	free(notes);
	fputs("<script type=\"application/json\" id=\"flame-data\">\n", drawing->file);
	error = flame_graph_print_data(drawing->graph, drawing->snapshot, drawing->options,
				       drawing->file);

	fputs("</script>\n<script><![CDATA[\n", drawing->file);
	flame_graph_print_script(drawing->file);
	fputs("]]></script>\n</svg>\n", drawing->file);
	return error;
}

int output_svg(const struct snapshot *snapshot, const struct output_options *options, FILE *file)
{
	struct flame_graph graph;
	struct drawing drawing = {&graph, snapshot, options, file, 0};
	char *title = NULL;
	int error = flame_graph_init(&graph, snapshot, options);

	if (!error)
		error = flame_graph_title(snapshot, &title);
	if (!error)
		error = print_document(&drawing, title);
	free(title);
	flame_graph_release(&graph);
	return error;
}
