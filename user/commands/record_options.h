/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of `record`, parsed into one struct.
 */
#ifndef UNFREED_OPTIONS_H
#define UNFREED_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "target_options.h"
#include "output_options.h"
#include "../service/recording.h"

struct record_options {
	struct target_choice target;
	struct recording_config config; /* without targets */
	bool with_arguments;            /* of the targets' command lines, in what is saved */
	struct output_plan outputs;
};

/* Parses. Returns 0, or non-zero on a mistake, which was told; to be released in any case. */
int record_options_parse(int argc, char **argv, struct record_options *options);
void record_options_release(struct record_options *options);

#endif
