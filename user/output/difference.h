/* SPDX-License-Identifier: BSD-2-Clause */
/* What changed between two saved files, to people and programs: one file a format. */
#ifndef UNFREED_OUTPUT_DIFFERENCE_H
#define UNFREED_OUTPUT_DIFFERENCE_H

#include <stdio.h>

#include "../analyze/difference.h"

struct difference_options {
	size_t top; /* entries of each list of the text and of the page; 0: 20 */
};

/* Writes one. Returns 0 or a negative errno. Escapes names for its format. */
typedef int difference_output_fn(const struct difference *difference,
				 const struct difference_options *options, FILE *file);

difference_output_fn difference_text;
difference_output_fn difference_json;
difference_output_fn difference_html;
difference_output_fn difference_folded; /* of two profiles alone */

#endif
