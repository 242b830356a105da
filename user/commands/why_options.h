/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of `why`, parsed into one struct.
 */
#ifndef UNFREED_WHY_OPTIONS_H
#define UNFREED_WHY_OPTIONS_H

#include "../service/reading.h"
#include "arguments.h"
#include "target_options.h"

enum { WHY_OUTPUTS_MAX = 16 };

struct why_options {
	struct target_choice target;
	struct look_options look;
	struct reading reading;
	double duration_s;
	double fail_above_bytes; /* an hour; negative: never */
	long top;
	const char *outputs[WHY_OUTPUTS_MAX];
	size_t output_count;
};

/* Parses, and fills in what was not asked for. Returns 0, or non-zero on a mistake, which was told.
 * In any case why->target is to be released. */
int why_options_parse(int argc, char **argv, struct why_options *why);

#endif
