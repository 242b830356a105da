/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks to people and programs: one file a format, one signature. */
#ifndef UNFREED_OUTPUT_HEAP_H
#define UNFREED_OUTPUT_HEAP_H

#include <stdio.h>

#include "../look/look.h"

struct heap_output_options {
	size_t top; /* rows of each table of the text; 0: 10 */
};

/* Writes one look. Returns 0 or a negative errno. Escapes names for its format. */
typedef int heap_output_fn(const struct look *look, const struct heap_output_options *options,
			   FILE *file);

heap_output_fn heap_text; /* 80 columns */
heap_output_fn heap_json; /* unfreed/heap/1 */

/* The holders alone, as a graph for graphviz; and drawn by its `dot`: -ENOEXEC where that is not
 * installed or fails. */
heap_output_fn heap_dot;
heap_output_fn heap_svg;

#endif
