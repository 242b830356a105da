/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks merged into a tree and laid out in boxes, for a picture of a flame graph. The root is on
 * top; among siblings the largest comes first.
 */
#ifndef UNFREED_FLAMEGRAPH_H
#define UNFREED_FLAMEGRAPH_H

#include <stdio.h>

#include "../profile/snapshot.h"
#include "output.h"

struct flame_label {
	const char *text;   /* escaped by escape_print */
	const char *detail; /* where it comes from, escaped; "" where unknown */
	uint32_t colour;    /* 0xrrggbb, the same for the same text in every drawing */
};

/* One box. Boxes are in pre-order: a box's descendants follow it. */
struct flame_box {
	size_t label;
	size_t depth; /* 0 is the box of everything */
	double start; /* left edge and width as shares of the whole, 0 to 1 */
	double width;
	uint64_t bytes; /* live in the box and what stands below it */
	uint64_t blocks;
};

struct flame_graph {
	struct zone *zone; /* owns everything below */
	struct flame_label *labels;
	size_t label_count;
	struct flame_box *boxes;
	size_t box_count;
	size_t depth;    /* rows */
	size_t left_out; /* boxes that would be too narrow, with what is in them */
	uint64_t left_out_bytes;
};

/*
 * Builds the graph of what is live. With options->top, only the stacks of the largest weight are
 * drawn and the others become one box. Boxes too narrow for a picture are left out. Returns 0 or a
 * negative errno; release in either case.
 */
int flame_graph_init(struct flame_graph *graph, const struct snapshot *snapshot,
		     const struct output_options *options);
void flame_graph_release(struct flame_graph *graph);

#endif
