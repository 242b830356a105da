/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers to people and programs: one file a format, one signature. */
#ifndef UNFREED_OUTPUT_WHY_H
#define UNFREED_OUTPUT_WHY_H

#include <stdio.h>

#include "../analyze/answer.h"

struct why_output_options {
	size_t top; /* findings and holders in text; 0: 6 */
};

/* Writes one answer. Returns 0 or a negative errno. Escapes names for its format. */
typedef int why_output_fn(const struct answer *answer, const struct why_output_options *options,
			  FILE *file);

why_output_fn why_text; /* 80 columns */
why_output_fn why_json; /* unfreed/why/1 */
why_output_fn why_html; /* one page that loads nothing */

#endif
