/* SPDX-License-Identifier: BSD-2-Clause */
#include "picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/escape.h"
#include "flamegraph.h"
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

static void print_left_out(const struct drawing *drawing)
{
	const struct flame_graph *graph = drawing->graph;

	if (!graph->left_out)
		return;
	fprintf(drawing->file, "<text class=\"note\" x=\"%d\" y=\"%.0f\">", MARGIN,
		drawing->top + (double)graph->depth * ROW_HEIGHT + HEADER_LINE - 4);
	quantity_print_count(drawing->file, graph->left_out);
	fputs(graph->left_out == 1 ? " frame is" : " frames are", drawing->file);
	fputs(" too narrow to be drawn, with ", drawing->file);
	quantity_print_bytes(drawing->file, graph->left_out_bytes);
	fputs("</text>\n", drawing->file);
}

static void print_picture(const struct drawing *drawing, const char *title, char *notes)
{
	double height = drawing->top + (double)drawing->graph->depth * ROW_HEIGHT + MARGIN +
			(drawing->graph->left_out ? HEADER_LINE : 0);

	fprintf(drawing->file,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100%%\" "
		"viewBox=\"0 0 %d %.0f\" preserveAspectRatio=\"xMidYMin meet\">\n<title>",
		WIDTH, height);
	escape_print_markup(drawing->file, title);
	fprintf(drawing->file,
		"</title>\n<g id=\"stack-picture\">\n"
		"<rect class=\"page\" width=\"%d\" height=\"%.0f\"/>\n",
		WIDTH, height);
	if (notes)
		print_header(drawing, title, notes);
	for (size_t i = 0; i < drawing->graph->box_count; i++)
		print_box(drawing, &drawing->graph->boxes[i]);
	print_left_out(drawing);
	fputs("</g>\n", drawing->file);
}

/* The lines about the measurement, to be freed by the caller; NULL on out of memory. */
static char *make_notes(const struct snapshot *snapshot)
{
	char *notes = NULL;
	size_t size;
	FILE *memory = open_memstream(&notes, &size);

	if (!memory)
		return NULL;
	label_print_origin_of(memory, snapshot);
	putc('\n', memory);
	int error = grown_print(memory, snapshot);
	label_print_python(memory, snapshot);
	label_print_object_notes(memory, snapshot);
	label_print_reach_totals(memory, snapshot);
	label_print_losses(memory, snapshot, "");
	if (fclose(memory) || error) {
		free(notes);
		return NULL;
	}
	return notes;
}

static int print_drawing(struct drawing *drawing, const char *title, bool with_header)
{
	char *notes = with_header ? make_notes(drawing->snapshot) : NULL;

	if (with_header && !notes)
		return -ENOMEM;
	if (notes)
		drawing->top = GRAPH_TOP + (double)(count_lines(notes) - 1) * HEADER_LINE + 12;
	print_picture(drawing, title, notes);
	free(notes);
	return 0;
}

int picture_print(const struct snapshot *snapshot, const struct output_options *options,
		  const char *title, bool with_header, FILE *file)
{
	struct flame_graph graph;
	struct drawing drawing = {&graph, snapshot, options, file, 0};
	int error = flame_graph_init(&graph, snapshot, options);

	if (!error)
		error = print_drawing(&drawing, title, with_header);
	flame_graph_release(&graph);
	return error;
}
