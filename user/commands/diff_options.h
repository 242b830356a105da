/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of `diff`, parsed into one struct.
 */
#ifndef UNFREED_DIFF_OPTIONS_H
#define UNFREED_DIFF_OPTIONS_H

#include "../output/difference.h"

enum { DIFF_OUTPUTS_MAX = 16 };

struct diff_format {
	const char *name;
	const char *ending;
	difference_output_fn *print;
	bool of_stacks; /* of two profiles alone */
};

struct diff_request {
	const char *path;
	const struct diff_format *format;
};

struct diff_options {
	const char *before, *after;
	struct diff_request outputs[DIFF_OUTPUTS_MAX];
	size_t output_count;
	const struct diff_format *format; /* -f; NULL where it was not given */
	long top;
	double fail_above_bytes;  /* an hour; negative: never */
	const char *suppressions; /* file; NULL: none */
};

/* Parses, and fills in what was not asked for. Returns 0, or non-zero on
 * a mistake, which was told. */
int diff_options_parse(int argc, char **argv, struct diff_options *diff);

#endif
